"""Rebinds: slots get another tensor, and what holds the old one follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from weightedit.core.commands import Command, Rebind
from weightedit.core.compute import compute, result_boxes
from weightedit.core.dtypes import torch_dtype
from weightedit.core.live.objects import LiveBytes
from weightedit.core.live.optimizer import OptimizerStep, copied_state
from weightedit.core.plan import Plan, Target
from weightedit.core.reading import array_index, array_over
from weightedit.core.region import Box
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, fill_live, reparametrized
from weightedit.core.storage import Resident, Storage
from weightedit.core.workshop import Workshop


def cloned(target: Target, tied: str, shop: Workshop) -> list[Rebind]:
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


def rebound(plan: Plan, target: Target, shop: Workshop) -> list[Command]:
    """Compute what a target becomes, and return the commands that put it in its slots."""
    buffer = shop.spill.allocate(target.result.nbytes)
    out = array_over(target.result, buffer)
    for box in result_boxes(plan, target):
        for piece in compute(plan, target, box, shop.chunk):
            out[array_index(piece.box)] = bits_of(piece.stored)
            shop.progress.advance(piece.stored.numel() * piece.stored.element_size())
    rebinds = _bound(target, target.result, buffer, plan.edit.tied, shop)
    moves = [(rebind.before[1].live, rebind.after[1].live) for rebind in rebinds if rebind.after[1].live is not None]
    states = {id(new): copied_state(shop.optimizer, old, new) for old, new in moves if old.shape == new.shape}
    follow = OptimizerStep.of(shop.optimizer, moves, lambda old: shop.is_held(old, target.slots), states)
    return [*rebinds, follow] if follow is not None else list(rebinds)


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
