"""How large values are before and after a cast, on a log axis, with the ends of the dtype they go to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.core.looking.magnitudes import Ends, by_magnitude, span
from weightedit.core.statistics import Statistics
from weightedit.ui.plots.scales import tick_text
from weightedit.ui.plots.steps import BASE, draw_two
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud


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
            self.setAccessibleDescription(aloud(f"The dtype goes from {ends.smallest:.3g} to {ends.largest:.6g}"))
        self.update()

    def place(self, size: float) -> float:
        """Return how far from the left a magnitude lies, 0 to 1, past them beyond the ends."""
        return (math.log10(size) - self.low) / (self.high - self.low)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is past the ends, fill, line, base and labels."""
        painter = QPainter(self)
        base = self.height() - BASE
        self._draw_ends(painter, base)
        logs = [None if one is None else np.log1p(one) for one in (self.before, self.after)]
        draw_two(painter, self.width(), base, *logs)
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


def _short(size: float) -> str:
    return f"{size:,.0f}" if 1 <= size < 1e6 else tick_text(float(f"{size:.1g}"))
