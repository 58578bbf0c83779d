"""Opening a document's file again after another program changed it, with the edits or without, at the person's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from weightedit.core.words.paths import counted
from weightedit.ui.documents import Documents, OpenDocument, opened
from weightedit.ui.files.reload_notice import LeftOutNotice, NoticeStrip, ReloadNotice, edits_text
from weightedit.ui.running.collecting import paused
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.edit import Edit
    from weightedit.core.journals.reloading import FileChange, Reloaded


class Reloading(QObject):
    """Shows the notices, and does what is chosen in them.

    Parameters
    ----------
    documents, tasks
        What is open, and what opens it again in the background.
    strip
        Where the notices stand.
    save_recipe
        Asks where to keep edits that could not be replayed.

    Signals
    -------
    replacing
        (old OpenDocument, new OpenDocument): about to stand where the old one stood.
    replaced
        (new OpenDocument)
    export_asked
        (OpenDocument): what can still be read of it is to be saved elsewhere.
    said
        A sentence on what was done.
    refused
        (task, exception, path): a file could not be opened again.
    """

    replacing = Signal(object, object)
    replaced = Signal(object)
    export_asked = Signal(object)
    said = Signal(str)
    refused = Signal(str, object, str)

    def __init__(self, documents: Documents, tasks: Tasks, strip: NoticeStrip,
                 save_recipe: Callable[[tuple[Edit, ...], str], object], parent: QObject) -> None:  # fmt: skip
        super().__init__(parent)
        self._documents, self._tasks, self._strip = documents, tasks, strip
        self._save_recipe = save_recipe
        documents.removed.connect(lambda found: strip.remove(strip.of(found)))
        documents.changed.connect(lambda found, _: self._count_again(found))

    def tell(self, found: OpenDocument, changes: list[FileChange]) -> None:
        """Show what happened to a document's files; nothing where all is well again."""
        from weightedit.core.journals.reloading import unsaved_edits

        self._strip.remove(self._strip.of(found))
        if changes:
            notice = ReloadNotice(found, changes, len(unsaved_edits(found.document)),
                                  lambda replay: self.reload(found, replay),
                                  lambda: self._strip.remove(self._strip.of(found)),
                                  lambda: self.export_asked.emit(found))  # fmt: skip
            self._strip.add(notice)

    def _count_again(self, found: OpenDocument) -> None:
        """Follow the number of unsaved edits while the notice stands."""
        from weightedit.core.journals.reloading import unsaved_edits

        notice = self._strip.of(found)
        if notice is not None and notice.edits != len(unsaved_edits(found.document)):
            self.tell(found, notice.changes)

    def reload(self, found: OpenDocument, replay: bool) -> None:
        """Open a document's file again."""
        journal = self._documents.keeps_journal

        def work(progress: TaskProgress) -> tuple[Reloaded, OpenDocument]:
            from weightedit.assembly import open_document
            from weightedit.core.journals.reloading import reload

            def open_file(path: str) -> object:
                return open_document(path, progress=progress, journal=journal)

            with paused():
                result = reload(found.document, open_file, replay=replay, progress=progress)  # type: ignore[arg-type]
                return result, opened(result.document, progress)

        def ended() -> None:
            if (notice := self._strip.of(found)) is not None:
                notice.set_busy(False)

        def failed(error: Exception) -> None:
            ended()
            self.refused.emit(f"Reloading {found.title}", error, str(found.document.path))

        if (notice := self._strip.of(found)) is not None:
            notice.set_busy(True)
        self._tasks.start(f"Reloading {found.title}", work, on_result=lambda result: self._take(found, *result),
                          on_error=failed, on_cancelled=ended)  # fmt: skip

    def _take(self, old: OpenDocument, result: Reloaded, new: OpenDocument) -> None:
        if old not in self._documents.all:  # it was closed meanwhile
            result.document.close()
            return
        self.replacing.emit(old, new)
        self._documents.replace(old, new)
        self.replaced.emit(new)
        replayed = f" and replayed {edits_text(len(result.applied))}" if result.applied else ""
        lost = f" {counted(len(result.lost), 'tensor')} of snapshots were in the old file alone." if result.lost else ""
        self.said.emit(f"Reloaded {new.title}{replayed}.{lost}")
        if result.left:
            edits = tuple(one.edit for one in result.left)
            notice = LeftOutNotice(new, result.left, len(result.left) + len(result.applied),
                                   lambda: self._strip.remove(notice),
                                   lambda: self._save_recipe(edits, new.title))  # fmt: skip
            self._strip.add(notice)
