"""All bytes of a tensor in row-major order, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from weightedit.core.region import Box
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec

CHUNK = 8 << 20
"""Bytes of a chunk by default."""


def is_dense(spec: TensorSpec) -> bool:
    """Whether the elements fill their range of the storage without gaps or repeats, in whatever order."""
    low, high = spec.extent
    return high - low == spec.nbytes and not has_repeats(spec)


def has_repeats(spec: TensorSpec) -> bool:
    """Whether several indices may mean one and the same element, as in an expanded tensor."""
    reach = 1
    for step, size in sorted(zip(spec.stride, spec.shape, strict=True)):
        if size > 1:
            if step < reach:
                return True
            reach += (size - 1) * step
    return False


def range_bytes(content: ByteSource, start: int, stop: int, nbytes: int = CHUNK) -> Iterator[memoryview]:
    """Yield a range of a storage in chunks of one reused buffer."""
    buffer = memoryview(bytearray(min(nbytes, stop - start)))
    for at in range(start, stop, max(nbytes, 1)):
        view = buffer[: min(nbytes, stop - at)]
        content.read_into(view, at)
        yield view


def logical_bytes(spec: TensorSpec, content: ByteSource, nbytes: int = CHUNK) -> Iterator[memoryview]:
    """Yield the elements in row-major order, whatever their stride, in chunks of one reused buffer.

    Parameters
    ----------
    spec, content
        Of the tensor, pinned by the caller.
    nbytes
        How many bytes a chunk, and each buffer, has at most (at least one row of the last dimension).
    """
    if not spec.numel:
        return
    if spec.is_contiguous:
        yield from range_bytes(content, *spec.extent, nbytes)
        return
    import numpy as np

    from weightedit.core.dtypes import numpy_dtype
    from weightedit.core.values.reading import ReadBuffer, pieces, read_box

    dtype, buffer = numpy_dtype(spec.dtype), ReadBuffer()
    for block in _row_blocks(spec, nbytes):
        values = np.empty(block.shape, dtype)
        for piece in pieces(spec, block, nbytes):
            where = tuple(
                slice(axis[0] - outer[0], axis[-1] - outer[0] + 1)
                for axis, outer in zip(piece.axes, block.axes, strict=True)
            )
            values[where] = read_box(spec, content, piece, buffer)
        yield memoryview(values.reshape(-1).view(np.uint8).data)


def _row_blocks(spec: TensorSpec, nbytes: int) -> Iterator[Box]:
    """Cut the whole tensor into boxes that follow one another in row-major order."""
    row, dim = spec.type.itemsize, len(spec.shape)
    while dim > 0 and row * spec.shape[dim - 1] <= nbytes:
        dim -= 1
        row *= spec.shape[dim]
    whole = tuple(range(size) for size in spec.shape[dim:])
    if dim == 0:
        yield Box(whole)
        return
    step = max(1, nbytes // row)
    for index in product(*map(range, spec.shape[: dim - 1])):
        for start in range(0, spec.shape[dim - 1], step):
            rows = range(start, min(start + step, spec.shape[dim - 1]))
            yield Box((*(range(at, at + 1) for at in index), rows, *whole))
