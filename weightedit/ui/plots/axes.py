"""Axes of a heatmap: whole indices, ends labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QPolygonF

from weightedit.ui.theme import theme, ui_font

ROOM_ROWS, ROOM_COLUMNS = 52, 80
"""Pixels a label needs for itself down and across."""


def tick_step(size: int, visible: float, pixels: float, room: float) -> int:
    """Return the distance of ticks: a power of two where the size is made of them, else 1, 2 or 5 times ten."""
    least = max(1.0, visible * room / max(pixels, 1.0))
    step = 1
    if size % 64 == 0 and least > 2:
        while step < least:
            step *= 2
        return step
    while step < least:
        for factor in (2, 5, 10):
            if step * factor >= least:
                return step * factor
        step *= 10
    return step


def ticks(size: int, low: float, high: float, pixels: float, room: float) -> list[int]:
    """Return the indices that get a label: the ends of what is visible, and even steps between."""
    first, last = max(0, round(low)), min(size, round(high))
    step = tick_step(size, high - low, pixels, room)
    gap = (high - low) * room / max(pixels, 1.0) * 0.7
    inner = [at for at in range(-(-first // step) * step, last, step) if at - first > gap and last - at > gap]
    return [first, *inner, last] if last > first else [first]


class IndexAxis(pg.AxisItem):
    """An axis whose labels are indices; text only, no line. A press or a drag on it is about whole rows or columns.

    Signals
    -------
    pressed, dragged
        (index, keyboard modifiers) of a press with the left button, (index) of a drag from there.
    """

    pressed = Signal(int, object)
    dragged = Signal(int)

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation, pen=None, textPen=None, maxTickLength=0)
        self.indices = 0
        self.low, self.high = 0.0, 1.0
        self._tiles: tuple[int, Callable[[int], str]] | None = None
        self.setStyle(showValues=True)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def show_range(self, size: int, low: float, high: float) -> None:
        """Label the part from `low` to `high` of an axis of `size` indices."""
        self.indices, self.low, self.high = size, low, high
        self.picture = None
        self.update()

    def show_tiles(self, tiles: tuple[int, Callable[[int], str]] | None) -> None:
        """Name tiles of so many indices each instead of indices."""
        self._tiles = tiles
        self.picture = None
        self.update()

    def labels(self, pixels: float) -> list[tuple[float, str]]:
        """Return what is written along an axis of so many pixels: (index, text)."""
        vertical = self.orientation == "left"
        if self._tiles is None:
            places = ticks(self.indices, self.low, self.high, pixels, ROOM_ROWS if vertical else ROOM_COLUMNS)
            return [(float(at), str(at)) for at in places]
        size, name = self._tiles
        first, last = int(self.low // size), min(int(-(-self.high // size)), -(-self.indices // size)) - 1
        metrics = QFontMetrics(ui_font(10))
        room = 16 if vertical else max(metrics.horizontalAdvance(name(at)) for at in (first, max(last, first))) + 14
        step = tick_step(max(last - first + 1, 1), (self.high - self.low) / size, pixels, room)
        found = [(at, name(at)) for at in range(-(-first // step) * step, last + 1, step)]
        # a tile cut by the edge is named where it is seen
        return [((max(at * size, self.low) + min((at + 1) * size, self.high)) / 2, text) for at, text in found]

    def paint(self, painter: QPainter, option: Any, widget: Any) -> None:
        """Draw the labels."""
        rect = QRectF(self.rect())
        painter.setFont(ui_font(10))
        painter.setPen(QPen(theme.color("text3")))
        vertical = self.orientation == "left"
        length = rect.height() if vertical else rect.width()
        if not self.high > self.low or length <= 0:
            return
        found = self.labels(length)
        for number, (at, text) in enumerate(found):
            place = (at - self.low) / (self.high - self.low) * length
            self._label(painter, rect, text, place, vertical, number == 0, number == len(found) - 1)

    def _label(self, painter: QPainter, rect: QRectF, text: str, at: float, vertical: bool, first: bool,
               last: bool) -> None:  # fmt: skip
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(text), metrics.height()
        if vertical:
            y = rect.top() + at + metrics.ascent() / 2 - 1
            flags = Qt.AlignmentFlag.AlignRight
            painter.drawText(QRectF(rect.left(), y - metrics.ascent(), rect.width() - 5, height), flags, text)
            return
        x = rect.left() + at - width / 2
        if first:
            x = max(x, rect.left())
        elif last:
            x = min(x, rect.right() - width)
        painter.drawText(QRectF(x, rect.bottom() - height - 3, width + 2, height), 0, text)

    def generateDrawSpecs(self, painter: Any) -> Any:
        """Leave the drawing to `paint`."""
        return None

    def wheelEvent(self, event: Any) -> None:
        """Leave zooming to the picture."""
        event.ignore()

    def index_at(self, scene_place: QPointF) -> int:
        """Return the index that is drawn at a place of the scene."""
        rect, place = self.rect(), self.mapFromScene(scene_place)
        share = (place.y() - rect.top()) / max(rect.height(), 1.0) if self.orientation == "left" else \
            (place.x() - rect.left()) / max(rect.width(), 1.0)  # fmt: skip
        return min(max(int((self.low + share * (self.high - self.low)) // 1), 0), max(self.indices - 1, 0))

    def mouseClickEvent(self, event: Any) -> None:
        """Pick one row or column."""
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            event.accept()
            self.pressed.emit(self.index_at(event.scenePos()), event.modifiers())

    def mouseDragEvent(self, event: Any) -> None:
        """Pick rows or columns."""
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        if event.isStart():
            self.pressed.emit(self.index_at(event.buttonDownScenePos()), event.modifiers())
        self.dragged.emit(self.index_at(event.scenePos()))


class RmsStrip(pg.GraphicsWidget):
    """The root mean square along rows or columns, as a line beside the picture."""

    def __init__(self, vertical: bool) -> None:
        super().__init__()
        self.vertical = vertical
        self.values: Any = None
        self.start, self.stop = 0.0, 1.0
        self.low, self.high = 0.0, 1.0

    def show_values(self, values: Any, start: float, stop: float) -> None:
        """Show values that cover indices `start` to `stop`."""
        self.values, self.start, self.stop = values, start, stop
        self.update()

    def show_range(self, low: float, high: float) -> None:
        """Line up with the visible indices."""
        self.low, self.high = low, high
        self.update()

    def paint(self, painter: QPainter, option: Any, widget: Any) -> None:
        """Draw the line, 0 at the picture's edge."""
        values = self.values
        if values is None or not len(values) or not self.high > self.low:
            return
        rect = self.boundingRect()
        finite = np.where(np.isfinite(values), values, 0.0)
        most = float(finite.max()) or 1.0
        length, depth = (rect.height(), rect.width()) if self.vertical else (rect.width(), rect.height())
        edges = self.start + (np.arange(len(finite)) + 0.5) * (self.stop - self.start) / len(finite)
        along = (edges - self.low) / (self.high - self.low) * length
        off = 3 + finite / most * (depth - 6)
        keep = (along > -length) & (along < 2 * length)
        points = zip(along[keep].tolist(), off[keep].tolist(), strict=True)
        line = QPolygonF([QPointF(rect.left() + o, rect.top() + a) if self.vertical else
                          QPointF(rect.left() + a, rect.top() + o) for a, o in points])  # fmt: skip
        painter.setClipRect(rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("text3"), 1.0))
        painter.drawPolyline(line)
