"""Saving, exporting and closing documents: the tasks, the questions before, and the words after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from weightedit.core.errors import EditRefused
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.core.words.paths import counted
from weightedit.ui.documents import Documents, OpenDocument
from weightedit.ui.errors.answers import writing
from weightedit.ui.files.close_dialog import CloseDialog
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.export_sheet import Formats
from weightedit.ui.files.patch_dialog import PatchDialog
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.writing.saving import Saved


class Filing(QObject):
    """What the window does with whole documents.

    Signals
    -------
    said
        A sentence on what was done.
    saved
        (OpenDocument): its file now holds its present state.
    refused, written
        (task, exception, what), (what): a document could not be written somewhere, or was.
    """

    said = Signal(str)
    saved = Signal(object)
    refused = Signal(str, object, object)
    written = Signal(object)

    def __init__(self, documents: Documents, tasks: Tasks, window: QWidget) -> None:
        super().__init__(window)
        self._documents = documents
        self._tasks = tasks
        self._window = window
        self._writing: list[OpenDocument] = []
        self._asking: QDialog | None = None

    def is_writing(self, document: OpenDocument) -> bool:
        """Whether a document is being saved or exported at this moment."""
        return document in self._writing

    def _write(self, name: str, document: OpenDocument, path: str | Path, work: Callable[[TaskProgress], Saved],
               done: Callable[[Saved], None], refused: Callable[[], object] | None = None) -> None:  # fmt: skip
        """Write in the background; an error is shown in the window, and what was asked for next does not happen.

        `refused` asks what to do instead, where the format cannot hold what is there now.
        """

        def finished(result: Saved) -> None:
            self._writing.remove(document)
            self.written.emit(about)
            done(result)

        def failed(error: Exception) -> None:
            self._writing.remove(document)
            if refused is not None and isinstance(error, EditRefused) and document in self._documents.all:
                refused()
            else:
                self.refused.emit(name, error, about)

        about = writing(document, path)
        self._writing.append(document)
        self._tasks.start(name, work, on_result=finished, on_error=failed,
                          on_cancelled=lambda: self._writing.remove(document))  # fmt: skip

    def save(self, document: OpenDocument, then: Callable[[], None] | None = None) -> None:
        """Save a document to its own file; a live object, which has none, and what goes as it is closed are exported.

        Where its format cannot hold the present state, such as tensors tied since in a safetensors file, the sheet
        asks what becomes of it; `then` follows what is written to the document's own file only.
        """
        path = document.document.path
        if path is None or document.is_scratch:
            self.export(document, then)
            return

        def work(progress: TaskProgress) -> Saved:
            plan = document.document.save_plan(cancel=progress.cancel)

            def report(label: str, at: int, total: int) -> None:
                progress.report(f"{label}, {plan.amounts}" if label == "Writing" else label, at, total)

            return document.document.save(progress=report, cancel=progress.cancel)

        def done(result: Saved) -> None:
            self._say_saved(document, result, then)

        self._write(f"Saving {document.title}", document, path, work, done,
                    lambda: self.export(document, then, saves=True))  # fmt: skip

    def _say_saved(self, document: OpenDocument, result: Saved, then: Callable[[], None] | None) -> None:
        if result.plan.kept:
            self.said.emit(f"Saved {document.title}{_left_out(result)}, {_what(result)}: {_written(result)}.")
        else:
            self.said.emit(f"Saved {document.title}{_left_out(result)} and read it back, {_what(result)}.")
        self.saved.emit(document)
        if then is not None:
            then()

    def patch(self, document: OpenDocument) -> PatchDialog:
        """Say what a patch in place would write and what it does not promise, then do it, or save instead."""

        def work(progress: TaskProgress) -> Saved:
            return document.document.save(in_place=True, progress=progress.report, cancel=progress.cancel)

        def done(result: Saved) -> None:
            self.said.emit(f"Patched {document.title} in place: {_written(result)}.")
            self.saved.emit(document)

        dialog = PatchDialog(document, self._tasks, self._window)
        dialog.patches.connect(lambda: self._write(f"Patching {document.title}", document, document.document.path or "",
                                                   work, done))  # fmt: skip
        dialog.saves.connect(lambda: self.save(document))
        self._documents.removed.connect(dialog.leave)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def export(self, document: OpenDocument, then: Callable[[], None] | None = None, *,
               saves: bool = False, only_readable: bool = False) -> ExportDialog:  # fmt: skip
        """Ask how to export a document, then do it.

        `saves` proposes the document's own file; `only_readable` leaves out what another program made unreadable.
        """
        dialog = ExportDialog(document, Formats.known(), self._tasks, self._window, saves=saves,
                              only_readable=only_readable)  # fmt: skip
        dialog.chosen.connect(lambda path, kind, shared, size: self.write(document, path, kind, shared, size, then,
                                                                          only_readable=only_readable))  # fmt: skip
        self._documents.removed.connect(dialog.leave)
        if saves:
            self._asking = dialog
        dialog.finished.connect(self._asked if saves else dialog.deleteLater)
        dialog.open()
        return dialog

    def write(self, document: OpenDocument, path: str, kind: str | None, shared: str | None,
              shard_size: int | None = None, then: Callable[[], None] | None = None, *,
              only_readable: bool = False) -> None:  # fmt: skip
        """Export a document to a file; `then` follows if that saved it."""

        def work(progress: TaskProgress) -> Saved:
            return document.document.export(path, kind, shared, shard_size, only_readable=only_readable,
                                            progress=progress.report, cancel=progress.cancel)  # fmt: skip

        def done(result: Saved) -> None:
            if result.path == document.document.path:
                self._say_saved(document, result, then)
                return
            files = f" in {count_text(len(result.files))} files" if len(result.files) > 1 else ""
            self.said.emit(f"Exported {result.path.name}{_left_out(result)} and read it back, {_what(result)}{files}.")
            self.saved.emit(document)

        verb = "Saving" if Path(path) == document.document.path else "Exporting"
        self._write(f"{verb} {document.title}", document, path, work, done)

    def before_closing(self, documents: list[OpenDocument], then: Callable[[], None]) -> QDialog | None:
        """Ask once about all unsaved edits, if there are any; `then` is called when nothing is left to lose.

        Returns what asks, which may be there already.
        """
        unsaved = [document for document in documents if document in self._documents.unsaved]
        if not unsaved:
            then()
            return None

        def save_next(left: list[OpenDocument]) -> None:
            if left:
                self.save(left[0], lambda: save_next(left[1:]))
            else:
                then()

        if self._asking is not None:
            return self._asking
        self._asking = dialog = CloseDialog(unsaved, self._window)
        dialog.decided.connect(save_next)
        dialog.finished.connect(self._asked)
        dialog.open()
        return dialog

    def _asked(self) -> None:
        if self._asking is not None:
            self._asking.deleteLater()
        self._asking = None


def _what(result: Saved) -> str:
    """Return `2 tensors, 33.6 MB`, or `1 tensor under 2 names, 4 kB` where the others are aliases of it."""
    word = "tensor" if result.tensors == 1 else "tensors"
    under = f" under {count_text(result.names)} names" if result.names > result.tensors else ""
    return f"{count_text(result.tensors)} {word}{under}, {bytes_text(result.nbytes)}"


def _written(result: Saved) -> str:
    """Return what was written and read back, and what was not since it stays as it was."""
    plan = result.plan
    shares = "stay as they were" if plan.method == "patch in place" else "share their blocks with what was there"
    return f"{bytes_text(plan.written)} written and read back, {bytes_text(plan.kept)} {shares}"


def _left_out(result: Saved) -> str:
    """Return how many tensors of the document are not in the file, as ` without 2 tensors`; empty where all are."""
    told = [one for one in result.hazards if one.kind == "values-dropped" and "left out" in one.title]
    count = sum(one.count or len(one.targets) for one in told)
    return f" without {counted(count, 'tensor')}" if count else ""
