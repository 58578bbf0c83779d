"""The undoable primitive steps an edit is made of: write, rebind, restructure, flag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from weightedit.core.edits.arrange import Arrange, pairs_of, same_pairs
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.progress import Ask, unasked
from weightedit.core.region import Box
from weightedit.core.slots import Described, HeldTensor, Slot, at, put
from weightedit.core.source import ByteSource
from weightedit.core.storage import Patched, Resident, Storage


class Command(Protocol):
    """One step; `do` and `undo` either happen whole or raise and leave things as they were."""

    @property
    def nbytes(self) -> int:
        """Bytes kept for undo and redo."""
        ...

    def do(self) -> None:
        """Make the change."""
        ...

    def undo(self) -> None:
        """Put back bytes and identity."""
        ...

    def was_changed_elsewhere(self) -> bool:
        """Whether undo would overwrite something another program part did since."""
        ...


def kept_bytes(content: ByteSource) -> int:
    """Return how many bytes of our own a content keeps."""
    if isinstance(content, Resident):
        return content.nbytes
    if isinstance(content, Patched):
        return content.patches.remembered(None)
    return 0


def remembered_bytes(before: ByteSource, after: ByteSource) -> int:
    """Return how many bytes a content keeps besides those that the one it was made from keeps."""
    if not isinstance(after, Patched):
        return kept_bytes(after)
    base, patches = (before.base, before.patches) if isinstance(before, Patched) else (before, None)
    return after.patches.remembered(patches) + (kept_bytes(after.base) if after.base is not base else 0)


def let_go(commands: Sequence[Command]) -> None:
    """Be told that commands will not be undone any more: what they hid of earlier writes is not kept longer."""
    for command in commands:
        if isinstance(command, Write) and isinstance(command.after, Patched):
            command.after.patches.settle()


@dataclass(slots=True)
class Write:
    """Give a storage another content; the old one stays as it is, so undo is exact by construction."""

    storage: Storage
    before: ByteSource
    after: ByteSource
    nbytes: int

    def do(self) -> None:
        """Show the new bytes."""
        self.storage.content = self.after

    def undo(self) -> None:
        """Show the old bytes."""
        self.storage.content = self.before

    def was_changed_elsewhere(self) -> bool:
        """Nobody else can: our contents are immutable."""
        return False


@dataclass(slots=True)
class LiveWrite:
    """Write pieces into a tensor that the person's code holds, by `copy_` or `index_put_`.

    Attributes
    ----------
    tensor, storage
        The live tensor and its storage.
    write, read
        Do the copying; `stage` and `reading` supply them, so that this room needs no torch.
    pieces
        (box, bytes before, bytes after) in the order they are written.
    fits
        Says whether the tensor still has the shape and dtype the pieces are of: code may give it others by `.data`.
    beside
        Whether no slot holds the tensor, as with an optimizer's moment.
    """

    tensor: Any
    storage: Storage
    write: Callable[[Any, Box, memoryview], None]
    read: Callable[[Any, Box], bytes]
    mark: Callable[[], ByteSource]
    pieces: list[tuple[Box, memoryview, memoryview]]
    fits: Callable[[Any], bool]
    beside: bool = False
    before: ByteSource | None = None
    after: ByteSource | None = None

    @property
    def nbytes(self) -> int:
        """Both sides of every piece."""
        return sum(before.nbytes + after.nbytes for _, before, after in self.pieces)

    def do(self) -> None:
        """Write the new values; a failure midway writes the old ones back."""
        done = 0
        try:
            for box, _, after in self.pieces:
                done += 1
                self.write(self.tensor, box, after)
            self._read_back()
        except BaseException:
            for box, before, _ in self.pieces[:done]:
                self.write(self.tensor, box, before)
            raise
        self.before = self.storage.content
        self.after = self.after or self.mark()
        self.storage.content = self.after

    def _read_back(self) -> None:
        """Refuse a tensor of a class that takes a write and does not keep it."""
        lost = [box for box, _, after in self.pieces if self.read(self.tensor, box) != after]
        if lost:
            raise EditRefused([refusal(
                "lost-write", f"A {type(self.tensor).__name__} did not keep what was written into it",
                f"{len(lost):,} of {len(self.pieces):,} regions read back other values than copy_ was given, the first "
                f"of them {lost[0]}; the old ones were put back.", count=len(lost))])  # fmt: skip

    def undo(self) -> None:
        """Write the old values back; a failure midway writes the new ones again."""
        undone = len(self.pieces)
        try:
            for box, before, _ in reversed(self.pieces):
                undone -= 1
                self.write(self.tensor, box, before)
        except BaseException:
            for box, _, after in self.pieces[undone:]:
                self.write(self.tensor, box, after)
            raise
        if self.before is not None:
            self.storage.content = self.before

    def was_changed_elsewhere(self) -> bool:
        """Whether the live values are no longer what this edit wrote, such as after a training step."""
        return any(self.read(self.tensor, box) != after for box, _, after in self.pieces)


@dataclass(slots=True)
class Rebind:
    """Give slots another tensor: the held tensor another spec and storage, or the slots another held tensor.

    Attributes
    ----------
    slots
        Every slot that follows.
    before, after
        (held tensor, what it is bound to); the same held tensor unless slots are untied.
    nbytes
        Of the new storage.
    is_untouched
        Says whether a live tensor still has the bytes it was made with. Its version counter would not do: it
        counts our own later writes and undos, and leaves out writes through `.data`.
    digest, left
        Returns the hash of what the old live tensor holds; what that was when undo put it back.
    """

    slots: list[Slot]
    before: tuple[HeldTensor, Described]
    after: tuple[HeldTensor, Described]
    nbytes: int
    is_untouched: Callable[[], bool] | None = None
    digest: Callable[[], bytes] | None = None
    left: bytes | None = None

    def do(self) -> None:
        """Show the new tensor in every slot; if one cannot take it, all have the old one again."""
        try:
            self._bind(*self.after)
            self._look_back()
        except BaseException:
            self._bind(*self.before, only=[slot for slot in self.slots if at(slot) is self.after[1].live])
            raise

    def undo(self) -> None:
        """Put the same object back."""
        self._bind(*self.before)
        self.left = None if self.digest is None else self.digest()

    def _look_back(self) -> None:
        """Refuse an owner of a class that takes a tensor and does not keep it."""
        live = self.after[1].live
        lost = [slot for slot in self.slots if live is not None and at(slot) is not live]
        if lost:
            raise EditRefused([refusal(
                "lost-write", f"A {type(lost[0].owner).__name__} did not keep the new tensor of {lost[0].name}",
                "Setting it by attribute left another tensor there; the old one was put back.",
                targets=[slot.name for slot in lost], count=len(lost))])  # fmt: skip

    @property
    def was_changed_since_undo(self) -> bool:
        """Whether redo would put away something that other code did since."""
        live = self.before[1].live
        if live is None:
            return False
        moved = any(at(slot) is not live for slot in self.slots)
        return moved or (self.digest is not None and self.left is not None and self.digest() != self.left)

    def _bind(self, held: HeldTensor, described: Described, only: list[Slot] | None = None) -> None:
        held.bind(described)
        for slot in self.slots if only is None else only:
            if described.live is not None:
                put(slot.owner, slot.key, described.live, slot.name)
            elif slot.held is not held:
                put(slot.owner, slot.key, held, slot.name)
            slot.held = held

    def was_changed_elsewhere(self) -> bool:
        """Whether other code put something else in a slot, or wrote into the new tensor, since."""
        live = self.after[1].live
        if live is None:
            return False
        untouched = self.is_untouched is None or self.is_untouched()
        return not untouched or any(at(slot) is not live for slot in self.slots)


@dataclass(slots=True)
class Flag:
    """Set `requires_grad`: in the description, and on the live tensor where there is one."""

    held: HeldTensor
    before: Described
    after: Described
    apply: Callable[[Any, bool], None]
    nbytes: int = 0

    def do(self) -> None:
        """Set it."""
        self._set(self.after)

    def undo(self) -> None:
        """Set it back."""
        self._set(self.before)

    def _set(self, described: Described) -> None:
        if described.live is not None:
            self.apply(described.live, described.spec.requires_grad)
        self.held.bind(described)

    def was_changed_elsewhere(self) -> bool:
        """Whether the flag was set by other code since."""
        return self.after.live is not None and self.after.live.requires_grad != self.after.spec.requires_grad


@dataclass(slots=True)
class Rename:
    """Give keys of one dict other names in the same places; the dict stays the same object.

    Attributes
    ----------
    owner
        The dict.
    slots, keys, names
        What is renamed, and the key and full name each slot gets.
    before
        The key, path and name each slot had.
    """

    owner: dict[Any, Any]
    slots: list[Slot]
    keys: list[str]
    names: list[str]
    before: list[tuple[Any, tuple[Any, ...], str]] = field(init=False)
    nbytes: int = 0

    def __post_init__(self) -> None:
        self.before = [(slot.key, slot.path, slot.name) for slot in self.slots]

    def do(self) -> None:
        """Rename."""
        self._move([(key, (*path[:-1], key), name)
                    for key, name, (_, path, _) in zip(self.keys, self.names, self.before, strict=True)])  # fmt: skip

    def undo(self) -> None:
        """Give the old names back."""
        self._move(self.before)

    def _move(self, places: list[tuple[Any, tuple[Any, ...], str]]) -> None:
        keys = {slot.key: key for slot, (key, _, _) in zip(self.slots, places, strict=True)}
        items = [(keys.get(old, old), value) for old, value in self.owner.items()]
        self.owner.clear()
        self.owner.update(items)
        for slot, place in zip(self.slots, places, strict=True):
            slot.key, slot.path, slot.name = place

    def was_changed_elsewhere(self) -> bool:
        """Whether a key is gone."""
        return any(slot.key not in self.owner for slot in self.slots)


def changed_since_undo(command: Command) -> bool:
    """Whether redo would overwrite something other code did since the step was undone."""
    if isinstance(command, LiveWrite):
        return any(command.read(command.tensor, box) != before for box, before, _ in command.pieces)
    if isinstance(command, Rebind):
        return command.was_changed_since_undo
    return isinstance(command, Arrange) and not same_pairs(pairs_of(command.owner), command.before)


def do_all(commands: Sequence[Command], ask: Ask = unasked) -> None:
    """Do every command; if one fails, or `ask` raises before it, undo the ones before it and raise."""
    done: list[Command] = []
    try:
        for command in commands:
            ask()
            command.do()
            done.append(command)
    except BaseException:
        undo_all(done)
        raise


def undo_all(commands: Sequence[Command], ask: Ask = unasked) -> None:
    """Undo every command, the last one first; if one fails, or `ask` raises before it, do those again and raise."""
    undone: list[Command] = []
    try:
        for command in reversed(commands):
            ask()
            command.undo()
            undone.append(command)
    except BaseException:
        for command in reversed(undone):
            command.do()
        raise
