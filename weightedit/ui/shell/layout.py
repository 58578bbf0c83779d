"""How the parts of the window touch: bars above and below, the rail, the left panel, and the work beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from weightedit.ui.panels.place import Place
from weightedit.ui.shell.rail import Rail
from weightedit.ui.shell.sides import Sides
from weightedit.ui.shell.status_bar import StatusBar
from weightedit.ui.shell.top_bar import TopBar
from weightedit.ui.widgets.pieces import line

LEFT_MOST = 560
"""Pixels the left panel takes at most."""


def _close_together(layout: QBoxLayout) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)


def fill_work(work: QWidget, notices: QWidget, pages: QWidget) -> None:
    """Put what is said above what is shown."""
    column = QVBoxLayout(work)
    _close_together(column)
    column.addWidget(notices)
    column.addWidget(pages, 1)


def sides(work: QWidget, left_width: int) -> tuple[Sides, Place]:
    """Return the splitter, and the place at its left where panels stand."""
    splitter = Sides()
    left = Place("left")
    left.setMaximumWidth(LEFT_MOST)
    splitter.addWidget(left)
    splitter.addWidget(work)
    splitter.setStretchFactor(1, 1)
    splitter.setSizes([left_width, 900])
    return splitter, left


def whole(top: TopBar, rail: Rail, splitter: Sides, status: StatusBar) -> QWidget:
    """Return everything in the window, each part against the next."""
    body = QHBoxLayout()
    _close_together(body)
    for widget in (rail, line(vertical=True)):
        body.addWidget(widget)
    body.addWidget(splitter, 1)
    made = QWidget()
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    made.setAccessibleName("weightedit")
    column = QVBoxLayout(made)
    _close_together(column)
    column.addWidget(top)
    column.addWidget(line())
    column.addLayout(body, 1)
    column.addWidget(line())
    column.addWidget(status)
    return made
