"""Small drawings: a tensor as a thumbnail, and two histograms over one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.core.looking.pixels import Reduced
from weightedit.core.statistics import Statistics
from weightedit.core.words.numbers import statistic_text
from weightedit.ui.plots.colormaps import picture
from weightedit.ui.plots.levels import Levels
from weightedit.ui.plots.steps import BASE, draw_two
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud

BINS = 96


class Thumbnail(QWidget):
    """A reduced slice in a frame, stretched to fill it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(aloud(name))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(70)
        self.reduced: Reduced | None = None
        self._levels = Levels(-1.0, 1.0)
        self._map = "Tide"
        theme.changed.connect(self.update)

    def show_reduced(self, reduced: Reduced | None, levels: Levels, map_name: str) -> None:
        """Show a picture, or an empty frame."""
        self.reduced, self._levels, self._map = reduced, levels, map_name
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw picture and frame."""
        painter = QPainter(self)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.fillRect(rect, theme.color("canvas"))
        reduced = self.reduced
        if reduced is not None and reduced.height and reduced.width:
            pixels = np.ascontiguousarray(picture(reduced, self._levels, self._map, theme.name))
            image = QImage(pixels.data, reduced.width, reduced.height, 4 * reduced.width,
                           QImage.Format.Format_RGBA8888)  # fmt: skip
            painter.drawImage(rect, image)
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect)


class BeforeAfter(QWidget):
    """The values before as a grey fill, after as a teal line, counts on a log scale."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Histogram before and after")
        self.setMinimumHeight(58)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.low, self.high = -1.0, 1.0
        self.before: Any = None
        self.after: Any = None
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Ask for a strip."""
        return QSize(220, 66)

    def show_statistics(self, before: Statistics | None, after: Statistics | None) -> None:
        """Show both over the range of both."""
        self.before = self.after = None
        found = [one for one in (before, after) if one is not None and one.minimum is not None]
        if found:
            # a lone outlier must not squeeze the rest into one bin: it counts at the end
            ends = [2.5 * (one.abs_percentile() or 0.0) or float("inf") for one in found]
            low = min(max(float(one.minimum or 0), -end) for one, end in zip(found, ends, strict=True))
            high = max(min(float(one.maximum or 0), end) for one, end in zip(found, ends, strict=True))
            if low < 0 < high:
                end = max(-low, high)
                low, high = -end, end
            if not high > low:
                low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
            if np.isfinite(high - low):
                self.low, self.high = low, high
                self.before = _logs(before, low, high)
                self.after = _logs(after, low, high)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw fill, line, base and the ends' labels."""
        painter = QPainter(self)
        base = self.height() - BASE
        if not draw_two(painter, self.width(), base, self.before, self.after):
            return
        painter.setFont(ui_font(10))
        painter.setPen(theme.color("text3"))
        below = QRectF(0, base + 2, self.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, statistic_text(self.low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, statistic_text(self.high))
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, statistic_text((self.low + self.high) / 2))


def _logs(found: Statistics | None, low: float, high: float) -> Any:
    return None if found is None else np.log1p(found.histogram(low, high, BINS))
