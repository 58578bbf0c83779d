"""What a draft works on: containers as they will be, and which entries lie in which, each found in one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.arrange import pairs_of
from weightedit.core.region import Box
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    import torch

    from weightedit.core.reader import Reader

Fill = Callable[[Box], "torch.Tensor"]
"""Returns the values of one box of a new tensor."""
NEW = object()
"""What an item was that was not there before."""


@dataclass(slots=True)
class NewTensor:
    """A tensor that will be made when the edit is applied, and stands in the drafted items until then.

    `code` says the same in PyTorch, `{current}` standing for the tensor it is made of.
    """

    spec: TensorSpec
    fill: Fill
    code: str


@dataclass(slots=True, eq=False)
class Item:
    """One thing in a container: what its key or index was, what it becomes, and the new ones that come after it."""

    was: Any
    key: Any
    value: Any
    is_gone: bool = False
    after: list[Item] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes that are made for it."""
        return self.value.spec.nbytes if isinstance(self.value, NewTensor) else 0


class Container:
    """A dict or list as it will be; taking thousands of items out costs no more than looking at it once."""

    def __init__(self, owner: Any, path: tuple[Any, ...]) -> None:
        self.owner, self.path = owner, path
        self._order = [Item(key, key, value) for key, value in pairs_of(owner)]
        self._last: list[Item] = []
        self._by_key = {(type(item.was), item.was): item for item in self._order}
        self.taken = {str(item.key) for item in self._order}

    @property
    def items(self) -> list[Item]:
        """The items that stay and come, in order."""
        found = []
        for item in self._order:
            found += [item] if not item.is_gone else []
            found += item.after
        return found + self._last

    @property
    def nbytes(self) -> int:
        """Bytes of tensors that are made for it."""
        return sum(item.nbytes for item in self.items)

    def find(self, key: Any) -> Item | None:
        """Return the item that has this key or index now, unless it is gone."""
        item = self._by_key.get((type(key), key))
        return None if item is None or item.is_gone else item

    def remove(self, item: Item) -> None:
        """Take an item out."""
        item.is_gone = True
        self.taken.discard(str(item.key))

    def rename(self, item: Item, key: Any) -> None:
        """Give an item another key."""
        self.taken.discard(str(item.key))
        self.taken.add(str(key))
        item.key = key

    def insert(self, after: Item | None, key: Any, value: Any) -> None:
        """Put something new after an item and what came after it so far, or at the end."""
        (self._last if after is None else after.after).append(Item(NEW, key, value))
        self.taken.add(str(key))

    def move(self, item: Item, to: int) -> int:
        """Move an item to a place among all items; returns where it was."""
        order = self.items
        place = order.index(item)
        order.insert(to % len(order), order.pop(place))
        for other in order:
            other.after = []
        self._order, self._last = order, []
        return place


class EntryIndex:
    """Entries of a document by what contains them, worked out once for all entries of one edit."""

    def __init__(self, document: Reader) -> None:
        self._document = document

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(entry): place for place, entry in enumerate(self._document.entries)}

    @cached_property
    def _holders(self) -> dict[int, list[Slot]]:
        found: dict[int, list[Slot]] = {}
        for slot in self._document.slots:
            found.setdefault(id(slot.held), []).append(slot)
        return found

    @cached_property
    def _siblings(self) -> dict[tuple[int, str], list[Entry]]:
        """Entries by container and key, where there are several: a container that is reached by several paths."""
        found: dict[tuple[int, str], list[Entry]] = {}
        for entry in self._document.entries:
            found.setdefault((id(entry.owner), repr(entry.key)), []).append(entry)
        return {place: entries for place, entries in found.items() if len(entries) > 1}

    def slots_in(self, entry: Entry) -> list[Slot]:
        """Return the slot of an entry, or those of everything inside it."""
        if entry.slot is not None:
            return [entry.slot]
        entries, found = self._document.entries, []
        depth = len(entry.path)
        for place in range(self._places.get(id(entry), -1) + 1, len(entries)):
            if entries[place].path[:depth] != entry.path:
                break
            slot = entries[place].slot
            found += [slot] if slot is not None else []
        return found

    def aliases(self, entry: Entry) -> list[Entry]:
        """Return the other entries that are the same item of the same container."""
        same = self._siblings.get((id(entry.owner), repr(entry.key)), [])
        return [other for other in same if other is not entry]

    def holding(self, held: HeldTensor) -> list[Slot]:
        """Return every slot that holds a tensor."""
        return self._holders.get(id(held), [])
