"""Weights that torch.nn.utils.parametrize computes: found by name, read, and written through `right_inverse`."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from weightedit.core.commands import LiveWrite
from weightedit.core.edits.compute import compute
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.workshop import Workshop
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.live.computed_shapes import unfit_norm
from weightedit.core.live.objects import LiveBytes
from weightedit.core.live.writing import whole_write
from weightedit.core.slots import HeldTensor, Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, copy_out, raw_bytes, tensor_over
from weightedit.core.storage import Resident, Storage
from weightedit.core.values.reading import array_index
from weightedit.core.words.labels import listed


class ComputedHeld(HeldTensor):
    """The value of a parametrized weight at the time it is first looked at; nothing is there to be held.

    Attributes
    ----------
    parametrizations
        The module's list of them, with the originals in it.
    originals
        Names of the slots it is computed from.
    touched
        Names of all that a write of it may change: the originals, and buffers that `right_inverse` may set.
    """

    __slots__ = ("name", "originals", "parametrizations", "touched")

    def __init__(self, name: str, parametrizations: Any, start: str) -> None:
        super().__init__(self._computed)
        keys = parametrizations._parameters | parametrizations._buffers
        self.name = name
        self.parametrizations = parametrizations
        self.originals = tuple(f"{start}{key}" for key in keys if key.startswith("original"))
        self.touched = tuple(f"{start}{key}" for key in _tensors(parametrizations))

    def _computed(self) -> tuple[TensorSpec, Storage]:
        """Compute it; `EditRefused`, naming the originals, where these do not fit together."""
        why = unfit_norm(self.parametrizations)
        try:
            value = None if why else evaluated(self.parametrizations)
        except Exception as error:  # a class of the person's own may raise anything
            why = " ".join(str(error).split())
            raise self._unfit(why) from error
        if value is None:
            raise self._unfit(why)
        spec = TensorSpec.contiguous(str(value.dtype).removeprefix("torch."), tuple(value.shape))
        buffer = memoryview(bytearray(spec.nbytes))
        copy_out(value, buffer)
        return spec, Storage(Resident(buffer))

    def _unfit(self, why: str) -> EditRefused:
        kinds = listed([type(one).__name__ for one in self.parametrizations])
        return EditRefused([refusal("parametrized", f"{self.name} cannot be computed of {listed(self.originals)}",
                                    f"{kinds} says: {why}. Edit these so that they fit together.",
                                    targets=[self.name, *self.originals])])  # fmt: skip


@contextmanager
def _at_rest(module: torch.nn.Module) -> Iterator[None]:
    """Let a module compute as in evaluation: spectral_norm takes a step of its power method in training."""
    training = {one: one.training for one in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for one, was in training.items():
            one.training = was


def evaluated(parametrizations: Any) -> torch.Tensor:
    """Return the weight that a list of parametrizations computes, detached."""
    with torch.no_grad(), _at_rest(parametrizations):
        found: torch.Tensor = parametrizations()
        return found.detach()


def computed_slot(name: str, find: Callable[[str], Slot | None], root: Any) -> Slot | None:
    """Return a slot for the weight that a parametrization computes under a name, or None.

    Parameters
    ----------
    name
        Such as `layers.0.weight`.
    find
        Returns a slot of the document by its name.
    root
        Of the document.
    """
    prefix, _, key = name.rpartition(".")
    start = f"{prefix}.parametrizations.{key}." if prefix else f"parametrizations.{key}."
    first = find(f"{start}original") or find(f"{start}original0")
    if first is None or type(first.owner).__name__ != "ParametrizationList":
        return None
    held = ComputedHeld(name, first.owner, start)
    module = root
    for step in first.path[:-3]:
        module = getattr(module, step) if isinstance(module, torch.nn.Module) else module[step]
    return Slot(module, key, (*first.path[:-3], key), name, held)


@dataclass(frozen=True, slots=True)
class Inverted:
    """What the originals become for a weight to have wanted values.

    Attributes
    ----------
    changes
        (the live tensor, what it becomes) of originals, and of buffers that `right_inverse` sets.
    error
        The largest difference between the wanted values and what is computed of the changed originals.
    largest
        The largest magnitude among the wanted values.
    """

    changes: list[tuple[torch.Tensor, torch.Tensor]]
    error: float
    largest: float


def inverted(target: Target, wanted: torch.Tensor) -> Inverted:
    """Take wanted values of a computed weight back through `right_inverse`, on a copy of the parametrizations.

    Raises
    ------
    EditRefused
        If one of them has no `right_inverse`, or it does not take these values; with the names of the originals.
    """
    held = target.slots[0].held
    assert isinstance(held, ComputedHeld)
    own = held.parametrizations
    kinds = [type(one).__name__ for one in own if not hasattr(one, "right_inverse")]
    if kinds:
        raise _refused(target, held, f"{listed(kinds)} has no right_inverse")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twin = copy.deepcopy(own)
            with _at_rest(twin):
                twin.right_inverse(wanted.to(next(iter(_tensors(own).values())).device))
    except Exception as error:  # a class of the person's own may raise anything
        raise _refused(target, held, f"right_inverse says: {' '.join(str(error).split())}") from error
    was, now = _tensors(own), _tensors(twin)
    odd = [key for key in now if key in was and (now[key].shape, now[key].dtype) != (was[key].shape, was[key].dtype)]
    if odd or set(was) != set(now):
        raise _refused(target, held, f"right_inverse gives {listed(odd or sorted(set(now) ^ set(was)))} another shape")
    got = evaluated(twin)
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    difference = (got.cpu().to(wide) - wanted.to(wide)).abs()
    furthest = float(difference.max()) if difference.numel() else 0.0
    largest = float(wanted.to(wide).abs().max()) if wanted.numel() else 0.0
    changes = [(was[key], now[key].detach()) for key in was
               if not torch.equal(raw_bytes(was[key].cpu()), raw_bytes(now[key].cpu()))]  # fmt: skip
    return Inverted(changes, furthest, largest)


def _tensors(module: Any) -> dict[str, torch.Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _refused(target: Target, held: ComputedHeld, why: str) -> EditRefused:
    return EditRefused([refusal("parametrized", f"{target.name} is computed, and cannot be written to",
                                f"{why}. Edit {listed(held.originals)}.", targets=[target.name])])  # fmt: skip


def wanted_values(plan: Plan, target: Target, chunk: int) -> torch.Tensor:
    """Return the whole of a computed weight as an edit would have it, in its dtype, on the CPU."""
    values = tensor_over(memoryview(bytearray(target.spec.nbytes)), target.spec.dtype, target.spec.shape)
    bits = bits_of(values)
    for box, found in target.pinned.chunks(None, chunk):
        bits[array_index(box)] = np.asarray(found, order="C").view(bits.dtype)
    for box in target.boxes:
        for piece in compute(plan, target, box, chunk):
            new = bits_of(piece.stored)
            if piece.mask is not None:
                new = np.where(piece.mask.numpy(), new, bits[array_index(piece.box)])
            bits[array_index(piece.box)] = new
    return values


def written_through(plan: Plan, target: Target, shop: Workshop) -> list[LiveWrite]:
    """Return the writes into the originals that give a computed weight the values of an edit."""
    found = inverted(target, wanted_values(plan, target, shop.chunk))
    slots = {id(slot.held.described.live): slot for slot in shop.slots if not slot.held.is_deferred}
    writes = []
    for live, values in found.changes:
        slot = slots.get(id(live))
        storage = slot.storage if slot is not None else Storage(LiveBytes(live.untyped_storage()))
        writes.append(whole_write(live, storage, values, shop, beside=slot is None))
    return writes
