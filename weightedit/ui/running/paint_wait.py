"""Waits until a widget that comes into sight is painted, and with it what it brings about, before others read."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

UNSEEN = 100
"""Milliseconds that a widget is waited for which nobody sees: it is not painted at all."""
SETTLED = 10
"""Milliseconds without another paint of the window, which Qt puts off for five after what asked for it."""
LONGEST = 0.4
"""Seconds after which it is over in any case."""
_PAINTED = QEvent.Type(QEvent.registerEventType())
_AFTER_PAINTS = Qt.EventPriority.LowEventPriority.value - 1
"""Comes after all that was posted before it, also what is to be painted, which Qt posts with low priority."""


class PaintWait(QObject):
    """Tells once when a widget and its window are painted and stand still.

    What comes into sight has its room made after it was painted, and then half of the window is painted again: readers
    that began between the two made the second paint take several times as long. It ends by itself whatever becomes of
    the widget, and Qt forgets it as a filter when it is deleted.

    Parameters
    ----------
    parent
        With which it ends.

    Attributes
    ----------
    waiting
        What is to begin then.

    Signals
    -------
    over
        (itself)
    """

    over = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.waiting: list[Any] = []
        self._widget: QWidget | None = None
        self._window: QWidget | None = None
        self._latest = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._end)

    def begin(self, widget: QWidget) -> None:
        """Wait from now on for a widget that was just shown."""
        self._latest = time.monotonic() + LONGEST
        self._timer.start(UNSEEN)
        if isValid(widget):
            self._widget = widget
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note the first paint of the widget, then each of its window."""
        if self._window is None and watched is self._widget and event.type() == QEvent.Type.Paint:
            self._timer.start(UNSEEN)  # which may have run out while the window was laid out
            self._window = self._widget.window()
            self._window.installEventFilter(self)
            QCoreApplication.postEvent(self, QEvent(_PAINTED), _AFTER_PAINTS)
        elif watched is self._window and event.type() == QEvent.Type.UpdateRequest:
            QCoreApplication.postEvent(self, QEvent(_PAINTED), _AFTER_PAINTS)
        return False

    def event(self, event: QEvent) -> bool:
        """Wait a moment for one more paint."""
        if event.type() != _PAINTED:
            return super().event(event)
        if self._timer.isActive():  # else it is over
            self._timer.start(max(0, min(SETTLED, round((self._latest - time.monotonic()) * 1000))))
        return True

    def _end(self) -> None:
        self._widget = self._window = None
        self.over.emit(self)
