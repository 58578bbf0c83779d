"""Leaves keys to what has the focus: letters to lists that go to what begins with them, undo to fields in use."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QLabel, QLineEdit, QTableView, QWidget

_PLAIN = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class TypingKeys(QObject):
    """An event filter on the widget that has the focus, in whatever window: an open list of choices is one of its own.

    Parameters
    ----------
    parent
        Where it belongs; it works as long as that is there.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._follow)

    def _follow(self, old: QWidget | None, now: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        is_list = isinstance(now, QAbstractItemView) and not isinstance(now, QTableView)  # cells have keys of their own
        if now is not None and (is_list or isinstance(now, QComboBox | QLabel | QLineEdit)):
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim a key before a shortcut takes it, or leave undo to the window where a field has none of its own."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        if isinstance(watched, QLineEdit):
            undo = event.matches(QKeySequence.StandardKey.Undo) and not watched.isUndoAvailable()
            redo = event.matches(QKeySequence.StandardKey.Redo) and not watched.isRedoAvailable()
            if undo or redo:
                event.ignore()
                return True
            return False
        if isinstance(watched, QLabel):  # what is selected in a text is copied, not the cells below
            if not (watched.hasSelectedText() and event.matches(QKeySequence.StandardKey.Copy)):
                return False
            event.accept()
            return True
        if event.modifiers() & ~_PLAIN or not event.text() or not event.text().isprintable():
            return False
        event.accept()
        return True


def settle(widget: QWidget) -> None:
    """Forget the typing in every field within a window, for what it says was done: undo takes that back from now on."""
    for field in widget.window().findChildren(QLineEdit):
        if field.isUndoAvailable() or field.isRedoAvailable():
            at, start, length = field.cursorPosition(), field.selectionStart(), field.selectionLength()
            modified = field.isModified()
            field.blockSignals(True)
            field.setText(field.text())
            field.setCursorPosition(at)
            if start >= 0:
                field.setSelection(start, length)
            field.setModified(modified)
            field.blockSignals(False)
