"""Where a new name puts a slot."""

from __future__ import annotations

from weightedit.core.contents import dotted
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.slots import Slot
from weightedit.core.targets import SlotIndex


def new_key(slot: Slot, to: str, index: SlotIndex | None = None) -> tuple[str, str]:
    """Return (key, name) of a slot that is renamed to the full name `to`; with `index`, no other may have it.

    Raises
    ------
    EditRefused
        If the slot is no key of a dict, the name belongs to another container, or it is taken.
    """
    if not isinstance(slot.owner, dict):
        raise _refused(slot, "Its place is not a key of a dict: code finds it by attribute or index.")
    prefix = dotted(slot.path[:-1])
    nested = len(slot.path) > 1
    if nested and not to.startswith(f"{prefix}."):
        raise _refused(slot, f"It stays in {prefix}, so the new name begins with {prefix} and a dot.")
    key = to[len(prefix) + 1 :] if nested else to
    there = index.find(to) if index is not None else None
    if (key in slot.owner and key != slot.key) or (there is not None and there is not slot):
        raise _refused(slot, f"{to} is there already.")
    return key, to


def _refused(slot: Slot, detail: str) -> EditRefused:
    return EditRefused([refusal("argument", f"{slot.name} cannot be renamed so", detail, targets=[slot.name])])
