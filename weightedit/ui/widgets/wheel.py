"""Keeps the mouse wheel from changing a choice that the pointer only passes over."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget


class _Leaves(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()  # so that it goes on to what can be scrolled
            return True
        return False


def leave_wheel(*widgets: QWidget) -> None:
    """Let the wheel over these pass on to what they stand in; an open list of choices still scrolls."""
    for widget in widgets:
        widget.installEventFilter(_Leaves(widget))
