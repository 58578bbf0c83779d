"""The optimizer that is handed over with a live object: whether it is one, and trains anything of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weightedit.core.errors import CheckpointError
from weightedit.core.slots import Slot


def check_optimizer(optimizer: Any, slots: Sequence[Slot], title: str) -> None:
    """Raise `CheckpointError` for what is no optimizer, or trains none of the tensors of a live object.

    That would mean edits that leave the optimizer behind, with nobody told.
    """
    groups, state = getattr(optimizer, "param_groups", None), getattr(optimizer, "state", None)
    kind = type(optimizer).__name__
    if not isinstance(groups, list) or not isinstance(state, Mapping):
        raise CheckpointError(f"optimizer is a {kind}; give an optimizer such as torch.optim.Adam(…), or None.")
    trained = {id(parameter) for group in groups for parameter in group["params"]}
    if trained.isdisjoint(id(slot.held.described.live) for slot in slots):
        raise CheckpointError(f"This {kind} trains none of the {len(slots):,} tensors of the {title}; give the "
                              "optimizer of its parameters, or None.")  # fmt: skip
