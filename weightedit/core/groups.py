"""Storage groups: which slots lie over one storage, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weightedit.core.slots import Slot


class StorageGroups:
    """Labels `S1`, `S2`, … in file order for every storage that has several slots."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        members: dict[int, list[Slot]] = {}
        tied = Counter(id(slot.held) for slot in slots)
        for slot in slots:
            if not slot.held.is_deferred or tied[id(slot.held)] > 1:  # a deferred tensor is alone in its storage
                members.setdefault(id(slot.storage), []).append(slot)
        shared = [group for group in members.values() if len(group) > 1]
        self._members = {f"S{number}": group for number, group in enumerate(shared, 1)}
        self._labels = {id(slot.storage): label for label, group in self._members.items() for slot in group}

    def label(self, slot: Slot) -> str | None:
        """Return the label of a slot's storage, or None if the slot is alone in it."""
        return None if slot.held.is_deferred else self._labels.get(id(slot.storage))

    def members(self, label: str) -> list[Slot]:
        """Return the slots of a group, in file order; KeyError if there is no such label."""
        return list(self._members[label])


def total_nbytes(slots: Sequence[Slot]) -> int:
    """Return the bytes of all storages, each counted once."""
    seen: set[int] = set()
    total = 0
    for slot in slots:
        if id(slot.storage) not in seen:
            seen.add(id(slot.storage))
            total += slot.storage.nbytes
    return total
