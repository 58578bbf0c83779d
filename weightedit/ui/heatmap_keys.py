"""Keeps the heatmap's one-letter keys to the heatmap: elsewhere N, T, +, − and 0 are what is typed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from weightedit.ui.plots.heatmap import Heatmap

KEYS = "+=-0nNtTcCdDlLmM"
_PLAIN = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class HeatmapKeys(QObject):
    """An event filter that leaves plain letters to whatever has the focus, unless that is a heatmap."""

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        area.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim a letter before a shortcut takes it."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        if event.modifiers() & ~_PLAIN or not event.text() or event.text() not in KEYS or _in_heatmap():
            return False
        event.accept()
        return True


def _in_heatmap() -> bool:
    widget = QApplication.focusWidget()
    while widget is not None and not isinstance(widget, Heatmap):
        widget = widget.parentWidget()
    return widget is not None
