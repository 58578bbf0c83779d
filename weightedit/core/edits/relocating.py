"""Moving tensors to another device: whole storages at once, so that what shares memory goes on sharing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from weightedit.core.commands import Command, Rebind
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.rebinding import copied, digest_of, followed, hashed
from weightedit.core.edits.workshop import Workshop
from weightedit.core.live.moments import dropped_together
from weightedit.core.live.objects import LiveBytes
from weightedit.core.live.optimizer import Moving
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.stage import moved_grad, moved_storage, over_storage, reparametrized
from weightedit.core.storage import Storage
from weightedit.core.values.devices import refused_for_memory

_STEP = 16
"""Bytes of the largest dtype: where the moved part of a storage begins, so that elements of any dtype stay aligned."""


def relocated(plan: Plan, shop: Workshop) -> list[Command]:
    """Return the commands that move a plan's targets; those that are there already stay as they are."""
    by_storage: dict[Storage, list[Target]] = {}
    for target in plan.targets:
        if target.result.device != target.spec.device:
            by_storage.setdefault(target.slots[0].storage, []).append(target)
    commands: list[Command] = []
    moving, together = Moving(), dropped_together(plan, shop.optimizer)
    for targets in by_storage.values():
        if targets[0].slots[0].held.described.live is None:
            commands += [rebind for target in targets for rebind in _retagged(target, plan.edit.tied, shop)]
        else:
            with refused_for_memory(f"{targets[0].name} on {targets[0].result.device}"):
                commands += _moved(plan, targets, shop, moving, together)
    return [*commands, *moving.step(shop.optimizer, shop.held)]


def _retagged(target: Target, tied: str, shop: Workshop) -> list[Rebind]:
    """Say of tensors of a file that they are saved for another device: their bytes stay what and where they are."""
    device = target.result.device
    if tied == "untie":  # a storage is saved for one device, so what leaves the others gets one of its own
        found = copied(target, shop)
        held, described = found.after
        after = described._replace(spec=replace(described.spec, device=device))
        return [replace(found, after=(HeldTensor(after) if held is not found.before[0] else held, after))]
    rebinds = []
    for held in target.held:
        before = held.described
        after = before._replace(spec=replace(before.spec, device=device))
        slots = [slot for slot in target.slots if slot.held is held]
        rebinds.append(Rebind(slots, (held, before), (held, after), 0))
    return rebinds


def window(targets: Sequence[Target]) -> tuple[int, int]:
    """Return the bytes of a storage that tensors over it reach, its start aligned for every dtype."""
    extents = [target.spec.extent for target in targets]
    return min(start for start, _ in extents) // _STEP * _STEP, max(stop for _, stop in extents)


def _moved(plan: Plan, targets: Sequence[Target], shop: Workshop, moving: Moving,
           together: Mapping[int, torch.Tensor]) -> list[Command]:  # fmt: skip
    low, high = window(targets)
    old: torch.UntypedStorage = targets[0].slots[0].held.described.live.untyped_storage()
    new = moved_storage(old, low, high, targets[0].result.device, shop.chunk, shop.progress.advance)
    content = LiveBytes(new)
    storage, is_untouched = Storage(content), _watch(content, shop.chunk)
    commands: list[Command] = []
    nbytes = high - low
    for target in targets:
        rebinds = []
        for held in target.held:
            before = held.described
            offset = before.spec.offset - low // before.spec.type.itemsize
            made = over_storage(before.live, new, offset)
            live = reparametrized(made, before.live, before.spec.requires_grad)
            moved_grad(before.live, live)
            after = Described(replace(before.spec, device=str(live.device), offset=offset), storage, live)
            slots = [slot for slot in target.slots if slot.held is held]
            now = HeldTensor(after) if plan.edit.tied == "untie" else held
            rebinds.append(Rebind(slots, (held, before), (now, after), nbytes, is_untouched,
                                  digest_of(before, shop.chunk)))  # fmt: skip
            nbytes = 0
        commands += followed(plan, target, rebinds, shop, moving, together)
    return commands


def _watch(content: LiveBytes, chunk: int) -> Callable[[], bool]:
    """Return a function that says whether a live storage still has the bytes it has now."""
    moved = hashed(content, 0, content.nbytes, chunk)
    return lambda: hashed(content, 0, content.nbytes, chunk) == moved
