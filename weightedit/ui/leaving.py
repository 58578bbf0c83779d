"""Esc for what stands in the window for a while: it leaves that, and nothing behind it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def is_esc(event: QEvent) -> bool:
    """Whether an event is the Esc key, or the question whether someone wants it before shortcuts have it."""
    kinds = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)
    return event.type() in kinds and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
