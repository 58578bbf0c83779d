"""Which cells a condition holds for: how many, and the next one from a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec, contiguous_stride
from weightedit.core.stage import tensor_from
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import Readable
from weightedit.core.values.reading import blocks
from weightedit.search.bound import Bound
from weightedit.search.expression import never_stop

BLOCK = 1 << 16
"""Cells looked at together."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many cells a condition holds for, and the first of them in row-major order, or None."""

    count: int
    first: tuple[int, ...] | None


def count_cells(readable: Readable, bound: Bound, check: Callable[[int], None] | None = None) -> Counted:
    """Count the cells of a tensor that a condition holds for, in one pass.

    Parameters
    ----------
    readable
        What the condition was bound to.
    bound
        The condition.
    check
        Called after each block with its number of cells; raises `Cancelled` to stop.
    """
    count, first = 0, -1
    for box in blocks(bound.source.layout(), Box.whole(readable.spec.shape), BLOCK):
        held = _held(readable, bound, box)
        found = int(np.count_nonzero(held))
        if found:
            count += found
            here = int(_flat(held, box, readable.spec.shape).min())
            first = here if first < 0 else min(first, here)
        if check is not None:
            check(box.numel)
    return Counted(count, None if first < 0 else _index(first, readable.spec.shape))


def find_cells(readable: Readable, bound: Bound, start: Sequence[int] | None = None, step: int = 1,
               check: Callable[[], None] = never_stop) -> tuple[int, ...] | None:  # fmt: skip
    """Return the next cell that a condition holds for, in row-major order; it does not go round.

    Parameters
    ----------
    readable, bound
        As for `count_cells`.
    start
        The cell to go on from, which is not looked at; None begins at the first cell, or at the last going back.
    step
        1 looks ahead, -1 back.
    check
        Called between blocks; raises `Cancelled` to stop.

    Returns
    -------
    tuple of int or None
        An index of the readable; None where no cell is left.
    """
    shape = readable.spec.shape
    if start is None:
        at = -1 if step > 0 else prod(shape)
    else:
        at = sum(index * stride for index, stride in zip(start, contiguous_stride(shape), strict=True))
    layout = bound.source.layout()
    in_order = _is_row_major(layout)
    pieces = _in_order(shape, at, step) if in_order else blocks(layout, Box.whole(shape), BLOCK)
    best: int | None = None
    for box in pieces:
        check()
        places = _flat(_held(readable, bound, box), box, shape)
        places = places[places > at] if step > 0 else places[places < at]
        if places.size:
            here = int(places.min() if step > 0 else places.max())
            best = here if best is None else (min if step > 0 else max)(best, here)
            if in_order:
                break
    return None if best is None else _index(best, shape)


def _held(readable: Readable, bound: Bound, box: Box) -> Array:
    values = tensor_from(readable.read(box), readable.spec.dtype)
    held: Array = bound.evaluate(values, box).cpu().numpy()
    return held


def _flat(held: Array, box: Box, shape: tuple[int, ...]) -> Array:
    """Return the places in row-major order, int64, of the cells that hold."""
    strides = contiguous_stride(shape)
    found: Array = np.zeros(1, np.int64)
    for inside, axis, stride in zip(held.nonzero(), box.axes, strides, strict=True) if shape else ():
        indices = np.asarray(axis, np.int64)[inside] if not isinstance(axis, range) else axis.start + inside * axis.step
        found = found + indices * stride
    return found if shape else found[: int(held)]


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(place // stride % size for stride, size in zip(contiguous_stride(shape), shape, strict=True))


def _is_row_major(layout: TensorSpec) -> bool:
    strides = [stride for stride, size in zip(layout.stride, layout.shape, strict=True) if size > 1]
    return strides == sorted(strides, reverse=True)


def _in_order(shape: tuple[int, ...], at: int, step: int) -> Iterator[Box]:
    """Yield boxes that follow one another in row-major order, from the one after or before a place."""
    if not prod(shape):
        return
    dim = len(shape)
    while dim > 0 and prod(shape[dim - 1 :]) <= BLOCK:
        dim -= 1
    whole = tuple(range(size) for size in shape[dim:])
    if dim == 0:
        yield Box(whole)
        return
    row = prod(shape[dim:])
    rows = max(1, BLOCK // row)
    per = -(-shape[dim - 1] // rows)
    total = prod(shape[: dim - 1]) * per
    first = min(max(at + step, 0), prod(shape) - 1)
    line, position = divmod(first // row, shape[dim - 1])
    number = line * per + position // rows
    for block in range(number, total if step > 0 else -1, step):
        line, part = divmod(block, per)
        lead = _index(line, shape[: dim - 1])
        part_rows = range(part * rows, min((part + 1) * rows, shape[dim - 1]))
        yield Box((*(range(index, index + 1) for index in lead), part_rows, *whole))
