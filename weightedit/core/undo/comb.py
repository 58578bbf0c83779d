"""Changed bytes at regular steps, such as a column of a tall matrix: described by four numbers, however many runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np

from weightedit.core.region import Axis, Box
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.undo.sealed import Kept
from weightedit.core.undo.spill import Spill
from weightedit.core.values.reading import storage_order

WORTH_A_COMB = 64
"""Runs from which on one description is kept for all of them."""
MOST_AT_ONCE = 64
"""Combs that one region is described by."""
READ_AT_ONCE = 4 << 20


@dataclass(frozen=True, eq=False)
class Comb:
    """Runs of bytes at `start`, `start + step`, …; their new bytes follow one another in `kept` from `at` on.

    Attributes
    ----------
    start, run, step, count
        Where the first begins, how long each is, from one to the next (longer than `run`), and how many.
    kept, at
        What holds their bytes, and where in it they begin.
    """

    start: int
    run: int
    step: int
    count: int
    kept: Kept
    at: int = 0

    @property
    def nbytes(self) -> int:
        """How many bytes are changed."""
        return self.run * self.count

    @cached_property
    def stop(self) -> int:
        """Where the last run ends."""
        return self.start + (self.count - 1) * self.step + self.run

    def has_place_of(self, other: Comb) -> bool:
        """Whether the same bytes are changed."""
        mine, theirs = ((one.start, one.run, one.step, one.count) for one in (self, other))
        return mine == theirs

    def numbers_within(self, start: int, stop: int) -> range:
        """Return which runs touch `[start, stop)`."""
        first = max(0, (start - self.start - self.run) // self.step + 1)
        return range(first, max(first, min(self.count, -(-(stop - self.start) // self.step))))

    def overlay_onto(self, view: memoryview, offset: int) -> None:
        """Write the changed bytes of `[offset, offset + len(view))` over `view`."""
        end = offset + view.nbytes
        touched = self.numbers_within(offset, end)
        if not touched:
            return
        data = self._read(touched)
        for number in {touched[0], touched[-1]}:  # those that a cut goes through, and all where there are two
            at = self.start + number * self.step
            low, high = max(at, offset), min(at + self.run, end)
            first = (number - touched[0]) * self.run - at
            view[low - offset : high - offset] = data[first + low : first + high]
        whole = touched[1:-1]
        if whole:
            item = np.dtype(f"u{self.run}" if self.run in (1, 2, 4, 8) else f"V{self.run}")
            there = np.ndarray((len(whole),), item, view, self.start + whole[0] * self.step - offset, (self.step,))
            there[...] = np.frombuffer(data, item)[1:-1]

    def _read(self, numbers: range) -> memoryview:
        at, nbytes = self.at + numbers[0] * self.run, len(numbers) * self.run
        if isinstance(self.kept, memoryview):
            return self.kept[at : at + nbytes]
        data = memoryview(bytearray(nbytes))
        self.kept.read_into(data, at)
        return data

    def ranges(self, start: int, stop: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return starts and stops, int64, of the runs that touch `[start, stop)`."""
        numbers = self.numbers_within(start, stop)
        starts = self.start + np.arange(numbers.start, numbers.stop, dtype=np.int64) * self.step
        return starts, starts + self.run

    def reread(self, base: ByteSource, spill: Spill) -> Comb:
        """Return the same runs with the bytes that `base` has there."""
        from weightedit.core.undo.sealed import seal

        data = spill.allocate(self.nbytes)
        many = max(1, READ_AT_ONCE // self.step)
        buffer = bytearray((many - 1) * self.step + self.run)
        for first in range(0, self.count, many):
            number = min(many, self.count - first)
            view = memoryview(buffer)[: (number - 1) * self.step + self.run]
            base.read_into(view, self.start + first * self.step)
            runs = np.ndarray((number, self.run), np.uint8, view, 0, (self.step, 1))
            data[first * self.run : (first + number) * self.run] = runs.reshape(-1).data
        return Comb(self.start, self.run, self.step, self.count, seal(data))


class CombWriter:
    """Takes the values of one box of a tensor, piece by piece, and makes combs of them."""

    def __init__(self, spec: TensorSpec, box: Box, room: memoryview) -> None:
        found = _teeth(spec, box)
        assert found is not None
        order, along, inner = found
        outer = [dim for dim in order if dim != along and dim not in inner]
        laid = [*outer, along, *inner]
        size = spec.type.itemsize
        items = np.dtype(f"u{size}" if size <= 8 else f"V{size}")
        packed = np.frombuffer(room, items).reshape([len(box.axes[dim]) for dim in laid])
        self._values = packed.transpose(np.argsort(laid))
        self._box, self._room = box, room
        self._heads = [spec.offset * size + sum(_first(spec, box, dim) for dim in (along, *inner)) + sum(at)
                       for at in product(*(_offsets(spec, box.axes[dim], dim) for dim in outer))]  # fmt: skip
        axis = box.axes[along]
        assert isinstance(axis, range)
        self._run = prod(len(box.axes[dim]) for dim in inner) * size
        self._step, self._count = spec.stride[along] * axis.step * size, len(axis)

    def put(self, piece: Box, values: np.ndarray[Any, Any]) -> None:
        """Take the values of one piece of the box, as plain items."""
        from weightedit.core.values.reading import array_index

        self._values[array_index(piece.positions_in(self._box))] = values

    def combs(self) -> list[Comb]:
        """Return what all of it is; nothing is put after that."""
        from weightedit.core.undo.sealed import seal

        kept, each = seal(self._room), self._run * self._count
        return [Comb(head, self._run, self._step, self._count, kept, number * each)
                for number, head in enumerate(self._heads)]  # fmt: skip


def is_combed(spec: TensorSpec, box: Box) -> bool:
    """Whether the elements of a box lie at regular steps, in so many runs that combs are kept of them."""
    return _teeth(spec, box) is not None


def _teeth(spec: TensorSpec, box: Box) -> tuple[list[int], int, list[int]] | None:
    """Return the dimensions in the order of the storage, the one that combs go along, and those within a run."""
    order = storage_order(spec)
    inner: list[int] = []
    run = 1
    while order[: len(order) - len(inner)]:
        dim = order[len(order) - len(inner) - 1]
        axis = box.axes[dim]
        if not isinstance(axis, range) or (len(axis) > 1 and spec.stride[dim] * axis.step != run):
            break
        run *= len(axis)
        inner.insert(0, dim)
    rest = [dim for dim in order[: len(order) - len(inner)] if isinstance(box.axes[dim], range)]
    along = max(rest, key=lambda dim: len(box.axes[dim]), default=None)
    if along is None:
        return None
    axis = box.axes[along]
    assert isinstance(axis, range)
    many = box.numel // max(1, run * len(axis))
    regular = run < spec.stride[along] * axis.step
    return (order, along, inner) if len(axis) >= WORTH_A_COMB and regular and 0 < many <= MOST_AT_ONCE else None


def _first(spec: TensorSpec, box: Box, dim: int) -> int:
    return box.axes[dim][0] * spec.stride[dim] * spec.type.itemsize


def _offsets(spec: TensorSpec, axis: Axis, dim: int) -> list[int]:
    return [index * spec.stride[dim] * spec.type.itemsize for index in axis]
