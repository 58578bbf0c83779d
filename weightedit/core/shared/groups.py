"""Storage groups: which slots lie over one storage, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from weightedit.core.slots import HeldTensor, Slot


class StorageGroups:
    """Labels `S1`, `S2`, … in file order for every storage that has several slots.

    Parameters
    ----------
    slots
        Of a document, in file order.
    moved
        By the `id` of a slot: what it will hold, for the groups that an edit would make.
    """

    def __init__(self, slots: Sequence[Slot], moved: Mapping[int, HeldTensor] | None = None) -> None:
        self._moved = moved = moved or {}
        self._members: dict[str, list[Slot]] = {}
        self._labels: dict[int, str] = {}
        if not slots:  # as where a file was opened and nobody looked yet
            return
        members: dict[int, list[Slot]] = {}
        held_by = [moved.get(id(slot), slot.held) for slot in slots] if moved else [slot.held for slot in slots]
        is_any_tied = len(set(map(id, held_by))) < len(held_by)
        tied = Counter(map(id, held_by)) if is_any_tied else Counter[int]()
        for slot, held in zip(slots, held_by, strict=True):
            if not held.is_deferred or tied[id(held)] > 1:  # a deferred tensor is alone in its storage
                members.setdefault(id(held.storage), []).append(slot)
        shared = [group for group in members.values() if len(group) > 1]
        self._members = {f"S{number}": group for number, group in enumerate(shared, 1)}
        self._labels = {id(self._held(group[0]).storage): label for label, group in self._members.items()}

    def _held(self, slot: Slot) -> HeldTensor:
        return self._moved.get(id(slot), slot.held)

    def label(self, slot: Slot) -> str | None:
        """Return the label of a slot's storage, or None if the slot is alone in it."""
        held = self._held(slot)
        return None if held.is_deferred else self._labels.get(id(held.storage))

    def beside(self, slot: Slot) -> list[Slot]:
        """Return the slots over a slot's storage, itself among them."""
        label = self.label(slot)
        return [slot] if label is None else self.members(label)

    def members(self, label: str) -> list[Slot]:
        """Return the slots of a group, in file order; KeyError if there is no such label."""
        return list(self._members[label])
