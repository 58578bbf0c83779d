"""What a chart draws: steps of a histogram, a line or dots along an index, and lines that mark a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from weightedit.core.values.codes import Array
from weightedit.ui.plots.scales import Scale
from weightedit.ui.theme import theme

DOT = 3.0


class Layer(Protocol):
    """Something that is drawn in the chart's area."""

    def draw(self, painter: QPainter, area: QRectF, x: Scale, y: Scale) -> None:
        """Draw it into `area`."""
        ...


def across(area: QRectF, places: Array) -> Array:
    """Return the x of places from 0 to 1."""
    found: Array = area.left() + places * area.width()
    return found


def up(area: QRectF, places: Array) -> Array:
    """Return the y of places from 0 to 1."""
    found: Array = area.bottom() - places * area.height()
    return found


def polygon(xs: Array, ys: Array) -> QPolygonF:
    """Return points as Qt draws them."""
    return QPolygonF([QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)])


@dataclass(frozen=True, eq=False)
class Steps:
    """Counts over bins: `edges` in the scale's values, `(n + 1,)`; `counts`, `(n,)`."""

    edges: Array
    counts: Array
    token: str
    fill: bool = False

    def draw(self, painter: QPainter, area: QRectF, x: Scale, y: Scale) -> None:
        """Draw a filled shape or an outline."""
        xs = np.repeat(across(area, x.place(self.edges)), 2)
        tops = np.clip(up(area, y.place(self.counts)), area.top() - 2, area.bottom())
        ys = np.concatenate(([area.bottom()], np.repeat(tops, 2), [area.bottom()]))
        if self.fill:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(self.token))
            painter.drawPolygon(polygon(xs, ys))
        else:
            painter.setPen(QPen(theme.color(self.token), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(polygon(xs, ys))


@dataclass(frozen=True, eq=False)
class Along:
    """A value at each index from `start` on: a line, dots where there is room, a band where many share a pixel."""

    values: Array
    token: str
    start: int = 0

    def draw(self, painter: QPainter, area: QRectF, x: Scale, y: Scale) -> None:
        """Draw a line and dots, or for each pixel all that falls on it."""
        size = len(self.values)
        if not size:
            return
        color = theme.color(self.token)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if size > 2 * area.width():
            painter.setPen(QPen(color, 1.0))
            columns = int(area.width())
            starts = np.arange(columns) * size // columns
            with np.errstate(invalid="ignore"):
                low = np.fmin.reduceat(self.values, starts)
                high = np.fmax.reduceat(self.values, starts)
            xs = area.left() + np.arange(columns) + 0.5
            bottoms, tops = up(area, y.place(low)), up(area, y.place(high))
            for at, bottom, top in zip(xs.tolist(), bottoms.tolist(), tops.tolist(), strict=True):
                if np.isfinite(top):
                    painter.drawLine(QPointF(at, bottom + 0.5), QPointF(at, top - 0.5))
            return
        xs, ys = across(area, x.place(self.start + np.arange(size))), up(area, y.place(self.values))
        known = np.isfinite(self.values)
        painter.setPen(QPen(color, 1.5))
        painter.drawPolyline(polygon(xs[known], ys[known]))
        if size * 5 < area.width():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            for at, level in zip(xs[known].tolist(), ys[known].tolist(), strict=True):
                painter.drawEllipse(QPointF(at, level), DOT - 0.5, DOT - 0.5)


@dataclass(frozen=True, eq=False)
class Spots:
    """Single indices that stand out: a triangle for outliers, a cross for dead ones, a ring for selected ones."""

    indices: Array
    values: Array
    token: str
    shape: str

    def draw(self, painter: QPainter, area: QRectF, x: Scale, y: Scale) -> None:
        """Draw a shape at each; of thousands, those that fall on pixels of their own."""
        xs, ys = across(area, x.place(self.indices)), up(area, y.place(np.nan_to_num(self.values, nan=y.low)))
        ys = np.clip(ys, area.top(), area.bottom())
        _, firsts = np.unique((xs.astype(np.int64) // 2) * 100_000 + ys.astype(np.int64) // 2, return_index=True)
        painter.setPen(QPen(theme.color(self.token), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for at, level in zip(xs[firsts].tolist(), ys[firsts].tolist(), strict=True):
            if self.shape == "cross":
                painter.drawLine(QPointF(at - DOT, level - DOT), QPointF(at + DOT, level + DOT))
                painter.drawLine(QPointF(at - DOT, level + DOT), QPointF(at + DOT, level - DOT))
            elif self.shape == "triangle":
                points = [QPointF(at, level - 4), QPointF(at + 4, level + 3), QPointF(at - 4, level + 3)]
                painter.drawPolygon(QPolygonF(points))
            else:
                painter.drawEllipse(QPointF(at, level), 5, 5)


@dataclass(frozen=True)
class Mark:
    """A line across the chart at a value, with a label at its end."""

    at: float
    text: str
    token: str = "text3"
