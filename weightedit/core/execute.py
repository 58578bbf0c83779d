"""Turning a plan into commands: all values computed and kept before anything of the document changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from weightedit.core.commands import Command, Flag, LiveWrite, Rebind, Write, kept_bytes
from weightedit.core.compute import Piece, compute, result_boxes
from weightedit.core.dtypes import torch_dtype
from weightedit.core.live import LiveBytes
from weightedit.core.optimizer import OptimizerStep
from weightedit.core.plan import Plan, Target
from weightedit.core.progress import Progress
from weightedit.core.reading import array_index, array_over, element_offsets, gather, ordered_runs
from weightedit.core.region import Box
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.spill import Spill
from weightedit.core.stage import (
    bits_of,
    bytes_of,
    fill_live,
    reparametrized,
    selected,
    set_requires_grad,
    tensor_over,
    write_live,
)
from weightedit.core.storage import MOST_SEGMENTS, Resident, Storage, patched, written_out


@dataclass(frozen=True, slots=True)
class Workshop:
    """What executing needs besides the plan: room for results, the size of a piece, progress, the optimizer."""

    spill: Spill
    chunk: int
    progress: Progress
    optimizer: Any = None

    @property
    def segments(self) -> int:
        """How many ranges a patched content may have: each costs some 100 bytes while it is made."""
        return min(MOST_SEGMENTS, max(4096, self.chunk // 32))


def execute(plan: Plan, shop: Workshop) -> list[Command]:
    """Compute every value of a plan and return the commands that show them; the document is not touched."""
    effect = plan.operation.effect
    if effect == "flag":
        return [_flag(target, plan.scalars["value"]) for target in plan.targets]
    if effect == "rebind":
        return [command for target in plan.targets for command in _rebind(plan, target, shop)]
    clones = {
        id(target.slots[0]): _clone(target, plan.edit.tied, shop) for target in plan.targets if target.clones_first
    }
    return [*(rebind for rebinds in clones.values() for rebind in rebinds), *_writes(plan, clones, shop)]


def _flag(target: Target, value: bool) -> Flag:
    held = target.slots[0].held
    before = held.described
    after = before._replace(spec=replace(before.spec, requires_grad=value))
    return Flag(held, before, after, set_requires_grad)


class StorageWriter:
    """Collects the new bytes of one storage and makes its next content, as patches or whole.

    It goes whole from the start where most bytes change, and midway where the ranges become too many.
    """

    def __init__(self, content: ByteSource, nbytes: int, covers: bool, shop: Workshop) -> None:
        self.content = content
        self.spill = shop.spill
        self.most = shop.segments
        self.out: memoryview | None = None
        self.at = self.count = 0
        if nbytes * 2 > content.nbytes:
            fresh = covers and nbytes >= content.nbytes
            self.out = self.spill.allocate(content.nbytes) if fresh else written_out(content, self.spill).buffer
        else:
            self.room = self.spill.allocate(nbytes)
            # One table for all ranges: small arrays kept between the large ones of each piece fragment the heap.
            self.ranges = np.empty((2, self.most), np.int64)

    def put(self, spec: TensorSpec, box: Box, values: np.ndarray[Any, Any]) -> None:
        """Take the values of one box of a tensor over the storage."""
        if self.out is None:
            if self._take(*ordered_runs(spec, box, values)):
                return
            self.out = written_out(self._patched(), self.spill).buffer
        array_over(spec, self.out)[array_index(box)] = values

    def put_cells(self, spec: TensorSpec, box: Box, mask: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
        """Take the values of some cells of a box: only their bytes are touched and remembered."""
        cells = mask.reshape(-1)
        where = element_offsets(spec, box).reshape(-1)[cells] * values.dtype.itemsize
        order = np.argsort(where, kind="stable")
        where, packed = where[order], np.ascontiguousarray(values.reshape(-1)[cells][order])
        if not len(where):
            return
        heads = np.flatnonzero(np.diff(where, prepend=where[0] - 2 * packed.itemsize) != packed.itemsize)
        lengths = np.diff(heads, append=len(where)) * packed.itemsize
        if self.out is None and self._take(where[heads], lengths, packed):
            return
        if self.out is None:
            self.out = written_out(self._patched(), self.spill).buffer
        array = array_over(spec, self.out)
        now = array[array_index(box)]
        array[array_index(box)] = np.where(mask, values, now)

    def _take(self, starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], packed: np.ndarray[Any, Any]) -> bool:
        """Add ranges and their bytes to the table, unless they are too many for it."""
        if self.count + len(starts) > self.most:
            return False
        flat = packed.reshape(-1).view(np.uint8).data
        self.room[self.at : self.at + flat.nbytes] = flat
        self.at += flat.nbytes
        self.ranges[:, self.count : self.count + len(starts)] = starts, lengths
        self.count += len(starts)
        return True

    def _patched(self) -> ByteSource:
        if not self.count:
            return self.content
        starts, lengths = self.ranges[:, : self.count]
        at = np.cumsum(lengths) - lengths
        order = np.argsort(starts, kind="stable")
        return patched(self.content, starts[order], lengths[order], self.room[: self.at], self.spill, at=at[order],
                       most=self.most)  # fmt: skip

    def finish(self) -> ByteSource:
        """Return the new content."""
        return Resident(self.out) if self.out is not None else self._patched()


def _writes(plan: Plan, clones: dict[int, list[Rebind]], shop: Workshop) -> list[Command]:
    commands: list[Command] = []
    by_storage: dict[int, tuple[Storage, list[Target]]] = {}
    for target in plan.targets:
        described = target.slots[0].held.described
        clone = clones.get(id(target.slots[0]))
        if clone is not None:
            described = clone[0].after[1]
            pinned = replace(target.pinned, spec=described.spec, content=described.storage.content)
            target = replace(target, pinned=pinned, result=pinned.spec, survey=None)
        if described.live is not None:
            commands.append(_live_write(plan, target, described, shop))
        else:
            by_storage.setdefault(id(described.storage), (described.storage, []))[1].append(target)
    for storage, group in by_storage.values():
        nbytes = sum(target.nbytes for target in group)
        if not nbytes:
            continue
        covers = len(group) == 1 and group[0].condition is None
        writer = StorageWriter(storage.content, nbytes, covers, shop)
        for target in group:
            for box in target.boxes:
                for piece in compute(plan, target, box, shop.chunk):
                    values = bits_of(piece.stored)
                    if piece.mask is None:
                        writer.put(target.spec, piece.box, values)
                    else:
                        writer.put_cells(target.spec, piece.box, piece.mask.numpy(), values)
                    shop.progress.advance(values.nbytes)
        after = writer.finish()
        commands.append(Write(storage, storage.content, after, max(0, kept_bytes(after) - kept_bytes(storage.content))
                              if not isinstance(after, Resident) else after.nbytes))  # fmt: skip
    return commands


def _live_write(plan: Plan, target: Target, described: Described, shop: Workshop) -> LiveWrite:
    kept: list[tuple[Box, memoryview, memoryview]] = []
    dtype = target.spec.dtype
    rooms = [shop.spill.allocate(target.nbytes if target.condition is None else 0) for _ in range(2)]
    for box in target.boxes:
        for piece in compute(plan, target, box, shop.chunk):
            written, new = _narrowed(piece)
            shop.progress.advance(piece.stored.numel() * piece.stored.element_size())
            if not written.numel:
                continue
            now = np.ascontiguousarray(gather(target.pinned.spec, target.pinned.content, written, shop.chunk))
            new = new if piece.mask is None else np.where(_cut(piece, written), new, now.view(new.dtype))
            if rooms[0].nbytes < now.nbytes:  # a condition: how much its cells spread over is not known before
                rooms = [shop.spill.allocate(max(now.nbytes, shop.chunk)) for _ in range(2)]
            before, after = (room[: now.nbytes] for room in rooms)
            rooms = [room[now.nbytes :] for room in rooms]
            before[:] = now.reshape(-1).view(np.uint8).data
            after[:] = np.ascontiguousarray(new).reshape(-1).view(np.uint8).data
            kept.append((written, before, after))

    def write(tensor: Any, box: Box, data: memoryview) -> None:
        write_live(tensor, box, tensor_over(data, dtype, box.shape))

    def read(tensor: Any, box: Box) -> bytes:
        return bytes(bytes_of(selected(tensor, box).cpu()))

    untyped = described.live.untyped_storage()
    return LiveWrite(described.live, described.storage, write, read, lambda: LiveBytes(untyped), kept)


def _narrowed(piece: Piece) -> tuple[Box, np.ndarray[Any, Any]]:
    """Return the smallest product of rows, columns and so on that holds every cell a piece writes, and its bits."""
    bits = bits_of(piece.stored)
    if piece.mask is None:
        return piece.box, bits
    mask = piece.mask.numpy()
    inner = []
    for dim in range(mask.ndim):
        some = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != dim)))
        inner.append(tuple(some.tolist()) if len(some) < mask.shape[dim] else range(mask.shape[dim]))
    if not mask.any():
        return Box(tuple(range(0) for _ in range(max(mask.ndim, 1)))), bits
    positions = Box(tuple(inner))
    return piece.box.within(positions), bits[array_index(positions)]


def _cut(piece: Piece, written: Box) -> np.ndarray[Any, Any]:
    assert piece.mask is not None
    found: np.ndarray[Any, Any] = piece.mask.numpy()[array_index(written.positions_in(piece.box))]
    return found


def _clone(target: Target, tied: str, shop: Workshop) -> list[Rebind]:
    """Rebind an expanded tensor to an independent copy of its values."""
    spec = target.spec.fresh()
    buffer = shop.spill.allocate(spec.nbytes)
    out = array_over(spec, buffer)
    for box, values in target.pinned.chunks(Box.whole(spec.shape), shop.chunk):
        out[array_index(box)] = np.ascontiguousarray(values).view(out.dtype)
    rebinds = _bound(target, spec, buffer, tied, shop)
    for rebind in rebinds:
        rebind.is_untouched = None  # the write that follows in the same step changes it, and watches itself
    return rebinds


def _rebind(plan: Plan, target: Target, shop: Workshop) -> list[Command]:
    buffer = shop.spill.allocate(target.result.nbytes)
    out = array_over(target.result, buffer)
    for box in result_boxes(plan, target):
        for piece in compute(plan, target, box, shop.chunk):
            out[array_index(piece.box)] = bits_of(piece.stored)
            shop.progress.advance(piece.stored.numel() * piece.stored.element_size())
    commands: list[Command] = []
    for rebind in _bound(target, target.result, buffer, plan.edit.tied, shop):
        commands.append(rebind)
        if shop.optimizer is not None and (follow := OptimizerStep.following(shop.optimizer, rebind)) is not None:
            commands.append(follow)
    return commands


def _bound(target: Target, spec: TensorSpec, buffer: memoryview, tied: str, shop: Workshop) -> list[Rebind]:
    """Return the rebinds of every tensor the target's slots hold to one new storage."""
    live = target.slots[0].held.described.live
    tensor, storage, is_untouched = None, Storage(Resident(buffer)), None
    if live is not None:
        tensor = torch.empty(spec.shape, dtype=torch_dtype(spec.dtype), device=live.device)
        fill_live(tensor, buffer, shop.chunk)
        content = LiveBytes(tensor.untyped_storage())
        storage, is_untouched = Storage(content), _watch(content, buffer, shop.chunk)
    rebinds: list[Rebind] = []
    for held in target.held:
        before = held.described
        grad = before.spec.requires_grad and (spec.type.is_floating or spec.type.family == "complex")
        own = replace(spec, kind=before.spec.kind, requires_grad=grad, device=before.spec.device)
        after = Described(own, storage)
        if tensor is not None:
            new = reparametrized(tensor.detach(), before.live, grad)
            after = Described(replace(own, device=str(new.device)), storage, new)
        slots = [slot for slot in target.slots if slot.held is held]
        now = HeldTensor(after) if tied == "untie" else held
        rebinds.append(Rebind(slots, (held, before), (now, after), 0 if rebinds else spec.nbytes, is_untouched))
    return rebinds


def _watch(content: LiveBytes, made_of: memoryview, chunk: int) -> Callable[[], bool]:
    """Return a function that says whether a live storage still has the bytes it was made of."""
    made = hashlib.blake2b(made_of).digest()

    def is_untouched() -> bool:
        found, buffer = hashlib.blake2b(), bytearray(min(chunk, content.nbytes))
        for start in range(0, content.nbytes, chunk):
            view = memoryview(buffer)[: min(chunk, content.nbytes - start)]
            content.read_into(view, start)
            found.update(view)
        return found.digest() == made

    return is_untouched
