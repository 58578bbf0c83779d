"""Applying again what a journal has, to the very file it was applied to, as far as it comes out the same."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.edit import Edit
from weightedit.core.errors import CheckpointError, HazardError, WeightEditError
from weightedit.core.history import Group, Step
from weightedit.core.journal import FileMark, opened
from weightedit.core.journals.journal_records import hashes_in, names_of
from weightedit.core.journals.kept import Base, Kept, Node, TakenSnapshot, edits_after, way
from weightedit.core.journals.kept_file import by_whom
from weightedit.core.journals.recorded import keep_journal
from weightedit.core.journals.recovery import Recovered, kept_edit, look, remove, remove_incomplete, taken, time_of
from weightedit.core.progress import Asking, Progress
from weightedit.core.undo.snapshotting import RESTORE
from weightedit.core.undo.spill import Spill
from weightedit.core.words.visible import LONGEST_MESSAGE, visible

if TYPE_CHECKING:
    from weightedit.core.document import Document

_CHUNK = 4 << 20
_NO_RECORD = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


class Stopped(WeightEditError):
    """An edit cannot be applied as it was; the ones before it are."""


def recovered(key: str, open_file: Callable[[str], Document], progress: Progress, *, journal: bool) -> Document:
    """Open the file of a journal and apply its edits again; `assembly.recover` says more.

    Parameters
    ----------
    key
        Of the journal.
    open_file
        Opens a path; `assembly` has it.
    progress
        Told how many edits are done, and asked whether to stop.
    journal
        Whether the document has a journal of its own, which then stands for the old one.
    """
    with taken(key) as folder:
        found = look(folder)
        if found.kept is None:
            raise CheckpointError(f"The journal {key} gives nothing back. {found.problem}", file=folder)
        remove_incomplete(key)
        document = _opened(key, str(found.kept.header.get("path", "")), open_file)
        try:
            if journal:
                keep_journal(document, recovers=key)
            document.recovered = recover(document, found.kept, folder, progress)
            if document.journal is not None:
                whole = not document.recovered.left_out
                document.journal.complete(whole=whole)
                if whole:
                    remove(folder)
        except BaseException:
            document.close()
            raise
    return document


def _opened(key: str, path: str, open_file: Callable[[str], Document]) -> Document:
    """Open the file that was edited; where it cannot be, say where it was and that its edits are not lost."""
    try:
        return open_file(path)
    except CheckpointError as error:
        away = "is not there any more" if not os.path.lexists(path) else f"cannot be opened. {error}".rstrip(".")
        raise CheckpointError(f"{visible(path, LONGEST_MESSAGE)}, to which the edits of the journal {key} were made, "
                              f"{away}. The journal stays as it is: put that file back and recover again.",
                              file=path) from error  # fmt: skip


def recover(document: Document, kept: Kept, folder: Path, progress: Progress) -> Recovered:
    """Apply the edits of a journal to a document that was just opened; the first that comes out otherwise ends it.

    Parameters
    ----------
    document
        Without history.
    kept, folder
        The journal, and where the bytes of its tensor arguments are.
    progress
        Told how far it is, and asked whether to stop.

    Raises
    ------
    CheckpointError
        If the file is another one than was edited, or not even the first edit comes out the same.
    EditRefused
        If an edit cannot be written to the document's own journal.
    """
    base, is_same = _base_of(document, kept, folder)
    replay = _Replay(document, kept, base, is_same, folder, progress)
    point = kept.point
    fit, lost = edits_after(base, point)
    progress.begin("Recovering", len(fit))
    shown = max(0, point.position - base.position)
    with ExitStack() as held:
        reason = replay.run(fit, shown, held)
        applied = replay.line(fit)
        if fit and not applied and reason:
            raise CheckpointError(f"{reason} The journal stays.", file=document.path)
        replay.go(min(shown, applied))
    reasons = [reason] if reason else []
    if lost:
        reasons.append("What had been saved was undone before some edits were made, and they cannot be applied to the "
                       "file as it was saved.")  # fmt: skip
    elif point.position < base.position:
        reasons.append("Edits that had been saved were undone after that; the document is as it was saved.")
    left = tuple(kept_edit(node, point.position) for node in (*fit[applied:], *lost))
    return Recovered(applied, left, " ".join(reasons) or None)


def _base_of(document: Document, kept: Kept, folder: Path) -> tuple[Base, bool]:
    """Return the state of the journal that the document's files have, and whether they are the very files."""
    alike = None
    for base in reversed(kept.bases):
        marks = {mark.path: mark for mark in base.marks}
        there = [marks.get(os.path.realpath(file.path)) for file in document.files]
        found = ["other" if mark is None else mark.compare(mark.path) for mark in there]
        if all(likeness == "same" for likeness in found):
            return base, True
        if "other" not in found:
            alike = base
    if alike is None:
        raise CheckpointError(f"{visible(document.title)} is another file than the one that was edited, or was changed "
                              f"since, {by_whom(kept, folder)}; nothing was applied to it, and the journal stays.",
                              file=document.path)  # fmt: skip
    return alike, False


class _Replay:
    """Applies recorded edits to a document; `done` is the way it is on."""

    def __init__(self, document: Document, kept: Kept, base: Base, is_same: bool, folder: Path,
                 progress: Progress) -> None:  # fmt: skip
        self.document = document
        self.kept = kept
        self.base = base
        self.is_same = is_same
        self.folder = folder
        self.progress = progress
        self.done: list[Node] = []
        self.groups: dict[int, Group] = {}

    def run(self, fit: Sequence[Node], shown: int, held: ExitStack) -> str | None:
        """Apply edits in order, and take the snapshots they restore from; returns why it ended early, or None.

        Those after the first `shown` had been undone: while they are done again, until `held` ends, the history lets
        no step go, or a small budget would lose the state that undoing them leads to.
        """
        line = set(map(id, fit))
        undone = fit[shown] if shown < len(fit) else None
        for event in self._events(fit):
            if isinstance(event, TakenSnapshot):
                self._take(event)
                continue
            if event is undone:
                held.enter_context(self.document.history.kept_whole())
            try:
                self._reach(event)
            except Stopped as error:
                if id(event) not in line:
                    continue  # what was to be restored from there says so
                return f"{_place(event, fit)} was left out: {error}"
            if id(event) in line:
                self.progress.advance(1)
        return None

    def line(self, fit: Sequence[Node]) -> int:
        """Return how many of the edits are on the way the document is on."""
        return sum(one is other for one, other in zip(self.done, fit, strict=False))

    def go(self, count: int) -> None:
        """Undo or redo until the first `count` edits of the way are applied."""
        place = count - self.document.history.forgotten
        if place < 0:
            raise Stopped("undo let go of the state it was applied to.")
        if place != self.document.history.position:
            self.document.go_to(place, accept="all")

    def _events(self, fit: Sequence[Node]) -> list[Node | TakenSnapshot]:
        """Return what to do in the order in which it was done: edits on the way, and what a restore of them needs.

        That is its snapshot, and the edits that lead to the state this is of, though that was left since.
        """
        there = {id(self.base.node), *map(id, fit)}
        taken = {one.number: one for one in self.kept.snapshots if one.node is not None and id(one.node) in there}
        nodes = {node.number: node for node in fit}
        waiting = list(fit)
        while waiting:
            node = waiting.pop()
            name = _snapshot_of(node)
            older = [one for one in self.kept.snapshots if one.record.get("name") == name and one.number < node.number]
            if name is None or not older or older[-1].node is None:
                continue
            taken[older[-1].number] = older[-1]
            for one in way(older[-1].node, self.base.node)[1:]:
                if one.number not in nodes:
                    nodes[one.number] = one
                    waiting.append(one)
        events: dict[int, Node | TakenSnapshot] = {**nodes, **taken}
        return [events[number] for number in sorted(events)]

    def _take(self, taken: TakenSnapshot) -> None:
        name, tensors = taken.record.get("name"), taken.record.get("tensors")
        try:
            if taken.node is None or not isinstance(name, str):
                return
            self._reach(taken.node)
            if name in self.document.snapshots:
                self.document.drop_snapshot(name)
            self.document.snapshot(name, tensors)
        except (Stopped, HazardError, *_NO_RECORD):
            return  # an edit that restores from it says so

    def _reach(self, node: Node) -> None:
        """Bring the document to a state; what of the way there is not done yet is applied."""
        if node.before is (self.done[-1] if self.done else self.base.node):  # as most are, and a long way is not walked
            self.go(len(self.done))
            self._apply(node)
            self.done.append(node)
            return
        steps = way(node, self.base.node)
        if steps[0] is not self.base.node:
            raise Stopped("it is of before the last save.")
        common = 0
        while common < min(len(self.done), len(steps) - 1) and self.done[common] is steps[common + 1]:
            common += 1
        self.go(common)
        for one in steps[common + 1 :]:
            self._apply(one)
            self.done[common:] = [one]
            common += 1

    def _apply(self, node: Node) -> None:
        from weightedit.core.undo.touched import differs, pieces_of

        record = node.record or {}
        try:
            edit = Edit.from_json(record["edit"], self._tensors(record["edit"]))
            step = self._step(edit)
            if {name: record.get(name) for name in names_of(step)} != names_of(step):
                raise Stopped("it means other tensors than it did.")
            self._check_files(record, node.digest)
            if node.digest is not None:
                side = differs(pieces_of(step.commands), node.digest, lambda: self.progress.advance(0))
                if side is not None:
                    raise Stopped(_OTHERWISE[side])
        except _NO_RECORD as error:
            raise Stopped(f"its record makes no sense ({type(error).__name__}).") from error
        with self.document.history.going_on(self._group(record)):
            self.document.commit(replace(step, time=time_of(record.get("time"))))

    def _step(self, edit: Edit) -> Step:
        from weightedit.core.edits.editing import carry_out
        from weightedit.core.edits.restoring import restored

        document, quiet = self.document, Asking(self.progress)
        try:
            if edit.operation == RESTORE:
                kept = document.snapshots.get(edit.arguments["snapshot"])
                if kept is None:
                    name = visible(str(edit.arguments["snapshot"]))
                    raise Stopped(f"the snapshot {name} is of a state that is gone.")
                return restored(document, kept, list(edit.targets), edit.accepted, quiet)
            declared = document.operations.get(edit.operation)
            if declared is None:
                raise Stopped(f"there is no operation {visible(edit.operation)}.")
            return carry_out(document, declared, edit, edit.accepted, quiet)
        except HazardError as error:
            raise Stopped(error.hazards[0].message) from error
        except CheckpointError as error:
            if error.file in {str(file.path) for file in document.files}:
                raise
            raise Stopped(str(error)) from error

    def _check_files(self, record: Mapping[str, Any], digest: Mapping[str, Any] | None) -> None:
        """Without hashes of the bytes it touched, an edit counts only where every file is the very one."""
        if digest is not None and digest["whole"] is True:
            return
        if not self.is_same:
            raise Stopped("the file was touched or copied since, and the hashes of what the edit changed were not "
                          "written before the crash.")  # fmt: skip
        for path, mark in record.get("files", {}).items():
            if mark is None or FileMark.from_json(mark).compare(path) != "same":
                raise Stopped(f"{visible(Path(path).name)}, which it takes a tensor from, was changed since.")

    def _group(self, record: Mapping[str, Any]) -> Group | None:
        number, label = record.get("group"), record.get("group_label")
        if not isinstance(number, int) or not isinstance(label, str):
            return None
        return self.groups.setdefault(number, Group(label))

    def _tensors(self, edit: Mapping[str, Any]) -> dict[str, memoryview]:
        return {digest: _argument(self.folder, digest, dtype, shape, self.document.spill)
                for digest, (dtype, shape) in hashes_in(edit).items()}  # fmt: skip


def _snapshot_of(node: Node) -> object:
    """Return the name of the snapshot that an edit restores from, or None."""
    edit = node.record["edit"] if node.record else {}
    arguments = edit.get("arguments")
    if edit.get("operation") != RESTORE or not isinstance(arguments, dict):
        return None
    return arguments.get("snapshot")


def _argument(folder: Path, digest: str, dtype: str, shape: tuple[int, ...], spill: Spill) -> memoryview:
    """Read a tensor argument into the spill, piece by piece, and check its hash."""
    if not re.fullmatch("[0-9a-f]{64}", digest) or dtype not in DTYPES:
        raise ValueError("a tensor's hash is no SHA-256")
    try:
        with opened(folder / digest) as file:
            data = spill.allocate(os.fstat(file.fileno()).st_size)
            found = hashlib.sha256(f"{dtype} {shape}".encode())
            for at in range(0, data.nbytes, _CHUNK):
                piece = data[at : at + _CHUNK]
                file.readinto(piece)  # type: ignore[attr-defined]
                found.update(piece)
    except OSError as error:
        raise Stopped("the tensor it was given is not beside the journal.") from error
    if found.hexdigest() != digest:
        raise Stopped("the tensor it was given is damaged on the disk.")
    return data


_OTHERWISE = {
    "before": "the bytes it changed are not the ones it was applied to; the file is another one.",
    "after": "it gives other bytes than it did, by another version of a program or another tensor it was given.",
}


def _place(node: Node, fit: Sequence[Node]) -> str:
    record = node.record or {}
    at = next(index for index, one in enumerate(fit, 1) if one is node)
    what = visible(f"{record.get('label')}, {record.get('where')}")
    return f"Edit {at:,} of {len(fit):,} ({what}){' and all after it' if at < len(fit) else ''}"
