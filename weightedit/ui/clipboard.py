"""Putting more than text on the clipboard, and taking it back to text before the program ends."""

from __future__ import annotations

import atexit
from functools import cache

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication


def put(mime: QMimeData) -> None:
    """Put data on the clipboard; its text outlives the program where the system keeps it."""
    _watch_the_end()
    QGuiApplication.clipboard().setMimeData(mime)


@cache
def _watch_the_end() -> None:
    atexit.register(keep_text)


def keep_text() -> None:
    """Leave the text alone on the clipboard: Qt frees data of ours after Python has ended, which kills the process."""
    if QGuiApplication.instance() is not None:
        clipboard = QGuiApplication.clipboard()
        if clipboard.ownsClipboard():
            clipboard.setText(clipboard.text())
