"""Keeps keys of one letter to the heatmap, and those that clear cells to the two views of cells."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from weightedit.ui.plots.heatmap import Heatmap
from weightedit.ui.values.cell_view import CellView

CLEARING = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
KEYS = "+=-0nNtTcCdDlLmM"
_PLAIN = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class HeatmapKeys(QObject):
    """An event filter that leaves these keys to whatever else has the focus."""

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        area.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim a letter before a shortcut takes it."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        clears = event.key() in CLEARING
        if event.modifiers() & ~_PLAIN or not (clears or (event.text() and event.text() in KEYS)):
            return False
        if _is_in(Heatmap) or (clears and _is_in(CellView)):
            return False
        event.accept()
        return True


def _is_in(*kinds: type[QWidget]) -> bool:
    widget = QApplication.focusWidget()
    while widget is not None and not isinstance(widget, kinds):
        widget = widget.parentWidget()
    return widget is not None
