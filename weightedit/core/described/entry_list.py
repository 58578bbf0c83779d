"""What is in a checkpoint, in file order, by columns: as a walk listed it, or made where someone looks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from weightedit.core.described.slot_list import LazySlots
from weightedit.core.slots import Entry


class Entries(Sequence[Entry]):
    """Entries that need not all have been made: what looks through thousands of them does so by columns.

    Attributes
    ----------
    is_flat
        Whether all of them are tensors of one dict.
    """

    is_flat = False

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The name of each."""

    @property
    @abstractmethod
    def keys(self) -> Sequence[Any]:
        """What each one's container has it under; `tensor` for a root that is a tensor."""

    @property
    @abstractmethod
    def leaves(self) -> Sequence[int]:
        """The places of tensors and values, rising."""

    @property
    @abstractmethod
    def ends(self) -> Sequence[int]:
        """Of each the place where its content ends, which is the next place where it has none."""

    @abstractmethod
    def name(self, place: int) -> str:
        """Return the name at a place."""

    @abstractmethod
    def is_tensor(self, place: int) -> bool:
        """Whether a place is a tensor."""

    @abstractmethod
    def position(self, name: str) -> int | None:
        """Return the place of a tensor; None where no tensor has the name."""

    def deferred_nbytes(self, place: int) -> int | None:
        """Return the bytes of a tensor that nobody looked at and that shares none; None where that is not known."""
        return None


class EntryList(list[Entry], Entries):
    """The entries that a walk found; a column is taken when it is asked for."""

    @property
    def names(self) -> Sequence[str]:
        """The name of each."""
        return [entry.name for entry in self]

    @property
    def keys(self) -> Sequence[Any]:
        """What each one's container has it under."""
        return [entry.path[-1] if entry.path else "tensor" for entry in self]

    @property
    def leaves(self) -> Sequence[int]:
        """The places of tensors and values."""
        return [place for place, entry in enumerate(self) if entry.kind in ("tensor", "value")]

    @property
    def ends(self) -> Sequence[int]:
        """Of each the place where its content ends."""
        ends = list(range(1, len(self) + 1))
        inside: list[int] = []
        for place, entry in enumerate(self):
            depth = len(entry.path)
            while inside and len(self[inside[-1]].path) >= depth:
                ends[inside.pop()] = place
            if entry.kind not in ("tensor", "value"):
                inside.append(place)
        for place in inside:
            ends[place] = len(self)
        return ends

    def name(self, place: int) -> str:
        """Return the name at a place."""
        return self[place].name

    def is_tensor(self, place: int) -> bool:
        """Whether a place is a tensor."""
        return self[place].kind == "tensor"

    def position(self, name: str) -> int | None:
        """Return the place of a tensor; None where no tensor has the name."""
        return next((at for at, entry in enumerate(self) if entry.name == name and entry.kind == "tensor"), None)


class LazyEntries(Entries):
    """The entries of a flat checkpoint: its tensors, each made where someone looks, and then the same for everyone."""

    is_flat = True

    def __init__(self, slots: LazySlots) -> None:
        self._slots = slots
        self._made: dict[int, Entry] = {}

    @property
    def names(self) -> Sequence[str]:
        """The name of each."""
        return self._slots.names

    @property
    def keys(self) -> Sequence[Any]:
        """The same: what a name says is the key."""
        return self._slots.names

    @property
    def leaves(self) -> Sequence[int]:
        """All of them."""
        return range(len(self))

    @property
    def ends(self) -> Sequence[int]:
        """The next place of each: nothing is in a tensor."""
        return range(1, len(self) + 1)

    def name(self, place: int) -> str:
        """Return the name at a place."""
        return self._slots.names[place]

    def is_tensor(self, place: int) -> bool:
        """All of them are."""
        return True

    def position(self, name: str) -> int | None:
        """Return the place of a tensor; None where no tensor has the name."""
        return self._slots.number(name)

    def deferred_nbytes(self, place: int) -> int | None:
        """Return the bytes of a tensor that nobody looked at; None where somebody did."""
        return self._slots.deferred_nbytes(place)

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        found = self._made.get(index)
        return found if found is not None else self._make(range(len(self))[index])

    def _make(self, place: int) -> Entry:
        slot = self._slots[place]
        made = Entry(slot.path, slot.name, "tensor", owner=slot.owner, key=slot.key, slot=slot)
        return self._made.setdefault(place, made)


def by_columns(entries: Iterable[Entry]) -> Entries:
    """Return entries as something that has columns."""
    return entries if isinstance(entries, Entries) else EntryList(entries)
