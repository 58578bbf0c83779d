"""Putting more than text on the clipboard, and leaving only text there when the program ends."""

from __future__ import annotations

import atexit

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

_put: list[QMimeData] = []
"""What was put there last, if anything ever was."""


def put(mime: QMimeData) -> None:
    """Put data on the clipboard; its text outlives the program where the system keeps it."""
    if not _put:
        atexit.register(keep_text)
    _put[:] = [mime]
    QGuiApplication.clipboard().setMimeData(mime)


def keep_text() -> None:
    """Leave the text alone on the clipboard: Qt frees data of ours after Python has ended, which kills the process."""
    if QGuiApplication.instance() is not None:
        clipboard = QGuiApplication.clipboard()
        # Not every platform knows whose data it is; the same object is certainly ours.
        if clipboard.ownsClipboard() or clipboard.mimeData() is _put[0]:
            clipboard.setText(clipboard.text())
