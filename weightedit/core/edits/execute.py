"""Turning a plan into commands: all values computed and kept before anything of the document changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from weightedit.core.commands import Command, Flag, Rebind, Write, remembered_bytes
from weightedit.core.edits.compute import compute
from weightedit.core.edits.making import put_computed
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.rebinding import cloned, rebound
from weightedit.core.edits.relocating import relocated
from weightedit.core.edits.workshop import Workshop
from weightedit.core.live.changes import changes_of
from weightedit.core.live.moments import dropped_together, moment_commands
from weightedit.core.live.optimizer import Moving
from weightedit.core.live.parametrized import ComputedHeld, written_through
from weightedit.core.live.writing import live_write
from weightedit.core.region import Box
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import (
    bits_of,
    set_requires_grad,
)
from weightedit.core.storage import Resident, Storage, combed, copied_out, patched
from weightedit.core.undo.comb import Comb, CombWriter, is_combed
from weightedit.core.values.devices import refused_for_memory
from weightedit.core.values.reading import array_index, array_over, element_offsets, ordered_runs


def execute(plan: Plan, shop: Workshop) -> list[Command]:
    """Compute every value of a plan and return the commands that show them; the document is not touched.

    Raises
    ------
    EditRefused
        If there is no memory for a result.
    """
    with refused_for_memory(plan.operation.title):
        return _executed(plan, shop)


def _executed(plan: Plan, shop: Workshop) -> list[Command]:
    effect = plan.operation.effect
    if effect == "flag":
        return [_flag(target, plan.scalars["value"]) for target in plan.targets]
    if plan.operation.relocates:
        return relocated(plan, shop)
    changes = changes_of(plan, shop.entries, shop.root)
    attributes = [command for change in changes if (command := change.command) is not None]
    moving, together = Moving(), dropped_together(plan, shop.optimizer)
    if effect == "rebind":
        made = [command for target in plan.targets for command in rebound(plan, target, shop, moving, together)]
        return [*made, *attributes, *moving.step(shop.optimizer, shop.held)]
    clones: dict[int, list[Rebind]] = {}
    first: list[Command] = []
    for target in plan.targets:
        if target.clones_first:
            clones[id(target.slots[0])], after = cloned(target, plan.edit.tied, shop, moving)
            first += [*clones[id(target.slots[0])], *after]
    moments = [command for target in plan.targets for command in moment_commands(plan, target, shop, moving, together)]
    return [*first, *_writes(plan, clones, shop), *moments, *attributes, *moving.step(shop.optimizer, shop.held)]


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
        self.combs: list[Comb] = []
        if nbytes * 2 > content.nbytes:
            fresh = covers and nbytes >= content.nbytes
            self.out = self.spill.allocate(content.nbytes) if fresh else copied_out(content, self.spill)
        else:
            self.room = self.spill.allocate(nbytes)
            # One table for all ranges: small arrays kept between the large ones of each piece fragment the heap.
            self.ranges = np.empty((2, self.most), np.int64)

    def take(self, plan: Plan, target: Target, shop: Workshop) -> None:
        """Compute a target and take its values."""
        if self.out is not None:
            put_computed(plan, target, array_over(target.spec, self.out), shop)
            return
        for box in target.boxes:
            comb = self._comb(target, box)
            for piece in compute(plan, target, box, shop.chunk):
                values = bits_of(piece.stored)
                if comb is not None:
                    comb.put(piece.box, values)
                elif piece.mask is None:
                    self.put(target.spec, piece.box, values)
                else:
                    self.put_cells(target.spec, piece.box, piece.mask.numpy(), values)
                shop.progress.advance(values.nbytes)
            self.combs += [] if comb is None else comb.combs()

    def _comb(self, target: Target, box: Box) -> CombWriter | None:
        """Return what takes the values of a box at regular steps; None for other boxes, or once all goes whole."""
        if self.out is not None or target.condition is not None or not is_combed(target.spec, box):
            return None
        nbytes = box.numel * target.spec.type.itemsize
        self.room, room = self.room[:-nbytes], self.room[-nbytes:]
        return CombWriter(target.spec, box, room)

    def put(self, spec: TensorSpec, box: Box, values: np.ndarray[Any, Any]) -> None:
        """Take the values of one box of a tensor over the storage."""
        if self.out is None:
            if self._take(*ordered_runs(spec, box, values)):
                return
            self.out = copied_out(self._patched(), self.spill)
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
            self.out = copied_out(self._patched(), self.spill)
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
        content = combed(self.content, self.combs, self.spill, most=self.most) if self.combs else self.content
        if not self.count:
            return content
        starts, lengths = self.ranges[:, : self.count]
        at = np.cumsum(lengths) - lengths
        order = np.argsort(starts, kind="stable")
        return patched(content, starts[order], lengths[order], self.room[: self.at], self.spill, at=at[order],
                       most=self.most)  # fmt: skip

    def finish(self) -> ByteSource:
        """Return the new content."""
        return Resident(self.out) if self.out is not None else self._patched()


def _writes(plan: Plan, clones: dict[int, list[Rebind]], shop: Workshop) -> list[Command]:
    commands: list[Command] = []
    by_storage: dict[int, tuple[Storage, list[Target]]] = {}
    for target in plan.targets:
        if isinstance(target.slots[0].held, ComputedHeld):
            commands += written_through(plan, target, shop)
            continue
        described = target.slots[0].held.described
        clone = clones.get(id(target.slots[0]))
        if clone is not None:
            described = clone[0].after[1]
            pinned = replace(target.pinned, spec=described.spec, content=described.storage.content)
            target = replace(target, pinned=pinned, result=pinned.spec, survey=None)
        if described.live is not None:
            commands.append(live_write(plan, target, described, shop))
        else:
            by_storage.setdefault(id(described.storage), (described.storage, []))[1].append(target)
    for storage, group in by_storage.values():
        nbytes = sum(target.nbytes for target in group)
        if not nbytes:
            continue
        covers = len(group) == 1 and group[0].condition is None
        writer = StorageWriter(storage.content, nbytes, covers, shop)
        for target in group:
            writer.take(plan, target, shop)
        after = writer.finish()
        commands.append(Write(storage, storage.content, after, remembered_bytes(storage.content, after)))
    return commands
