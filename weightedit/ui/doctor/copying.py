"""Ctrl+C in the doctor's lists: theirs before the window's own, which copies cells."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QKeyEvent, QKeySequence


def takes_copy(event: QEvent) -> bool:
    """Take Ctrl+C for the list that has the focus, where it is asked whether someone wants it before shortcuts do."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if not event.matches(QKeySequence.StandardKey.Copy):
        return False
    event.accept()
    return True
