"""What shares with what after an edit that was not made yet: the storage groups that result, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.checks.tying import group_text
from weightedit.core.edits.tying import sharing_of
from weightedit.core.errors import EditRefused
from weightedit.core.progress import Progress
from weightedit.core.shared.groups import StorageGroups
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.storage import Resident, Storage
from weightedit.core.words.paths import some

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit


def storage_after(document: Document, edit: Edit, progress: Progress | None = None) -> str:
    """Say which storage group the first target of an edit will be in.

    Parameters
    ----------
    document, edit
        A write, a rebind or a change of sharing, that may be refused.
    progress
        Is told of comparing values; cancelling it raises `Cancelled`.
    """
    operation = document.operations[edit.operation]
    slot = document.find(edit.targets[0])
    if slot is None:
        return ""
    if operation.effect == "share":
        try:
            sharing = sharing_of(document, operation, edit, progress or Progress())
        except EditRefused as error:
            return error.hazards[0].title + "."
        moved = {id(one): move.to for move in sharing.moves for one in move.slots}
        groups = StorageGroups(document.slots.looked_at(), moved)
        one = "They become one tensor" if sharing.moves[0].like is not None else "It gets a copy of its own"
        return f"{one}; {group_text(slot, groups, sharing.holds(slot))}."
    if operation.effect == "rebind":
        tied = [one for one in document.slots if one.held is slot.held] if edit.tied == "all" else [slot]
        described = slot.held.described
        own = HeldTensor(Described(replace(described.spec), Storage(Resident(memoryview(b"")))))
        groups = StorageGroups(document.slots.looked_at(), {id(one): own for one in tied})
        beside = [one.name for one in groups.beside(slot) if one is not slot]
        if beside:
            return f"A new tensor in its place; {groups.label(slot)} is {some([slot.name, *beside])}, still tied."
        return f"A new tensor in its place; {slot.name} is alone in its storage."
    label = document.storage_group(slot)
    if label is None:
        return f"The tensor stays and gets the values; {slot.name} is alone in its storage."
    names = some(one.name for one in document.group_members(label))
    return f"The tensor stays and gets the values; {label} stays {names}."

