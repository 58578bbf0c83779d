"""The slots of a document in file order, found by name or path: as a walk listed them, or made where someone looks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from operator import is_not
from typing import Any, overload

from weightedit.core.described.tensor_dict import TensorDict
from weightedit.core.slots import HeldTensor, Slot


class Slots(Sequence[Slot]):
    """Slots that need not all have been made: what looks through thousands of them does so by columns."""

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The name of each; no slot is made for it."""

    @abstractmethod
    def looked_at(self) -> Sequence[Slot]:
        """Return in order at least those whose tensor somebody looked at: others are unchanged and share nothing."""

    @abstractmethod
    def find(self, key: object) -> Slot | None:
        """Return the slot with exactly this name or path, or None."""

    @abstractmethod
    def is_restructured(self) -> bool:
        """Whether slots may have come, gone, or got other names since they were listed."""

    @abstractmethod
    def total_nbytes(self) -> int:
        """Return the bytes of all storages, each counted once."""


class SlotList(list[Slot], Slots):
    """The slots that a walk found."""

    def __init__(self, slots: Iterable[Slot] = ()) -> None:
        super().__init__(slots)
        self._by_name: dict[str, Slot] | None = None
        self._by_path: dict[Any, Slot] | None = None

    @property
    def names(self) -> Sequence[str]:
        """The name of each."""
        return [slot.name for slot in self]

    def looked_at(self) -> Sequence[Slot]:
        """Return all of them."""
        return self

    def find(self, key: object) -> Slot | None:
        """Return the slot with exactly this name or path, or None."""
        by_name, by_path = self._by_name, self._by_path
        if by_name is None or by_path is None:
            self._by_name = by_name = {slot.name: slot for slot in self}
            self._by_path = by_path = {slot.path: slot for slot in self}
        try:
            return by_name.get(key) if isinstance(key, str) else by_path.get(key)
        except TypeError:
            return None

    def is_restructured(self) -> bool:
        """Whether names were looked up, which are then looked up anew."""
        return self._by_name is not None

    def total_nbytes(self) -> int:
        """Return the bytes of all storages, each counted once."""
        return _total(self)


class LazySlots(Slots):
    """The slots of a dict of tensors, each made where someone looks, and then one and the same for everyone.

    Once the dict gets other items they stay as they were; whoever changes it lists the document anew.

    Parameters
    ----------
    root
        The dict.
    names
        Of its tensors.
    """

    def __init__(self, root: dict[str, HeldTensor], names: Sequence[str]) -> None:
        self.root = root
        self._names = names
        self._made: dict[int, Slot] = {}
        self._numbers: dict[str, int] | None = None

    @abstractmethod
    def deferred_nbytes(self, number: int) -> int | None:
        """Return the bytes of a tensor that nobody looked at; None where that is not known."""

    @abstractmethod
    def _held(self, number: int) -> HeldTensor:
        """Return the tensor at a place, as the dict had it."""

    @property
    def names(self) -> Sequence[str]:
        """The name of each; no slot is made for it."""
        return self._names

    def looked_at(self) -> Sequence[Slot]:
        """Return in order those that were made."""
        if not self._made:
            return []
        return [self._made[number] for number in sorted(list(self._made))]  # noqa: C414  # others may make some

    def find(self, key: object) -> Slot | None:
        """Return the slot with exactly this name or path, or None."""
        name = key[0] if isinstance(key, tuple) and len(key) == 1 else key
        number = self.number(name) if isinstance(name, str) else None
        return None if number is None else self[number]

    def number(self, name: str) -> int | None:
        """Return the place of a name."""
        if self._numbers is None:
            self._numbers = dict(zip(self._names, count()))
        return self._numbers.get(name)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Slot]:
        return map(self.__getitem__, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Slot: ...

    @overload
    def __getitem__(self, index: slice) -> list[Slot]: ...

    def __getitem__(self, index: int | slice) -> Slot | list[Slot]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        found = self._made.get(index)
        return found if found is not None else self._make(range(len(self))[index])

    def _make(self, number: int) -> Slot:
        name = self._names[number]
        return self._made.setdefault(number, Slot(self.root, name, (name,), name, self._held(number)))


class TableSlots(LazySlots):
    """Those of a dict that makes its tensors out of columns."""

    def __init__(self, root: TensorDict) -> None:
        assert root.table is not None
        super().__init__(root, root.table.names)
        self._dict = root
        self.table = root.table

    def number(self, name: str) -> int | None:
        """Return the place of a name."""
        root = self._dict
        if root.table is self.table and (name not in root or root.number(name) is not None):
            return root.number(name)
        return super().number(name)  # the dict was changed since

    def is_restructured(self) -> bool:
        """Whether the dict was changed: then what its columns say of names may be out of date."""
        return self._dict.table is not self.table

    def total_nbytes(self) -> int:
        """Return the bytes of all storages, each counted once."""
        seen = self.looked_at()
        return sum(kind.nbytes for kind in self.table.kinds) + _total(seen) - sum(
            self.table.kinds[number].nbytes for number in list(self._made))  # fmt: skip

    def deferred_nbytes(self, number: int) -> int | None:
        """Return the bytes of a tensor that nobody looked at; None where somebody did."""
        return self.table.deferred_nbytes(number)

    def _held(self, number: int) -> HeldTensor:
        return self.table.held(number)


class DictSlots(LazySlots):
    """Those of a dict whose tensors are there, each alone in its storage; nobody looked at what they are yet."""

    def __init__(self, root: dict[str, HeldTensor]) -> None:
        super().__init__(root, list(root))
        self._tensors = list(root.values())

    def is_restructured(self) -> bool:
        """Whether the dict holds anything else, or in another order."""
        root = self.root
        return (len(root) != len(self._names) or any(map(is_not, root, self._names))
                or any(map(is_not, root.values(), self._tensors)))  # fmt: skip

    def total_nbytes(self) -> int:
        """Return the bytes of all storages, each counted once."""
        return _total(self)

    def deferred_nbytes(self, number: int) -> int | None:
        """Say nothing: that is known once somebody looks."""
        return None

    def _held(self, number: int) -> HeldTensor:
        return self._tensors[number]


def _total(slots: Iterable[Slot]) -> int:
    return sum({id(slot.storage): slot.storage.nbytes for slot in slots}.values())
