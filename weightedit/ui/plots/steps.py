"""Two histograms over one axis: before as a grey fill, after as a teal line."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from weightedit.ui.theme import theme

BASE = 16.0
"""Pixels below the base line, for labels."""


def draw_two(painter: QPainter, width: float, base: float, before: Any, after: Any) -> bool:
    """Draw heights of bins over a base line, as high as the largest of both; say whether there was any.

    Parameters
    ----------
    width, base
        The room: the bins take all of the width, and stand on the line at `base`.
    before, after
        Heights, shape `(bins,)`, or None.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    most = max([float(one.max()) for one in (before, after) if one is not None] or [0.0])
    if most > 0 and before is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line2"))
        painter.drawPolygon(_steps(before / most, width, base))
    if most > 0 and after is not None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("accent"), 1.3))
        painter.drawPolyline(_steps(after / most, width, base))
    painter.setPen(QPen(theme.color("line2"), 1.0))
    painter.drawLine(QPointF(0, base), QPointF(width, base))
    return most > 0


def _steps(shares: Any, width: float, base: float) -> QPolygonF:
    step = width / len(shares)
    points = [QPointF(0, base)]
    for number, share in enumerate(shares.tolist()):
        y = base - share * (base - 3)
        points += [QPointF(number * step, y), QPointF((number + 1) * step, y)]
    return QPolygonF([*points, QPointF(width, base)])
