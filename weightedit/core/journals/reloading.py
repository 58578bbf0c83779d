"""What became of a document's files on disk, and the document opened anew with the edits made so far replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit, TensorValue
from weightedit.core.errors import EditRefused, HazardError
from weightedit.core.files.fingerprint import Fingerprint
from weightedit.core.hazards import refusal
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot
from weightedit.core.source import SourceFile
from weightedit.core.undo.snapshotting import RESTORE
from weightedit.core.undo.spill import Spill
from weightedit.core.words.numbers import bytes_text

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.history import Step

CHUNK = 4 << 20


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a document that is no longer what was opened.

    Attributes
    ----------
    path
        The file.
    kind
        `gone`, `cut short`, `replaced` (another file under its name), `rewritten`, or `touched`: the same size and
        time, but for its rights or links.
    before, now
        Its bytes when it was opened and now; None where there is no file.
    fingerprint
        What it is now, by which the next change is told from this one.
    """

    path: Path
    kind: str
    before: int
    now: int | None
    fingerprint: Fingerprint | None

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        name = self.path.name
        if self.now is None:
            return f"{name} was moved or deleted."
        if self.kind == "cut short":
            return f"{name} was cut short, from {bytes_text(self.before)} to {bytes_text(self.now)}."
        if self.kind == "touched":
            return f"{name} had its rights or links changed."
        sizes = "" if self.now == self.before else f", {bytes_text(self.before)} before and {bytes_text(self.now)} now"
        return f"{name} was {self.kind}{sizes}."


def changed_files(files: Sequence[SourceFile]) -> list[FileChange]:
    """Return the files that are no longer what was opened, by what the system says of them; nothing is read.

    One that has its old time and other rights or links counts as touched, and one with neither as rewritten, by a
    program that put its time back.
    """
    return [change for file in files if (change := _change(file)) is not None]


def _change(file: SourceFile) -> FileChange | None:
    was = file.fingerprint
    try:
        status = file.path.stat()
    except OSError:
        return FileChange(file.path, "gone", was.size, None, None)
    now = Fingerprint.of(status)
    if now == was:
        return None
    if (now.device, now.inode) != (was.device, was.inode):
        kind = "replaced"
    elif now.size < was.size:
        kind = "cut short"
    else:
        same = (now.size, now.mtime_ns) == (was.size, was.mtime_ns)
        kind = "touched" if same and file.has_other_rights(status) else "rewritten"
    return FileChange(file.path, kind, was.size, now.size, now)


@dataclass(frozen=True, slots=True)
class NotApplied:
    """An edit that could not be replayed.

    Attributes
    ----------
    edit, label
        The record, and what history calls it: `scale × 0.5, head.weight [3, :]`.
    reason
        Why not, in one sentence.
    """

    edit: Edit
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A document opened again.

    Attributes
    ----------
    document
        The new one; the old one is as it was, and still open.
    applied
        The edits that were replayed, in order.
    left
        Those that do not fit what the file holds now.
    lost
        Tensors of snapshots whose bytes only the old file had: `head.weight of Snapshot 1`.
    """

    document: Document
    applied: tuple[Edit, ...]
    left: tuple[NotApplied, ...]
    lost: tuple[str, ...] = ()


def unsaved_edits(document: Document) -> tuple[Edit, ...]:
    """Return the edits between the saved point and the present, in order; all of them where no saved point is left."""
    return tuple(step.edit for step in _unsaved_steps(document))


def _unsaved_steps(document: Document) -> Sequence[Step]:
    start = document.history.saved_position or 0
    return document.history.steps[start : document.history.position]


def reload(document: Document, open_file: Callable[[str], Document], *, replay: bool, progress: Progress) -> Reloaded:
    """Open a document's file again as it is now, and replay the unsaved edits one by one if asked to.

    Parameters
    ----------
    document
        It is left as it is.
    open_file
        Opens a path; `assembly` has it.
    replay
        Whether to apply the unsaved edits to what the file holds now. An edit that is refused, or has a warning
        nobody accepted, is left out and said; the ones after it are tried all the same.
    progress
        Told what is under way, and asked whether to stop.

    Raises
    ------
    EditRefused
        If the document has no file.
    CheckpointError
        If the file cannot be opened any more.
    """
    if document.path is None:
        raise EditRefused([refusal("unsupported", f"{document.title} has no file to open again")])
    fresh = open_file(str(document.path))
    fresh.memory, fresh.history.budget = document.memory, document.history.budget
    applied: list[Edit] = []
    left: list[NotApplied] = []
    try:
        lost = fresh.take_over(document.snapshots.values(), _names_in_file(document), progress)
        for step in _unsaved_steps(document) if replay else ():
            with fresh.history.going_on(step.group):  # what one undo took back, one undo takes back
                reason = _replay(fresh, step.edit, applied, progress)
            if reason:
                left.append(NotApplied(step.edit, edit_text(document, step.edit), reason))
    except BaseException:
        fresh.close()
        raise
    return Reloaded(fresh, tuple(applied), tuple(left), lost)


def _names_in_file(document: Document) -> Mapping[Slot, str]:
    """Return what slots are called in the file as it was opened or last saved; nothing where no step leads there."""
    saved = document.history.saved_position
    return {} if saved is None else document.state_at(saved).names


def _replay(fresh: Document, edit: Edit, applied: list[Edit], progress: Progress) -> str:
    """Apply one edit; return why it does not fit, or nothing."""
    declared = fresh.operations.get(edit.operation)
    try:
        if edit.operation == RESTORE:
            applied.append(fresh.restore_again(edit, edit.accepted, progress))
            return ""
        if declared is None:
            return f"There is no operation {edit.operation!r}."
        moved = replace(edit, arguments=MappingProxyType(
            {name: _own(value, fresh.spill) for name, value in edit.arguments.items()}))  # fmt: skip
        applied.append(fresh.apply_edit(declared, moved, edit.accepted, progress))
    except HazardError as error:
        return error.hazards[0].message
    return ""


def _own(value: object, spill: Spill) -> object:
    """Copy a tensor argument out of the spill of the document that is about to be closed."""
    if not isinstance(value, TensorValue):
        return value
    buffer = spill.allocate(value.data.nbytes)
    source = value.data.cast("B")
    for start in range(0, buffer.nbytes, CHUNK):
        buffer[start : start + CHUNK] = source[start : start + CHUNK]
    return TensorValue(value.digest, value.dtype, value.shape, buffer)


def edit_text(document: Document, edit: Edit) -> str:
    """Return what an edit does and where, as history says it: `scale × 0.5, head.weight [3, :]`."""
    from weightedit.core.words.labels import label, place

    declared = document.operations.get(edit.operation)
    named = edit.arguments.get("snapshot", "") if edit.operation == RESTORE else ""
    what = f"{edit.operation} {named}".strip() if declared is None else label(declared, edit)
    return f"{what}, {place(edit, list(edit.targets))}"
