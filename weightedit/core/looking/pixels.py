"""The pixels of a picture of a tensor: what is found under each, and how it is taken in block by block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from weightedit.core import kernels
from weightedit.core.dtypes import DTYPES
from weightedit.core.kernels.arrays import PixelArrays
from weightedit.core.values import passes
from weightedit.core.values.codes import Array, numbers
from weightedit.core.values.side_by_side import most_threads

Reduce: TypeAlias = Callable[[Any, str, Array, Array, PixelArrays], bool]
"""Takes a block, its dtype, and where its part of each pixel begins and ends, adds it to the pixels, and says whether
all of it is finite."""
LINES = 256
"""Lines of pixels that a thread finishes."""
BAND = 8
"""Lines of them that are finished at once: what is made meanwhile stays in a core's cache."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A slice as pixels; arrays are `(height, width)` unless said otherwise.

    Attributes
    ----------
    rows, columns
        What of the slice the pixels cover: pixel i covers rows `rows[i * n // height : (i + 1) * n // height]`, unless
        there are edges.
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
    edges
        Where pixels begin and end, counted from the first row, `(height + 1,)`, and the first column, `(width + 1,)`,
        where they lie on a grid instead; None otherwise.
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
    edges: tuple[Array, Array] | None = None

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
                       self.posinf.T, self.neginf.T, self.column_rms, self.row_rms, self.exact,
                       None if self.edges is None else self.edges[::-1])  # fmt: skip

    def middle(self, row: int, column: int) -> tuple[float, float]:
        """Return where in the slice the middle of a pixel lies, in rows and columns."""
        if self.edges is None:
            return (self.rows.start + (row + 0.5) * len(self.rows) / self.height,
                    self.columns.start + (column + 0.5) * len(self.columns) / self.width)  # fmt: skip
        down, across = self.edges
        return (self.rows.start + float(down[row] + down[row + 1]) / 2,
                self.columns.start + float(across[column] + across[column + 1]) / 2)  # fmt: skip


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
    edges
        Where pixels begin and end, counted from the first row and the first column; without it they are cut evenly.
    """

    def __init__(self, rows: range, columns: range, height: int, width: int, dtype: str, is_scaled: bool = False,
                 edges: tuple[Array, Array] | None = None) -> None:  # fmt: skip
        shape = (height, width)
        self.rows, self.columns, self.dtype = rows, columns, dtype
        self.row_edges = np.arange(height + 1, dtype=np.int64) * len(rows) // max(height, 1)
        self.column_edges = np.arange(width + 1, dtype=np.int64) * len(columns) // max(width, 1)
        self.edges = edges
        if edges is not None:
            self.row_edges, self.column_edges = edges
        ends = np.float64 if is_scaled or not _is_narrow(dtype) else np.float32
        self.low, self.high = np.full(shape, np.inf, ends), np.full(shape, -np.inf, ends)
        self.total, self.square = np.zeros(shape), np.zeros(shape)
        self.nan, self.posinf, self.neginf = (np.zeros(shape, np.int64) for _ in range(3))
        self.has_odd = False  # whether any count is other than 0: untouched ones are no memory yet
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

    def bands(self, rows: range, nbytes_of_row: int, nbytes: int) -> Iterator[range]:
        """Cut some of the rows into about so many bytes between lines of pixels: each line that is cut costs twice.

        A line that is longer is cut evenly; at most half as much again is in one band.
        """
        first = (rows.start - self.rows.start) // self.rows.step
        inside = self.row_edges[(self.row_edges > first) & (self.row_edges < first + len(rows))]
        edges = np.array([first, *inside, first + len(rows)], np.int64)
        room, at = max(1, nbytes // max(1, nbytes_of_row)), 0
        while at < len(edges) - 1:
            to = max(at + 1, int(edges.searchsorted(edges[at] + room, "right")) - 1)
            start, many = int(edges[at]), int(edges[to] - edges[at])
            parts = max(1, (2 * many + room) // (2 * room))
            for part in range(parts):
                yield self.rows[start + many * part // parts : start + many * (part + 1) // parts]
            at = to

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
        self.add_by(kernels.best().reduce_block, block, dtype, top, left)

    def add_by(self, reduce_block: Reduce, block: Any, dtype: str, top: int, left: int) -> None:
        """Take in a block, an array or a tensor, by what reduces such blocks."""
        down, row_edges = within(self.row_edges, top, block.shape[0])
        across, column_edges = within(self.column_edges, left, block.shape[1])
        into = PixelArrays(*(array[down, across] for array in (
            self.low, self.high, self.total, self.square, self.nan, self.posinf, self.neginf)))  # fmt: skip
        if not reduce_block(block, dtype, row_edges, column_edges, into):
            self.has_odd = True

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
        height = len(self.low)
        parts = [slice(start, min(start + LINES, height)) for start in range(0, height, LINES)]
        found = passes.each_part(parts, lambda lines, _: self._finished(lines), None, most_threads())
        row_square, counts_down = (np.concatenate([part[which] for part in found] or [np.zeros(0)]) for which in (0, 1))
        column_square, counts_across = (sum((part[which] for part in found), np.zeros(self.low.shape[1]))
                                        for which in (2, 3))  # fmt: skip
        if self.row_square is not None and self.column_square is not None:
            row_square, column_square = self.row_square, self.column_square
        with np.errstate(all="ignore"):
            return Reduced(rows, columns, self.low, self.high, self.total, self.square, self.nan, self.posinf,
                           self.neginf, np.sqrt(row_square / counts_down), np.sqrt(column_square / counts_across),
                           exact, self.edges)  # fmt: skip

    def _finished(self, lines: slice) -> tuple[Array, Array, Array, Array]:
        """Finish some lines; return their sums of squares and how many finite values they have, down and across."""
        square = self.square[lines]
        row_square, column_square, width = square.sum(axis=1), square.sum(axis=0), square.shape[1]
        counts_down, counts_across = np.zeros(len(square)), np.zeros(width)
        for start in range(lines.start, lines.stop, BAND):
            some = slice(start, min(start + BAND, lines.stop))
            finite = self._finite(some)
            counts_down[some.start - lines.start : some.stop - lines.start] = finite.sum(axis=1)
            counts_across += finite.sum(axis=0)
            self._finish(some, finite)
        return row_square, counts_down, column_square, counts_across

    def _finite(self, lines: slice) -> Array:
        """Return how many finite values lie under each pixel of some lines."""
        heights, widths = np.diff(self.row_edges)[lines], np.diff(self.column_edges)
        finite: Array = heights[:, None] * widths[None, :]
        if self.missing is not None:
            finite -= self.missing[0][lines, None] * self.missing[1][None, :]
        if self.has_odd:
            for counts in (self.nan, self.posinf, self.neginf):
                finite -= counts[lines]
        return finite

    def _finish(self, lines: slice, finite: Array) -> None:
        """Turn sums into means in their place: a picture has a million pixels, and this is what it takes of memory."""
        arrays = self.total[lines], self.square[lines], self.low[lines], self.high[lines]
        with np.errstate(all="ignore"):
            for sums in arrays[:2]:
                sums /= finite
            np.sqrt(arrays[1], out=arrays[1])
        for ends in arrays[2:]:
            ends += 0.0  # -0.0 becomes 0.0
        none = finite <= 0
        if none.any():
            for array in arrays:
                array[none] = np.nan


def _is_narrow(dtype: str) -> bool:
    """Whether float32 holds every value."""
    facts = DTYPES[dtype]
    return dtype == "float32" or facts.itemsize <= 2 or dtype in ("complex32", "complex64")


def within(edges: Array, start: int, size: int) -> tuple[slice, Array]:
    """Return which pixels a block reaches, and the edges of its part of each, counted from its own start."""
    if not start and size == edges[-1]:
        return slice(0, len(edges) - 1), edges
    first, last = int(edges.searchsorted(start, "right")) - 1, int(edges.searchsorted(start + size, "left"))
    part: Array = edges[first : last + 1] - start
    part[0], part[-1] = 0, size
    return slice(first, last), part
