"""Writes documents through the formats, and says beforehand how: atomically, read back before anything is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weightedit.core.described.contents import file_inventory
from weightedit.core.document import Document
from weightedit.core.errors import EditRefused
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.files.same_file import commit_beside, same_file
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.journals.kept_file import note_saved
from weightedit.core.journals.recorded import announce_save
from weightedit.core.journals.recovery import journals_folder
from weightedit.core.progress import Asking, Progress
from weightedit.core.slots import Slot
from weightedit.core.source import Source, SourceFile, through_handles
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction
from weightedit.core.values.readable import Remains, check_read_files, refuse_over_changed, what_remains
from weightedit.core.writing.patching import Patching
from weightedit.core.writing.save_plan import SavePlan, Sketch
from weightedit.core.writing.saving import Rebase, Saved
from weightedit.core.writing.turning import changes_to, make, turn
from weightedit.formats import format_for
from weightedit.formats.protocol import Contents, Format
from weightedit.formats.readable import readable_contents

SlotPath = tuple[Any, ...]


class FileWriter:
    """Writes documents through the formats, atomically, and reads back what was written before saying so."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = formats

    def save(self, document: Document, shared: str | None, progress: Progress, *, in_place: bool = False) -> Saved:
        """Replace the document's own file by its present state, or patch it."""
        job = self._own(document, shared)
        return self._patch(job, progress) if in_place else self._write(job, progress)

    def _own(self, document: Document, shared: str | None) -> _Job:
        if document.path is None:
            raise EditRefused([refusal("unsupported", f"{document.title} has no file to save to",
                                       "Export it to one.")])  # fmt: skip
        kind = self._format(document, document.path, document.format_name)
        return _Job(document, kind, document.path, shared, None, own=True)

    def export(self, document: Document, path: Path, format: str | None, shared: str | None, shard_size: int | None,
               progress: Progress, *, only_readable: bool = False) -> Saved:  # fmt: skip
        """Write to a file; to the document's own it is a save."""
        with self._job(document, path, format, shared, shard_size, only_readable) as job:
            return self._write(job, progress)

    def plan(self, document: Document, path: Path | None, format: str | None, shared: str | None,
             shard_size: int | None, progress: Progress, *, only_readable: bool = False,
             in_place: bool = False) -> SavePlan:  # fmt: skip
        """Go through the motions of a save (without a path) or an export, and say what it would write."""
        if path is None and in_place:
            job, sketch = self._own(document, shared), Sketch(in_place=True)
            job.write(sketch, progress)
            Patching(sketch.pending)
            return job.plan(sketch, in_place=True)
        if path is None:
            return self._plan(self._own(document, shared), progress)
        with self._job(document, path, format, shared, shard_size, only_readable) as job:
            return self._plan(job, progress)

    @contextmanager
    def _job(self, document: Document, path: Path, format: str | None, shared: str | None, shard_size: int | None,
             only_readable: bool) -> Iterator[_Job]:  # fmt: skip
        kind, path, own = self._destination(document, path, format, shard_size)
        job = _Job(document, kind, path, shared, shard_size, own=own)
        if not only_readable:
            yield job
            return
        job.remains = what_remains(document)
        with through_handles(() if own else job.remains.held):
            yield job

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
        from weightedit.core.writing.alone import alone

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
            plan = SavePlan.of(transaction.pending, transaction.tensors)
            commit_beside(transaction, files)
        note_saved(journals_folder(), [pending.target for pending in transaction.pending])
        return Saved(path, tuple(written), kind.name, transaction.tensors, transaction.nbytes, tuple(hazards),
                     plan, transaction.aliases)  # fmt: skip

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

    def _plan(self, job: _Job, progress: Progress) -> SavePlan:
        sketch = Sketch()
        job.write(sketch, progress)
        return job.plan(sketch)

    def _write(self, job: _Job, progress: Progress) -> Saved:
        from weightedit.formats.verify import verify

        document, kind, own = job.document, job.kind, job.own
        with Transaction() as transaction:
            written = job.write(transaction, progress)
            verify(kind, transaction, job.contents, progress)
            check_read_files(job.contents.slots)
            rebase = Rebase(document, _placed(job, transaction, progress)) if own else None
            if rebase is not None:
                rebase.keep_old_bytes(progress)
                transaction.finish()
                announce_save(document, {str(pending.target): pending.temporary for pending in transaction.pending})
            plan = job.plan(transaction)
            made = commit_beside(transaction, document.files)
        note_saved(journals_folder(), [pending.target for pending in transaction.pending])
        if rebase is not None:
            turn(document, rebase, lambda: kind.open(job.path, Progress()), kind.adopt, made)
        return Saved(job.path, tuple(written), kind.name, transaction.tensors, transaction.nbytes, tuple(job.hazards),
                     plan, transaction.aliases)  # fmt: skip


    def _patch(self, job: _Job, progress: Progress) -> Saved:
        """Write what changed into the document's own files; see `core/writing/patching.py` for what that promises."""
        from weightedit.formats.verify import verify_patched

        document, kind, sketch = job.document, job.kind, Sketch(in_place=True)
        written = job.write(sketch, progress)
        check_read_files(job.contents.slots)
        plan = job.plan(sketch, in_place=True)
        patched = [one for one in sketch.pending if one.layout is None or one.layout.fresh_bytes(1)]
        with Patching(patched) as patching:
            rebase = Rebase(document, _placed(job, sketch, progress, in_place=True))
            rebase.keep_old_bytes(progress)
            patching.run(progress)
            verify_patched(kind, patched, progress)
            opened = kind.open(job.path, Asking(progress))
            with closed_if_stopped(opened.files):
                changes = changes_to(document, rebase, opened, kind.adopt)
                announce_save(document, {str(one.target): one.target for one in patched})
                patching.commit()
            make(document, changes)
        for file in opened.files:
            file.share()
        note_saved(journals_folder(), [one.target for one in patched])
        return Saved(job.path, tuple(written), kind.name, sketch.tensors, sketch.nbytes, tuple(job.hazards), plan,
                     sketch.aliases)  # fmt: skip


class _Job:
    """One save or export: what is written in which format, where to, and what the format cannot hold.

    Attributes
    ----------
    own
        Whether it is a save.
    remains
        What can still be read, where only that is written.
    contents, hazards
        Known once `write` was called.
    """

    def __init__(self, document: Document, kind: Format, path: Path, shared: str | None, shard_size: int | None, *,
                 own: bool) -> None:  # fmt: skip
        self.document, self.kind, self.path, self.own = document, kind, path, own
        self._shared, self._shard_size = shared, shard_size
        self.remains: Remains | None = None
        self.contents = _contents(document, kind)
        self.hazards: list[Hazard] = []

    def write(self, transaction: Transaction, progress: Progress) -> list[Path]:
        """Write the files, or go through the motions where the transaction is a sketch."""
        if self.own:
            refuse_over_changed(self.document.files)
        left_out: list[Hazard] = []
        if self.remains is not None:
            self.contents, left_out = readable_contents(self.contents, self.remains)
        self.hazards = [*left_out, *self.kind.hazards(self.contents, self._shared)]
        if any(hazard.level == "refusal" for hazard in self.hazards):
            raise EditRefused(self.hazards)
        written = self.kind.write(self.contents, self.path, transaction, shared=self._shared,
                                  shard_size=self._shard_size, progress=progress)  # fmt: skip
        if not self.own:
            _spare_sources(transaction, self.document)
        return written

    def plan(self, transaction: Transaction, *, in_place: bool = False) -> SavePlan:
        """Say what a transaction writes."""
        changed = sum(slot.is_modified for slot in self.document.slots)
        untouched = len(self.document.files) - len(transaction.pending) if self.own else 0
        return SavePlan.of(transaction.pending, changed, max(0, untouched), in_place=in_place)


def _spare_sources(transaction: Transaction, document: Document) -> None:
    """Refuse an export that would replace a file the document is read from: only a save may."""
    sources = {os.path.realpath(file.path): file.name for file in document.files}
    for pending in transaction.pending:
        if str(pending.target) in sources:
            name = sources[str(pending.target)]
            raise EditRefused([refusal("unsupported", f"{name} there is what this document is read from",
                                       "Save, or export to another folder or name.")])  # fmt: skip


def _placed(job: _Job, transaction: Transaction, progress: Progress, *, in_place: bool = False) -> list[Storage]:
    """Return the storages that the files about to be committed hold byte for byte, under the same slots."""
    fresh: dict[SlotPath, Slot] = {}
    replaced, kind = {pending.target for pending in transaction.pending}, job.kind
    for pending in transaction.pending:
        if pending.expected is not None:
            opened = kind.open(pending.target if in_place else pending.temporary, Asking(progress))
            fresh |= {slot.path: slot for slot in file_inventory(opened.root, progress.ask).slots}
            for file in opened.files:
                file.close()
    by_storage: dict[int, list[Slot]] = {}
    for slot in job.document.slots:
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
