"""The singular values of a matrix, and what they say of its rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView
from weightedit.core.region import Axis, Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.codes import Array, numbers
from weightedit.core.values.pinned import Readable
from weightedit.core.words.numbers import count_text, shape_text

if TYPE_CHECKING:
    import torch

MOST_SHORT, MOST_NUMEL = 4096, 4096 * 16384
"""The shorter side and the number of values up to which singular values are computed."""
QUICK = 1 << 30
"""Products (longer side times shorter side squared) up to which that takes about a second."""
BLOCK = 1 << 22
"""Values that are read together at least, where there are as many."""
ENERGIES = (0.9, 0.95, 0.99)


class NoSpectrum(WeightEditError):
    """Why there are no singular values: the matrix is too large, empty, not finite, or of no numbers."""


@dataclass(frozen=True)
class Matrix:
    """Which two sets of dimensions make the rows and columns.

    Attributes
    ----------
    rows, columns
        Size of either side.
    view
        The slice that is the matrix; None for dimension 0 against all others together.
    """

    rows: int
    columns: int
    view: SliceView | None = None

    @classmethod
    def of_slice(cls, shape: tuple[int, ...], view: SliceView) -> Matrix:
        """Take the slice that is shown."""
        return cls(*view.size(shape), view)

    @classmethod
    def of_tensor(cls, shape: tuple[int, ...]) -> Matrix:
        """Take the whole tensor, dimension 0 against the rest; one dimension lies across."""
        return cls(1, math.prod(shape)) if len(shape) < 2 else cls(shape[0], math.prod(shape[1:]))

    @property
    def is_quick(self) -> bool:
        """Whether singular values take about a second at most."""
        short, long = sorted((self.rows, self.columns))
        return long * short * short <= QUICK

    def why_not(self, spec: TensorSpec) -> str | None:
        """Return a sentence why the singular values are not computed, or None where they are."""
        size = shape_text((self.rows, self.columns))
        if spec.encoding != "plain" or spec.type.family == "opaque":
            return f"Values of {spec.dtype} have no numbers, so there are no singular values."
        if not self.rows * self.columns:
            return f"The matrix is {size}, so it has no singular values."
        if min(self.rows, self.columns) > MOST_SHORT or self.rows * self.columns > MOST_NUMEL:
            return (f"The matrix is {size}; singular values are computed up to {count_text(MOST_SHORT)} on the shorter "
                    f"side and {count_text(MOST_NUMEL)} values. Look at a smaller slice of it.")  # fmt: skip
        return None


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular values and what follows from them.

    Attributes
    ----------
    matrix
        What they are of.
    values
        float64, descending, as many as the shorter side has.
    eps
        Of the dtype that the tolerance of `rank` is for: float64 for tensors of that precision, else float32.
    """

    matrix: Matrix
    values: Array
    eps: float

    @property
    def tolerance(self) -> float:
        """What a singular value must exceed to count, as `torch.linalg.matrix_rank` has it by default."""
        return float(max(self.matrix.rows, self.matrix.columns) * self.eps * self.values[0])

    @property
    def rank(self) -> int:
        """The numerical rank, `torch.linalg.matrix_rank`."""
        return int(np.count_nonzero(self.values > self.tolerance))

    @property
    def effective_rank(self) -> float:
        """The exponential of the entropy of the singular values as shares of their sum; 0 for a matrix of zeros.

        Roy and Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007,
        https://ieeexplore.ieee.org/document/7098875.
        """
        total = float(self.values.sum())
        if not total > 0:
            return 0.0
        shares = self.values[self.values > 0] / total
        return float(np.exp(-np.sum(shares * np.log(shares))))

    @property
    def stable_rank(self) -> float:
        """The squared Frobenius norm over the square of the largest singular value; 0 for a matrix of zeros."""
        return float(np.sum((self.values / self.values[0]) ** 2)) if self.values[0] > 0 else 0.0

    @property
    def energy(self) -> Array:
        """The share of the squared Frobenius norm that the first 1, 2, … singular values hold."""
        squares = (self.values / self.values[0]) ** 2 if self.values[0] > 0 else self.values
        reached = np.cumsum(squares)
        return reached / reached[-1] if reached[-1] > 0 else np.ones(len(self.values))

    def rank_holding(self, share: float) -> int:
        """Return the smallest rank whose best approximation keeps this share of the energy; 0 for a matrix of zeros."""
        if not self.values[0] > 0:
            return 0
        return min(int(np.searchsorted(self.energy, share, side="left")) + 1, len(self.values))

    @property
    def condition(self) -> float:
        """The largest over the smallest singular value, `torch.linalg.cond`."""
        return float(self.values[0] / self.values[-1]) if self.values[-1] > 0 else math.inf


def spectrum(readable: Readable, matrix: Matrix, progress: Progress | None = None) -> Spectrum:
    """Return the singular values of a matrix, computed in float64 (complex128 for complex dtypes).

    A matrix more than twice as long as wide is first made square by QR, block after block of its longer side: that
    keeps the singular values to rounding, and the memory at two blocks. The square goes to `torch.linalg.svdvals`.
    The product of the matrix with itself would be quicker and lose what is 10⁸ times smaller than the largest.

    Parameters
    ----------
    readable
        The tensor.
    matrix
        Which of its dimensions make rows and columns.
    progress
        Cancelling it raises `Cancelled` between blocks; the last step, of the square, runs to its end.

    Raises
    ------
    NoSpectrum
        If the matrix is too large or holds NaN or Inf.
    """
    import torch

    spec = readable.spec
    reason = matrix.why_not(spec)
    if reason is not None:
        raise NoSpectrum(reason)
    short, long = sorted((matrix.rows, matrix.columns))
    if progress is not None:
        progress.begin("Singular values", long + short)
    most = long if long <= 2 * short else max(short, BLOCK // short)
    square: torch.Tensor | None = None
    for block in _blocks(readable, matrix, most):
        if not bool(torch.isfinite(block).all()):
            raise NoSpectrum("There are NaN or Inf among the values, so there are no singular values; N finds them, "
                             "and an edit can make numbers of them.")  # fmt: skip
        stacked = block if square is None else torch.cat((square, block))
        square = stacked if len(block) == long else torch.linalg.qr(stacked, mode="r").R
        if progress is not None:
            progress.advance(len(block))
    assert square is not None
    values = torch.linalg.svdvals(square).numpy()
    if progress is not None:
        progress.advance(short)
    high = torch.float64 if spec.dtype in ("float64", "int64", "uint64", "complex128") else torch.float32
    return Spectrum(matrix, values.astype(np.float64), torch.finfo(high).eps)


def _blocks(readable: Readable, matrix: Matrix, most: int) -> Iterator[torch.Tensor]:
    """Yield the matrix in blocks of its longer side, that side down, each of at most `most` rows."""
    spec, view = readable.spec, matrix.view
    if view is not None:
        rows, columns = ([] if dim is None else [dim] for dim in (view.rows_dim, view.columns_dim))
    else:
        dims = list(range(len(spec.shape)))
        rows, columns = (dims[:1], dims[1:]) if len(dims) > 1 else ([], dims)
    down, across = (rows, columns) if matrix.rows >= matrix.columns else (columns, rows)
    fixed = {} if view is None else view.fixed
    axes: dict[int, Axis] = {dim: range(fixed.get(dim, 0), fixed.get(dim, 0) + 1) for dim in range(len(spec.shape))}
    axes |= {dim: range(spec.shape[dim]) for dim in (*down, *across)}
    order = [dim for dim in axes if dim not in (*down, *across)] + down + across
    for box in _cut(Box(tuple(axes[dim] for dim in range(len(axes)))), down, most):
        length = math.prod(len(box.axes[dim]) for dim in down)
        yield _numbers(readable.read(box).transpose(order).reshape(length, -1), spec.dtype)


def _cut(box: Box, dims: list[int], most: int) -> Iterator[Box]:
    """Cut a box in halves along some dimensions until each part has at most `most` indices in them together."""
    if math.prod(len(box.axes[dim]) for dim in dims) <= most:
        yield box
        return
    dim = max(dims, key=lambda dim: len(box.axes[dim]))
    axis = box.axes[dim]
    for half in (axis[: len(axis) // 2], axis[len(axis) // 2 :]):
        yield from _cut(Box((*box.axes[:dim], half, *box.axes[dim + 1 :])), dims, most)


def _numbers(array: Array, dtype: str) -> torch.Tensor:
    """Return stored values as float64, complex ones as complex128."""
    import torch

    if dtype == "complex32":
        array = array["real"].astype(np.float64) + 1j * array["imag"].astype(np.float64)
    if DTYPES[dtype].family == "complex":
        return torch.from_numpy(array.astype(np.complex128))
    return torch.from_numpy(numbers(array, dtype).astype(np.float64))
