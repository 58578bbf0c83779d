"""A slice of a tensor reduced to the pixels of a picture, through chunks, in the memory of one chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weightedit.core.codes import Array, numbers
from weightedit.core.progress import Progress
from weightedit.core.region import Axis, Box
from weightedit.core.statistics import CHUNK, Pinned

PREVIEW_BYTES = 1 << 20
Scale = Callable[[range, range], Array]
"""Returns what the values of given rows and columns are divided by, in a shape that broadcasts."""


@dataclass(frozen=True)
class SliceView:
    """Which two dimensions are looked at, and where the others stand.

    Attributes
    ----------
    rows_dim, columns_dim
        Dimensions of the tensor that run down and across; None where the tensor has too few (one row, one column).
    fixed
        Index in every other dimension.
    """

    rows_dim: int | None
    columns_dim: int | None
    fixed: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> SliceView:
        """Look at the two largest dimensions in their order, the others at 0; a single one lies across as a strip."""
        if len(shape) < 2:
            return cls(None, 0 if shape else None)
        rows, columns = sorted(sorted(range(len(shape)), key=lambda dim: (-shape[dim], dim))[:2])
        return cls(rows, columns, {dim: 0 for dim in range(len(shape)) if dim not in (rows, columns)})

    def size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return how many rows and columns the slice has."""
        rows = 1 if self.rows_dim is None else shape[self.rows_dim]
        return rows, 1 if self.columns_dim is None else shape[self.columns_dim]

    def box(self, shape: tuple[int, ...], rows: Axis, columns: Axis) -> Box:
        """Return the box of the tensor under rows and columns of the slice."""
        axes: list[Axis] = []
        for dim in range(len(shape)):
            at = self.fixed.get(dim, 0)
            axes.append(rows if dim == self.rows_dim else columns if dim == self.columns_dim else range(at, at + 1))
        dropped = tuple(dim for dim in range(len(shape)) if dim not in (self.rows_dim, self.columns_dim))
        return Box(tuple(axes), dropped)

    def index(self, shape: tuple[int, ...], row: int, column: int) -> tuple[int, ...]:
        """Return the index in the tensor of one cell of the slice."""
        return tuple(axis[0] for axis in self.box(shape, range(row, row + 1), range(column, column + 1)).axes)

    def cells(self, box: Box) -> tuple[range, range] | None:
        """Return the rows and columns of the slice that a box selects; None where it is no rectangle of this slice."""
        for dim, axis in enumerate(box.axes):
            if dim not in (self.rows_dim, self.columns_dim) and self.fixed.get(dim, 0) not in axis:
                return None
        picked: list[range] = []
        for shown in (self.rows_dim, self.columns_dim):
            axis = range(1) if shown is None else box.axes[shown]
            if not isinstance(axis, range) or axis.step != 1 or not axis:
                return None
            picked.append(axis)
        return picked[0], picked[1]

    def flat(self, array: Array) -> Array:
        """Return a box's values as a 2-D array, rows down and columns across."""
        order = [dim for dim in (self.rows_dim, self.columns_dim) if dim is not None]
        rest = [dim for dim in range(array.ndim) if dim not in order]
        moved = array.transpose(*rest, *order)
        rows = 1 if self.rows_dim is None else array.shape[self.rows_dim]
        columns = 1 if self.columns_dim is None else array.shape[self.columns_dim]
        return moved.reshape(rows, columns)


@dataclass(frozen=True, eq=False)
class Reduced:
    """A slice as pixels; arrays are `(height, width)` unless said otherwise.

    Attributes
    ----------
    rows, columns
        What of the slice the pixels cover: pixel i covers rows `rows[i * n // height : (i + 1) * n // height]`.
    low, high, mean, rms
        Of the finite values under a pixel, float64; NaN where there is none.
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


class Pixels:
    """Accumulators of one reduction."""

    def __init__(self, rows: range, columns: range, height: int, width: int) -> None:
        shape = (height, width)
        self.rows, self.columns = rows, columns
        self.row_edges = np.arange(height + 1, dtype=np.int64) * len(rows) // max(height, 1)
        self.column_edges = np.arange(width + 1, dtype=np.int64) * len(columns) // max(width, 1)
        self.low = np.full(shape, np.inf)
        self.high = np.full(shape, -np.inf)
        self.total = np.zeros(shape)
        self.nan, self.posinf, self.neginf = (np.zeros(shape, np.int64) for _ in range(3))
        self.square = np.zeros(shape)
        self.missing: Array = np.zeros(shape, np.int64)
        self.row_square: Array | None = None
        self.column_square: Array | None = None

    def leave_out(self, rows: range, columns: range) -> None:
        """Say that these rows and columns of the table have no values where they cross."""
        down: Array = np.diff(np.clip(self.row_edges + self.rows.start, rows.start, rows.stop))
        across: Array = np.diff(np.clip(self.column_edges + self.columns.start, columns.start, columns.stop))
        self.missing = down[:, None] * across[None, :]

    def add(self, block: Array, top: int, left: int, scale: Array | None = None) -> None:
        """Take in values whose first stands at row `top` and column `left` of what is reduced.

        With a scale, which broadcasts to the block, pixels are of the values divided by it; the root mean squares
        along rows and columns stay those of the values themselves.
        """
        if scale is not None:
            self._add_squares(block, top, left)
            with np.errstate(all="ignore"):
                block = block / scale
        finite: Array | None = None
        if block.dtype.kind == "f":
            finite = np.isfinite(block)
            if finite.all():
                finite = None
        first_row = int(np.searchsorted(self.row_edges, top, "right")) - 1
        first = int(np.searchsorted(self.column_edges, left, "right")) - 1
        last = int(np.searchsorted(self.column_edges, left + block.shape[1], "left"))
        starts = np.maximum(self.column_edges[first:last] - left, 0)
        across = slice(first, last)
        pixel = first_row
        while pixel < len(self.row_edges) - 1 and self.row_edges[pixel] < top + block.shape[0]:
            start = max(int(self.row_edges[pixel]) - top, 0)
            stop = min(int(self.row_edges[pixel + 1]) - top, block.shape[0])
            mask = None if finite is None else finite[start:stop]
            self._add_row(pixel, across, starts, block[start:stop], mask)
            pixel += 1

    def _add_row(self, pixel: int, across: slice, starts: Array, values: Array, finite: Array | None) -> None:
        size = values.shape[0]
        low_values = high_values = values
        if finite is not None and not finite.all():
            for name, mask in (("nan", np.isnan(values)), ("posinf", values == np.inf), ("neginf", values == -np.inf)):
                counts: Array = getattr(self, name)
                counts[pixel, across] += np.add.reduceat(mask.sum(axis=0), starts)
            low_values = np.where(finite, values, np.inf)
            high_values = np.where(finite, values, -np.inf)
            values = np.where(finite, values, 0)
        low = low_values.min(axis=0) if size > 1 else low_values[0]
        high = high_values.max(axis=0) if size > 1 else high_values[0]
        with np.errstate(over="ignore", invalid="ignore"):
            total = values.sum(axis=0, dtype=np.float64) if size > 1 else values[0]
            square = np.einsum("ij,ij->j", values, values, dtype=np.float64)
            self.low[pixel, across] = np.minimum(self.low[pixel, across], np.minimum.reduceat(low, starts))
            self.high[pixel, across] = np.maximum(self.high[pixel, across], np.maximum.reduceat(high, starts))
            self.total[pixel, across] += np.add.reduceat(total, starts, dtype=np.float64)
            self.square[pixel, across] += np.add.reduceat(square, starts)

    def _add_squares(self, block: Array, top: int, left: int) -> None:
        if self.row_square is None or self.column_square is None:
            self.row_square, self.column_square = np.zeros(len(self.low)), np.zeros(self.low.shape[1])
        wide = np.where(np.isfinite(block), block, 0) if block.dtype.kind == "f" else block
        for total, edges, first, sums in (
            (self.row_square, self.row_edges, top, np.einsum("ij,ij->i", wide, wide, dtype=np.float64)),
            (self.column_square, self.column_edges, left, np.einsum("ij,ij->j", wide, wide, dtype=np.float64)),
        ):
            pixels = np.searchsorted(edges, np.arange(first, first + len(sums)), "right") - 1
            np.add.at(total, pixels, sums)

    def result(self, rows: range, columns: range, exact: bool) -> Reduced:
        """Return what was taken in, as pixels of these rows and columns."""
        heights, widths = np.diff(self.row_edges), np.diff(self.column_edges)
        finite = heights[:, None] * widths[None, :] - self.nan - self.posinf - self.neginf - self.missing
        row_square = self.square.sum(axis=1) if self.row_square is None else self.row_square
        column_square = self.square.sum(axis=0) if self.column_square is None else self.column_square
        with np.errstate(all="ignore"):
            self.low[finite <= 0] = np.nan
            self.high[finite <= 0] = np.nan
            return Reduced(
                rows, columns, self.low, self.high, np.where(finite > 0, self.total / finite, np.nan),
                np.where(finite > 0, np.sqrt(self.square / finite), np.nan), self.nan, self.posinf, self.neginf,
                np.sqrt(row_square / finite.sum(axis=1)), np.sqrt(column_square / finite.sum(axis=0)),
                exact)  # fmt: skip


def reduce(pinned: Pinned, view: SliceView, rows: range, columns: range, height: int, width: int,
           progress: Progress | None = None, nbytes: int = CHUNK, scale: Scale | None = None) -> Reduced:  # fmt: skip
    """Reduce rows and columns of a slice to at most `height` × `width` pixels, reading every value.

    Parameters
    ----------
    pinned
        The state to read.
    view
        Which slice of it.
    rows, columns
        The part of the slice, steps of 1; each pixel is one value where there are as many pixels as cells.
    height, width
        Pixels wanted; the result has fewer where the slice is smaller.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    nbytes
        How large a chunk may be.
    scale
        What the values of given rows and columns of the slice are divided by.
    """
    return _reduced(pinned, view, rows, columns, (height, width), (rows, columns), progress, nbytes, scale)


def preview(pinned: Pinned, view: SliceView, rows: range, columns: range, height: int, width: int,
            budget: int = PREVIEW_BYTES) -> Reduced:  # fmt: skip
    """Reduce a sample of evenly spaced rows, of about `budget` bytes, so that something shows at once."""
    itemsize = max(1, pinned.spec.type.itemsize)
    affordable = max(4, budget // max(1, len(columns) * itemsize))
    some_rows = _spread(rows, min(affordable, 4 * height))
    some_columns = columns
    if len(some_rows) * len(columns) * itemsize > 4 * budget:
        some_columns = _spread(columns, max(1, 4 * budget // (len(some_rows) * itemsize)))
    return _reduced(pinned, view, rows, columns, (height, width), (some_rows, some_columns), None, CHUNK)


def _spread(axis: range, most: int) -> range:
    step = max(1, -(-len(axis) // max(1, most)))
    return axis[step // 2 :: step] or axis


def _reduced(pinned: Pinned, view: SliceView, rows: range, columns: range, size: tuple[int, int],
             read: tuple[range, range], progress: Progress | None, nbytes: int,
             scale: Scale | None = None) -> Reduced:  # fmt: skip
    height, width = min(size[0], len(read[0])), min(size[1], len(read[1]))
    pixels = Pixels(*read, height, width)
    spec = pinned.spec
    box = view.box(spec.shape, *read)
    if progress is not None:
        progress.begin("Heatmap", box.numel * spec.type.itemsize)
    if box.numel and height and width:
        for part, array in pinned.chunks(box, nbytes):
            top = _place(part, view.rows_dim, read[0])
            left = _place(part, view.columns_dim, read[1])
            block = numbers(view.flat(array), spec.dtype)
            by = None
            if scale is not None:
                first, second = rows.start + top, columns.start + left
                by = scale(range(first, first + block.shape[0]), range(second, second + block.shape[1]))
            pixels.add(block, top, left, by)
            if progress is not None:
                progress.advance(array.nbytes)
    return pixels.result(rows, columns, read == (rows, columns))


def _place(part: Box, dim: int | None, read: range) -> int:
    """Return where a chunk starts among the indices that are read."""
    if dim is None:
        return 0
    axis = part.axes[dim]
    return (axis[0] - read.start) // read.step


def cells(pinned: Any, view: SliceView, rows: range, columns: range) -> Array:
    """Return stored values of rows and columns of a slice, a copy, 2-D; for windows that fit a screen."""
    return view.flat(pinned.read(view.box(pinned.spec.shape, rows, columns)))
