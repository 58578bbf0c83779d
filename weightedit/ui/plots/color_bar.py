"""The colour bar: the map between two levels that can be dragged, a log histogram, and counts of what is not finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from weightedit.core.statistics import Statistics
from weightedit.core.words.numbers import count_text
from weightedit.ui.plots.colormaps import STEPS, table
from weightedit.ui.plots.levels import CHOICES, LOSSES, SCALED, Levels, counts_along
from weightedit.ui.plots.markers import NAMES, TOKENS, draw_marker
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud

WIDTH = 96
BAR_LEFT, BAR_WIDTH = 34, 11
LEGEND = 48
SHORTEST = 70
"""Pixels the bar keeps for itself; where they are not left, the legend goes."""


def level_text(value: float, signed: bool = True) -> str:
    """Return `+0.50`, `−0.067`, `+1.6e−5` or `0`: as many digits as fit beside the bar."""
    if value == 0:
        return "0"
    size = abs(value)
    if 0.1 <= size < 10:
        text = f"{size:.2f}"
    elif 0.001 <= size < 0.1:
        text = f"{size:.2g}"
    elif 10 <= size < 100_000:
        text = f"{size:.4g}"
    else:
        digits, _, power = f"{size:.1e}".partition("e")
        text = f"{digits}e{'−' if int(power) < 0 else ''}{abs(int(power))}"
    return ("−" if value < 0 else "+" if signed else "") + text


def phase_text(value: float) -> str:
    """Return a quarter of a turn as `−π`, `−π/2`, `0`, `π/2` or `π`."""
    return {-2: "−π", -1: "−π/2", 0: "0", 1: "π/2", 2: "π"}[round(2 * value / math.pi)]


class ColorBar(QWidget):
    """Drag a triangle to move its level, double click to have the levels back.

    Signals
    -------
    levels_dragged
        (Levels)
    reset
        The levels should be the default again.
    """

    levels_dragged = Signal(object)
    reset = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setMouseTracking(True)
        self.setAccessibleName("Colour bar")
        self.setToolTip("Drag a triangle to move its level; double click for the default levels")
        self.top, self.bottom = 20.0, 200.0
        self.levels = Levels(-1.0, 1.0)
        self.span = Levels(-1.0, 1.0)
        self.map_name = "Tide"
        self.counts: tuple[int, int, int] | None = None
        self.is_signed = True
        self.has_legend = True
        self._statistics: Statistics | None = None
        self._histogram: Any = None
        self._held: str | None = None
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """As wide as look says."""
        return QSize(WIDTH, 200)

    def place(self, top: float, bottom: float) -> None:
        """Line the bar up with the picture."""
        room, before = self.height() - 6, (self.top, self.bottom, self.has_legend)
        self.has_legend = room - top > SHORTEST + LEGEND
        self.top, self.bottom = top, max(top + 40, min(bottom - LEGEND + 12, room - (LEGEND if self.has_legend else 4)))
        if before != (self.top, self.bottom, self.has_legend):  # panning lays everything out anew, and moves no bar
            self.update()

    def show_levels(self, levels: Levels, name: str, *, keep_span: bool = False) -> None:
        """Show levels and the map between them."""
        self.levels, self.map_name = levels, name
        self.is_signed = levels.low < 0 < levels.high
        self.setAccessibleDescription(aloud(f"{CHOICES[levels.source]}, {levels.low:.4g} to {levels.high:.4g}"))
        if not keep_span:
            self.span = levels
            self._measure()
        self.update()

    def show_statistics(self, found: Statistics | None) -> None:
        """Show the histogram of values, and how many are not finite."""
        self._statistics = found
        self.counts = None if found is None else (found.nan, found.posinf, found.neginf)
        self._measure()
        self.update()

    def _measure(self) -> None:
        found = self._statistics
        if found is None or self.levels.source in (*SCALED, "phase"):
            self._histogram = None  # of the values themselves, which are not what the bar shows then
            return
        counts = np.log1p(counts_along(found, self.span, 64))
        self._histogram = counts / (counts.max() or 1.0)

    # ---- geometry

    def _y(self, value: float) -> float:
        return self.bottom - float(self.span.share(value)) * (self.bottom - self.top)

    def _value(self, y: float) -> float:
        return self.span.value((self.bottom - y) / (self.bottom - self.top))

    # ---- drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw histogram, bar, triangles, labels and the legend."""
        painter = QPainter(self)
        self._draw_histogram(painter)
        bar = QRectF(BAR_LEFT, self.top, BAR_WIDTH, self.bottom - self.top)
        painter.drawImage(bar, self._gradient())
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("canvas"), 1.0))
        painter.setBrush(theme.color("text"))
        for value in (self.levels.low, self.levels.high):
            painter.drawPolygon(self._triangle(self._y(value)))
        self._draw_labels(painter)
        if self.has_legend:
            self._draw_legend(painter)

    def _triangle(self, y: float) -> QPolygonF:
        return QPolygonF([QPointF(BAR_LEFT - 8, y - 4.5), QPointF(BAR_LEFT - 1, y), QPointF(BAR_LEFT - 8, y + 4.5)])

    def _gradient(self) -> QImage:
        colors = table(self.map_name, theme.name)
        height = max(2, round(self.bottom - self.top))
        values = np.array([self.span.value(share) for share in np.linspace(1, 0, height).tolist()])
        at = np.clip(self.levels.share(values) * STEPS, 0, STEPS - 1)
        column = np.ascontiguousarray(colors[at.astype(np.intp)])
        return QImage(column.data, 1, height, 4, QImage.Format.Format_RGBA8888).copy()

    def _draw_histogram(self, painter: QPainter) -> None:
        if self._histogram is None:
            return
        depth = BAR_LEFT - 10
        step = (self.bottom - self.top) / len(self._histogram)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line2"))
        for number, share in enumerate(self._histogram.tolist()):
            width = share * depth
            painter.drawRect(QRectF(depth - width, self.bottom - (number + 1) * step, width, step + 0.5))

    def _draw_labels(self, painter: QPainter) -> None:
        painter.setFont(ui_font(10))
        painter.setPen(theme.color("text2"))
        for value in self.span.labels(int((self.bottom - self.top) / 18)):
            y = self._y(value)
            painter.drawLine(QPointF(BAR_LEFT + BAR_WIDTH, y), QPointF(BAR_LEFT + BAR_WIDTH + 3, y))
            text = level_text(value, self.is_signed) if self.levels.source != "phase" else phase_text(value)
            rect = QRectF(BAR_LEFT + BAR_WIDTH + 5, y - 8, WIDTH - BAR_LEFT - BAR_WIDTH - 5, 16)
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, text)
        painter.setPen(theme.color("text3"))
        note = self.note
        if note:
            painter.drawText(QRectF(0, self.top - 19, WIDTH - 2, 14), Qt.AlignmentFlag.AlignRight, note)

    @property
    def note(self) -> str:
        """What stands above the bar: that colours are per row or tile, or where a logarithm begins."""
        if self.levels.source in LOSSES:
            return "error" if self.levels.source == "absolute" else "relative"
        if self.levels.source in SCALED or self.levels.source == "phase":
            return CHOICES[self.levels.source]
        return f"log ≥ {level_text(self.levels.threshold, False)}" if self.levels.threshold else ""

    def _draw_legend(self, painter: QPainter) -> None:
        y = self.bottom + 15
        painter.setFont(ui_font(10))
        for token, count in zip(TOKENS, self.counts or (0, 0, 0), strict=True):
            some = count > 0
            draw_marker(painter, token, QPointF(8, y), 10, faint=not some)
            painter.setPen(theme.color("text2" if some else "text3"))
            painter.drawText(QRect(18, int(y) - 8, 50, 16), Qt.AlignmentFlag.AlignVCenter, NAMES[token])
            painter.setPen(theme.color("text" if some else "text3"))
            text = count_text(count) if self.counts is not None else "–"
            painter.drawText(QRect(28, int(y) - 8, WIDTH - 36, 16),
                             Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)  # fmt: skip
            y += 15

    # ---- levels by hand

    def _near(self, y: float) -> str | None:
        high, low = abs(y - self._y(self.levels.high)), abs(y - self._y(self.levels.low))
        if min(high, low) > 8:
            return None
        return "high" if high <= low else "low"

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the triangle under the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self._near(event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the level that is held."""
        if self._held is None:
            near = self._near(event.position().y()) is not None
            self.setCursor(Qt.CursorShape.SizeVerCursor if near else Qt.CursorShape.ArrowCursor)
            return
        value = self._value(event.position().y())
        if not math.isfinite(value):
            return
        if self.levels.is_symmetric:
            end = max(abs(value), self.levels.threshold or (self.span.high - self.span.low) * 1e-3)
            moved = self.levels.with_ends(-end, end, "dragged")
        elif self._held == "high":
            moved = self.levels.with_ends(self.levels.low, max(value, self.levels.low), "dragged")
        else:
            moved = self.levels.with_ends(min(value, self.levels.high), self.levels.high, "dragged")
        self.show_levels(moved, self.map_name, keep_span=True)
        self.levels_dragged.emit(moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; levels past the bar stretch it."""
        if self._held is not None:
            self._held = None
            if self.levels.low < self.span.low or self.levels.high > self.span.high:
                self.show_levels(self.levels, self.map_name)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the default levels."""
        self._held = None
        self.reset.emit()

