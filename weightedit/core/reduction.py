"""A slice of a tensor reduced to the pixels of a picture, in the memory of the pixels and a few chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weightedit.core import kernels
from weightedit.core.looking.elsewhere import is_elsewhere
from weightedit.core.looking.pixels import Pixels, Reduced
from weightedit.core.progress import Progress
from weightedit.core.region import Axis, Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Pinned
from weightedit.core.values import passes
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import Chunks, PinnedTensor
from weightedit.core.values.reading import ReadBuffer

PREVIEW_BYTES = 1 << 20
SAMPLED_ROWS = 16
"""Rows of which runs are read where whole rows would be too much."""
MOST_RUNS = 256
"""Runs that are read for one picture: each asks the file whether it is still the same."""
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

    @property
    def turned(self) -> SliceView:
        """The same slice with rows and columns in each other's place."""
        return SliceView(self.columns_dim, self.rows_dim, self.fixed)

    def flat(self, array: Array) -> Array:
        """Return a box's values as a 2-D array, rows down and columns across."""
        if array.ndim == 2 and (self.rows_dim, self.columns_dim) == (0, 1):
            return array
        order = [dim for dim in (self.rows_dim, self.columns_dim) if dim is not None]
        rest = [dim for dim in range(array.ndim) if dim not in order]
        moved = array.transpose(*rest, *order)
        rows = 1 if self.rows_dim is None else array.shape[self.rows_dim]
        columns = 1 if self.columns_dim is None else array.shape[self.columns_dim]
        return moved.reshape(rows, columns)


def reduce(pinned: Pinned, view: SliceView, rows: range, columns: range, height: int, width: int,
           progress: Progress | None = None, nbytes: int = passes.CHUNK,
           scale: Scale | None = None) -> Reduced:  # fmt: skip
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
        How large a chunk may be; each of a few threads reads one at a time.
    scale
        What the values of given rows and columns of the slice are divided by.
    """
    if lies_across(pinned.spec, view):
        turned = None if scale is None else lambda down, across: scale(across, down).T
        return reduce(pinned, view.turned, columns, rows, width, height, progress, nbytes, turned).turned
    return _reduced(pinned, view, (rows, columns), (height, width), (rows, columns), progress, nbytes, scale)


def lies_across(spec: TensorSpec, view: SliceView) -> bool:
    """Whether neighbours in a row of the slice lie further apart than those in a column."""
    if view.rows_dim is None or view.columns_dim is None:
        return False
    return spec.stride[view.columns_dim] > spec.stride[view.rows_dim]


def preview(pinned: Pinned, view: SliceView, rows: range, columns: range, height: int, width: int,
            budget: int = PREVIEW_BYTES) -> Reduced:  # fmt: skip
    """Reduce a sample of about `budget` bytes, so that something shows at once, whatever the size of the tensor.

    Evenly spaced rows are read; where these alone are more than the budget, or lie apart in the storage, runs of
    neighbours in some of them, evenly spaced too.
    """
    if lies_across(pinned.spec, view):
        return preview(pinned, view.turned, columns, rows, width, height, budget).turned
    itemsize = max(1, pinned.spec.type.itemsize)
    apart = 1 if view.columns_dim is None else max(1, pinned.spec.stride[view.columns_dim])
    each = max(1, len(columns) * itemsize * apart)
    most = 4 * height if len(rows) * each <= 16 * budget else MOST_RUNS
    some_rows = _spread(rows, min(max(4, budget // each), most))
    some_columns = columns
    if is_elsewhere(pinned):  # the device picks single values; each run would be a copy of its own
        some_rows = _spread(rows, most)
        some_columns = _spread(columns, max(width, budget // (itemsize * max(1, len(some_rows)))))
    if is_elsewhere(pinned) or len(some_rows) * each <= 4 * budget:
        return _reduced(pinned, view, (rows, columns), (height, width), (some_rows, some_columns), None, passes.CHUNK)
    return _of_runs(pinned, view, (rows, columns), (height, width), budget // (itemsize * apart))


def _of_runs(pinned: Pinned, view: SliceView, shown: tuple[range, range], size: tuple[int, int],
             values: int) -> Reduced:  # fmt: skip
    """Reduce runs of neighbours, about so many values in all: rows too long, or too spread, to be read whole."""
    rows = _spread(shown[0], min(size[0], SAMPLED_ROWS))
    across = min(size[1], len(shown[1]), MOST_RUNS // len(rows))
    run = max(1, min(len(shown[1]) // across, values // (len(rows) * across)))
    pixels = Pixels(range(len(rows)), range(across * run), len(rows), across, pinned.spec.dtype)
    for line, row in enumerate(rows):
        for number in range(across):
            left = shown[1].start + (2 * number + 1) * len(shown[1]) // (2 * across) - run // 2
            left = min(max(left, shown[1].start), shown[1].stop - run)
            box = view.box(pinned.spec.shape, range(row, row + 1), range(left, left + run))
            for part, array in pinned.chunks(box, passes.CHUNK):
                at = number * run + _place(part, view.columns_dim, range(left, left + run))
                pixels.add(view.flat(array), line, at)
    return pixels.result(*shown, False)


def _spread(axis: range, most: int) -> range:
    step = max(1, -(-len(axis) // max(1, most)))
    return axis[step // 2 :: step] or axis


def _reduced(pinned: Pinned, view: SliceView, shown: tuple[range, range], size: tuple[int, int],
             read: tuple[range, range], progress: Progress | None, nbytes: int,
             scale: Scale | None = None) -> Reduced:  # fmt: skip
    spec = pinned.spec
    height, width = min(size[0], len(read[0])), min(size[1], len(read[1]))
    pixels = Pixels(*read, height, width, spec.dtype, scale is not None)
    nbytes_all = len(read[0]) * len(read[1]) * spec.type.itemsize
    kernels.prepare(nbytes_all)
    if progress is not None:
        progress.begin("Heatmap", nbytes_all)

    spare: deque[ReadBuffer] = deque()  # memory that is touched for the first time costs what reading into it does

    def work(part: tuple[range, range], progress: Progress) -> None:
        try:
            buffer = spare.pop()
        except IndexError:
            buffer = ReadBuffer()
        take_in(pinned, view, pixels, part, progress, nbytes, scale, buffer)
        spare.append(buffer)

    if height and width:
        parts = pixels.parts(nbytes_all // passes.PART)
        passes.each_part(parts, work, progress, passes.readers_of(pinned))
    return pixels.result(*shown, read == shown)


def take_in(pinned: Pinned, view: SliceView, pixels: Pixels, part: tuple[range, range], progress: Progress,
            nbytes: int, scale: Scale | None = None, buffer: ReadBuffer | None = None) -> None:  # fmt: skip
    """Read rows and columns of a slice, which are among those of `pixels`, and add them; `nbytes` for a chunk.

    A live tensor on another device is reduced there.
    """
    if scale is None and is_elsewhere(pinned):
        from weightedit.core.looking import on_device

        on_device.take_in(pinned, view, pixels, part, progress)
        return
    for box, array in _chunks(pinned, view, pixels, part, nbytes, buffer):
        top, left = _place(box, view.rows_dim, pixels.rows), _place(box, view.columns_dim, pixels.columns)
        block = view.flat(array)
        by = None
        if scale is not None:
            first, second = pixels.rows.start + top, pixels.columns.start + left
            by = scale(range(first, first + block.shape[0]), range(second, second + block.shape[1]))
        pixels.add(block, top, left, by)
        progress.advance(array.nbytes)


def _chunks(pinned: Pinned, view: SliceView, pixels: Pixels, part: tuple[range, range], nbytes: int,
            buffer: ReadBuffer | None) -> Chunks:  # fmt: skip
    """Return chunks of rows and columns of a slice, which end where lines of pixels do as far as that goes."""
    shape, (rows, columns) = pinned.spec.shape, part
    if not isinstance(pinned, PinnedTensor) or not rows:
        return pinned.chunks(view.box(shape, rows, columns), nbytes)
    bands = pixels.bands(rows, len(columns) * pinned.spec.type.itemsize, nbytes)
    return pinned.chunks_of((view.box(shape, band, columns) for band in bands), nbytes * 3 // 2, buffer)


def _place(part: Box, dim: int | None, read: range) -> int:
    """Return where a chunk starts among the indices that are read."""
    if dim is None:
        return 0
    axis = part.axes[dim]
    return (axis[0] - read.start) // read.step


def cells(pinned: Any, view: SliceView, rows: range, columns: range) -> Array:
    """Return stored values of rows and columns of a slice, a copy, 2-D; for windows that fit a screen."""
    return view.flat(pinned.read(view.box(pinned.spec.shape, rows, columns)))
