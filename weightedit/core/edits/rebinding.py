"""Rebinds: slots get another tensor, and what holds the old one follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from weightedit.core.commands import Command, Rebind
from weightedit.core.dtypes import torch_dtype
from weightedit.core.edits.making import result_bytes
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.workshop import Workshop
from weightedit.core.live.hooks import handed_over
from weightedit.core.live.moments import followed_state, followings
from weightedit.core.live.objects import LiveBytes
from weightedit.core.live.optimizer import Moving, copied_state
from weightedit.core.live.param_groups import State
from weightedit.core.region import Box
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import fill_live, reparametrized
from weightedit.core.storage import Resident, Storage
from weightedit.core.values.reading import array_index, array_over


def cloned(target: Target, tied: str, shop: Workshop, moving: Moving) -> tuple[list[Rebind], list[Command]]:
    """Rebind an expanded tensor to an independent copy of its values; returns also what follows the rebinds.

    What it means for the optimizer is put down in `moving`.
    """
    rebinds = _bound(target, target.spec.fresh(), _copy_of(target, shop), tied, shop)
    for rebind in rebinds:
        rebind.is_untouched = None  # the write that follows in the same step changes it, and watches itself
    states = {id(new): copied_state(shop.optimizer, old, new) for old, new in _moves(rebinds)}
    return rebinds, _followers(target, rebinds, states, shop, moving)


def copied(target: Target, shop: Workshop) -> Rebind:
    """Rebind slots at one place to an independent copy of their tensor, which no other slot holds."""
    [rebind] = _bound(target, target.spec.fresh(), _copy_of(target, shop), "untie", shop)
    return rebind


def _copy_of(target: Target, shop: Workshop) -> memoryview:
    spec = target.spec.fresh()
    buffer = shop.spill.allocate(spec.nbytes)
    out = array_over(spec, buffer)
    for box, values in target.pinned.chunks(Box.whole(spec.shape), shop.chunk):
        out[array_index(box)] = np.asarray(values, order="C").view(out.dtype)
    return buffer


def rebound(plan: Plan, target: Target, shop: Workshop, moving: Moving,
            together: Mapping[int, torch.Tensor]) -> list[Command]:  # fmt: skip
    """Compute what a target becomes, and return the commands that put it in its slots."""
    buffer = result_bytes(plan, target, shop)
    rebinds = _bound(target, target.result, buffer, plan.edit.tied, shop)
    return followed(plan, target, rebinds, shop, moving, together)


def followed(plan: Plan, target: Target, rebinds: list[Rebind], shop: Workshop, moving: Moving,
             together: Mapping[int, torch.Tensor]) -> list[Command]:  # fmt: skip
    """Return rebinds with the steps that keep hooks with them; the optimizer's part is put down in `moving`.

    Parameters
    ----------
    plan, target, rebinds
        The edit, one of its targets, and what puts the new tensors in its slots.
    shop
        What the edit is carried out with.
    moving
        Of the whole edit.
    together
        What `moments.dropped_together` returns.
    """
    new_of = {id(old): new for old, new in _moves(rebinds)}
    found = list(followings(plan, target, shop.optimizer, together))
    states = {
        id(new_of[id(one.live)]): followed_state(plan, target, one, new_of[id(one.live)], shop)
        for one in found if id(one.live) in new_of
    }  # fmt: skip
    moving.resets += [one.live for one in found if one.together]
    return [*rebinds, *_followers(target, rebinds, states, shop, moving)]


def _moves(rebinds: Sequence[Rebind]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(rebind.before[1].live, rebind.after[1].live) for rebind in rebinds if rebind.after[1].live is not None]


def _followers(target: Target, rebinds: Sequence[Rebind], states: Mapping[int, State | None], shop: Workshop,
               moving: Moving) -> list[Command]:  # fmt: skip
    moving.add(rebinds, states)
    return [hook for old, new in _moves(rebinds)
            for hook in handed_over(old, new, shop.is_held(old, target.slots))]  # fmt: skip


def _bound(target: Target, spec: TensorSpec, buffer: memoryview, tied: str, shop: Workshop) -> list[Rebind]:
    """Return the rebinds of every tensor the target's slots hold to one new storage."""
    live = target.slots[0].held.described.live
    tensor, is_untouched = None, None
    if live is None:
        storage = Storage(Resident(buffer))
    else:
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
        rebinds.append(Rebind(slots, (held, before), (now, after), 0 if rebinds else spec.nbytes, is_untouched,
                              digest_of(before, shop.chunk)))  # fmt: skip
    return rebinds


def _watch(content: LiveBytes, made_of: memoryview, chunk: int) -> Callable[[], bool]:
    """Return a function that says whether a live storage still has the bytes it was made of."""
    made = hashlib.blake2b(made_of).digest()
    return lambda: hashed(content, 0, content.nbytes, chunk) == made


def digest_of(described: Described, chunk: int) -> Callable[[], bytes] | None:
    """Return a function that hashes the bytes a live tensor lies in."""
    if described.live is None or described.spec.encoding != "plain":
        return None
    content = LiveBytes(described.live.untyped_storage())
    return lambda: hashed(content, *described.spec.extent, chunk)


def hashed(content: LiveBytes, start: int, stop: int, chunk: int) -> bytes:
    """Return the hash of some bytes of a live storage, read in pieces."""
    found, buffer = hashlib.blake2b(), bytearray(max(0, min(chunk, stop - start)))
    for begin in range(start, stop, chunk):
        view = memoryview(buffer)[: min(chunk, stop - begin)]
        content.read_into(view, begin)
        found.update(view)
    return found.digest()
