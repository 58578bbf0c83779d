"""Esc for what stands in the window for a while: it leaves that, and nothing behind it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def leaves(event: QEvent, leave: Callable[[], object]) -> bool:
    """Take Esc for what stands there: call `leave`, and return whether the event was Esc.

    Also when it is only asked whether someone wants the key before shortcuts have it: elsewhere Esc leaves a preview.
    """
    kinds = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)
    if event.type() not in kinds or not isinstance(event, QKeyEvent) or event.key() != Qt.Key.Key_Escape:
        return False
    if event.type() == QEvent.Type.KeyPress:
        leave()
    event.accept()
    return True
