"""A document as plain data: what lives in memory is written as the state_dict torch would save."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from weightedit.core.placeholder import Placeholder
from weightedit.core.slots import HeldTensor
from weightedit.formats.protocol import Contents

View = tuple[Any, dict[HeldTensor, HeldTensor]]


def plain_view(contents: Contents) -> View:
    """Return the root with modules as their state_dict, and which tensors in it stand for which.

    Returns
    -------
    root
        The document's own root where a file gave it; otherwise a copy of its nesting with `HeldTensor` leaves.
    stand_ins
        Tensors made for the view, each with the one of the document that it shows.
    """
    live = {id(slot.held.described.live): slot.held for slot in contents.slots if slot.held.described.live is not None}
    if not live:
        return contents.root, {}
    view = _View(live)
    return view.of(contents.root), view.stand_ins


class _View:
    def __init__(self, live: dict[int, HeldTensor]) -> None:
        self._live = live
        self._detached: dict[int, HeldTensor] = {}
        self.stand_ins: dict[HeldTensor, HeldTensor] = {}

    def of(self, value: Any) -> Any:
        """Return a value as it is written; nesting in memory is as deep as the person made it."""
        held = self._live.get(id(value))
        if held is not None:
            return held
        if isinstance(value, HeldTensor | Placeholder):
            return value
        if isinstance(value, OrderedDict):
            copy: OrderedDict[Any, Any] = OrderedDict((key, self.of(item)) for key, item in value.items())
            vars(copy).update(vars(value))
            return copy
        if type(value) is dict:
            return {key: self.of(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.of(item) for item in value)
        if hasattr(value, "_parameters") and hasattr(value, "state_dict"):
            return self._state_dict(value)
        if hasattr(value, "param_groups") and hasattr(value, "state_dict"):
            return self.of(value.state_dict())
        return value

    def _state_dict(self, module: Any) -> OrderedDict[str, Any]:
        """Return what `torch.save(module.state_dict())` would write: values without their being parameters."""
        state = module.state_dict(keep_vars=True)
        copy: OrderedDict[str, Any] = OrderedDict((key, self._detach(value)) for key, value in state.items())
        vars(copy).update(vars(state))
        return copy

    def _detach(self, value: Any) -> Any:
        held = self._live.get(id(value))
        if held is None:
            return value
        known = self._detached.get(id(held))
        if known is None:
            described = held.described
            spec = replace(described.spec, kind="tensor", requires_grad=False)
            known = self._detached[id(held)] = HeldTensor((spec, described.storage))
            self.stand_ins[known] = held
        return known
