"""Norms, means and counts along one dimension: a number for each row or each column, in one pass over the chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.statistics import Pinned
from weightedit.core.values.codes import Array, numbers
from weightedit.core.words.numbers import count_text

CHUNK = 2 << 20
MOST = 1 << 21
"""Lines (rows or columns) a profile has at most; each takes about 60 bytes."""
DEAD = 1e-3
"""A line whose L2 norm is at most this part of the median norm is called dead."""
FAR = 5.0
"""Robust standard deviations from the median from which on a line is called an outlier."""
MEASURES = ("l2", "l1", "mean", "std", "absmax", "zeros", "nonfinite")


class TooManyLines(WeightEditError):
    """A dimension with more indices than a profile can list."""


@dataclass(eq=False)
class Profile:
    """Measures of the finite values at each index of one dimension; arrays are float64 or int64, `(lines,)`.

    Attributes
    ----------
    count
        Finite values.
    mean, l1, l2, absmax
        Of the finite values; NaN (norms: 0) where there is none. Complex values count by their magnitude.
    zeros, nonfinite
        How many there are.
    """

    lines: int
    count: Array = field(init=False)
    mean: Array = field(init=False)
    l1: Array = field(init=False)
    absmax: Array = field(init=False)
    zeros: Array = field(init=False)
    nonfinite: Array = field(init=False)
    _deviation: Array = field(init=False)
    _square: Array = field(init=False)

    def __post_init__(self) -> None:
        self.count, self.zeros, self.nonfinite = (np.zeros(self.lines, np.int64) for _ in range(3))
        self.mean, self.l1, self.absmax, self._deviation, self._square = (np.zeros(self.lines) for _ in range(5))

    @property
    def l2(self) -> Array:
        """The L2 norm of each line."""
        norms: Array = np.sqrt(self._square)
        return norms

    @property
    def std(self) -> Array:
        """The standard deviation of each line, `torch.std(correction=0)`; NaN where no value is finite."""
        with np.errstate(invalid="ignore"):
            found: Array = np.sqrt(self._deviation / self.count)
        return found

    def measure(self, name: str) -> Array:
        """Return one of `MEASURES`."""
        found: Array = getattr(self, name)
        return found

    def dead(self) -> Array:
        """Return the indices of lines whose norm is 0 or at most `DEAD` of the median norm."""
        norms = self.l2
        return np.flatnonzero((norms <= DEAD * np.median(norms)) & (self.count > 0)) if self.lines else \
            np.zeros(0, np.int64)  # fmt: skip

    def outliers(self, name: str) -> Array:
        """Return the indices of lines whose measure stands far from those of the others.

        Far is `FAR` robust standard deviations from the median: 1.4826 times the median absolute deviation, or 1.2533
        times the mean one where more than half of the lines agree (Iglewicz and Hoaglin, How to Detect and Handle
        Outliers, 1993).
        """
        values = self.measure(name).astype(np.float64)
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < 3:
            return np.zeros(0, np.int64)
        off = np.abs(values[known] - np.median(values[known]))
        spread = 1.4826 * np.median(off) or 1.2533 * off.mean()
        far: Array = known[off > FAR * spread]
        return far

    def add(self, lines: Array, values: Array) -> None:
        """Join in what a chunk holds: `values` (one row for each of `lines`), float64."""
        finite = np.isfinite(values)
        whole = bool(finite.all())
        count = np.full(len(lines), values.shape[1]) if whole else finite.sum(axis=1)
        self.nonfinite[lines] += values.shape[1] - count
        self.zeros[lines] += values.shape[1] - np.count_nonzero(values, axis=1)
        kept = values if whole else np.where(finite, values, 0.0)
        sizes = np.abs(kept)
        some = np.maximum(count, 1)
        total = self.count[lines] + count
        with np.errstate(over="ignore", invalid="ignore"):
            self.absmax[lines] = np.maximum(self.absmax[lines], sizes.max(axis=1, initial=0.0))
            self.l1[lines] += sizes.sum(axis=1)
            self._square[lines] += np.einsum("ij,ij->i", kept, kept)
            mean = kept.sum(axis=1) / some
            off = kept - mean[:, None]
            if not whole:
                off[~finite] = 0.0
            delta = mean - self.mean[lines]
            self._deviation[lines] += np.einsum("ij,ij->i", off, off) + delta * delta * (
                self.count[lines] * count / np.maximum(total, 1))  # fmt: skip
            self.mean[lines] += np.where(count > 0, delta * count / np.maximum(total, 1), 0.0)
        self.count[lines] = total

    def close(self) -> None:
        """Say that lines without a finite value have no mean and no largest magnitude."""
        empty = self.count == 0
        self.mean[empty] = np.nan
        self.absmax[empty] = np.nan


def profile(readable: Pinned, dim: int | None, region: Box | None = None, progress: Progress | None = None,
            nbytes: int = CHUNK) -> Profile:  # fmt: skip
    """Return the measures of each index of a dimension, over all that lies in the other dimensions of a region.

    Parameters
    ----------
    readable
        The tensor.
    dim
        The dimension; None makes one line of everything.
    region
        What of the tensor; None for all. Lines are counted from the region's first index.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    nbytes
        How large a chunk may be.

    Raises
    ------
    TooManyLines
        If the dimension has more than `MOST` indices.
    """
    spec = readable.spec
    box = Box.whole(spec.shape) if region is None else region
    axis = range(1) if dim is None else box.axes[dim]
    if len(axis) > MOST:
        raise TooManyLines(f"There are {count_text(len(axis))} of them, and up to {count_text(MOST)} are listed; "
                           "look at a shorter dimension.")  # fmt: skip
    found = Profile(len(axis))
    place = None if isinstance(axis, range) else {index: position for position, index in enumerate(axis)}
    if progress is not None:
        progress.begin("Rows and columns", box.numel * spec.type.itemsize)
    if box.numel:
        for part, array in readable.chunks(box, nbytes):
            lines = np.zeros(1, np.int64) if dim is None else _places(part.axes[dim], axis, place)
            values = numbers(array, spec.dtype).astype(np.float64, copy=False)
            found.add(lines, values.reshape(1, -1) if dim is None else _by_line(values, dim))
            if progress is not None:
                progress.advance(array.nbytes)
    found.close()
    return found


def _by_line(values: Array, dim: int) -> Array:
    moved = np.moveaxis(values, dim, 0)
    return moved.reshape(len(moved), -1)


def _places(part: range | tuple[int, ...], axis: range | tuple[int, ...], place: dict[int, int] | None) -> Array:
    """Return where the indices of a chunk stand among the lines."""
    if place is not None:
        return np.array([place[index] for index in part])
    assert isinstance(axis, range)
    return (np.asarray(part) - axis.start) // axis.step


def ordered(values: Array, descending: bool = True) -> Array:
    """Return the indices that sort a measure, lines without one last, equal ones in their order."""
    keys = np.where(np.isnan(values), -np.inf if descending else np.inf, values)
    return np.argsort(-keys if descending else keys, kind="stable")
