"""A tensor read by row-major offsets, whatever its shape and stride."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from weightedit.core.dtypes import torch_dtype
from weightedit.core.edits.place import Place
from weightedit.core.region import Box
from weightedit.core.spec import contiguous_stride
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.random_values import offsets

if TYPE_CHECKING:
    from torch import Tensor

WORTH_READING = 1 << 12
"""Elements between two runs up to which they are read through rather than skipped."""


def flat_boxes(shape: tuple[int, ...], start: int, stop: int) -> Iterator[Box]:
    """Yield boxes that together hold the row-major offsets from `start` to `stop`, in that order.

    At most two for each dimension: what is left of a row, the rows in between, the start of the last one.
    """
    if start >= stop:
        return
    step, *_ = contiguous_stride(shape) or (1,)
    if len(shape) < 2:
        yield Box((range(start, stop),) if shape else ())
        return
    first, skipped = divmod(start, step)
    last, rest = divmod(stop, step)
    if skipped or first == last:
        end = min(stop - first * step, step)
        yield from _behind(shape, first, skipped, end)
        first += 1
        if stop <= first * step:
            return
    if last > first:
        yield Box((range(first, last), *(range(size) for size in shape[1:])))
    if rest:
        yield from _behind(shape, last, 0, rest)


def _behind(shape: tuple[int, ...], index: int, start: int, stop: int) -> Iterator[Box]:
    for box in flat_boxes(shape[1:], start, stop):
        yield Box((range(index, index + 1), *box.axes))


def read_flat(source: PinnedTensor, shape: tuple[int, ...], piece: Box) -> Tensor:
    """Return the values that a piece has where a tensor is seen in another shape of as many elements."""
    import torch

    dtype = torch_dtype(source.spec.dtype)
    wanted = offsets(shape, piece)
    if not wanted.size:
        return torch.empty(piece.shape, dtype=dtype)
    flat = wanted.reshape(-1)
    order = np.argsort(flat, kind="stable") if np.any(np.diff(flat) < 0) else None
    flat = flat if order is None else flat[order]
    breaks = np.flatnonzero(np.diff(flat) > WORTH_READING) + 1
    parts = []
    for run in np.split(flat, breaks):
        start = int(run[0])
        read = [Place.read(source, box).reshape(-1) for box in flat_boxes(source.spec.shape, start, int(run[-1]) + 1)]
        values = torch.cat([as_bits(part) for part in read])
        parts.append(values if len(values) == len(run) else values[torch.from_numpy(run - start)])
    found = torch.cat(parts)
    if order is not None:
        found = found[torch.from_numpy(np.argsort(order))]
    return found.view(dtype).reshape(wanted.shape)


def as_bits(values: Tensor) -> Tensor:
    """Return values as integers of their itemsize, which torch can index, join and move; complex128 as it is."""
    import torch

    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}.get(values.element_size())
    return values if integer is None else values.view(integer)


def reordered(values: Tensor, by: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function that only moves elements, on their bits: not every dtype can be moved as it is."""
    return by(as_bits(values)).view(values.dtype)
