"""The one place that joins core, formats and operations into a Document."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weightedit.core.collector import collector_paused
from weightedit.core.contents import Inventory, TooMuch, file_inventory
from weightedit.core.document import DEFAULT_MEMORY, Document
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.folders import cache_folder
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import DEFAULT_BUDGET
from weightedit.core.kept_file import note_saved
from weightedit.core.operation import Operation
from weightedit.core.paths import shown
from weightedit.core.progress import Asking, Progress
from weightedit.core.readable import Remains, check_read_files, refuse_over_changed, what_remains
from weightedit.core.reader import Origin
from weightedit.core.recorded import announce_save, keep_journal
from weightedit.core.recovery import Unfinished, journals_folder
from weightedit.core.same_file import commit_beside, same_file
from weightedit.core.saving import Rebase, Saved
from weightedit.core.slots import Slot
from weightedit.core.source import Source, SourceFile, closed_if_stopped, through_handles
from weightedit.core.spill import Spill
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction
from weightedit.core.turning import turn
from weightedit.formats import FORMATS, Contents, Format, detect, format_for
from weightedit.formats.code_hazards import code_named
from weightedit.formats.readable import readable_contents
from weightedit.operations import OPERATIONS
from weightedit.search.condition import split_region


def declared_operations() -> tuple[Operation, ...]:
    """Return every operation there is, in the order of the menus."""
    return OPERATIONS


def open_document(source: Any, *, optimizer: Any = None, progress: Progress | None = None,
                  spill: Spill | None = None, memory: int = DEFAULT_MEMORY, history_budget: int = DEFAULT_BUDGET,
                  remembers: bool = False, journal: bool = False) -> Document:  # fmt: skip
    """Open a file, a folder of shards, or a live object.

    Parameters
    ----------
    source
        A path; or an `nn.Module`, or any nesting of modules, state_dicts, dicts and lists in memory.
    optimizer
        Of a live module, to be kept in step with edits; it trains at least one of its tensors.
    progress
        Told how far opening is, and asked whether to stop.
    spill
        Where large results go; by default a folder of its own, removed at close.
    memory
        Bytes a pass over a tensor may use for its values.
    history_budget
        Bytes undo may keep.
    remembers
        Whether to look for other optimizers of live tensors at once: for the window, which hides from Python's
        collector what is there when a document is shown. Looking takes a tenth of a second in a large process.
    journal
        Whether every edit of a file is written down before it is applied, so that `recover` has it after a crash.
        Live objects have no journal: what they were is gone with the process.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or something in it is wrong; or if the optimizer is none, or not of this module.
        No code of a file is ever run.
    """
    if isinstance(source, str | Path):
        if optimizer is not None:
            raise CheckpointError(f"{Path(source).name} is a file, and an optimizer trains live tensors only; open "
                                  "the module that it trains.", file=source)  # fmt: skip
        document = _open_path(Path(source), progress or Progress(), spill)
    else:
        document = _open_live(source, optimizer, spill, remembers)
    document.memory, document.history.budget = memory, history_budget
    if journal:
        keep_journal(document)
    return document


def recover(unfinished: Unfinished | str, *, progress: Progress | None = None, spill: Spill | None = None,
            memory: int = DEFAULT_MEMORY, history_budget: int = DEFAULT_BUDGET,
            journal: bool = True) -> Document:  # fmt: skip
    """Open the file of a document that ended without closing, and apply its unsaved edits again.

    Edits come back in order, undone ones, groups and snapshots too, as far as they touch the same bytes and give the
    same bytes as before; `Document.recovered` says what was left out and why. The file is not written.

    Parameters
    ----------
    unfinished
        One of `weightedit.core.recovery.unfinished()`, or its key.
    progress
        Told how many edits are done, and asked whether to stop; then the journal is as it was.
    spill, memory, history_budget
        As for `open_document`.
    journal
        Whether the document has a journal of its own; once that has every edit, the old one is removed. Without, the
        old one stays until it is discarded.

    Raises
    ------
    CheckpointError
        If the file is not the one that was edited, or the journal cannot be read; both stay as they are.
    EditRefused
        If there is no room for the new journal.
    WeightEditError
        If there is no such journal, or another process has it.
    """
    from weightedit.core.recovering import recovered

    def open_file(path: str) -> Document:
        return open_document(path, progress=progress, spill=spill, memory=memory, history_budget=history_budget)

    key = unfinished if isinstance(unfinished, str) else unfinished.key
    return recovered(key, open_file, progress or Progress(), journal=journal)


def _open_path(path: Path, progress: Progress, spill: Spill | None) -> Document:
    kind = detect(path)
    opened = kind.open(path, progress)
    with collector_paused(), closed_if_stopped(opened.files):
        try:
            inventory = file_inventory(opened.root, progress.ask)
        except TooMuch as error:
            raise CheckpointError(f"{shown(opened.path)} {error}.", file=opened.path) from error
        origin = Origin(opened.path.name, opened.root, kind.name, opened.path, opened.metadata, opened.files,
                        opened.origin)  # fmt: skip
        return _document(origin, inventory, spill)


def check_live(source: Any, optimizer: Any = None) -> None:
    """Raise the `CheckpointError` of a live object or optimizer that is none, without opening it."""
    from weightedit.core.live.objects import is_live

    if optimizer is not None or not is_live(source):  # to look through a whole module takes a while
        _walked(source, optimizer)


def _walked(source: Any, optimizer: Any) -> Inventory:
    from weightedit.core.live.handed import check_optimizer
    from weightedit.core.live.objects import LiveObjects, is_live

    if not is_live(source):
        raise CheckpointError(
            f"{_one(source)} cannot be opened; give a path, a module, or a dict or list of tensors."
        )
    try:
        inventory = LiveObjects().walk(source)
    except TooMuch as error:
        raise CheckpointError(f"{_one(source)} cannot be opened: it {error}.") from error
    if optimizer is not None:
        check_optimizer(optimizer, inventory.slots, type(source).__name__)
    return inventory


def _one(source: Any) -> str:
    name = type(source).__name__
    return f"{'An' if name[0].lower() in 'aeiou' else 'A'} {name}"


def _open_live(source: Any, optimizer: Any, spill: Spill | None, remembers: bool) -> Document:
    from weightedit.core.live.marks import Marks
    from weightedit.core.live.watching import Watch, optimizers_alive

    inventory = _walked(source, optimizer)
    kind = "live module" if hasattr(source, "named_parameters") else "memory"
    trains = remembers and any(slot.spec.requires_grad for slot in inventory.slots)
    origin = Origin(type(source).__name__, source, kind, optimizer=optimizer,
                    watch=Watch(optimizers_alive() if trains else ()), marks=Marks(inventory.slots))  # fmt: skip
    return _document(origin, inventory, spill)


def _document(origin: Origin, inventory: Inventory, spill: Spill | None) -> Document:
    return Document(
        origin, inventory, operations=OPERATIONS, writer=FileWriter(FORMATS), resolve=open_document,
        conditions=split_region, spill=spill or Spill(cache_folder() / "spill"))  # fmt: skip


SlotPath = tuple[Any, ...]


class FileWriter:
    """Writes documents through the formats, atomically, and reads back what was written before saying so."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = formats

    def save(self, document: Document, shared: str | None, progress: Progress) -> Saved:
        """Replace the document's own file by its present state."""
        if document.path is None:
            raise EditRefused([refusal("unsupported", f"{document.title} has no file to save to",
                                       "Export it to one.")])  # fmt: skip
        return self._write(document, document.path, document.format_name, shared, None, progress, own=True)

    def export(self, document: Document, path: Path, format: str | None, shared: str | None, shard_size: int | None,
               progress: Progress, *, only_readable: bool = False) -> Saved:  # fmt: skip
        """Write to a file; to the document's own it is a save."""
        kind, path, own = self._destination(document, path, format, shard_size)
        if not only_readable:
            return self._write(document, path, kind.name, shared, shard_size, progress, own=own)
        remains = what_remains(document)
        with through_handles(() if own else remains.held):
            return self._write(document, path, kind.name, shared, shard_size, progress, own=own, remains=remains)

    def _destination(self, document: Document, path: Path, format: str | None,
                     shard_size: int | None) -> tuple[Format, Path, bool]:  # fmt: skip
        """Return the format, the path, and whether that is the document's own file, which keeps its format."""
        own = document.path is not None and same_file(path, [document.path])
        if not own and same_file(path, [file.path for file in document.files]):
            raise EditRefused([refusal("unsupported", f"{path.name} is one of the files {document.title} is read from",
                                       "Save, or export to another name.")])  # fmt: skip
        kind = self._format(document, path, document.format_name if own and format is None else format)
        if own and kind.name != document.format_name:
            raise EditRefused([refusal("unsupported", f"{path.name} is open as {document.format_name}",
                                       "Export in another format to another name.")])  # fmt: skip
        if shard_size is not None and (type(shard_size) is not int or shard_size < 1 or kind.name != "safetensors"):
            what = f"{kind.name} is one file" if kind.name != "safetensors" else "It takes a whole number of bytes"
            raise EditRefused([refusal("argument", f"shard_size is {shard_size!r}", f"{what}.")])
        if own and shard_size is not None:
            raise EditRefused([refusal("unsupported", f"A save leaves {path.name} in the files it has",
                                       "Export to another name for files of another size.")])  # fmt: skip
        return kind, document.path if own and document.path is not None else path, own

    def export_tensor(self, document: Document, name: object, path: Path, region: str | None, format: str | None,
                      dtype: object, progress: Progress) -> Saved:  # fmt: skip
        """Write one tensor, or a region of it, to a file of its own; the document may be edited meanwhile."""
        kind, contents = self._alone(document, name, path, region, format, dtype)
        return self._committed(kind, contents, path, progress, document.files)

    def tensor_hazards(self, document: Document, name: object, path: Path, region: str | None, format: str | None,
                       dtype: object) -> list[Hazard]:  # fmt: skip
        """Say what the destination's format cannot hold of one tensor."""
        kind, contents = self._alone(document, name, path, region, format, dtype)
        return kind.hazards(contents, None)

    def _alone(self, document: Document, name: object, path: Path, region: str | None, format: str | None,
               dtype: object) -> tuple[Format, Contents]:  # fmt: skip
        from weightedit.core.alone import alone

        pinned = document.pin(name)
        if same_file(path, [file.path for file in document.files]):
            raise EditRefused([refusal("unsupported", f"{path.name} is one of the files {document.title} is read from",
                                       "Export the tensor to another name.")])  # fmt: skip
        kind = format_for(path, format)
        if kind is None:
            raise self._unknown(path, format)
        root = {pinned.name: alone(pinned, region, dtype)}
        inventory = file_inventory(root)
        return kind, Contents(root, inventory.slots, inventory.entries)

    def _committed(self, kind: Format, contents: Contents, path: Path, progress: Progress,
                   files: Sequence[SourceFile]) -> Saved:  # fmt: skip
        """Write contents that belong to no document, read them back, and put them in their place."""
        from weightedit.formats.verify import verify

        hazards = kind.hazards(contents, None)
        if any(hazard.level == "refusal" for hazard in hazards):
            raise EditRefused(hazards)
        with Transaction() as transaction:
            written = kind.write(contents, path, transaction, progress=progress)
            verify(kind, transaction, contents, progress)
            commit_beside(transaction, files)
        note_saved(journals_folder(), [pending.target for pending in transaction.pending])
        return Saved(path, tuple(written), kind.name, transaction.tensors, transaction.nbytes, tuple(hazards),
                     transaction.aliases)  # fmt: skip

    def hazards(self, document: Document, path: Path, format: str | None, shared: str | None,
                shard_size: int | None, *, only_readable: bool = False) -> list[Hazard]:  # fmt: skip
        """Say what the destination's format cannot hold, and what cannot be read any more."""
        kind, _, own = self._destination(document, path, format, shard_size)
        if not only_readable:
            return kind.hazards(_contents(document, kind), shared)
        if own:
            refuse_over_changed(document.files)
        remains = what_remains(document)
        with through_handles(remains.held):
            contents, left_out = readable_contents(_contents(document, kind), remains)
            return [*left_out, *kind.hazards(contents, shared)]

    def _format(self, document: Document, path: Path, name: str | None) -> Format:
        found = format_for(path, name)
        if found is None and name is None:
            found = format_for(path, document.format_name)
        if found is None and any(kind.name == name for kind in self._formats):
            raise EditRefused([refusal("unsupported", f"{name} is read and not written",
                                       "Export to a .pt file as torch zip, or to another format.")])  # fmt: skip
        if found is None:
            raise self._unknown(path, name)
        return found

    def _unknown(self, path: Path, name: str | None) -> EditRefused:
        known = ", ".join(kind.name for kind in self._formats if kind.writes)
        what = f"There is no format {name!r}" if name else f"The suffix of {path.name} names no format"
        return EditRefused([refusal("argument", what, f"There are: {known}.")])

    def _write(self, document: Document, path: Path, format: str, shared: str | None, shard_size: int | None,
               progress: Progress, *, own: bool, remains: Remains | None = None) -> Saved:  # fmt: skip
        from weightedit.formats.verify import verify

        if own:
            refuse_over_changed(document.files)
        kind = self._format(document, path, format)
        contents = _contents(document, kind)
        contents, left_out = readable_contents(contents, remains) if remains is not None else (contents, [])
        hazards = [*left_out, *kind.hazards(contents, shared)]
        if any(hazard.level == "refusal" for hazard in hazards):
            raise EditRefused(hazards)
        with Transaction() as transaction:
            written = kind.write(contents, path, transaction, shared=shared, shard_size=shard_size, progress=progress)
            if not own:
                _spare_sources(transaction, document)
            verify(kind, transaction, contents, progress)
            check_read_files(contents.slots)
            rebase = Rebase(document, _placed(kind, transaction, document, progress)) if own else None
            if rebase is not None:
                rebase.keep_old_bytes(progress)
                announce_save(document, {str(pending.target): pending.temporary for pending in transaction.pending})
            made = commit_beside(transaction, document.files)
        note_saved(journals_folder(), [pending.target for pending in transaction.pending])
        if rebase is not None:
            turn(document, rebase, lambda: kind.open(path, Progress()), kind.adopt, made)
        return Saved(path, tuple(written), kind.name, transaction.tensors, transaction.nbytes, tuple(hazards),
                     transaction.aliases)  # fmt: skip


def _spare_sources(transaction: Transaction, document: Document) -> None:
    """Refuse an export that would replace a file the document is read from: only a save may."""
    sources = {os.path.realpath(file.path): file.name for file in document.files}
    for pending in transaction.pending:
        if str(pending.target) in sources:
            name = sources[str(pending.target)]
            raise EditRefused([refusal("unsupported", f"{name} there is what this document is read from",
                                       "Save, or export to another folder or name.")])  # fmt: skip


def _placed(kind: Format, transaction: Transaction, document: Document, progress: Progress) -> list[Storage]:
    """Return the storages that the files about to be committed hold byte for byte, under the same slots."""
    fresh: dict[SlotPath, Slot] = {}
    replaced = {pending.target for pending in transaction.pending}
    for pending in transaction.pending:
        if pending.expected is not None:
            opened = kind.open(pending.temporary, Asking(progress))
            fresh |= {slot.path: slot for slot in file_inventory(opened.root, progress.ask).slots}
            for file in opened.files:
                file.close()
    by_storage: dict[int, list[Slot]] = {}
    for slot in document.slots:
        by_storage.setdefault(id(slot.storage), []).append(slot)
    groups = by_storage.values()
    return [group[0].storage for group in groups if _is_placed(group, fresh) or _stays(group[0].storage, replaced)]


def _stays(storage: Storage, replaced: set[Path]) -> bool:
    """Whether a storage lies as it is in a shard that is not replaced."""
    content = storage.content
    return isinstance(content, Source) and Path(os.path.realpath(content.file.path)) not in replaced


def _is_placed(slots: list[Slot], fresh: Mapping[SlotPath, Slot]) -> bool:
    storages = {id(fresh[slot.path].storage) if slot.path in fresh else 0 for slot in slots}
    return len(storages) == 1 and 0 not in storages and all(_same_place(slot, fresh[slot.path]) for slot in slots)


def _same_place(slot: Slot, fresh: Slot) -> bool:
    mine, new = slot.spec, fresh.spec
    return (mine.dtype, mine.shape, mine.stride, mine.offset, slot.storage.nbytes) == (
        new.dtype, new.shape, new.stride, new.offset, fresh.storage.nbytes)  # fmt: skip


def _contents(document: Document, kind: Format) -> Contents:
    state = document.origin.state if kind.name == document.format_name else None
    return Contents(document.origin.root, document.slots, document.entries, document.metadata, state)


__all__ = ["FORMATS", "FileWriter", "code_named", "open_document"]
