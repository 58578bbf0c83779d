"""How pages below the parts are put together: what is kept and what is made anew, and findings that scroll."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from weightedit.ui.widgets.pieces import line

UPPER, LOWER = 400, 260
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


def halves(upper: QWidget, lower: QWidget) -> QSplitter:
    """Put two pages one below the other, with a line between them that can be dragged."""
    made = QSplitter(Qt.Orientation.Vertical)
    made.setHandleWidth(1)
    made.setChildrenCollapsible(False)
    made.addWidget(upper)
    made.addWidget(lower)
    made.setSizes([UPPER, LOWER])
    return made


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

    def _add_next(self) -> None:
        if self._column.count() > 1:
            self._column.insertWidget(self._column.count() - 1, line())
        self._column.insertWidget(self._column.count() - 1, self._left.pop(0)())
        if not self._left:
            self._soon.stop()
