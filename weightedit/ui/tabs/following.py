"""The documents that the area of tensors follows: what they announce, when they were opened, and their saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QObject, Qt, Signal

from weightedit.core.document import Document
from weightedit.core.words.numbers import moment_text
from weightedit.ui.tasks import Tasks


@dataclass
class _Followed:
    document: Document
    stop: Callable[[], None]
    opened: str
    saved_position: int | None


class Following(QObject):
    """Documents by identity.

    Signals
    -------
    changed
        (document, Change): an edit, an undo or a redo, announced on the GUI thread.
    saved
        (document): its file now holds its present state.
    """

    changed = Signal(object, object)
    saved = Signal(object)
    _announced = Signal(object, object)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._followed: dict[int, _Followed] = {}
        self._announced.connect(self._announce, Qt.ConnectionType.QueuedConnection)
        tasks.idle.connect(self._look_for_saves)

    def follow(self, document: Document) -> None:
        """Follow a document from now on."""
        if id(document) not in self._followed:
            stop = document.subscribe(lambda change: self._announced.emit(document, change))
            now = moment_text(datetime.now())
            self._followed[id(document)] = _Followed(document, stop, now, document.history.saved_position)

    def forget(self, document: Document) -> None:
        """Follow a document no more."""
        found = self._followed.pop(id(document), None)
        if found is not None:
            found.stop()

    def opened(self, document: Document) -> str:
        """Return when a document was opened, as its history shows it."""
        found = self._followed.get(id(document))
        return "" if found is None else found.opened

    def _announce(self, document: Document, change: object) -> None:
        if id(document) in self._followed:
            self.changed.emit(document, change)

    def _look_for_saves(self) -> None:
        """Notice a save, which no document announces."""
        for found in list(self._followed.values()):
            position = found.document.history.saved_position
            if position != found.saved_position:
                found.saved_position = position
                self.saved.emit(found.document)
