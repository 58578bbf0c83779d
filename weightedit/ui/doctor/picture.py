"""The picture of a disagreement with what both sides say, at its right or, where there is no room, below it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from weightedit.doctor.shape_trace.beside import Beside, Said
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.ui.doctor.drawing import Drawing
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.plain import aloud

ONE_ROW = 700
"""Pixels from which on what is said stands at the right."""
FACTS = 186
ABOVE = 44
"""Pixels above the facts, so that they stand beside the boxes."""
WIDEST = 4_000


class Picture(QWidget):
    """Drawing and facts.

    Parameters
    ----------
    found
        What disagrees.
    beside
        What both sides say; None for nothing.
    """

    def __init__(self, found: Disagreement, beside: Beside | None) -> None:
        super().__init__()
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(10)
        self._row.addWidget(Drawing(found), 1)
        self._facts = QWidget()
        self._sides = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._facts)
        self._sides.setContentsMargins(0, 0, 0, 0)
        self._sides.setSpacing(10)
        said = () if beside is None else beside.facts
        for one in said:
            self._sides.addLayout(_side(one), 0 if one is said[0] else 1)
        self._facts.setAccessibleName(aloud(". ".join(f"{one.title} {', '.join(one.lines)}" for one in said)))
        if not said:
            self._facts.hide()
        self._row.addWidget(self._facts)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the facts where there is room."""
        super().resizeEvent(event)
        wide = self.width() >= ONE_ROW
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._row.setDirection(across if wide else down)
        self._sides.setDirection(down if wide else across)
        self._sides.setSpacing(10 if wide else 40)
        self._sides.setContentsMargins(0, ABOVE if wide else 0, 0, 0)
        self._facts.setMaximumWidth(FACTS if wide else WIDEST)
        self._facts.setMinimumWidth(FACTS if wide else 0)


def _side(said: Said) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(2)
    column.addWidget(ElidedLabel(said.title, "caption"))
    for place, line in enumerate(said.lines):
        told = ElidedLabel(line)
        told.setFont(ui_font(12, QFont.Weight.DemiBold))
        told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if place == said.wrong:
            told.setProperty("tone", "bad")
        column.addWidget(told)
    column.addStretch(1)
    return column
