"""Edits that the journal could not take: said once, with how to go on without one, for as long as that is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.errors import EditRefused

if TYPE_CHECKING:
    from weightedit.core.document import Change
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

KIND = "unrecordable"


def is_unrecorded(error: object) -> bool:
    """Whether an edit was refused because the journal cannot be written to: the window says that in one place."""
    return isinstance(error, EditRefused) and any(one.kind == KIND for one in error.hazards)


class Unrecorded(QObject):
    """Shows the card, and takes it away once its cause is gone."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.tasks.raised.connect(self._tell)
        window.documents.changed.connect(self._changed)
        window.documents.removed.connect(lambda _: self._look())
        window.preferences.changed.connect(lambda _: self._look())

    def _tell(self, error: object) -> None:
        if isinstance(error, EditRefused) and is_unrecorded(error):
            card = self._window.errors.add(error)
            card.offer("Go on without a journal", lambda: self._window.preferences.set_journal(False))

    def _changed(self, found: OpenDocument, change: Change) -> None:
        """Something was done to a document: where its journal has it, journals can be written again."""
        journal = found.document.journal
        if journal is not None and journal.trouble is None:
            self._drop()

    def _look(self) -> None:
        """Drop the card where no document has a journal any more."""
        if all(found.document.journal is None for found in self._window.documents.all):
            self._drop()

    def _drop(self) -> None:
        for card in self._window.errors.all:
            if is_unrecorded(card.error):
                card.dismissed.emit()
