"""The open documents: opened in the background, told apart, and followed as they change."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal

from weightedit.core.described.outline import Outline
from weightedit.core.progress import Progress
from weightedit.ui.files.arrivals import Arrival, Arrivals
from weightedit.ui.running import priority
from weightedit.ui.running.collecting import paused, take_back
from weightedit.ui.tasks import Task, TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.document import Change, Document
    from weightedit.core.files.fingerprint import Fingerprint
    from weightedit.core.slots import Slot

MEASURED_SLOTS = 5_000
"""Tensors looked at to find how wide the tree's columns must be."""


class OpenDocument:
    """A document and what the window keeps beside it.

    Attributes
    ----------
    document
        The document itself.
    outline
        Its display tree.
    widest_shape, widest_dtype
        The longest texts of these columns.
    has_groups, has_grad
        Whether any tensor shares its storage, or has requires_grad.
    place
        (when it was asked for, which of the files asked for together), by which the open documents are in order.
    real_path
        Its file without links, by which a file opened twice is known; empty for a live object.
    is_scratch
        Whether its file is one of ours that goes as it is closed, such as captured activations.
    code
        Classes and functions its file names that other programs would import and may run as they load it.
    """

    document: Document

    def __init__(self, document: Document, outline: Outline) -> None:
        self.document = document
        self.outline = outline
        self.stop_following: Callable[[], None] | None = None
        self.place = (0, 0)
        self.is_scratch = False
        self.code: tuple[str, ...] = ()
        self.real_path = "" if document.path is None else os.path.realpath(document.path)
        self.look()

    def look(self) -> None:
        """Take the widths of the columns from the first tensors."""
        from weightedit.core.words.numbers import shape_text

        slots = self.document.slots[:MEASURED_SLOTS]
        self.widest_shape = max((shape_text(slot.spec.shape) for slot in slots), key=len, default="")
        self.widest_dtype = max((slot.spec.type.short for slot in slots), key=len, default="")
        self.has_groups = any(self.document.storage_group(slot) for slot in slots)
        self.has_grad = any(slot.spec.requires_grad for slot in slots)

    @property
    def title(self) -> str:
        """The file's name, or what a live object is called."""
        return self.document.title

    @property
    def tensors(self) -> int:
        """How many tensors it has."""
        return len(self.document.slots)

    def is_same_file(self, other: OpenDocument) -> bool:
        """Whether two documents lie in one and the same file, by whatever paths they were opened."""
        if not self.real_path or self.real_path == other.real_path:
            return bool(self.real_path)
        mine, others = self.document.files, other.document.files
        return len(mine) == len(others) == 1 and _is_one(mine[0].fingerprint, others[0].fingerprint)

    def storage_group(self, slot: Slot) -> str | None:
        """Return the label of a slot's storage group."""
        return self.document.storage_group(slot)

    def first_tensor(self) -> str | None:
        """Return the tensor to show first: the first one with two dimensions or more, else the first."""
        slots = self.document.slots[:MEASURED_SLOTS]
        first = next((slot for slot in slots if len(slot.spec.shape) > 1 and slot.spec.numel), None)
        if first is None and slots:
            first = slots[0]
        return None if first is None else first.name


def _is_one(first: Fingerprint, second: Fingerprint) -> bool:
    return first.inode > 0 and (first.device, first.inode) == (second.device, second.inode)


def open_already(path: str, documents: Sequence[OpenDocument]) -> OpenDocument | None:
    """Return the document that has this file open; called in a worker, for it asks the disk."""
    real = os.path.realpath(path)
    for found in documents:
        own = found.document.path
        try:
            if own is not None and (real == found.real_path or Path(real).samefile(own)):
                return found
        except OSError:
            continue  # one of them is gone
    return None


def opened(document: Document, progress: Progress) -> OpenDocument:
    """Make a document's display tree, and see what code its file names, in a worker."""
    from weightedit.assembly import code_named

    outline = Outline(document.entries)
    outline.prepare(progress)
    made = OpenDocument(document, outline)
    made.code = code_named(document.files)
    return made


class Documents(QObject):
    """Every open document.

    Attributes
    ----------
    keeps_journal
        Whether edits of files opened from now on are written down before they are applied.
    arrivals
        What is known so far of the files on their way.

    Signals
    -------
    opening
        (file name): a file is being opened.
    added, removed
        (OpenDocument)
    refused
        (path, exception): a file could not be opened; everything else is as it was.
    already_open
        (OpenDocument): its file was asked for once more.
    changed
        (OpenDocument, Change): an edit, an undo or a redo was applied, or the document was saved.
    outlined
        (OpenDocument): its display tree was made anew.
    settled
        No file is being opened any more.
    """

    opening = Signal(str)
    added = Signal(object)
    removed = Signal(object)
    refused = Signal(str, object)
    already_open = Signal(object)
    changed = Signal(object, object)
    outlined = Signal(object)
    settled = Signal()
    _announced = Signal(object, object)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._open: list[OpenDocument] = []
        self._waiting: list[Task[Any]] = []
        self._leaving: list[Document] = []
        self._times_asked = 0
        self.keeps_journal = True
        self.arrivals = Arrivals(self)
        self._announced.connect(self._change, Qt.ConnectionType.QueuedConnection)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def all(self) -> Sequence[OpenDocument]:
        """The open documents in the order they were asked for."""
        return tuple(self._open)

    @property
    def unsaved(self) -> list[OpenDocument]:
        """Documents with edits that closing would lose; a live module keeps its edits."""
        return [found for found in self._open if found.document.is_modified and found.document.path is not None]

    @property
    def names_being_opened(self) -> list[str]:
        """The files that are on their way."""
        return [task.name.removeprefix("Opening ") for task in self._waiting]

    @property
    def is_opening(self) -> bool:
        """Whether a file is being opened."""
        return bool(self._waiting)

    def of(self, document: Document) -> OpenDocument | None:
        """Return what the window keeps beside a document."""
        return next((found for found in self._open if found.document is document), None)

    def open(self, paths: Sequence[str | Path]) -> None:
        """Open files in the background, one task each."""
        self._times_asked += 1
        for number, path in enumerate(paths):
            self._start(str(path), Path(path).name or str(path), number)

    def open_object(self, value: Any, optimizer: Any, title: str) -> None:
        """Open a live module or a nesting of tensors in memory."""
        self._times_asked += 1
        take_back()  # or optimizers that were alive when another document was shown would not be seen
        self._start(value, title, 0, optimizer)

    def _start(self, target: Any, name: str, number: int, optimizer: Any = None) -> None:
        place, before, journal = (self._times_asked, number), self.all, self.keeps_journal
        arrival = self.arrivals.begin(name)

        def work(asked: TaskProgress) -> OpenDocument:
            from weightedit.assembly import open_document

            progress = Progress(asked.report, asked.cancel, arrival.take)
            if isinstance(target, str) and (known := open_already(target, before)) is not None:
                return known
            with paused():
                document = open_document(target, optimizer=optimizer, progress=progress, remembers=True,
                                         journal=journal)  # fmt: skip
                return opened(document, progress)

        def done(result: OpenDocument) -> None:
            self._waiting.remove(task)
            self._take_in(result, place)
            self._settle(arrival)

        def failed(error: Exception) -> None:
            self._waiting.remove(task)
            self.refused.emit(str(target) if isinstance(target, str) else name, error)
            self._settle(arrival)

        def cancelled() -> None:
            self._waiting.remove(task)
            self._settle(arrival)

        task = self._tasks.start(f"Opening {name}", work, on_result=done, on_error=failed, on_cancelled=cancelled)
        self._waiting.append(task)
        self.opening.emit(name)

    def _take_in(self, result: OpenDocument, place: tuple[int, int]) -> None:
        """Take a document in, unless its file is open already, perhaps since a moment ago."""
        known = next((found for found in self._open if found is result or found.is_same_file(result)), None)
        if known is None:
            result.place = place
            self.add(result)
            return
        if known is not result:
            self._let_go(result.document)
        self.already_open.emit(known)

    def take(self, result: OpenDocument) -> None:
        """Take in a document that was made elsewhere, after those that are open."""
        self._times_asked += 1
        result.place = (self._times_asked, 0)
        self.add(result)

    def replace(self, old: OpenDocument, new: OpenDocument) -> None:
        """Put another state of the same file where a document stood; the old one is closed."""
        new.place = old.place
        self._open.remove(old)
        if old.stop_following is not None:
            old.stop_following()
        self.add(new)
        self.removed.emit(old)
        self._let_go(old.document)

    def _settle(self, arrival: Arrival) -> None:
        self.arrivals.end(arrival)
        if not self._waiting:
            self.settled.emit()

    def add(self, opened: OpenDocument) -> None:
        """Take a document in and follow its changes."""
        self._open.append(opened)
        self._open.sort(key=lambda found: found.place)
        opened.stop_following = opened.document.subscribe(lambda change: self._announced.emit(opened, change))
        self.added.emit(opened)

    def leads(self, opened: OpenDocument) -> bool:
        """Whether a document is the first of those open that were asked for together."""
        return next(found for found in self._open if found.place[0] == opened.place[0]) is opened

    def close(self, opened: OpenDocument) -> None:
        """Close a document; unsaved edits are gone."""
        self._open.remove(opened)
        if opened.stop_following is not None:
            opened.stop_following()
            opened.stop_following = None  # it holds the document, which holds it: it would have to be looked for
        self.removed.emit(opened)
        self._let_go(opened.document, opened.outline)

    def _let_go(self, document: Document, outline: Outline | None = None) -> None:
        """Close a document's files in the background, remove its journal and spill, and take its tree apart."""
        self._leaving.append(document)

        def work(progress: TaskProgress) -> None:
            document.close()
            if outline is not None:
                outline.let_go(priority.after_you)
            self._leaving.remove(document)

        self._tasks.start(f"Closing {document.title}", work, on_result=None)

    def close_all(self) -> None:
        """Close every document at once, also those whose turn in the background has not come: all tasks are stopped."""
        for document in [*self._leaving, *(opened.document for opened in self._open)]:
            document.close()

    def _change(self, opened: OpenDocument, change: Change) -> None:
        if opened not in self._open:
            return
        if change.structure:
            self._outline_anew(opened)
        self.changed.emit(opened, change)

    def _outline_anew(self, opened: OpenDocument) -> None:
        def work(progress: TaskProgress) -> Outline:
            with paused():
                outline = Outline(opened.document.entries)
                outline.prepare(progress)
                opened.look()
                return outline

        def done(outline: Outline) -> None:
            opened.outline = outline
            self.outlined.emit(opened)

        self._tasks.start("Outline", work, on_result=done, group=f"outline {id(opened)}", quiet=True)
