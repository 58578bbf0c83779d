"""What an edit's new shapes, and rows in other places, mean for the modules its tensors are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from weightedit.core.edits.plan import Plan, Target
from weightedit.core.live.attributes import ModuleChange, module_changes
from weightedit.core.region import Box
from weightedit.core.slots import Entry, Slot

MOST_ROWS = 10_000
"""Rows that are looked through for the one that has come from a place."""


def changes_of(plan: Plan, entries: Iterable[Entry], root: Any) -> list[ModuleChange]:
    """Return what an edit means for modules: attributes that follow, and what cannot.

    Parameters
    ----------
    plan
        The edit.
    entries, root
        Of the document.
    """
    if plan.operation.effect != "rebind" and not plan.operation.moves:
        return []
    target_of = {id(slot): target for target in plan.targets for slot in target.slots}
    changed = [(slot, target.result.shape) for target in plan.targets for slot in target.slots
               if not slot.held.is_deferred or target.spec.shape != target.result.shape]  # fmt: skip

    def moved(slot: Slot, row: int) -> int | None:
        return moved_row(plan, target_of[id(slot)], row) if id(slot) in target_of else row

    return module_changes(changed, entries, root, moved)


def moved_row(plan: Plan, target: Target, row: int) -> int | None:
    """Return which row of the result a row of a tensor becomes, None where none does, itself where it cannot be told.

    An operation says which part of the old tensor a part of the result is made of.
    """
    inputs, old, new = plan.operation.inputs, target.spec.shape, target.result.shape
    if not plan.operation.moves or inputs is None or len(old) != len(new) or not old or not target.boxes[0].numel:
        return row
    box = target.boxes[0]
    writes = plan.operation.effect == "write"
    others = box.axes[1:] if writes else tuple(range(size) for size in new[1:])
    partly = writes and any(len(axis) != size for axis, size in zip(others, old[1:], strict=True))
    if partly or (writes and row not in box.axes[0]):
        return row
    rows: Sequence[int] = list(box.axes[0]) if writes else range(new[0])
    told = False
    for candidate in dict.fromkeys([row, row + new[0] - old[0], *rows[:MOST_ROWS]]):
        if candidate not in rows:
            continue
        found = inputs(box, Box((range(candidate, candidate + 1), *others)), **plan.scalars)
        told = told or found is not None
        if found is not None and list(found.axes[0]) == [row]:
            return candidate
    return None if told else row
