"""The pixels of a picture of a tensor: what is found under each, and how it is taken in block by block."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from weightedit.core import kernels, passes
from weightedit.core.codes import Array, numbers
from weightedit.core.dtypes import DTYPES
from weightedit.core.kernels.arrays import PixelArrays

BAND = 64
"""Lines of pixels that are finished at once."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A slice as pixels; arrays are `(height, width)` unless said otherwise.

    Attributes
    ----------
    rows, columns
        What of the slice the pixels cover: pixel i covers rows `rows[i * n // height : (i + 1) * n // height]`.
    low, high
        Of the finite values under a pixel, float32 where that holds every value of the dtype, else float64; NaN where
        there is none. A zero is 0.0, whatever its sign.
    mean, rms
        Of the same, float64.
    nan, posinf, neginf
        How many of them lie under a pixel, int64.
    row_rms, column_rms
        Root mean square of the finite values along each pixel row `(height,)` and column `(width,)`.
    exact
        Whether every value was read; a preview reads a sample.
    """

    rows: range
    columns: range
    low: Array
    high: Array
    mean: Array
    rms: Array
    nan: Array
    posinf: Array
    neginf: Array
    row_rms: Array
    column_rms: Array
    exact: bool

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.low.shape[0])

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.low.shape[1])

    @property
    def is_cells(self) -> bool:
        """Whether each pixel is one value."""
        return self.exact and (self.height, self.width) == (len(self.rows), len(self.columns))

    @property
    def extreme(self) -> Array:
        """The value of largest magnitude under each pixel, with its sign; of two, that on the side of the mean."""
        with np.errstate(invalid="ignore"):
            is_low = (-self.low > self.high) | ((-self.low == self.high) & (self.mean < 0))
            return np.where(is_low, self.low, self.high)

    def typical(self, outlier: float) -> Array:
        """Return what a picture shows: the root mean square with the sign of the largest magnitude.

        Where the largest magnitude is more than `outlier` it is shown itself, so that no odd cell drowns among
        the many under its pixel. A pixel of one cell shows its value.
        """
        extreme = self.extreme
        if self.is_cells:
            return extreme
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(extreme) > outlier, extreme, np.copysign(self.rms, extreme))

    @property
    def turned(self) -> Reduced:
        """The same with rows and columns in each other's place."""
        return Reduced(self.columns, self.rows, self.low.T, self.high.T, self.mean.T, self.rms.T, self.nan.T,
                       self.posinf.T, self.neginf.T, self.column_rms, self.row_rms, self.exact)  # fmt: skip


class Pixels:
    """Accumulators of one reduction; threads may add to it side by side where their blocks share no pixel.

    Parameters
    ----------
    rows, columns
        What is reduced, in steps of any size.
    height, width
        Pixels.
    dtype
        Of the values.
    is_scaled
        Whether they are divided by a scale, which makes them float64.
    """

    def __init__(self, rows: range, columns: range, height: int, width: int, dtype: str,
                 is_scaled: bool = False) -> None:  # fmt: skip
        shape = (height, width)
        self.rows, self.columns, self.dtype = rows, columns, dtype
        self.row_edges = np.arange(height + 1, dtype=np.int64) * len(rows) // max(height, 1)
        self.column_edges = np.arange(width + 1, dtype=np.int64) * len(columns) // max(width, 1)
        ends = np.float64 if is_scaled or not _is_narrow(dtype) else np.float32
        self.low, self.high = np.full(shape, np.inf, ends), np.full(shape, -np.inf, ends)
        self.total, self.square = np.zeros(shape), np.zeros(shape)
        self.nan, self.posinf, self.neginf = (np.zeros(shape, np.int64) for _ in range(3))
        self.missing: tuple[Array, Array] | None = None
        self._lock = threading.Lock()
        self.row_square: Array | None = np.zeros(height) if is_scaled else None
        self.column_square: Array | None = np.zeros(width) if is_scaled else None

    def leave_out(self, rows: range, columns: range) -> None:
        """Say that these rows and columns of the table have no values where they cross."""
        down: Array = np.diff(np.clip(self.row_edges + self.rows.start, rows.start, rows.stop))
        across: Array = np.diff(np.clip(self.column_edges + self.columns.start, columns.start, columns.stop))
        self.missing = down, across

    def parts(self, wanted: int) -> list[tuple[range, range]]:
        """Cut rows and columns into at most about so many parts that share no pixel, between lines of pixels."""
        height, width = len(self.row_edges) - 1, len(self.column_edges) - 1
        wanted = max(1, min(wanted, passes.MOST_PARTS))
        by_rows = height >= min(wanted, width)
        edges, axis, lines = (self.row_edges, self.rows, height) if by_rows else \
            (self.column_edges, self.columns, width)  # fmt: skip
        many = min(wanted, lines)
        places = [int(edges[lines * number // many]) for number in range(many + 1)]
        cut = [axis[start:stop] for start, stop in pairwise(places)]
        return [(part, self.columns) if by_rows else (self.rows, part) for part in cut]

    def add(self, block: Array, top: int, left: int, scale: Array | None = None) -> None:
        """Take in stored values whose first stands at row `top` and column `left` of what is reduced.

        With a scale, which broadcasts to the block, pixels are of the values divided by it; the root mean squares
        along rows and columns stay those of the values themselves.
        """
        dtype = self.dtype
        if scale is not None:
            block = numbers(block, dtype)
            self._add_squares(block, top, left)
            with np.errstate(all="ignore"):
                block = block / scale
            dtype = "float64"
        down, row_edges = _within(self.row_edges, top, block.shape[0])
        across, column_edges = _within(self.column_edges, left, block.shape[1])
        into = PixelArrays(*(array[down, across] for array in (
            self.low, self.high, self.total, self.square, self.nan, self.posinf, self.neginf)))  # fmt: skip
        kernels.best().reduce_block(block, dtype, row_edges, column_edges, into)

    def _add_squares(self, block: Array, top: int, left: int) -> None:
        wide = np.where(np.isfinite(block), block, 0) if block.dtype.kind == "f" else block
        for total, edges, first, sums in (
            (self.row_square, self.row_edges, top, np.einsum("ij,ij->i", wide, wide, dtype=np.float64)),
            (self.column_square, self.column_edges, left, np.einsum("ij,ij->j", wide, wide, dtype=np.float64)),
        ):
            pixels = np.searchsorted(edges, np.arange(first, first + len(sums)), "right") - 1
            assert total is not None
            with self._lock:
                np.add.at(total, pixels, sums)

    def result(self, rows: range, columns: range, exact: bool) -> Reduced:
        """Return what was taken in, as pixels of these rows and columns; nothing may be added after that."""
        height, width = self.low.shape
        counts_down, counts_across = np.zeros(height), np.zeros(width)
        row_square = self.square.sum(axis=1) if self.row_square is None else self.row_square
        column_square = self.square.sum(axis=0) if self.column_square is None else self.column_square
        for start in range(0, height, BAND):
            lines = slice(start, start + BAND)
            finite = self._finite(lines)
            counts_down[lines] = finite.sum(axis=1)
            counts_across += finite.sum(axis=0)
            self._finish(lines, finite)
        with np.errstate(all="ignore"):
            return Reduced(rows, columns, self.low, self.high, self.total, self.square, self.nan, self.posinf,
                           self.neginf, np.sqrt(row_square / counts_down), np.sqrt(column_square / counts_across),
                           exact)  # fmt: skip

    def _finite(self, lines: slice) -> Array:
        """Return how many finite values lie under each pixel of some lines."""
        heights, widths = np.diff(self.row_edges)[lines], np.diff(self.column_edges)
        finite: Array = heights[:, None] * widths[None, :]
        if self.missing is not None:
            finite -= self.missing[0][lines, None] * self.missing[1][None, :]
        for counts in (self.nan, self.posinf, self.neginf):
            finite -= counts[lines]
        return finite

    def _finish(self, lines: slice, finite: Array) -> None:
        """Turn sums into means in their place: a picture has a million pixels, and this is what it takes of memory."""
        none = finite <= 0
        with np.errstate(all="ignore"):
            for sums in (self.total[lines], self.square[lines]):
                sums /= finite
                sums[none] = np.nan
            np.sqrt(self.square[lines], out=self.square[lines])
        for ends in (self.low[lines], self.high[lines]):
            ends += 0.0  # -0.0 becomes 0.0
            ends[none] = np.nan


def _is_narrow(dtype: str) -> bool:
    """Whether float32 holds every value."""
    facts = DTYPES[dtype]
    return dtype == "float32" or facts.itemsize <= 2 or dtype in ("complex32", "complex64")


def _within(edges: Array, start: int, size: int) -> tuple[slice, Array]:
    """Return which pixels a block reaches, and the edges of its part of each, counted from its own start."""
    first = int(np.searchsorted(edges, start, "right")) - 1
    last = int(np.searchsorted(edges, start + size, "left"))
    return slice(first, last), np.clip(edges[first : last + 1] - start, 0, size)
