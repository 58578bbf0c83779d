"""Slots and values that come, go and change places in their containers: the command, and walking a document anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.contents import Inventory, walked
from weightedit.core.described.slot_list import SlotList
from weightedit.core.slots import Slot

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(slots=True)
class Arrange:
    """Give a dict or list other items, or the same in another order; the container stays the same object.

    Attributes
    ----------
    owner
        The container.
    before, after
        Its items as (key or index, value) pairs.
    nbytes
        Of tensors that are new.
    """

    owner: Any
    before: Sequence[tuple[Any, Any]]
    after: Sequence[tuple[Any, Any]]
    nbytes: int = 0

    def do(self) -> None:
        """Put the new items in."""
        self._put(self.after)

    def undo(self) -> None:
        """Put the old items back."""
        self._put(self.before)

    def _put(self, items: Sequence[tuple[Any, Any]]) -> None:
        if isinstance(self.owner, dict):
            self.owner.clear()
            self.owner.update(items)
        else:
            self.owner[:] = [value for _, value in items]

    def was_changed_elsewhere(self) -> bool:
        """Whether the container no longer has the items this step gave it."""
        return not same_pairs(pairs_of(self.owner), self.after)


def pairs_of(owner: Any) -> list[tuple[Any, Any]]:
    """Return what a dict or list holds, each with its key or index."""
    return list(owner.items()) if isinstance(owner, dict) else list(enumerate(owner))


def same_pairs(pairs: Sequence[tuple[Any, Any]], others: Sequence[tuple[Any, Any]]) -> bool:
    """Whether the same objects stand in the same places; equal tensors are not the same."""
    return len(pairs) == len(others) and all(
        key == other_key and value is other
        for (key, value), (other_key, other) in zip(pairs, others, strict=True)
    )


def walk_again(document: Document) -> None:
    """List a document's entries and slots anew after containers changed.

    A slot that was there before, or at any earlier point of the history, is the same object again, so that the
    steps that hold it keep working; only its place and name follow.
    """
    with collector_paused():
        known = [*document.slots, *document.absent]
        inventory = _inventory(document, known)
        take_in(document, known, inventory, matched(known, inventory.slots))


def take_in(document: Document, known: Sequence[Slot], inventory: Inventory, kept: dict[int, Slot]) -> None:
    """Give a document what a walk found; `kept` says, by id, which slots among the `known` ones are there again."""
    for entry in inventory.entries:
        if entry.slot is not None:
            entry.slot = kept.get(id(entry.slot), entry.slot)
    document.entries = inventory.entries
    document.slots = SlotList(kept.get(id(slot), slot) for slot in inventory.slots)
    present = set(map(id, document.slots))
    document.absent = [slot for slot in known if id(slot) not in present]


def matched(known: Sequence[Slot], found: Sequence[Slot]) -> dict[int, Slot]:
    """Return the slot that each one found was before, by id: first at the same key, then anywhere in its container.

    A container that is reached by several paths has several slots at one key; they are taken in their order.
    """
    exact = _listed(known, lambda slot: (id(slot.owner), id(slot.held), key_of(slot.key)))
    kept: dict[int, Slot] = {}
    left = []
    for slot in found:
        same = exact.get((id(slot.owner), id(slot.held), key_of(slot.key)))
        if same:
            kept[id(slot)] = moved(same.pop(0), slot)
        else:
            left.append(slot)
    unused = [slot for slots in exact.values() for slot in slots] if left else []
    loose = _listed(unused, lambda slot: (id(slot.owner), id(slot.held)))
    for slot in left:
        if same := loose.get((id(slot.owner), id(slot.held))):
            kept[id(slot)] = moved(same.pop(0), slot)
        else:
            slot.saved = ("", slot.held)  # it is in no file yet
    return kept


def _listed(slots: Sequence[Slot], by: Callable[[Slot], Any]) -> dict[Any, list[Slot]]:
    found: dict[Any, list[Slot]] = {}
    for slot in slots:
        found.setdefault(by(slot), []).append(slot)
    return found


def _inventory(document: Document, known: Sequence[Slot]) -> Inventory:
    if not document.is_live:
        return walked(document.origin.root)
    from weightedit.core.live.objects import LiveObjects

    objects = LiveObjects(((slot.held.described.live, slot.storage) for slot in known), (slot.held for slot in known))
    return objects.walk(document.origin.root)


def key_of(key: Any) -> Any:
    """Return what tells a key from others of its container."""
    return key if type(key) is str else (type(key), key)  # 1, 1.0 and True are one key to a dict


def moved(old: Slot, new: Slot) -> Slot:
    """Return a slot that was there before, at the place where it was found now."""
    old.key, old.path, old.name = new.key, new.path, new.name
    return old
