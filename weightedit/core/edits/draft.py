"""The draft of a restructure: what an operation does to containers, written down before anything of it happens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from weightedit.core.commands import Command, Rename
from weightedit.core.described.contents import brief, dotted, kind_of
from weightedit.core.edits.arrange import Arrange, pairs_of, same_pairs
from weightedit.core.edits.drafted import Container, EntryIndex, Item, NewTensor
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, Level, refusal
from weightedit.core.region import Box, shape_text
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.storage import Resident, Storage
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    import torch

    from weightedit.core.document import Document
    from weightedit.core.edits.workshop import Workshop
    from weightedit.core.live.registering import Kind, Register


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
    registered
        Plain attributes of modules that become parameters and buffers.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entries = EntryIndex(document)
        self._edited: dict[int, Container] = {}
        self._renames: list[tuple[Slot, str, str]] = []
        self._rearranged: set[int] = set()
        self.hazards: list[Hazard] = []
        self.lines: list[str] = []
        self.names: set[str] = set()
        self.registered: list[Register] = []

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

    def give_up(self, entries: Iterable[Entry]) -> None:
        """Let the names that entries have be free for others, before any of them is renamed."""
        for entry in entries:
            if isinstance(entry.owner, dict):
                container, item = self._item(entry)
                container.taken.discard(str(item.key))
                self.names.add(entry.name)

    def rename(self, entry: Entry, to: str) -> None:
        """Give an entry another name in the same place."""
        if not isinstance(entry.owner, dict):
            self.refuse(entry, f"{entry.name} cannot be renamed so",
                        "Its place is not a key of a dict: code finds it by attribute or index.")  # fmt: skip
        container, item = self._item(entry)
        key = self._key_for(entry, container, entry.path[:-1], to, item)
        container.rename(item, key)
        if entry.slot is not None:
            self._renames.append((entry.slot, key, to))
            for other in self._entries.aliases(entry):
                if other.slot is not None:
                    self._renames.append((other.slot, key, dotted((*other.path[:-1], key))))
        else:  # what is no tensor has no slot that could carry its name
            self._rearranged.add(id(container.owner))
        self._also(entry, "notice")
        self.names |= {entry.name, to} | {dotted((*other.path[:-1], key)) for other in self._entries.aliases(entry)}
        self.lines.append(f"{entry.name} becomes {to}")

    def remove(self, entry: Entry) -> None:
        """Take an entry out, and all it contains."""
        container, item = self._item(entry)
        container.remove(item)
        inside = self._entries.slots_in(entry)
        self._also(entry, "warning")
        self.names |= {entry.name} | {slot.name for slot in inside}
        self.lines.append(f"{entry.name} goes" + (f", with {len(inside):,} tensors" if entry.slot is None and inside
                                                   else ""))  # fmt: skip
        gone = {id(slot) for slot in inside} | {id(other.slot) for other in self._entries.aliases(entry)}
        tied = [other for slot in inside for other in self._entries.holding(slot.held)]
        kept = {other.name for other in tied if id(other) not in gone}
        if kept:
            names = sorted(kept)
            self.hazards.append(Hazard("unties", "notice", f"{entry.name} goes, {', '.join(names[:3])} stays",
                                       "They hold one and the same tensor, which is kept.",
                                       (entry.name, *names), len(names)))  # fmt: skip

    def insert(self, beside: Entry, to: str, value: Any) -> None:
        """Put something new after an entry, or at the end inside a container: a `NewTensor`, or a plain value."""
        if isinstance(value, NewTensor) and not _can_be_copied(value.spec.dtype):
            self.refuse(beside, f"torch cannot store values as {value.spec.dtype} here", "Choose another dtype.")
        inside = beside.slot is None and beside.kind != "value"
        owner = beside.value if inside else beside.owner
        path = beside.path if inside else beside.path[:-1]
        container = self._container(beside, owner, path)
        key = self._key_for(beside, container, path, to, None) if isinstance(owner, dict) else None
        container.insert(None if inside else self._item(beside)[1], key, value)
        self.names.add(to)
        what = f"{shape_text(value.spec.shape)} {value.spec.dtype}" if isinstance(value, NewTensor) else brief(value)
        self.lines.append(f"{to} comes, {what}")

    def move(self, entry: Entry, to: int) -> None:
        """Put an entry at another place among its siblings; negative places count from the end."""
        container, item = self._item(entry)
        count = len(container.items)
        if not -count <= to < count:
            self.refuse(entry, f"There is no place {to} beside {entry.name}",
                        f"Its container has {count:,} entries, from place 0 to {count - 1}.")  # fmt: skip
        place = container.move(item, to)
        self._also(entry, "notice")
        self.names.add(entry.name)
        self.lines.append(f"{entry.name} moves from place {place} to {to}")

    def put_value(self, entry: Entry, value: Any) -> None:
        """Give an entry that is no tensor another value."""
        if self._entries.slots_in(entry):
            self.refuse(entry, f"{entry.name} holds tensors", "Only values that are no tensors are set so.")
        if isinstance(entry.owner, tuple):
            whole = dotted(entry.path[:-1])
            self.refuse(entry, f"{entry.name} lies in a tuple, which never changes",
                        f"Set {whole or 'the whole'} as a tuple of its own.")  # fmt: skip
        self._item(entry)[1].value = value
        before, after = kind_of(entry.value), kind_of(value)
        if before != after:
            harmless = value is None or entry.value is None or (type(entry.value), type(value)) == (int, float)
            self.hazards.append(Hazard("type-changes", "notice" if harmless else "warning",
                                       f"{entry.name} becomes another kind of value",
                                       f"{brief(entry.value)} is {before}, {brief(value)} is {after}.",
                                       (entry.name,), 1))  # fmt: skip
        self._also(entry, "notice")
        self.names.add(entry.name)
        self.lines.append(f"{entry.name}: {brief(entry.value)} → {brief(value)}")

    def register(self, entry: Entry, kind: Kind, persistent: bool) -> None:
        """Make a parameter or buffer of a plain attribute of a live module."""
        from weightedit.core.live.registering import Register, is_unregistered, recomputed_by

        slot = entry.slot
        if slot is None or not is_unregistered(slot):
            self.refuse(entry, f"{entry.name} is no plain attribute of a module",
                        "What is a parameter or buffer already, or lies in no live module, cannot be registered.")
        if slot.spec.encoding == "uninitialized" or hasattr(type(slot.owner), str(slot.key)):
            self.refuse(entry, f"{entry.name} cannot be registered", "Its class has something of that name.")
        if (hook := recomputed_by(slot)) is not None:
            self.refuse(entry, f"{entry.name} is computed anew at each forward",
                        f"{hook[0]} computes it from {listed(hook[1])}.")  # fmt: skip
        self.registered.append(Register.of(slot, kind, persistent))
        self.names.add(entry.name)
        self.lines.append(f"{entry.name} becomes a {kind}")
        if kind == "parameter":
            self.hazards.append(Hazard("unregistered", "notice", f"{entry.name} becomes a parameter of its own",
                                       "It keeps its memory; no optimizer trains it until add_param_group adds it.",
                                       (entry.name,), 1))  # fmt: skip

    def _also(self, entry: Entry, level: Level) -> None:
        """Say which other names change too, where a container is reached by several."""
        others = [other.name for other in self._entries.aliases(entry)]
        if others:
            self.names |= set(others)
            names = ", ".join(others[:3])
            self.hazards.append(Hazard("alias", level, f"The same happens to {names}",
                                       "Both names lead into one and the same container.",
                                       (entry.name, *others), len(others)))  # fmt: skip

    def copy_of(self, entry: Entry) -> Any:
        """Return an independent copy of a tensor or value, to insert."""
        if entry.slot is None:
            if entry.kind != "value" or entry.text.startswith("the same "):
                self.refuse(entry, f"{entry.name} is a {entry.kind}", "One tensor or value is duplicated at a time.")
            return copy.deepcopy(entry.value)
        pinned = self.pin(entry)
        return NewTensor(pinned.spec.fresh(), lambda box: _values(pinned, box), "{current}.clone()")

    # ---- places

    def _item(self, entry: Entry) -> tuple[Container, Item]:
        """Return the container of an entry as drafted, and the entry's item in it."""
        container = self._container(entry, entry.owner, entry.path[:-1])
        item = container.find(entry.key)
        if item is None:
            self.refuse(entry, f"{entry.name} is no longer where it was", "Open the document again.")
        return container, item

    def _container(self, entry: Entry, owner: Any, path: tuple[Any, ...]) -> Container:
        self._check_owner(entry, owner)
        if id(owner) not in self._edited:
            self._edited[id(owner)] = Container(owner, path)
        return self._edited[id(owner)]

    def _check_owner(self, entry: Entry, owner: Any) -> None:
        if isinstance(owner, dict | list):
            return
        what = {"tuple": "a tuple, which never changes"}.get(type(owner).__name__, f"a {type(owner).__name__}")
        self.refuse(entry, f"{entry.name or 'The document'} cannot be moved, added to or deleted there",
                    f"Its place is in {what}; only entries of dicts and lists come and go.")  # fmt: skip

    def _key_for(self, entry: Entry, container: Container, path: tuple[Any, ...], to: str, own: Item | None) -> str:
        """Return the key that gives an entry of a container the full name `to`; refuses a name that is taken."""
        prefix = dotted(path)
        if path and not to.startswith(f"{prefix}."):
            self.refuse(entry, f"{to!r} is no name in {prefix}",
                        f"It stays in {prefix}, so the new name begins with {prefix} and a dot.")  # fmt: skip
        key = to[len(prefix) + 1 :] if path else to
        there = self._document.find(to)
        taken = key in container.taken and (own is None or str(own.key) != key)
        if taken or (there is not None and there is not entry.slot and there.name not in self.names):
            self.refuse(entry, f"{entry.name} cannot be renamed so" if own is not None else f"{to} cannot be added",
                        f"{to} is there already.")  # fmt: skip
        if not key:
            self.refuse(entry, "The name is empty", "Give a full name, dots and all.")
        return key

    # ---- what comes of it

    @property
    def renamed(self) -> list[Rename]:
        """The containers of which only keys of tensors change, one command each."""
        found: dict[int, Rename] = {}
        by_owner: dict[int, list[tuple[Slot, str, str]]] = {}
        for rename in self._renames:
            if id(rename[0].owner) not in self._rearranged:
                by_owner.setdefault(id(rename[0].owner), []).append(rename)
        for owner, renames in by_owner.items():
            slots, keys, names = (list(part) for part in zip(*renames, strict=True))
            found[owner] = Rename(slots[0].owner, slots, keys, names)
        return list(found.values())

    @property
    def edited(self) -> list[tuple[tuple[Any, ...], Any, list[Item]]]:
        """The containers that change otherwise: path, container, items as they will be."""
        renamed = {id(slot.owner) for slot, _, _ in self._renames} - self._rearranged
        return [(container.path, container.owner, container.items)
                for key, container in self._edited.items() if key not in renamed]  # fmt: skip

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that will be made."""
        return sum(container.nbytes for container in self._edited.values())

    def commands(self, shop: Workshop, make: Callable[[NewTensor], Any] | None = None) -> list[Command]:
        """Make the new tensors, and return the commands that put everything in place.

        `make` makes something else of a new tensor than what holds its values.
        """
        made: list[Command] = [*self.renamed, *self.registered]
        made_of = make or (lambda new: self._make(new, shop))
        for _, owner, items in self.edited:
            before = pairs_of(owner)
            nbytes = sum(item.nbytes for item in items)
            after = [(item.key, made_of(item.value) if isinstance(item.value, NewTensor) else item.value)
                     for item in items]
            if isinstance(owner, list):
                after = [(place, value) for place, (_, value) in enumerate(after)]
            if not same_pairs(before, after):
                made.append(Arrange(owner, before, after, nbytes))
        return made

    def _make(self, new: NewTensor, shop: Workshop) -> Any:
        from weightedit.core.edits.making import filled, live_tensor

        buffer = filled(new.spec, new.fill, shop)
        if self._document.is_live:
            return live_tensor(new.spec, buffer)
        return HeldTensor((replace(new.spec, device="cpu"), Storage(Resident(buffer))))


def _can_be_copied(dtype: str) -> bool:
    from weightedit.core.stage import copies

    return copies(dtype)


def _values(pinned: PinnedTensor, box: Box) -> torch.Tensor:
    from weightedit.core.stage import tensor_from

    return tensor_from(pinned.read(box), pinned.spec.dtype)
