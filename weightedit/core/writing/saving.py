"""What a save reports, what writing needs of a format, and how a document moves onto the file it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from weightedit.core.commands import Rebind, Write
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Progress
from weightedit.core.source import ByteSource
from weightedit.core.storage import Patched, Resident, Storage, written_out

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.writing.save_plan import SavePlan

Change = tuple[Any, str, Any]
"""(owner, attribute, what it becomes)"""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written.

    Attributes
    ----------
    path, files
        The destination, and every file of it.
    format_name
        `safetensors`, `torch zip`, `npy`, …
    tensors, nbytes
        How many tensors, and the bytes of all files; every byte that was written was read back and compared.
    hazards
        What the format could not hold.
    plan
        How it was done: which bytes were written, and which were not since they share their blocks with the old file.
    aliases
        How many names were written beside them as aliases of one of these tensors.
    """

    path: Path
    files: tuple[Path, ...]
    format_name: str
    tensors: int
    nbytes: int
    hazards: tuple[Hazard, ...]
    plan: SavePlan
    aliases: int = 0

    @property
    def names(self) -> int:
        """Under how many names the tensors were written; a document may have more, where not all could be read."""
        return self.tensors + self.aliases


class Writer(Protocol):
    """Writes documents to files; made by `assembly`, which knows the formats."""

    def save(self, document: Document, shared: str | None, progress: Progress, *, in_place: bool = False) -> Saved:
        """Replace the document's own file, or write what changed into it."""
        ...

    def export(self, document: Document, path: Path, format: str | None, shared: str | None, shard_size: int | None,
               progress: Progress, *, only_readable: bool = False) -> Saved:  # fmt: skip
        """Write another file, or save where it is the document's own."""
        ...

    def plan(self, document: Document, path: Path | None, format: str | None, shared: str | None,
             shard_size: int | None, progress: Progress, *, only_readable: bool = False,
             in_place: bool = False) -> SavePlan:  # fmt: skip
        """Say how a save (without a path) or an export would be done; nothing is written."""
        ...

    def export_tensor(self, document: Document, name: object, path: Path, region: str | None, format: str | None,
                      dtype: object, progress: Progress) -> Saved:  # fmt: skip
        """Write one tensor, or a region of it, to a file of its own."""
        ...

    def tensor_hazards(self, document: Document, name: object, path: Path, region: str | None, format: str | None,
                       dtype: object) -> list[Hazard]:  # fmt: skip
        """Say what the destination cannot hold of one tensor, or of a region of it."""
        ...

    def hazards(self, document: Document, path: Path, format: str | None, shared: str | None,
                shard_size: int | None, *, only_readable: bool = False) -> list[Hazard]:  # fmt: skip
        """Say what the destination cannot hold."""
        ...


class Rebase:
    """Moves a document from the file it was read from to the one that replaces it.

    Before the old file goes, every content that reads from it and that history or the document still needs is
    made our own: only the bytes some edit touched where the new file holds the storage as it is now, all of them
    where it does not. That is what lets undo go past a save.

    Parameters
    ----------
    document
        About to be saved.
    placed
        The storages that the new file holds byte for byte.
    """

    def __init__(self, document: Document, placed: Iterable[Storage]) -> None:
        self.document = document
        self.placed = {id(storage): storage for storage in placed}
        self._states: dict[int, tuple[Storage, dict[int, ByteSource]]] = {}
        for storage, content in _states_of(document):
            self._states.setdefault(id(storage), (storage, {}))[1][id(content)] = content
        self._own: dict[int, ByteSource] = {}
        self._under: dict[int, Any] = {}
        self._made: dict[int, dict[Any, Any]] = {}

    def keep_old_bytes(self, progress: Progress) -> None:
        """Read what is still needed of the old file; call before it is replaced."""
        progress.begin("Keeping for undo", sum(content.nbytes for storage, contents in self._states.values()
                                               for content in contents.values() if _reads_a_file(content)
                                               and id(storage) not in self.placed))  # fmt: skip
        for storage, contents in self._states.values():
            reading = [content for content in contents.values() if _reads_a_file(content)]
            if id(storage) not in self.placed:
                self._own.update((id(content), written_out(content, self.document.spill, progress.advance))
                                 for content in reading)  # fmt: skip
            elif any(content is not storage.content for content in contents.values()):
                self._keep_touched(storage, list(contents.values()), reading, progress)

    def _keep_touched(self, storage: Storage, contents: list[ByteSource], reading: list[ByteSource],
                      progress: Progress) -> None:  # fmt: skip
        if any(isinstance(_base(content), Resident) for content in contents):
            self._own.update((id(content), written_out(content, self.document.spill, progress.advance))
                             for content in reading if content is not storage.content)  # fmt: skip
            return
        from weightedit.core.undo.patches import Patches

        under = Patches.none()
        for content in contents:
            if isinstance(content, Patched):
                under = under.reread(content.patches, content.base, self.document.spill)
        self._under[id(storage)] = under

    def changes(self, new: dict[int, ByteSource]) -> list[Change]:
        """Return what shows the new file's bytes; `new` gives the content of each placed storage by id.

        Nothing is changed; call it after the replace.
        """
        moved: dict[tuple[int, int], ByteSource] = {}
        for key, (storage, contents) in self._states.items():
            for identity, content in contents.items():
                moved[key, identity] = self._moved(storage, content, new.get(key))
        found: list[Change] = []
        for command in (command for step in self.document.history.steps for command in step.commands):
            if isinstance(command, Write):
                key = id(command.storage)
                found.append((command, "before", moved.get((key, id(command.before)), command.before)))
                found.append((command, "after", moved.get((key, id(command.after)), command.after)))
        for snapshot in self.document.snapshots.values():
            for kept in snapshot.tensors:
                if kept.storage is not None:
                    found.append((kept, "content", moved.get((id(kept.storage), id(kept.content)), kept.content)))
        for key, (storage, _) in self._states.items():
            found.append((storage, "content", moved.get((key, id(storage.content)), storage.content)))
        return found

    def _moved(self, storage: Storage, content: ByteSource, fresh: ByteSource | None) -> ByteSource:
        if content is storage.content and fresh is not None:
            return fresh
        if id(content) in self._own:
            return self._own[id(content)]
        under = self._under.get(id(storage))
        if fresh is None or under is None or not _reads_a_file(content):
            return content
        made = self._made.setdefault(id(storage), {})
        patches = content.patches.over(under, made) if isinstance(content, Patched) else under
        return Patched(fresh, patches)


def saved_point(document: Document, contents: Mapping[int, ByteSource]) -> list[Change]:
    """Return what makes the present state the saved point of every slot, tensor and storage.

    Parameters
    ----------
    contents
        By the id of a storage, the content it is about to have.
    """
    found: list[Change] = [(document.history, "saved_position", document.history.position)]
    for slot in document.slots:
        found.append((slot, "saved", (slot.name, slot.held)))
        if not slot.held.is_deferred:
            storage = slot.storage
            found.append((slot.held, "saved", slot.held.described))
            found.append((storage, "saved", contents.get(id(storage), storage.content)))
    found += ((slot, "saved", ("", slot.held)) for slot in document.absent)
    return found


def _states_of(document: Document) -> Iterable[tuple[Storage, ByteSource]]:
    """Yield every content of every storage that the document, its history or a snapshot can show."""
    for slot in (*document.slots, *document.absent):
        yield slot.storage, slot.storage.content
    for command in (command for step in document.history.steps for command in step.commands):
        if isinstance(command, Write):
            yield command.storage, command.before
            yield command.storage, command.after
            yield command.storage, command.storage.content
        elif isinstance(command, Rebind):
            for described in (command.before[1], command.after[1]):
                yield described.storage, described.storage.content
    for snapshot in document.snapshots.values():
        for kept in snapshot.tensors:
            if kept.storage is not None:
                yield kept.storage, kept.content
                yield kept.storage, kept.storage.content


def _base(content: ByteSource) -> ByteSource:
    return content.base if isinstance(content, Patched) else content


def _reads_a_file(content: ByteSource) -> bool:
    return not isinstance(_base(content), Resident)


