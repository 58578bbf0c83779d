"""Notices that another program changed the files of an open document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QFileSystemWatcher, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from weightedit.core.errors import SourceChanged
from weightedit.ui.documents import Documents, OpenDocument
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.journals.reloading import FileChange
    from weightedit.core.source import SourceFile

EVERY = 3_000
"""Milliseconds between two looks: systems tell of renames and of network folders unreliably or not at all."""
AGAIN = 250
"""Milliseconds after which a change is looked at once more: it is told when the file has stopped changing."""
MOST_WATCHED = 64
Changes = list["FileChange"]
Looked = list[tuple[OpenDocument, list["SourceFile"], Changes]]


class Watching(QObject):
    """Compares the files of open documents with what was opened: on a hint of the system, on a timer, on activation.

    Parameters
    ----------
    documents, tasks
        What is open, and what looks at the disk in the background.
    is_busy
        Whether a document is being written by us, which is no change.
    window
        Looked at for its activation.

    Signals
    -------
    changed
        (OpenDocument, list of FileChange): its files are others than before; an empty list when all is well again.
    """

    changed = Signal(object, object)

    def __init__(self, documents: Documents, tasks: Tasks, is_busy: Callable[[OpenDocument], bool],
                 window: QWidget) -> None:  # fmt: skip
        super().__init__(window)
        self._documents, self._tasks, self._is_busy, self._window = documents, tasks, is_busy, window
        self._seen: dict[int, Changes] = {}
        self._told: dict[int, Changes] = {}
        self._hints = QFileSystemWatcher(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(AGAIN)
        self._soon.timeout.connect(self.look)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.look)
        self._hints.fileChanged.connect(lambda _: self._soon.start())
        documents.added.connect(self._follow)
        documents.removed.connect(self._forget)
        tasks.raised.connect(self._raised)
        window.installEventFilter(self)

    def _follow(self, opened: OpenDocument) -> None:
        """Ask the system for hints; a file that was replaced, as by our own save, has to be asked for again."""
        known = set(self._hints.files())
        paths = [str(file.path) for file in opened.document.files[:MOST_WATCHED]]
        if new := [path for path in paths if path not in known]:
            self._hints.addPaths(new)
        if paths:
            self._timer.start()

    def _forget(self, opened: OpenDocument) -> None:
        self._seen.pop(id(opened), None)
        self._told.pop(id(opened), None)
        left = {str(file.path) for found in self._documents.all for file in found.document.files}
        gone = [path for path in self._hints.files() if path not in left]
        if gone:
            self._hints.removePaths(gone)
        if not left:
            self._timer.stop()

    def _raised(self, error: object) -> None:
        if isinstance(error, SourceChanged):
            self.look()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look when the window comes to the front."""
        if event.type() == QEvent.Type.WindowActivate:
            self.look()
        return super().eventFilter(watched, event)

    def look(self) -> None:
        """Compare every document's files, in the background."""
        open_now = [(found, list(found.document.files)) for found in self._documents.all
                    if found.document.files and not self._is_busy(found)]  # fmt: skip
        if not open_now:
            return

        def work(progress: TaskProgress) -> Looked:
            from weightedit.core.journals.reloading import changed_files

            return [(found, files, changed_files(files)) for found, files in open_now]

        self._tasks.start("Files on disk", work, on_result=self._compare, on_error=lambda _: None,
                          group="files on disk", quiet=True)  # fmt: skip

    def _compare(self, looked: Looked) -> None:
        for found, files, changes in looked:
            if found not in self._documents.all or files != found.document.files or self._is_busy(found):
                continue  # a save moved it onto other files meanwhile
            key = id(found)
            if not changes:
                self._follow(found)
            if changes != self._seen.get(key, []):
                self._seen[key] = changes  # it may still be on its way
                self._soon.start()
            elif changes != self._told.get(key, []):
                self._told[key] = changes
                self.changed.emit(found, changes)
