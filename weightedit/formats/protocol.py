"""What a format is: one small protocol that tells, opens and writes one kind of checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Progress
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.source import ByteSource, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction


class Pinned(Protocol):
    """One state of one tensor that edits no longer change: all a format needs of a pin."""

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        ...

    @property
    def content(self) -> ByteSource:
        """The bytes of its storage."""
        ...


@dataclass
class Opened:
    """What a format found in a file.

    Attributes
    ----------
    root
        Dicts, lists, tuples, placeholders and values as the file nests them, with `HeldTensor` leaves.
    metadata
        The texts a file carries beside its tensors, in file order.
    files
        Every file that is held open.
    origin
        What the format itself wants back to write the same file again.
    path
        The file that was opened in the end, where a folder was asked for.
    """

    root: Any
    metadata: dict[str, str]
    files: list[SourceFile]
    origin: Any
    path: Path


@dataclass
class Contents:
    """A document as a format writes it.

    Attributes
    ----------
    root, slots, entries, metadata
        As in the document.
    origin
        What the same format gave as `Opened.origin`, or None when the document came from elsewhere.
    pins
        The state of each slot to write; a slot without a pin is written as it is now.
    """

    root: Any
    slots: Sequence[Slot]
    entries: Sequence[Entry] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    origin: Any = None
    pins: Mapping[Slot, Pinned] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """One tensor as it is to be written: its spec and bytes at one moment, and the storage it belongs to."""

    held: HeldTensor
    spec: TensorSpec
    content: ByteSource
    storage: Storage


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What must be found when a file is read back: this spec, with the values of what was written."""

    spec: TensorSpec
    written: Written


def written_slots(contents: Contents) -> list[tuple[Slot, Written]]:
    """Freeze the state of every slot; tied slots get one and the same `Written`."""
    frozen: dict[int, Written] = {}
    result = []
    for slot in contents.slots:
        known = frozen.get(id(slot.held))
        if known is None:
            pin = contents.pins.get(slot)
            described = slot.held.described
            known = Written(slot.held, pin.spec if pin else described.spec,
                            pin.content if pin else described.storage.content, described.storage)  # fmt: skip
            frozen[id(slot.held)] = known
        result.append((slot, known))
    return result


def shared_refusals(shared: object) -> list[Hazard]:
    """Refuse what is no answer to the question what to do with tensors that share their values."""
    if shared in (None, "copy", "alias"):
        return []
    return [refusal("argument", f"shared is {shared!r}", 'It is None, "copy" or "alias".')]


class Format(Protocol):
    """One kind of checkpoint."""

    name: str
    """What people call it, such as `safetensors`."""
    suffixes: tuple[str, ...]
    """File endings that mean this format where a file is to be written; the first is the usual one."""
    writes: bool
    """Whether `write` works."""

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell from the content whether the file is of this format.

        Parameters
        ----------
        path
            A regular file.
        head
            Its first bytes.
        """
        ...

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Describe what is in the file; no tensor is read and nothing of the file is run.

        Parameters
        ----------
        path
            A file or folder; or the file, opened already, which is closed where anything in it is wrong.
        progress
            Told how far opening is, and asked whether to stop.

        Raises
        ------
        CheckpointError
            If anything in it is wrong.
        """
        ...

    def adopt(self, origin: Any, held: Mapping[str, HeldTensor]) -> None:
        """Let an origin that was opened after a save speak of the tensors the document goes on with, by name."""
        ...

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Say what this format cannot hold of a document.

        Parameters
        ----------
        contents
            The document.
        shared
            What to do with tensors that share storage: None refuses, `copy` or `alias`.
        """
        ...

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write temporary files through the transaction, which the caller verifies and commits.

        Returns
        -------
        list of Path
            The destinations, in the order in which they will be replaced.

        Raises
        ------
        EditRefused
            If `hazards` has a refusal.
        CheckpointError
            If a file cannot be read or written.
        """
        ...
