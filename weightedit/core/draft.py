"""The draft of a restructure: what an operation does to containers, written down before anything of it happens."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from weightedit.core.arrange import Arrange, pairs_of, same_pairs
from weightedit.core.commands import Command, Rename
from weightedit.core.contents import brief, dotted
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.pinned import PinnedTensor
from weightedit.core.region import Box, shape_text
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage

if TYPE_CHECKING:
    import torch

    from weightedit.core.document import Document
    from weightedit.core.execute import Workshop

Fill = Callable[[Box], "torch.Tensor"]
"""Returns the values of one box of a new tensor."""


@dataclass(slots=True)
class NewTensor:
    """A tensor that will be made when the edit is applied, and stands in the drafted items until then.

    `code` says the same in PyTorch, `{current}` standing for the tensor it is made of.
    """

    spec: TensorSpec
    fill: Fill
    code: str


NEW = object()
"""What an item was that was not there before."""


@dataclass(slots=True)
class Item:
    """One thing in a container that is being changed: what its key or index was, and what it becomes."""

    was: Any
    key: Any
    value: Any


class Draft:
    """Changes to containers, collected by an operation.

    Attributes
    ----------
    hazards
        What the person should know of them.
    lines
        What happens, in words.
    names
        Of entries that come, go or change.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._edited: dict[int, tuple[Any, list[Item]]] = {}
        self._paths: dict[int, tuple[Any, ...]] = {}
        self._renames: list[Rename] = []
        self.hazards: list[Hazard] = []
        self.lines: list[str] = []
        self.names: set[str] = set()

    # ---- what operations call

    def pin(self, entry: Entry) -> PinnedTensor:
        """Return the tensor of an entry, readable; refuses what is no tensor."""
        if entry.slot is None:
            self.refuse(entry, f"{entry.name} is no tensor", "Pick a tensor.")
        pinned = PinnedTensor.of(entry.slot)
        if pinned.spec.encoding != "plain":
            self.refuse(entry, f"{entry.name} is {pinned.spec.encoding}", "It can only be kept or deleted as a whole.")
        return pinned

    def refuse(self, entry: Entry, title: str, detail: str) -> NoReturn:
        """Say that it cannot be done."""
        raise EditRefused([refusal("argument", title, detail, targets=[entry.name])])

    def rename(self, entry: Entry, to: str) -> None:
        """Give an entry another name in the same place."""
        owner, place = self._place(entry)
        if not isinstance(owner, dict):
            self.refuse(entry, f"{entry.name} cannot be renamed so",
                        "Its place is not a key of a dict: code finds it by attribute or index.")  # fmt: skip
        key = self._key_for(entry, owner, entry.path[:-1], to, entry.key)
        if entry.slot is not None:
            self._renames.append(Rename(entry.slot, key, to))
        else:
            self._items(owner)[place].key = key
        self.names |= {entry.name, to}
        self.lines.append(f"{entry.name} becomes {to}")

    def remove(self, entry: Entry) -> None:
        """Take an entry out, and all it contains."""
        owner, place = self._place(entry)
        del self._items(owner)[place]
        inside = [other for other in self._document.slots if other.path[: len(entry.path)] == entry.path]
        self.names |= {entry.name} | {slot.name for slot in inside}
        self.lines.append(f"{entry.name} goes" + (f", with {len(inside):,} tensors" if entry.slot is None and inside
                                                   else ""))  # fmt: skip
        gone = {id(slot) for slot in inside}
        held = {id(slot.held) for slot in inside}
        kept = [slot.name for slot in self._document.slots if id(slot.held) in held and id(slot) not in gone]
        if kept:
            self.hazards.append(Hazard("unties", "notice", f"{entry.name} goes, {', '.join(kept[:3])} stays",
                                       "They hold one and the same tensor, which is kept.",
                                       (entry.name, *kept), len(kept)))  # fmt: skip

    def insert(self, beside: Entry, to: str, value: Any) -> None:
        """Put something new after an entry, or at the end inside a container: a `NewTensor`, or a plain value."""
        inside = beside.slot is None and beside.kind != "value"
        owner = beside.value if inside else beside.owner
        path = beside.path if inside else beside.path[:-1]
        self._check_owner(beside, owner)
        self._paths[id(owner)] = path
        items = self._items(owner)
        place = len(items) if inside else self._last_of(beside) + 1
        key = self._key_for(beside, owner, path, to, None) if isinstance(owner, dict) else None
        items.insert(place, Item(NEW, key, value))
        self.names.add(to)
        what = f"{shape_text(value.spec.shape)} {value.spec.dtype}" if isinstance(value, NewTensor) else brief(value)
        self.lines.append(f"{to} comes, {what}")

    def move(self, entry: Entry, to: int) -> None:
        """Put an entry at another place among its siblings; negative places count from the end."""
        owner, place = self._place(entry)
        items = self._items(owner)
        if not -len(items) <= to < len(items):
            self.refuse(entry, f"There is no place {to} beside {entry.name}",
                        f"Its container has {len(items):,} entries, from place 0 to {len(items) - 1}.")  # fmt: skip
        items.insert(to % len(items), items.pop(place))
        self.names.add(entry.name)
        self.lines.append(f"{entry.name} moves from place {place} to {to}")

    def put_value(self, entry: Entry, value: Any) -> None:
        """Give an entry that is no tensor another value."""
        if entry.slot is not None or any(slot.path[: len(entry.path)] == entry.path for slot in self._document.slots):
            self.refuse(entry, f"{entry.name} holds tensors", "Only values that are no tensors are set so.")
        owner, place = self._place(entry)
        self._items(owner)[place].value = value
        self.names.add(entry.name)
        self.lines.append(f"{entry.name}: {brief(entry.value)} → {brief(value)}")

    def copy_of(self, entry: Entry) -> Any:
        """Return an independent copy of a tensor or value, to insert."""
        if entry.slot is None:
            if entry.kind != "value" or entry.text.startswith("the same "):
                self.refuse(entry, f"{entry.name} is a {entry.kind}", "One tensor or value is duplicated at a time.")
            return copy.deepcopy(entry.value)
        pinned = self.pin(entry)
        return NewTensor(pinned.spec.fresh(), lambda box: _values(pinned, box), "{current}.clone()")

    # ---- places

    def _place(self, entry: Entry) -> tuple[Any, int]:
        """Return the container of an entry, and where among its drafted items it stands."""
        self._check_owner(entry, entry.owner)
        self._paths[id(entry.owner)] = entry.path[:-1]
        for place, item in enumerate(self._items(entry.owner)):
            if item.was is not NEW and type(item.was) is type(entry.key) and item.was == entry.key:
                return entry.owner, place
        return self.refuse(entry, f"{entry.name} is no longer where it was", "Open the document again.")

    def _last_of(self, beside: Entry) -> int:
        """Return the place of an entry, or of the last thing that this draft put after it."""
        place = self._place(beside)[1]
        items = self._items(beside.owner)
        while place + 1 < len(items) and items[place + 1].was is NEW:
            place += 1
        return place

    def _check_owner(self, entry: Entry, owner: Any) -> None:
        if isinstance(owner, dict | list):
            return
        what = {"tuple": "a tuple, which never changes"}.get(type(owner).__name__, f"a {type(owner).__name__}")
        self.refuse(entry, f"{entry.name or 'The document'} cannot be moved, added to or deleted there",
                    f"Its place is in {what}; only entries of dicts and lists come and go.")  # fmt: skip

    def _items(self, owner: Any) -> list[Item]:
        if id(owner) not in self._edited:
            items = [Item(key, key, value) for key, value in pairs_of(owner)]
            self._edited[id(owner)] = (owner, items)
        return self._edited[id(owner)][1]

    def _key_for(self, entry: Entry, owner: dict[Any, Any], path: tuple[Any, ...], to: str, own: Any) -> str:
        """Return the key that gives an entry of a container the full name `to`; refuses a name that is taken."""
        prefix = dotted(path)
        if path and not to.startswith(f"{prefix}."):
            self.refuse(entry, f"{to!r} is no name in {prefix}",
                        f"It stays in {prefix}, so the new name begins with {prefix} and a dot.")  # fmt: skip
        key = to[len(prefix) + 1 :] if path else to
        taken = {str(item.key) for item in self._items(owner)} - ({str(own)} if own is not None else set())
        there = self._document.find(to)
        if key in taken or (there is not None and there is not entry.slot and there.name not in self.names):
            self.refuse(entry, f"{entry.name} cannot be renamed so" if own is not None else f"{to} cannot be added",
                        f"{to} is there already.")  # fmt: skip
        if not key:
            self.refuse(entry, "The name is empty", "Give a full name, dots and all.")
        return key

    # ---- what comes of it

    @property
    def renamed(self) -> list[tuple[Slot, str]]:
        """The slots that get another key."""
        return [(rename.slot, rename.key) for rename in self._renames]

    @property
    def edited(self) -> list[tuple[tuple[Any, ...], Any, list[Item]]]:
        """The containers that change: path, container, items as they will be."""
        return [(self._paths[key], owner, items) for key, (owner, items) in self._edited.items()]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that will be made."""
        return sum(_nbytes(items) for _, items in self._edited.values())

    def commands(self, shop: Workshop) -> list[Command]:
        """Make the new tensors, and return the commands that put everything in place."""
        made: list[Command] = list(self._renames)
        for owner, items in self._edited.values():
            before = pairs_of(owner)
            nbytes = _nbytes(items)
            after = [(item.key, self._make(item.value, shop) if isinstance(item.value, NewTensor) else item.value)
                     for item in items]  # fmt: skip
            if isinstance(owner, list):
                after = [(place, value) for place, (_, value) in enumerate(after)]
            if not same_pairs(before, after):
                made.append(Arrange(owner, before, after, nbytes))
        return made

    def _make(self, new: NewTensor, shop: Workshop) -> Any:
        from weightedit.core.making import filled, live_tensor

        buffer = filled(new.spec, new.fill, shop)
        if self._document.is_live:
            return live_tensor(new.spec, buffer)
        return HeldTensor((replace(new.spec, device="cpu"), Storage(Resident(buffer))))


def _nbytes(items: list[Item]) -> int:
    return sum(item.value.spec.nbytes for item in items if isinstance(item.value, NewTensor))


def _values(pinned: PinnedTensor, box: Box) -> torch.Tensor:
    from weightedit.core.stage import tensor_from

    return tensor_from(pinned.read(box), pinned.spec.dtype)
