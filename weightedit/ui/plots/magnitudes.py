"""How large values are before and after a cast, on a log axis, with the ends of the dtype they go to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.core.codes import code_values
from weightedit.core.statistics import Statistics
from weightedit.ui.plots.scales import tick_text
from weightedit.ui.theme import theme, ui_font

BINS = 96
BESIDE = 4.0
"""Powers of ten past the values within which an end of the dtype is still drawn."""
BASE = 16.0


@dataclass(frozen=True)
class Ends:
    """The smallest and the largest magnitude of a dtype that are not 0."""

    smallest: float
    largest: float


def by_magnitude(found: Statistics | None, low: float, high: float, bins: int = BINS) -> Any:
    """Return how many values have a magnitude in each of `bins` equal parts of the exponents `low` to `high`.

    Zeros and what is not finite are left out; values past an end count in its last bin.
    """
    if found is None:
        return None
    values = np.abs(code_values(found.dtype))
    present = (found.code_counts > 0) & np.isfinite(values) & (values > 0)
    places = (np.log10(values[present]) - low) / (high - low) * bins
    places = np.clip(places, 0, bins - 1).astype(np.intp)
    return np.bincount(places, found.code_counts[present].astype(np.float64), bins)


def span(found: list[Statistics], ends: Ends | None) -> tuple[float, float]:
    """Return the exponents of ten that are drawn: those of the values, and of the ends that are not far from them."""
    sizes = [size for one in found for size in (one.smallest_magnitude, _largest(one)) if size]
    if not sizes:
        return -1.0, 1.0
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    if ends is not None:
        bottom, top = math.log10(ends.smallest), math.log10(ends.largest)
        first, last = low - BESIDE, high + BESIDE
        low = min(low, bottom) if bottom > first else low
        high = max(high, top) if top < last else high
    room = max((high - low) * 0.06, 0.3)
    return low - room, high + room


def _largest(found: Statistics) -> float:
    return 0.0 if found.minimum is None or found.maximum is None else max(abs(found.minimum), abs(found.maximum))


class Magnitudes(QWidget):
    """Before as a grey fill, after as a teal line; what lies past an end of the dtype is shaded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Magnitudes before and after")
        self.setMinimumHeight(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.ends: Ends | None = None
        self.low, self.high = -1.0, 1.0
        self.before: Any = None
        self.after: Any = None
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Ask for a strip."""
        return QSize(220, 96)

    def show_statistics(self, before: Statistics | None, after: Statistics | None, ends: Ends | None) -> None:
        """Show both over one axis, and the ends of the dtype after."""
        found = [one for one in (before, after) if one is not None]
        self.ends = ends
        self.low, self.high = span(found, ends)
        self.before = by_magnitude(before, self.low, self.high)
        self.after = by_magnitude(after, self.low, self.high)
        if ends is not None:
            self.setAccessibleDescription(f"The dtype goes from {ends.smallest:.3g} to {ends.largest:.6g}")
        self.update()

    def place(self, size: float) -> float:
        """Return how far from the left a magnitude lies, 0 to 1, past them beyond the ends."""
        return (math.log10(size) - self.low) / (self.high - self.low)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is past the ends, fill, line, base and labels."""
        painter = QPainter(self)
        base = self.height() - BASE
        self._draw_ends(painter, base)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        logs = [None if one is None else np.log1p(one) for one in (self.before, self.after)]
        most = max([float(one.max()) for one in logs if one is not None] or [0.0]) or 1.0
        if logs[0] is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("line2"))
            painter.drawPolygon(self._steps(logs[0] / most, base))
        if logs[1] is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("accent"), 1.3))
            painter.drawPolyline(self._steps(logs[1] / most, base))
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.drawLine(QPointF(0, base), QPointF(self.width(), base))
        self._draw_labels(painter, base)

    def _draw_ends(self, painter: QPainter, base: float) -> None:
        if self.ends is None:
            return
        for size, token, past in ((self.ends.smallest, "info", -1), (self.ends.largest, "warn", 1)):
            at = self.place(size)
            if not 0 < at < 1:
                continue
            x = at * self.width()
            tint = theme.color(token)
            tint.setAlphaF(0.16)
            rect = QRectF(x, 0, self.width() - x, base) if past > 0 else QRectF(0, 0, x, base)
            painter.fillRect(rect, tint)
            painter.setPen(QPen(theme.color(token), 1.0, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, 0), QPointF(x, base))

    def labels(self) -> list[tuple[float, str]]:
        """Return where labels stand, 0 to 1, and what they say: the ends that are seen, then powers of ten."""
        found: list[tuple[float, str]] = []
        if self.ends is not None:
            found = [(self.place(size), _short(size)) for size in (self.ends.smallest, self.ends.largest)
                     if 0 < self.place(size) < 1]  # fmt: skip
        for power in range(math.ceil(self.low), math.floor(self.high) + 1):
            found.append(((power - self.low) / (self.high - self.low), tick_text(10.0**power)))
        return found

    def _draw_labels(self, painter: QPainter, base: float) -> None:
        painter.setFont(ui_font(10))
        painter.setPen(theme.color("text3"))
        metrics = QFontMetrics(ui_font(10))
        taken: list[tuple[float, float]] = []
        for at, text in self.labels():
            width = metrics.horizontalAdvance(text)
            left = min(max(at * self.width() - width / 2, 0), self.width() - width)
            if all(left > end + 8 or left + width < start - 8 for start, end in taken):
                taken.append((left, left + width))
                painter.drawText(QPointF(left, base + 12), text)

    def _steps(self, shares: Any, base: float) -> QPolygonF:
        step = self.width() / len(shares)
        points = [QPointF(0, base)]
        for number, share in enumerate(shares.tolist()):
            y = base - share * (base - 3)
            points += [QPointF(number * step, y), QPointF((number + 1) * step, y)]
        return QPolygonF([*points, QPointF(self.width(), base)])


def _short(size: float) -> str:
    return f"{size:,.0f}" if 1 <= size < 1e6 else tick_text(float(f"{size:.1g}"))
