"""How pages below the parts are put together: what is kept and what is made anew, and findings that scroll."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from weightedit.ui.widgets.pieces import line

UPPER, LOWER = 400, 260
NEAR = 12
"""Pixels beside what is scrolled to."""
AT_ONCE = 3
"""Parts that fill a page, and are there with it."""


def holding(*parts: QWidget) -> QWidget:
    """Put what is kept, and what is made anew, one below the other; the last has the room that is left."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for place, part in enumerate(parts):
        if place:
            column.addWidget(line())
        column.addWidget(part, 1 if place == len(parts) - 1 else 0)
        part.show()
    return made


class Halves(QSplitter):
    """Two pages one below the other, with a line between them that can be dragged."""

    def __init__(self, upper: QWidget, lower: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.upper = upper
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.addWidget(upper)
        self.addWidget(lower)
        self.share()

    def share(self) -> None:
        """Give both pages their part of the room."""
        self.setSizes([UPPER, LOWER])

    def give_way(self) -> None:
        """Give the upper page all the room that the lower one can do without."""
        self.setSizes([self.height(), 0])


class Scrolled(QScrollArea):
    """Parts one below the other, with lines between them; the first ones at once, the others one after the other.

    Parameters
    ----------
    parts
        Each makes its widget: many of them take longer than a window may stand still.
    """

    def __init__(self, parts: Sequence[Callable[[], QWidget]]) -> None:
        super().__init__()
        self._left = list(parts)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._soon = QTimer(self)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._add_next)
        for _ in range(min(AT_ONCE, len(self._left))):
            self._add_next()
        self.setWidget(inside)
        if self._left:
            self._soon.start()

    def look_at(self, part: QWidget) -> None:
        """Scroll to a part once it has its size."""
        QTimer.singleShot(0, part, lambda: self.ensureWidgetVisible(part, 0, NEAR))

    def _add_next(self) -> None:
        if self._column.count() > 1:
            self._column.insertWidget(self._column.count() - 1, line())
        self._column.insertWidget(self._column.count() - 1, self._left.pop(0)())
        if not self._left:
            self._soon.stop()
