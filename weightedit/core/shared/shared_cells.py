"""Which cells of one tensor lie on the bytes of a region of another, worked out from strides alone.

A region of a thousand million elements takes as long as one of ten: both tensors are taken apart dimension by
dimension, from the one that steps furthest, and no element is ever looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weightedit.core.region import Axis, Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.reading import highest, lowest, span

MOST_BOXES = 512
"""Boxes that are told apart; with more of them only their bounds are given."""
MOST_STEPS = 20_000
"""Steps of taking apart, some microseconds each."""
MOST_SHIFTS = 64
"""Lines of one tensor that a line of the other may touch, for one answer to be looked for that holds at each step."""
Steps = tuple[tuple[int, int], ...]
"""(bytes to the next, how many) for each dimension, the one that steps furthest first."""
Ranges = tuple[range, ...]


class _TooMany(Exception):
    """There is no short answer."""


@dataclass(frozen=True, slots=True)
class SharedCells:
    """Cells of a tensor that lie on the bytes of a region of another one.

    Attributes
    ----------
    boxes
        Of the tensor; disjoint where neither tensor overlaps itself and both have cells of one size.
    is_exact
        Whether they are those cells; otherwise one box that holds them all, and more.
    """

    boxes: tuple[Box, ...]
    is_exact: bool = True

    @property
    def count(self) -> int:
        """How many cells; at most so many where it is not exact."""
        return sum(box.numel for box in self.boxes)

    @property
    def bounds(self) -> Box | None:
        """The smallest box around all of them; None where there are none."""
        if not self.boxes:
            return None
        axes = zip(*(box.axes for box in self.boxes), strict=True)
        return Box(tuple(range(min(map(lowest, one)), max(map(highest, one)) + 1) for one in axes))


NOTHING = SharedCells(())


def cells_on(spec: TensorSpec, boxes: Sequence[Box], other: TensorSpec) -> SharedCells:
    """Return the cells of `other` that lie on bytes of boxes of `spec`, over the same storage.

    Parameters
    ----------
    spec, boxes
        What is written, or selected.
    other
        The tensor whose cells are wanted; of any dtype and stride.

    Notes
    -----
    Exact wherever the answer has at most `MOST_BOXES` boxes, which the strided views of torch (slices, transposes,
    reshapes, flat buffers) nearly always have; otherwise the bounds.
    """
    boxes = [box for box in boxes if box.numel]
    if not boxes or not other.numel or not _near(spec, boxes, other):
        return NOTHING
    if (spec.shape, spec.stride, spec.offset, spec.dtype) == (other.shape, other.stride, other.offset, other.dtype):
        return SharedCells(tuple(Box(box.axes) for box in boxes))
    search = _Search(other)
    try:
        found = [ranges for box in boxes for start, steps in _runs(spec, box) for ranges in search.find(start, steps)]
    except _TooMany:
        return _bounds(spec, boxes, other)
    return SharedCells(tuple(Box(ranges) for ranges in _joined(found)))


def _near(spec: TensorSpec, boxes: Iterable[Box], other: TensorSpec) -> bool:
    start, stop = other.extent
    return any(low < stop and start < high for low, high in (span(spec, box) for box in boxes))


def _bounds(spec: TensorSpec, boxes: Iterable[Box], other: TensorSpec) -> SharedCells:
    """Return the bounds of what lies between the first and the last byte."""
    spans = [span(spec, box) for box in boxes]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    try:
        found = list(_Search(other).find(low, ((1, high - low),)))
    except _TooMany:
        return SharedCells((Box.whole(other.shape),), False)
    bounds = SharedCells(tuple(Box(ranges) for ranges in found)).bounds
    return NOTHING if bounds is None else SharedCells((bounds,), False)


def _runs(spec: TensorSpec, box: Box) -> Iterator[tuple[int, Steps]]:
    """Yield a box as bytes: where it starts, and its steps, the last of which goes byte by byte."""
    size = spec.type.itemsize
    parts: list[tuple[int, Steps]] = [(spec.offset * size, ((1, size),))]
    for axis, stride in zip(box.axes, spec.stride, strict=True):
        pieces = list(_even(axis)) if stride else [range(1)]
        if len(parts) * len(pieces) > MOST_BOXES:
            raise _TooMany
        parts = [(start + piece[0] * stride * size, (*steps, (piece.step * stride * size, len(piece))))
                 for start, steps in parts for piece in pieces]  # fmt: skip
    return ((start, _merged(steps)) for start, steps in parts)


def _even(axis: Axis) -> Iterator[range]:
    """Cut indices into ranges of even steps, in ascending order."""
    if isinstance(axis, range):
        yield axis
        return
    indices, at = sorted(axis), 0
    while at < len(indices):
        step = indices[at + 1] - indices[at] if at + 1 < len(indices) else 1
        stop = at + 1
        while stop < len(indices) and indices[stop] - indices[stop - 1] == step:
            stop += 1
        yield range(indices[at], indices[stop - 1] + 1, step)
        at = stop


def _merged(steps: Iterable[tuple[int, int]]) -> Steps:
    """Return steps from the furthest to the nearest, those that follow on one another as one."""
    merged: list[tuple[int, int]] = []
    for stride, count in sorted(steps):
        if count == 1:
            continue
        if merged and stride == merged[-1][0] * merged[-1][1]:
            merged[-1] = (merged[-1][0], merged[-1][1] * count)
        else:
            merged.append((stride, count))
    return tuple(reversed(merged))


def _reach(steps: Steps) -> int:
    """Return how many bytes lie between the first and past the last."""
    return 1 + sum(stride * (count - 1) for stride, count in steps)


class _Search:
    """Finds the cells of one tensor at given bytes."""

    def __init__(self, spec: TensorSpec) -> None:
        size = spec.type.itemsize
        self._shape = spec.shape
        self._base = spec.offset * size
        steps = sorted(((stride * size, dim) for dim, stride in enumerate(spec.stride) if spec.shape[dim] > 1),
                       reverse=True)  # fmt: skip
        self._dims = [(stride, spec.shape[dim], dim) for stride, dim in steps if stride]
        self._size = size
        self._spans = [size]
        for stride, count, _ in reversed(self._dims):
            self._spans.append(self._spans[-1] + stride * (count - 1))
        self._spans.reverse()  # bytes from the first to past the last cell of the dimensions from one on
        self._steps = self._found = 0

    def find(self, start: int, steps: Steps) -> Iterator[Ranges]:
        """Yield the ranges of indices at bytes that begin at `start`."""
        whole = [range(size) for size in self._shape]
        for found in self._at(0, start - self._base, steps):
            self._found += 1
            if self._found > MOST_BOXES:
                raise _TooMany
            yield tuple(found.get(dim, whole[dim]) for dim in range(len(whole)))

    def _at(self, level: int, start: int, steps: Steps) -> Iterator[dict[int, range]]:
        """Yield the indices of the dimensions from `level` on; `start` counts from their first cell."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise _TooMany
        span = self._spans[level]
        if start >= span or start + _reach(steps) <= 0:
            return
        if steps and steps[0][0] > 1:
            clipped = self._clipped(level, start, steps)
            if clipped is None:
                return
            start, steps = clipped
        if level == len(self._dims):
            if self._touches(start, steps):
                yield {}
            return
        if len(steps) <= 1 and (not steps or steps[0][0] == 1):
            yield from self._run(level, start, start + _reach(steps))
        else:
            yield from self._strided(level, start, steps)

    def _clipped(self, level: int, start: int, steps: Steps) -> tuple[int, Steps] | None:
        """Leave out what lies wholly before the first and after the last cell."""
        (stride, count), rest = steps[0], steps[1:]
        reach, span = _reach(rest), self._spans[level]
        first = max(0, -((start + reach - 1) // stride))
        last = min(count - 1, (span - 1 - start) // stride)
        if first > last:
            return None
        kept = last - first + 1
        return start + first * stride, rest if kept == 1 else ((stride, kept), *rest)

    def _touches(self, start: int, steps: Steps) -> bool:
        """Whether any byte is one of the cell's own."""
        if not steps:
            return 0 <= start < self._size
        (stride, count), rest = steps[0], steps[1:]
        for turn in range(count):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise _TooMany
            at = start + turn * stride
            if at >= self._size:
                return False
            if at + _reach(rest) > 0 and self._touches(at, rest):
                return True
        return False

    def _run(self, level: int, start: int, stop: int) -> Iterator[dict[int, range]]:
        """Take apart bytes that follow one another: lines that lie wholly among them are one box."""
        stride, count, dim = self._dims[level]
        span = self._spans[level + 1]
        first = max(0, (start - span) // stride + 1)
        last = min(count - 1, (stop - 1) // stride)
        whole = range(max(first, -(-start // stride)), min(last, (stop - span) // stride) + 1)
        partly = [*range(first, min(whole.start, last + 1)), *range(max(whole.stop, whole.start), last + 1)] \
            if whole else list(range(first, last + 1))  # fmt: skip
        if whole:
            yield {dim: whole}
        for index in partly:
            for found in self._at(level + 1, start - index * stride, ((1, stop - start),)):
                yield {dim: range(index, index + 1), **found}

    def _strided(self, level: int, start: int, steps: Steps) -> Iterator[dict[int, range]]:
        """Take apart bytes at even steps: where the steps fit the dimension, one answer holds for all of its lines."""
        (step, turns), rest = steps[0], steps[1:]
        stride, count, dim = self._dims[level]
        reach, span = _reach(rest), self._spans[level + 1]
        lines = range(max(0, (start - span) // stride + 1), min(count - 1, (start + _reach(steps) - 1) // stride) + 1)
        shifts = range((start - span) // stride + 1, (start + reach - 1) // stride + 1)
        if step % stride == 0 and len(lines) > 1 and len(shifts) <= MOST_SHIFTS:
            apart = step // stride
            for shift in shifts:
                first = shift if shift >= 0 else shift % apart
                found_at = range(first, min(count, shift + apart * (turns - 1) + 1), apart)
                for found in self._at(level + 1, start - shift * stride, rest) if found_at else ():
                    yield {dim: found_at if len(found_at) > 1 else range(first, first + 1), **found}
        elif stride % step == 0 and stride > step and turns >= stride // step and len(lines) > 2:
            each = stride // step
            full, left = divmod(turns, each)
            yield from self._at(level, start, _without_ones((stride, full), (step, each), *rest))
            if left:
                yield from self._at(level, start + full * stride, _without_ones((step, left), *rest))
        elif len(lines) <= turns:
            for index in lines:
                for found in self._at(level + 1, start - index * stride, steps):
                    yield {dim: range(index, index + 1), **found}
        else:
            for turn in range(turns):
                yield from self._at(level, start + turn * step, rest)


def _without_ones(*steps: tuple[int, int]) -> Steps:
    """Return steps in order, without those that are taken once."""
    return tuple((stride, count) for stride, count in steps if count != 1)


def _joined(found: Iterable[Ranges]) -> list[Ranges]:
    """Join boxes that differ along one dimension only and follow on one another there."""
    boxes = list(dict.fromkeys(found))
    for dim in range(len(boxes[0]) if boxes else 0):
        beside: dict[tuple[range, ...], list[range]] = {}
        for box in boxes:
            beside.setdefault((*box[:dim], *box[dim + 1 :]), []).append(box[dim])
        boxes = [(*rest[:dim], axis, *rest[dim:]) for rest, axes in beside.items() for axis in _chained(axes)]
    return boxes


def _chained(axes: list[range]) -> Iterator[range]:
    at: range | None = None
    for axis in sorted(axes, key=lambda axis: (axis.start, axis.stop)):
        if at is not None and at.step == axis.step == 1 and axis.start <= at.stop:
            at = range(at.start, max(at.stop, axis.stop))
        else:
            if at is not None:
                yield at
            at = axis
    if at is not None:
        yield at
