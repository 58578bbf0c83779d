"""How pages below the parts are put together: what is kept and what is made anew, and findings that scroll."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from weightedit.ui.widgets.pieces import line

UPPER, LOWER = 400, 260


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


def scrolled(parts: Sequence[QWidget]) -> QScrollArea:
    """Put parts one below the other, with lines between them, and let them scroll."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for place, part in enumerate(parts):
        if place:
            column.addWidget(line())
        column.addWidget(part)
    column.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(made)
    return area
