"""Saving, exporting and closing documents: the tasks, the questions before, and the words after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from weightedit.core.numbers import bytes_text, count_text
from weightedit.ui.close_dialog import CloseDialog
from weightedit.ui.documents import Documents, OpenDocument
from weightedit.ui.export_dialog import ExportDialog, Formats
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.saving import Saved


class Filing(QObject):
    """What the window does with whole documents.

    Signals
    -------
    said
        A sentence on what was done.
    saved
        (OpenDocument): its file now holds its present state.
    """

    said = Signal(str)
    saved = Signal(object)

    def __init__(self, documents: Documents, tasks: Tasks, window: QWidget) -> None:
        super().__init__(window)
        self._documents = documents
        self._tasks = tasks
        self._window = window

    def save(self, document: OpenDocument, then: Callable[[], None] | None = None) -> None:
        """Save a document to its own file; a live object, which has none, is exported."""
        if document.document.path is None:
            self.export(document)
            return

        def work(progress: TaskProgress) -> Saved:
            return document.document.save(progress=progress.report, cancel=progress.cancel)

        def done(result: Saved) -> None:
            self.said.emit(f"Saved {document.title} and read it back, {_what(result)}.")
            self.saved.emit(document)
            if then is not None:
                then()

        self._tasks.start(f"Saving {document.title}", work, on_result=done)

    def export(self, document: OpenDocument) -> ExportDialog:
        """Ask how to export a document, then do it."""
        dialog = ExportDialog(document, Formats.known(), self._tasks, self._window)
        dialog.chosen.connect(lambda path, kind, shared: self.write(document, path, kind, shared))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def write(self, document: OpenDocument, path: str, kind: str | None, shared: str | None) -> None:
        """Export a document to a file."""

        def work(progress: TaskProgress) -> Saved:
            return document.document.export(path, kind, shared, progress=progress.report, cancel=progress.cancel)

        def done(result: Saved) -> None:
            self.said.emit(f"Exported and read back, {_what(result)}.")
            self.saved.emit(document)

        self._tasks.start(f"Exporting {document.title}", work, on_result=done)

    def before_closing(self, documents: list[OpenDocument], then: Callable[[], None]) -> CloseDialog | None:
        """Ask about unsaved edits, if there are any; `then` is called when nothing is left to lose."""
        unsaved = [document for document in documents if document in self._documents.unsaved]
        if not unsaved:
            then()
            return None

        def save_all() -> None:
            if not unsaved:
                then()
                return
            self.save(unsaved.pop(0), save_all)

        dialog = CloseDialog(unsaved, self._window)
        dialog.save.connect(save_all)
        dialog.discard.connect(then)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog


def _what(result: Saved) -> str:
    word = "tensor" if result.tensors == 1 else "tensors"
    return f"{count_text(result.tensors)} {word}, {bytes_text(result.nbytes)}"
