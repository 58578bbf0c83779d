"""Keys that follow each other quickly open what they end at: to open a tensor takes longer than a key repeats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QTimer, Signal

PAUSE = 120
"""Milliseconds without a key after which the row it came to is opened; keys repeat every 30."""


class Pace(QObject):
    """Tells whether a row is to be opened at once: not in the midst of keys.

    Signals
    -------
    settled
        The keys have come to an end, at a row that was not opened.
    """

    settled = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._by_key = self._waits = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._settle)

    @contextmanager
    def key(self) -> Iterator[None]:
        """Take what becomes current meanwhile as due to a key."""
        self._by_key = True
        try:
            yield
        finally:
            self._by_key = False

    def waits(self) -> bool:
        """Whether the row that became current just now is to wait."""
        self._waits = self._by_key and self._timer.isActive()
        if self._waits:
            self._timer.start()
        return self._waits

    def opened(self) -> None:
        """Begin to wait: a row was opened, and keys may have queued up meanwhile."""
        self._waits = False
        self._timer.start()

    def _settle(self) -> None:
        if self._waits:
            self._waits = False
            self.settled.emit()
