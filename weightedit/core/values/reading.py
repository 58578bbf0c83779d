"""Values out of bytes: a box of a tensor, in pieces that fit a budget, whatever its stride."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.region import Axis, Box
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec

WORTH_SKIPPING = 256 << 10
"""Bytes between two runs from which on reading each alone is faster than reading through what lies between."""
LINE = 64
"""Bytes of a line of the processor's cache."""


def lowest(axis: Axis) -> int:
    """Return the smallest index of an axis, whose list may be in any order."""
    return axis[0] if isinstance(axis, range) else min(axis)  # min() of a range looks at every index of it


def highest(axis: Axis) -> int:
    """Return the largest index of an axis."""
    return axis[-1] if isinstance(axis, range) else max(axis)


def _reach(axis: Axis) -> int:
    return highest(axis) - lowest(axis) if axis else 0


def span(spec: TensorSpec, box: Box) -> tuple[int, int]:
    """Return the byte range `[start, stop)` of the storage that holds every element of a box that is not empty."""
    first = spec.offset + sum(lowest(axis) * step for axis, step in zip(box.axes, spec.stride, strict=True))
    last = first + sum(_reach(axis) * step for axis, step in zip(box.axes, spec.stride, strict=True))
    return first * spec.type.itemsize, (last + 1) * spec.type.itemsize


def pieces(spec: TensorSpec, box: Box, nbytes: int) -> Iterator[Box]:
    """Cut a box into boxes that each read and yield at most about `nbytes` bytes (at least one element).

    The axis that reaches furthest in the storage is cut first, so that pieces follow the order of the storage.
    """
    if not box.numel:
        return
    low, high = span(spec, box)
    wanted = box.numel * spec.type.itemsize
    if box.numel == 1 or (max(high - low, wanted) <= nbytes and high - low < wanted + WORTH_SKIPPING):
        yield box
        return
    dim = max((dim for dim, axis in enumerate(box.axes) if len(axis) > 1), key=lambda dim: _cut_order(spec, box, dim))
    axis = box.axes[dim]
    step = _cut_length(spec, box, dim, nbytes)
    for start in range(0, len(axis), step):
        part = axis[start : start + step]
        cut = Box((*box.axes[:dim], part, *box.axes[dim + 1 :]), box.dropped)
        if (step > 1 and high - low <= nbytes) or len(part) == len(axis):
            yield cut
        else:
            yield from pieces(spec, cut, nbytes)


def _cut_order(spec: TensorSpec, box: Box, dim: int) -> tuple[int, int]:
    return (spec.stride[dim] * _reach(box.axes[dim]), -dim)


def _cut_length(spec: TensorSpec, box: Box, dim: int, nbytes: int) -> int:
    """Return how many indices of an axis go together: one by one where large gaps lie between, else all that fit."""
    length = len(box.axes[dim])
    one = Box((*box.axes[:dim], box.axes[dim][:1], *box.axes[dim + 1 :]))
    low, high = span(spec, one)
    each = spec.stride[dim] * spec.type.itemsize * max(1, _reach(box.axes[dim]) // (length - 1))
    if each - (high - low) >= WORTH_SKIPPING:
        return 1
    room = min((nbytes - (high - low)) // max(each, 1), nbytes // max(1, one.numel * spec.type.itemsize) - 1)
    return max(1, min(length - 1, room + 1))


def blocks(spec: TensorSpec, box: Box, numel: int) -> Iterator[Box]:
    """Cut a box into boxes of at most `numel` elements, in the order of the storage, wherever they lie in it.

    For computing, where `pieces` is for reading: a column of a wide matrix is few values and many bytes apart.
    """
    if box.numel <= numel:
        yield from (box,) if box.numel else ()
        return
    dim = max((dim for dim, axis in enumerate(box.axes) if len(axis) > 1), key=lambda dim: _cut_order(spec, box, dim))
    axis = box.axes[dim]
    step = max(1, numel * len(axis) // box.numel)
    for start in range(0, len(axis), step):
        cut = (*box.axes[:dim], axis[start : start + step], *box.axes[dim + 1 :])
        yield from blocks(spec, Box(cut, box.dropped), numel)


def tiles(spec: TensorSpec, box: Box, numel: int) -> Iterator[Box]:
    """Cut a box into boxes of at most about `numel` elements that are as long as they are wide, as far as it goes.

    For computing from two tensors that lie in different orders: each piece is read from both in runs that are not
    too short.
    """
    sizes = list(box.shape)
    while prod(sizes) > max(numel, 1):
        longest = max(range(len(sizes)), key=lambda dim: sizes[dim])
        sizes[longest] = -(-sizes[longest] // 2)
    order = sorted(range(len(sizes)), key=lambda dim: (-spec.stride[dim], dim))
    starts = [range(0, len(box.axes[dim]), max(1, sizes[dim])) for dim in order]
    for corner in product(*starts):
        at = dict(zip(order, corner, strict=True))
        yield Box(tuple(axis[at[dim] : at[dim] + sizes[dim]] for dim, axis in enumerate(box.axes)), box.dropped)


class ReadBuffer:
    """Bytes that reads use again and again, so that a pass over any tensor needs the memory of one piece."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def take(self, nbytes: int) -> memoryview:
        """Return the first `nbytes` bytes, in a larger buffer where the last was too small.

        They begin where a line of the processor's cache does: into bytes that begin just past a page, as large ones of
        Python do, the system copies a fifth slower.
        """
        if len(self._bytes) < nbytes:
            room = nbytes + nbytes // 64  # pieces differ by a row, and a new buffer costs a read
            found = np.empty(room + LINE, np.uint8)
            start = -found.ctypes.data % LINE
            self._bytes = found[start : start + room]
        return self._bytes.data[:nbytes]


def read_box(spec: TensorSpec, content: ByteSource, box: Box, buffer: ReadBuffer | None = None) -> np.ndarray[Any, Any]:
    """Return one piece as a numpy array of the box's shape in the stored dtype.

    Parameters
    ----------
    spec, content
        Of the tensor, pinned by the caller.
    box
        What to read; `pieces` makes boxes that fit a budget.
    buffer
        Bytes to read into, used again by the next call: the array is only good until then.
    """
    dtype = numpy_dtype(spec.dtype)
    if not box.numel:
        return np.empty(box.shape, dtype)
    low, high = span(spec, box)
    view = (buffer or ReadBuffer()).take(high - low)
    content.read_into(view, low)
    strides: list[int] = []
    shape: list[int] = []
    gather: list[np.ndarray[Any, Any] | None] = []
    for axis, step in zip(box.axes, spec.stride, strict=True):
        if isinstance(axis, range):
            shape.append(len(axis))
            strides.append(step * axis.step * dtype.itemsize)
            gather.append(None)
        else:
            shape.append(_reach(axis) + 1)
            strides.append(step * dtype.itemsize)
            gather.append(np.asarray(axis, np.intp) - min(axis))
    array: np.ndarray[Any, Any] = np.ndarray(tuple(shape), dtype, view, 0, tuple(strides))
    for dim, indices in enumerate(gather):
        if indices is not None:
            array = array.take(indices, dim)
    return array


def gather(spec: TensorSpec, content: ByteSource, box: Box, nbytes: int = 4 << 20) -> np.ndarray[Any, Any]:
    """Return an independent array of a whole box, read in pieces of about `nbytes`.

    Indices may come in any order and repeat: each is read once, in the order of the storage.
    """
    once = Box(tuple(_once(axis) for axis in box.axes))
    if once.axes != box.axes:
        result = gather(spec, content, once, nbytes)
        for dim, (wanted, read) in enumerate(zip(box.axes, once.axes, strict=True)):
            if wanted != read:
                result = result.take(np.searchsorted(np.asarray(read), np.asarray(wanted)), dim)
        return result
    result = np.empty(box.shape, numpy_dtype(spec.dtype))
    buffer = ReadBuffer()
    for piece in pieces(spec, box, nbytes):
        values = read_box(spec, content, piece, buffer)
        if piece.shape == box.shape:
            result[...] = values
        else:
            result[array_index(piece.positions_in(box))] = values
    return result


def _once(axis: Axis) -> Axis:
    """Return the indices of an axis in order and each once; a range where they follow each other."""
    if isinstance(axis, range) or all(later > earlier for earlier, later in pairwise(axis)):
        return axis
    ordered = sorted(set(axis))
    return range(ordered[0], ordered[-1] + 1) if ordered[-1] - ordered[0] == len(ordered) - 1 else tuple(ordered)


def array_index(box: Box) -> tuple[Any, ...]:
    """Return the numpy index of a box."""
    if sum(not isinstance(axis, range) for axis in box.axes) > 1:  # where unions of lists meet
        return np.ix_(*(np.asarray(axis, np.intp) for axis in box.axes))
    return tuple(
        slice(axis.start, axis.stop, axis.step) if isinstance(axis, range) else np.asarray(axis, np.intp)
        for axis in box.axes
    )


def array_over(spec: TensorSpec, buffer: memoryview) -> np.ndarray[Any, Any]:
    """Return a writable array over a tensor's elements in a storage of our own, as plain items of its itemsize."""
    size = spec.type.itemsize
    items = np.dtype(f"u{size}" if size <= 8 else f"V{size}")
    if not spec.numel:
        return np.empty(spec.shape, items)
    strides = tuple(step * size for step in spec.stride)
    return np.ndarray(spec.shape, items, buffer, spec.offset * size, strides)


def storage_order(spec: TensorSpec) -> list[int]:
    """Return the dimensions in the order of the storage, the one with the largest steps first."""
    return sorted(range(len(spec.stride)), key=lambda dim: (-spec.stride[dim], dim))


def ordered_runs(
    spec: TensorSpec, box: Box, values: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return where the elements of a box lie in the storage, and their values in that order.

    Parameters
    ----------
    spec
        Of a tensor whose elements do not overlap.
    box
        One piece.
    values
        In the box's shape, any dtype of the spec's itemsize.

    Returns
    -------
    starts, lengths
        Sorted disjoint byte ranges, int64.
    packed
        The values of the ranges one after the other, C order.
    """
    itemsize = spec.type.itemsize
    order = storage_order(spec)
    axes = tuple(box.axes[dim] for dim in order)
    strides = tuple(spec.stride[dim] for dim in order)
    values = values.transpose(order)
    for position, axis in enumerate(axes):
        if not isinstance(axis, range):
            values = values.take(np.argsort(np.asarray(axis)), position)
    axes = tuple(axis if isinstance(axis, range) else tuple(sorted(axis)) for axis in axes)
    run, split = 1, len(axes)
    while split and isinstance(axes[split - 1], range):
        axis = axes[split - 1]
        joins = len(axis) == 1 or (strides[split - 1] * getattr(axis, "step", 1) == run)
        if not joins:
            break
        run *= len(axis)
        split -= 1
    heads = Box((*axes[:split], *(axis[:1] for axis in axes[split:])))
    layout = TensorSpec(spec.dtype, (0,) * len(axes), strides, spec.offset)
    starts = element_offsets(layout, heads).reshape(-1) * itemsize
    lengths = np.full(len(starts), run * itemsize, np.int64)
    return starts, lengths, np.ascontiguousarray(values)


def element_offsets(spec: TensorSpec, box: Box) -> np.ndarray[Any, Any]:
    """Return the element offsets in the storage, int64, in the box's shape; for boxes that fit the budget."""
    offsets = np.full((), spec.offset, np.int64)
    for dim, (axis, step) in enumerate(zip(box.axes, spec.stride, strict=True)):
        shape = [1] * len(box.axes)
        shape[dim] = len(axis)
        indices = np.arange(axis.start, axis.stop, axis.step) if isinstance(axis, range) else np.asarray(axis)
        offsets = offsets + (indices.astype(np.int64) * step).reshape(shape)
    return np.broadcast_to(offsets, box.shape)
