"""Tensors that a module has as plain attributes: registered by an edit, or computed anew by a hook at each forward."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from weightedit.core.slots import Described, HeldTensor, Slot, at

Kind = Literal["parameter", "buffer"]


def is_unregistered(slot: Slot) -> bool:
    """Whether a slot is a plain attribute of a live module, which `state_dict` leaves out."""
    inside = getattr(slot.owner, "__dict__", {})
    return isinstance(slot.owner, torch.nn.Module) and slot.key in inside


def recomputed_by(slot: Slot) -> tuple[str, tuple[str, ...]] | None:
    """Return which hook computes a plain attribute anew at each forward, and the names of what it is computed from.

    As `torch.nn.utils.weight_norm`, `torch.nn.utils.spectral_norm` and `torch.nn.utils.prune` do.
    """
    if not is_unregistered(slot):
        return None
    for hook in slot.owner._forward_pre_hooks.values():
        if slot.key in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)):
            prefix = slot.name.removesuffix(slot.key)
            own = (*slot.owner._parameters, *slot.owner._buffers)
            return type(hook).__name__, tuple(f"{prefix}{key}" for key in own if key.startswith(f"{slot.key}_"))
    return None


@dataclass(slots=True)
class Register:
    """Make a parameter or buffer of a plain attribute; undo puts back the very same attribute, in its place.

    Attributes
    ----------
    slot
        Where it is.
    kind, persistent
        What it becomes; whether `state_dict` has a buffer.
    before, after
        What the slot holds.
    order
        The module's attributes as they were.
    """

    slot: Slot
    kind: Kind
    persistent: bool
    before: HeldTensor
    after: HeldTensor
    order: list[str] = field(default_factory=list)
    nbytes: int = 0

    @classmethod
    def of(cls, slot: Slot, kind: Kind, persistent: bool = True) -> Register:
        """Return the command that registers what a slot holds."""
        held = slot.held
        live = held.described.live
        if kind == "parameter" and not isinstance(live, torch.nn.Parameter):
            trains = live.is_floating_point() or live.is_complex()
            live = torch.nn.Parameter(live.detach(), requires_grad=trains)
        spec = replace(held.spec, kind=kind, requires_grad=live.requires_grad)
        return cls(slot, kind, persistent, held, HeldTensor(Described(spec, held.storage, live)))

    def do(self) -> None:
        """Register it."""
        module, key = self.slot.owner, self.slot.key
        self.order = list(vars(module))
        del vars(module)[key]
        try:
            if self.kind == "parameter":
                module.register_parameter(key, self.after.described.live)
            else:
                module.register_buffer(key, self.after.described.live, persistent=self.persistent)
        except BaseException:
            self._put_back()
            raise
        self.slot.held = self.after

    def undo(self) -> None:
        """Make a plain attribute of it again."""
        module, key = self.slot.owner, self.slot.key
        (module._parameters if self.kind == "parameter" else module._buffers).pop(key)
        module._non_persistent_buffers_set.discard(key)
        self._put_back()
        self.slot.held = self.before

    def _put_back(self) -> None:
        inside = vars(self.slot.owner)
        inside[self.slot.key] = self.before.described.live
        for name in self.order[self.order.index(self.slot.key) + 1 :]:
            if name in inside:
                inside[name] = inside.pop(name)

    def was_changed_elsewhere(self) -> bool:
        """Whether other code put something else there since."""
        return at(self.slot) is not self.after.described.live
