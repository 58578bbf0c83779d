"""The shapes of NaN and the infinities, and where on a heatmap they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from weightedit.core.looking.pixels import Reduced
from weightedit.ui.theme import theme

TOKENS = ("nan", "posinf", "neginf")
NAMES = {"nan": "NaN", "posinf": "+Inf", "neginf": "−Inf"}
SIZE = 11.0
SMALLEST_CELL = 6.0
"""Cells drawn smaller than this, in pixels, get a marker."""
CLUSTER = 14
"""Pixels within which marked cells share one marker."""


@dataclass(frozen=True)
class Marker:
    """One marker, in rows and columns of the slice."""

    token: str
    row: float
    column: float
    count: int


def clusters(reduced: Reduced, pixels: tuple[float, float]) -> list[Marker]:
    """Return one marker per cluster of non-finite cells, each at the first cell of its cluster.

    Parameters
    ----------
    reduced
        What is shown.
    pixels
        Height and width on screen.
    """
    found: list[Marker] = []
    if not reduced.height or not reduced.width:
        return found
    group_rows = max(1, round(CLUSTER * reduced.height / max(pixels[0], 1)))
    group_columns = max(1, round(CLUSTER * reduced.width / max(pixels[1], 1)))
    for token, counts in zip(TOKENS, (reduced.nan, reduced.posinf, reduced.neginf), strict=True):
        if not counts.any():  # as in most pictures: a look costs a tenth of listing none
            continue
        rows, columns = np.nonzero(counts)
        keys = (rows // group_rows) * (reduced.width + 1) + columns // group_columns
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.bincount(inverse, counts[rows, columns], len(first))
        for place, total in zip(first, sums, strict=True):
            found.append(Marker(token, *reduced.middle(int(rows[place]), int(columns[place])), int(total)))
    return found


def draw_marker(painter: QPainter, token: str, center: QPointF, size: float = SIZE, *, faint: bool = False) -> None:
    """Draw ✕, ▲ or ▼ with an outline that keeps it apart from what is behind."""
    color = theme.color(token)
    if faint:
        color.setAlphaF(0.55)
    half = size / 2 - 1
    path = QPainterPath()
    x, y = center.x(), center.y()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = theme.color("canvas")
    if token == "nan":
        path.moveTo(x - half, y - half)
        path.lineTo(x + half, y + half)
        path.moveTo(x + half, y - half)
        path.lineTo(x - half, y + half)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(outline, 4.0))
        painter.drawPath(path)
        painter.setPen(QPen(color, 2.0))
        painter.drawPath(path)
    else:
        up = -1 if token == "posinf" else 1
        path.moveTo(x - half, y - up * half * 0.9)
        path.lineTo(x + half, y - up * half * 0.9)
        path.lineTo(x, y + up * half)
        path.closeSubpath()
        painter.setPen(QPen(outline, 1.0))
        painter.setBrush(color)
        painter.drawPath(path)
    painter.restore()


def marker_rect(center: QPointF, size: float = SIZE) -> QRectF:
    """Return the square a marker fills."""
    return QRectF(center.x() - size / 2, center.y() - size / 2, size, size)
