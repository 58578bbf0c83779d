"""Where the elements of a selection lie and how many they are, read in pieces where values decide it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weightedit.core.edit import TensorName
from weightedit.core.errors import RegionError
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView
from weightedit.core.region import Axis, Box
from weightedit.core.stage import tensor_from
from weightedit.core.values.codes import Array
from weightedit.core.values.conditions import Conditions
from weightedit.core.values.pinned import PinnedRegion, Readable
from weightedit.core.values.selecting import Picks, runs

NBYTES = 4 << 20
"""Bytes of values that are looked at in one piece."""


@dataclass(frozen=True)
class Match:
    """A selection of one state of a tensor, ready to be looked up.

    Attributes
    ----------
    readable, picks
        The tensor and what is picked of it.
    holds
        (stored values of a box, box) → where the condition holds, a bool array; None without a condition.
    """

    readable: Readable
    picks: Picks
    holds: Callable[[Array, Box], Array] | None

    def count(self, within: Box | None = None, progress: Progress | None = None) -> int:
        """Return how many elements are picked (inside a box); cancelling `progress` raises `Cancelled`."""
        if self.holds is None:
            return self.picks.numel(within)
        box = self.picks.boxes[0] if within is None else self.picks.boxes[0].intersection(within)
        found = 0
        if progress is not None:
            progress.begin("Counting the selection", box.numel * self.readable.spec.type.itemsize)
        for piece, values in self.readable.chunks(box, NBYTES) if box.numel else ():
            found += int(np.count_nonzero(self.holds(values, piece)))
            if progress is not None:
                progress.advance(values.nbytes)
        return found

    def pixels(self, view: SliceView, rows: range, columns: range, height: int, width: int,
               progress: Progress | None = None) -> Array:  # fmt: skip
        """Return which pixels of a picture have picked cells under them.

        Parameters
        ----------
        view
            The slice.
        rows, columns
            The part of it the picture shows.
        height, width
            Pixels; as many as cells at most are used, and pixel i covers `rows[i * n // height:(i + 1) * n // height]`.

        Returns
        -------
        ndarray
            bool, `(min(height, len(rows)), min(width, len(columns)))`.
        """
        down, across = (np.arange(min(size, len(axis)) + 1, dtype=np.int64) * len(axis) // max(min(size, len(axis)), 1)
                        + axis.start for size, axis in ((height, rows), (width, columns)))  # fmt: skip
        found = np.zeros((len(down) - 1, len(across) - 1), np.bool_)
        shown = view.box(self.readable.spec.shape, rows, columns)
        for box in self.picks.boxes:
            part = box.intersection(shown)
            if not part.numel:
                continue
            if self.holds is None:
                in_rows, in_columns = _axis(part, view.rows_dim), _axis(part, view.columns_dim)
                found |= _any_in(in_rows, down)[:, None] & _any_in(in_columns, across)
                continue
            for piece, values in self.readable.chunks(part, NBYTES):
                _mark(found, view.flat(self.holds(values, piece)), _axis(piece, view.rows_dim),
                      _axis(piece, view.columns_dim), down, across)  # fmt: skip
                if progress is not None:
                    progress.advance(values.nbytes)
        return found


def match(readable: Readable, picks: Picks, conditions: Conditions | None,
          resolve: Callable[[TensorName], Readable], progress: Progress | None = None) -> Match:  # fmt: skip
    """Make ready what a condition needs: its parse, and its passes over the box, such as for `std(w)`.

    Raises
    ------
    RegionError
        If the condition does not read.
    """
    if not picks.condition:
        return Match(readable, picks, None)
    if conditions is None:
        raise RegionError("This document was opened without the language of conditions.")
    box = picks.boxes[0]
    _, condition = conditions(str(picks.region))
    named = {name: resolve(TensorName(name)) for name in condition.names}
    bound = condition.bind(PinnedRegion(readable, box), named, nbytes=NBYTES,
                           check=lambda: None if progress is None else progress.advance(0))  # fmt: skip
    dtype = readable.spec.dtype

    def holds(values: Array, piece: Box) -> Array:
        mask = bound.evaluate(tensor_from(values, dtype), piece.positions_in(box)).expand(piece.shape)
        found: Array = mask.numpy()
        return found

    return Match(readable, picks, holds)


def _axis(box: Box, dim: int | None) -> Axis:
    return range(1) if dim is None else box.axes[dim]


def _any_in(axis: Axis, edges: Array) -> Array:
    """Return between which edges an index of an axis lies; a long range is never listed."""
    low, high = edges[:-1], edges[1:]
    if isinstance(axis, range):
        start, step = axis.start, axis.step
        first = start + -(-np.maximum(low - start, 0) // step) * step
        found: Array = (first < high) & (first < axis.stop)
        return found
    indices = np.sort(np.asarray(axis, np.int64))
    return np.searchsorted(indices, low) < np.searchsorted(indices, high)


def _mark(found: Array, mask: Array, rows: Axis, columns: Axis, down: Array, across: Array) -> None:
    """Set the pixels under which a cell of a piece is picked."""
    for axis, (indices, edges) in enumerate(((rows, down), (columns, across))):
        listed = np.asarray(indices, np.int64)
        if not isinstance(indices, range):
            order = np.argsort(listed, kind="stable")
            listed, mask = listed[order], mask.take(order, axis=axis)
        pixel = np.searchsorted(edges, listed, "right") - 1
        starts = np.flatnonzero(np.diff(pixel, prepend=-1))
        mask = np.logical_or.reduceat(mask, starts, axis=axis)
        if axis == 0:
            at_rows = pixel[starts]
        else:
            at_columns = pixel[starts]
    found[np.ix_(at_rows, at_columns)] |= mask


def rectangles(picks: Picks, view: SliceView, most: int = 64) -> list[tuple[range, range]] | None:
    """Return the rows and columns of the rectangles a slice shows of a selection.

    None where only a picture of single cells can show it: a condition decides, or there are more than `most`.
    """
    if picks.condition:
        return None
    found: list[tuple[range, range]] = []
    for box in picks.boxes:
        if not _is_in(box, view):
            continue
        down, across = _axis(box, view.rows_dim), _axis(box, view.columns_dim)
        if any(isinstance(axis, range) and axis.step > 1 and len(axis) > most for axis in (down, across)):
            return None
        found += [(rows, columns) for rows in runs(down) for columns in runs(across)]
        if len(found) > most:
            return None
    return found


def holds_line(picks: Picks, view: SliceView, is_rows: bool, index: int) -> bool:
    """Whether a row (or column) of a slice goes through one of the boxes; a condition is not looked at."""
    dim = view.rows_dim if is_rows else view.columns_dim
    return any(_is_in(box, view) and index in _axis(box, dim) for box in picks.boxes)


def is_shown(picks: Picks, view: SliceView) -> bool:
    """Whether a slice goes through one of the boxes."""
    return any(_is_in(box, view) for box in picks.boxes)


def _is_in(box: Box, view: SliceView) -> bool:
    return all(view.fixed.get(dim, 0) in axis for dim, axis in enumerate(box.axes)
               if dim not in (view.rows_dim, view.columns_dim))  # fmt: skip
