"""What files that are being opened have told of themselves so far, carried from the workers to the window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import accumulate

from PySide6.QtCore import QObject, QTimer, Signal

from weightedit.core.progress import Found

EVERY = 100
"""Milliseconds between two looks at what has come: more often would only make a list flicker."""


class Arrival:
    """The tensors of one file found so far.

    Attributes
    ----------
    title
        The file's name.
    pieces
        What has come, in file order.
    stops
        After each piece, how many tensors that makes.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.pieces: list[Found] = []
        self.stops: list[int] = []
        self._come: deque[Found] = deque()
        self.take: Callable[[Found], None] = self._come.append
        """Called in the worker, for each piece."""

    @property
    def tensors(self) -> int:
        """How many tensors there are so far."""
        return self.stops[-1] if self.stops else 0

    def gather(self) -> bool:
        """Take over what the worker has found since; False if that is nothing."""
        new = []
        while self._come:
            new.append(self._come.popleft())
        self.pieces += new
        self.stops += list(accumulate((len(piece.names) for piece in new), initial=self.tensors))[1:]
        return bool(new)


class Arrivals(QObject):
    """Every file on its way.

    Signals
    -------
    came
        More is known of the file that `shown` is.
    """

    came = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[Arrival] = []
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self._look)

    def begin(self, title: str) -> Arrival:
        """Follow another file."""
        made = Arrival(title)
        self._all.append(made)
        self._timer.start()
        return made

    def end(self, arrival: Arrival) -> None:
        """Follow a file no longer: it is open, or will not be."""
        self._all.remove(arrival)
        if not self._all:
            self._timer.stop()
        if arrival.tensors:
            self.came.emit()

    @property
    def shown(self) -> Arrival | None:
        """The first file of which anything is known."""
        return next((one for one in self._all if one.tensors), None)

    def _look(self) -> None:
        come = [one.gather() for one in self._all]
        if any(come):
            self.came.emit()
