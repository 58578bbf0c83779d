"""Snapshots: named copies of tensors as they were, independent of every later edit, save and training step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from weightedit.core.commands import kept_bytes
from weightedit.core.described.slot_list import SlotList
from weightedit.core.described.targets import find_slots
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage
from weightedit.core.undo.history_compare import Difference, State, differences
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import some

if TYPE_CHECKING:
    from weightedit.core.document import Document

_STEP = 16
"""Bytes of the largest dtype: where a copied part of a storage begins, so that elements of any dtype stay aligned."""


@dataclass(slots=True, eq=False)
class Kept:
    """One tensor of a snapshot.

    Attributes
    ----------
    slot, name
        Where it was, and what it was called then.
    spec, content
        What it was. Contents are immutable; a save that replaces the file gives it another one with the same bytes.
    storage
        The storage whose content that was, of a document from a file; None where the bytes were copied.
    """

    slot: Slot
    name: str
    spec: TensorSpec
    content: ByteSource
    storage: Storage | None = None

    @property
    def pinned(self) -> PinnedTensor:
        """The tensor, readable."""
        return PinnedTensor(self.name, self.spec, self.content)


@dataclass(slots=True, eq=False)
class Snapshot:
    """Tensors of a document at one moment.

    Attributes
    ----------
    name, time
        What it is called, and when it was taken.
    tensors
        In file order.
    is_whole
        Whether it was taken of everything there was.
    left_out
        Names of tensors without bytes of their own: sparse, nested, meta and the like.
    """

    name: str
    time: datetime
    tensors: list[Kept]
    is_whole: bool
    left_out: tuple[str, ...] = ()
    _by_name: dict[str, Kept] = field(init=False)

    def __repr__(self) -> str:
        count = len(self.tensors)
        return f"<Snapshot {self.name}: {count:,} tensor{'' if count == 1 else 's'}>"

    def __post_init__(self) -> None:
        self._by_name = {kept.name: kept for kept in self.tensors}

    @property
    def slots(self) -> SlotList:
        """The tensors, as patterns are matched against them."""
        return SlotList(cast("list[Slot]", self.tensors))

    def find(self, key: object) -> Kept | None:
        """Return the tensor that had this name, or None."""
        return self._by_name.get(key) if isinstance(key, str) else None

    def names_of(self, slots: Sequence[Slot]) -> tuple[list[str], str]:
        """Return what slots were called here, whatever they are called now, and a sentence on those it does not hold.

        The sentence is empty where it holds all of them.
        """
        names = {kept.slot: kept.name for kept in self.tensors}
        others = [slot.name for slot in slots if slot not in names]
        is_one = len(others) == 1
        if self.is_whole and not self.left_out:
            why = f"{'was' if is_one else 'were'} not there when {self.name} was taken"
        else:
            why = f"{'is' if is_one else 'are'} not in {self.name}"
        return [names[slot] for slot in slots if slot in names], f"{some(others)} {why}." if others else ""

    @property
    def nbytes(self) -> int:
        """Bytes of our own that are kept for it; what an unchanged file holds costs nothing."""
        return sum(kept_bytes(content) for content in self._contents())

    @property
    def values_nbytes(self) -> int:
        """Bytes of the storages the tensors lie over, each counted once."""
        return sum(content.nbytes for content in self._contents())

    def _contents(self) -> Iterable[ByteSource]:
        return {id(kept.content): kept.content for kept in self.tensors}.values()

    def differences(self, document: Document, progress: Progress | None = None) -> list[Difference]:
        """Return the tensors that are not the same in a document now, in file order."""
        mine = {kept.slot for kept in self.tensors}
        now = State(document)
        if not self.is_whole:
            now.names = {slot: name for slot, name in now.names.items() if slot in mine}
        left_out = set(self.left_out)
        now.names = {slot: name for slot, name in now.names.items() if name not in left_out}
        return differences(_Then(self), now, progress or Progress())


class _Then:
    """A snapshot as one side of a comparison."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.names: dict[Slot, str] = {kept.slot: kept.name for kept in snapshot.tensors}
        self._kept = {kept.slot: kept for kept in snapshot.tensors}

    def key(self, slot: Slot) -> tuple[object, ...]:
        """Return what is equal to the key of a `State` where nothing can differ; never, which makes it look."""
        return (self._kept[slot],)

    def pin(self, slot: Slot) -> PinnedTensor:
        """Return the tensor of a slot as it was."""
        return self._kept[slot].pinned


def take(document: Document, name: object, targets: object, taken: Mapping[str, Snapshot],
         progress: Progress) -> Snapshot:  # fmt: skip
    """Copy tensors of a document, or pin them where their bytes cannot change.

    Raises
    ------
    EditRefused
        If the name is taken or empty, nothing matches, no tensor has bytes, or the undo budget has no room.
    """
    if not isinstance(name, str):
        raise EditRefused([refusal("argument", f"The name of a snapshot is {name!r}", "It is text.")])
    if not name.strip() or name in taken:
        title = f"There is a snapshot {name} already" if name in taken else "A snapshot needs a name"
        raise EditRefused([refusal("argument", title, "Give another name, or delete that one.")])
    slots = find_slots(document, targets)
    bare = [slot for slot in slots if slot.spec.encoding != "plain" and not slot.storage.nbytes]
    if bare:
        slots = [slot for slot in slots if slot not in bare]
    if not slots:
        raise EditRefused([refusal("unsupported", f"{bare[0].name} has no bytes to keep",
                                   f"It is {bare[0].spec.encoding}; take its dense form first.",
                                   targets=[slot.name for slot in bare])])  # fmt: skip
    if document.is_live:
        _check_room(document, sum(high - low for low, high in _windows(slots).values()), taken.values())
        tensors = list(_copied(document, slots, name, progress))
    else:
        tensors = [Kept(slot, slot.name, slot.spec, slot.storage.content, slot.storage) for slot in slots]
    whole = len(slots) + len(bare) == len(document.slots)
    return Snapshot(name, datetime.now(), tensors, whole, tuple(slot.name for slot in bare))


def _check_room(document: Document, nbytes: int, taken: Iterable[Snapshot]) -> None:
    used = document.history.nbytes + sum(snapshot.nbytes for snapshot in taken)
    left = max(0, document.history.budget - used)
    if nbytes > left:
        raise EditRefused([refusal(
            "unsupported",
            f"The snapshot needs {bytes_text(nbytes)}, and {bytes_text(left)} of the undo budget is left",
            "Take one of fewer tensors, delete another snapshot, or raise the budget; nothing was kept.")])  # fmt: skip


def _windows(slots: Sequence[Slot]) -> dict[Storage, tuple[int, int]]:
    """Return the bytes of each storage that tensors reach, its start aligned for every dtype."""
    found: dict[Storage, tuple[int, int]] = {}
    for slot in slots:
        start, stop = slot.spec.extent if slot.spec.encoding == "plain" else (0, slot.storage.nbytes)
        low, high = found.get(slot.storage, (start, stop))
        found[slot.storage] = min(low, start // _STEP * _STEP), max(high, stop)
    return {storage: (low // _STEP * _STEP, high) for storage, (low, high) in found.items()}


def _copied(document: Document, slots: Sequence[Slot], name: str, progress: Progress) -> Iterator[Kept]:
    """Copy the bytes that live tensors reach into the spill, a storage once, piece by piece."""
    windows = _windows(slots)
    progress.begin(f"Taking {name}", sum(high - low for low, high in windows.values()))
    contents: dict[Storage, Resident] = {}
    for storage, (low, high) in windows.items():
        buffer, content = document.spill.allocate(high - low), storage.content
        for start in range(0, high - low, document.chunk):
            piece = buffer[start : start + document.chunk]
            content.read_into(piece, low + start)
            progress.advance(piece.nbytes)
        contents[storage] = Resident(buffer)
    for slot in slots:
        low = windows[slot.storage][0]
        spec = replace(slot.spec, offset=slot.spec.offset - low // slot.spec.type.itemsize)
        yield Kept(slot, slot.name, spec, contents[slot.storage])


def carried(snapshots: Iterable[Snapshot], names: Mapping[Slot, str], fresh: Document,
            progress: Progress) -> tuple[list[Snapshot], list[str]]:  # fmt: skip
    """Return the snapshots of a document for the same document opened again, and the names that could not come along.

    Bytes move into the spill of the new document; those that only the old file has are lost where it was changed.
    `names` has what the old slots are called in the file: a tensor may have been renamed since a snapshot was taken.
    """
    from weightedit.core.errors import CheckpointError
    from weightedit.core.storage import COPY_CHUNK

    moved: list[Snapshot] = []
    lost: list[str] = []
    slots = _Again(names, fresh)
    for snapshot in snapshots:
        contents: dict[int, Resident | None] = {}
        tensors = []
        progress.begin(f"Keeping {snapshot.name}", sum(kept.spec.nbytes for kept in snapshot.tensors))
        for kept in snapshot.tensors:
            if id(kept.content) not in contents:
                buffer = fresh.spill.allocate(kept.content.nbytes)
                try:
                    for start in range(0, buffer.nbytes, COPY_CHUNK):
                        kept.content.read_into(buffer[start : start + COPY_CHUNK], start)
                    contents[id(kept.content)] = Resident(buffer)
                except CheckpointError:
                    contents[id(kept.content)] = None
            progress.advance(kept.spec.nbytes)
            content = contents[id(kept.content)]
            if content is None:
                lost.append(f"{kept.name} of {snapshot.name}")
            else:
                tensors.append(Kept(slots.of(kept), kept.name, kept.spec, content))
        if tensors:
            moved.append(Snapshot(snapshot.name, snapshot.time, tensors, snapshot.is_whole, snapshot.left_out))
    return moved, lost


class _Again:
    """The slots of a document opened again that are those of the old one."""

    def __init__(self, names: Mapping[Slot, str], fresh: Document) -> None:
        self._names, self._fresh = names, fresh
        self._taken = set(names.values())

    def of(self, kept: Kept) -> Slot:
        """Return the slot of a tensor of a snapshot; the old one where there is none, as of one that was deleted."""
        name = self._names.get(kept.slot, None if kept.name in self._taken else kept.name)
        return (None if name is None else self._fresh.find(name)) or kept.slot
