"""Fills a window that has been painted: imports its parts in a thread, makes them in steps, then does what was pressed.

The thread shares the interpreter, so that events wait some milliseconds at most; the same imports in the GUI thread
would hold them up for half a second.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from weightedit.ui.running.in_steps import InSteps
from weightedit.ui.shell.first_frame import FirstFrame

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

LOOK_EVERY = 4
"""Milliseconds between two looks whether everything is imported."""


class _Imports(threading.Thread):
    """Imports what makes the parts of a window; holds nothing of Qt."""

    def __init__(self) -> None:
        super().__init__(name="loading", daemon=True)
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            importlib.import_module("weightedit.ui.shell.furniture")
        except BaseException as error:  # shown by the window
            self.error = error


class Loading(QObject):
    """Begins once a window was painted, and ends with all parts in it.

    Attributes
    ----------
    error
        Why the parts could not be imported or made.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.error: BaseException | None = None
        self._imports: _Imports | None = None
        self._steps: InSteps | None = None
        self._frame = FirstFrame(window)
        self._frame.painted.connect(window.painted)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY)
        self._timer.timeout.connect(self._look)
        window.painted.connect(self._timer.start)  # whose first tick comes when what was painted is on screen

    @property
    def is_importing(self) -> bool:
        """Whether the thread still runs, which nothing can stop."""
        return self._imports is not None and self._imports.is_alive()

    def leave(self) -> None:
        """Make nothing more: the window is being closed."""
        self._timer.stop()
        if self._steps is not None:
            self._steps.leave()

    def _look(self) -> None:
        if self._imports is None:
            self._imports = _Imports()
            self._imports.start()
        if self._imports.is_alive():
            return
        self._timer.stop()
        if self._imports.error is not None:
            self._give_up(self._imports.error)
        else:
            self._steps = InSteps(self, self._window.furnish(), self._end, self._give_up, self._frame.stay_first)

    def _give_up(self, error: BaseException) -> None:  # half a window is no use
        self.error = error
        self._window.close()

    def _end(self) -> None:
        from weightedit.ui.shell.early_presses import do_again

        self._window.furnished.emit()
        self._window.removeEventFilter(self._frame)
        self._frame.hide()
        self._frame.deleteLater()
        do_again(self._window, self._frame.early)
