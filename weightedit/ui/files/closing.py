"""What happens before the window is gone: the question about unsaved edits, what is remembered, what is stopped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from weightedit.core.files.logbook import NAME

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


PATIENCE = 2.5
"""Seconds for what runs to stop: an export takes back its temporary file, an edit what it has done."""


class Closing:
    """Holds a window open until nothing can be lost.

    Attributes
    ----------
    may_close
        Whether the window closes without asking.
    all_stopped
        Whether everything that ran had stopped when it was closed; an import cannot be stopped, nor a disk that hangs.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.may_close = False
        self.all_stopped = True

    def asks(self) -> bool:
        """Ask about unsaved edits; True while the window has to stay for that."""
        window = self._window
        if self.may_close or not window.documents.unsaved:
            return False
        window.filing.before_closing(list(window.documents.all), self._close_for_good)
        return True

    def leave(self) -> None:
        """Remember where the window was, stop every task and close the files."""
        window = self._window
        window.settings.set("window/geometry", window.saveGeometry())
        if window.left.isVisible():  # beside the start page it has no width of its own
            window.settings.set("window/tree", window.splitter.left_width)
        running = ", ".join(task.name for task in window.tasks.active)
        self.all_stopped = window.tasks.shutdown(PATIENCE)
        if not self.all_stopped:
            logging.getLogger(NAME).info("closed while something ran on, of these: %s", running)
        window.preferences.settle()
        window.documents.close_all()

    def _close_for_good(self) -> None:
        self.may_close = True
        QTimer.singleShot(0, self._window.close)
