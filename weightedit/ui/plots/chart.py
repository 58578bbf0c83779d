"""A chart with two or three axes, a cursor for pointer and keys, and lines that mark places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.core.values.codes import Array
from weightedit.ui.plots.layers import Layer, Mark
from weightedit.ui.plots.scales import Scale
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud

GAP = 6
NEAR = 5.0
"""Pixels from a mark within which a press is on it."""
PAGE = 10
LOW = 130
"""Pixels of height below which the axes go without titles."""
KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -PAGE, Qt.Key.Key_PageDown: PAGE}


@dataclass(frozen=True, eq=False)
class Content:
    """What a chart shows.

    Attributes
    ----------
    x, y
        The axes; their titles stand at the end of each.
    layers
        Drawn one over the other.
    stops
        Where along x the cursor can stand, ascending.
    marks
        Lines across at values of x.
    right, right_layers
        A second vertical axis, and what is drawn on it.
    """

    x: Scale
    y: Scale
    layers: Sequence[Layer]
    stops: Array
    x_title: str = ""
    y_title: str = ""
    marks: tuple[Mark, ...] = ()
    right: Scale | None = None
    right_title: str = ""
    right_layers: Sequence[Layer] = field(default=())


class Chart(QWidget):
    """Draws a `Content`; pointer and arrow keys move the cursor from stop to stop.

    Attributes
    ----------
    cursor_at
        The stop the cursor is on, or -1.
    marks_press
        Whether a press on a mark is one.

    Signals
    -------
    cursor_moved
        (index of a stop, or -1 where the cursor is gone)
    picked
        (first, last) stops of a press, a drag, or Enter.
    mark_pressed
        (place among the marks)
    """

    cursor_moved = Signal(int)
    picked = Signal(int, int)
    mark_pressed = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(aloud(name))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 48)
        self.content: Content | None = None
        self.cursor_at = -1
        self.marks_press = False
        self._pressed = -1
        self._still: QPixmap | None = None
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        """Ask for a good part of a page."""
        return QSize(420, 260)

    def show_content(self, content: Content | None) -> None:
        """Show something else; the cursor stays where there still is a stop for it."""
        self.content = content
        if content is None or self.cursor_at >= len(content.stops):
            self._move_to(-1)
        self._redraw()

    def _redraw(self) -> None:
        self._still = None
        self.update()

    # ---- geometry

    @property
    def area(self) -> QRectF:
        """The part between the axes."""
        content = self.content
        metrics = QFontMetrics(ui_font(10))
        left = right = 14
        if content is not None:
            left += GAP + max((metrics.horizontalAdvance(text) for _, text in content.y.ticks(self._rows)), default=0)
            if content.right is not None:
                right += GAP + max(metrics.horizontalAdvance(text) for _, text in content.right.ticks(self._rows))
        top = (8 if self._is_low else 24) + (14 if content is not None and content.marks else 0)
        below = 20 if self._is_low else 36
        return QRectF(left, top, max(self.width() - left - right, 10), max(self.height() - top - below, 10))

    @property
    def _is_low(self) -> bool:
        """Whether there is no room for the axes' titles."""
        return self.height() < LOW

    @property
    def _rows(self) -> int:
        return max(2, (self.height() - 60) // 40)

    def point_of(self, stop: int) -> QPointF:
        """Return where a stop is on the widget, half way up."""
        assert self.content is not None
        area = self.area
        return QPointF(area.left() + float(self.content.x.place(self.content.stops[stop])) * area.width(),
                       area.center().y())  # fmt: skip

    def _stop_at(self, x: float) -> int:
        content = self.content
        if content is None or not len(content.stops):
            return -1
        area = self.area
        value = content.x.value(min(max((x - area.left()) / area.width(), 0.0), 1.0))
        after = int(np.searchsorted(content.stops, value))
        near = [stop for stop in (after - 1, after) if 0 <= stop < len(content.stops)]
        places = content.x.place(content.stops[near])
        return near[int(np.argmin(np.abs(places - content.x.place(value))))]

    def _mark_at(self, x: float) -> int:
        if self.content is None:
            return -1
        area = self.area
        off = [abs(area.left() + float(self.content.x.place(mark.at)) * area.width() - x)
               for mark in self.content.marks]  # fmt: skip
        best = int(np.argmin(off)) if off else -1
        return best if best >= 0 and off[best] <= NEAR else -1

    # ---- pointer and keys

    def _move_to(self, stop: int) -> None:
        if stop != self.cursor_at:
            self.cursor_at = stop
            self.cursor_moved.emit(stop)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Put the cursor under the pointer."""
        at = event.position()
        if self.area.adjusted(-8, -8, 8, 40).contains(at) or self._pressed >= 0:
            self._move_to(self._stop_at(at.x()))
        else:
            self._move_to(-1)
        over = self._mark_at(at.x()) >= 0 and self.marks_press
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to pick."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._stop_at(event.position().x())
            self._move_to(self._pressed)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Pick what lies between press and release, or the mark that was pressed."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed < 0:
            return
        pressed, self._pressed = self._pressed, -1
        released = self._stop_at(event.position().x())
        mark = self._mark_at(event.position().x())
        self.update()
        if mark >= 0 and pressed == released and self.marks_press:
            self.mark_pressed.emit(mark)
        else:
            self.picked.emit(min(pressed, released), max(pressed, released))

    def leaveEvent(self, event: QEvent) -> None:
        """Take the cursor away with the pointer, unless the keys hold it."""
        super().leaveEvent(event)
        if not self.hasFocus():
            self._move_to(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cursor with the arrows, by ten with the page keys, to the ends with Home and End; Enter picks."""
        count = 0 if self.content is None else len(self.content.stops)
        key = Qt.Key(event.key())
        if not count:
            super().keyPressEvent(event)
        elif key in KEYS:
            start = self.cursor_at if self.cursor_at >= 0 else (-1 if KEYS[key] > 0 else count)
            self._move_to(min(max(start + KEYS[key], 0), count - 1))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._move_to(0 if key == Qt.Key.Key_Home else count - 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.cursor_at >= 0 \
                and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:  # fmt: skip
            self.picked.emit(self.cursor_at, self.cursor_at)
        else:
            super().keyPressEvent(event)

    # ---- drawing

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew."""
        super().resizeEvent(event)
        self._redraw()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what stays from the last time, the cursor, and the focus."""
        ratio = self.devicePixelRatioF()
        if self._still is None:
            self._still = QPixmap(self.size() * ratio)
            self._still.setDevicePixelRatio(ratio)
            self._still.fill(theme.color("canvas"))
            painter = QPainter(self._still)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if self.content is not None:
                self._draw(painter, self.content)
            painter.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        content, area = self.content, self.area
        if content is not None and 0 <= self.cursor_at < len(content.stops):
            x = self.point_of(self.cursor_at).x()
            if self._pressed >= 0:
                tint = QColor(theme.color("accent"))
                tint.setAlphaF(0.18)
                start = self.point_of(self._pressed).x()
                painter.fillRect(QRectF(min(start, x), area.top(), abs(x - start), area.height()), tint)
            painter.setPen(QPen(theme.color("text"), 1.0))
            painter.drawLine(QPointF(round(x) + 0.5, area.top()), QPointF(round(x) + 0.5, area.bottom()))
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 1.0))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _draw(self, painter: QPainter, content: Content) -> None:
        area = self.area
        painter.setFont(ui_font(10))
        self._draw_left(painter, content, area)
        if content.right is not None:
            self._draw_right(painter, content.right, content.right_title, area)
        self._draw_bottom(painter, content, area)
        painter.save()
        painter.setClipRect(area.adjusted(-6, -6, 6, 1))
        for layer in content.layers:
            layer.draw(painter, area, content.x, content.y)
        for layer in content.right_layers:
            layer.draw(painter, area, content.x, content.right or content.y)
        painter.restore()
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.drawLine(QPointF(area.left(), area.bottom() + 0.5), QPointF(area.right(), area.bottom() + 0.5))
        self._draw_marks(painter, content, area)

    def _draw_left(self, painter: QPainter, content: Content, area: QRectF) -> None:
        for value, text in content.y.ticks(self._rows):
            y = area.bottom() - float(content.y.place(value)) * area.height()
            if not area.top() - 1 <= y <= area.bottom() + 1:
                continue
            painter.setPen(QPen(theme.color("line"), 1.0))
            painter.drawLine(QPointF(area.left(), round(y) + 0.5), QPointF(area.right(), round(y) + 0.5))
            painter.setPen(theme.color("text3"))
            painter.drawText(QRectF(0, y - 8, area.left() - GAP, 16),
                             Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)  # fmt: skip
        if not self._is_low:
            painter.setPen(theme.color("text3"))
            painter.drawText(QRectF(14, 4, area.width(), 16), Qt.AlignmentFlag.AlignLeft, content.y_title)

    def _draw_right(self, painter: QPainter, scale: Scale, title: str, area: QRectF) -> None:
        painter.setPen(theme.color("text3"))
        for value, text in scale.ticks(self._rows):
            y = area.bottom() - float(scale.place(value)) * area.height()
            painter.drawText(QRectF(area.right() + GAP, y - 8, self.width() - area.right() - GAP, 16),
                             Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)  # fmt: skip
        if not self._is_low:
            painter.drawText(QRectF(area.left(), 4, self.width() - area.left() - 14, 16), Qt.AlignmentFlag.AlignRight,
                             title)  # fmt: skip

    def _draw_bottom(self, painter: QPainter, content: Content, area: QRectF) -> None:
        metrics = painter.fontMetrics()
        painter.setPen(theme.color("text3"))
        after = -1e9
        for value, text in content.x.ticks(max(2, int(area.width() // 56))):
            x = area.left() + float(content.x.place(value)) * area.width()
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width / 2, 2), self.width() - width - 4)
            if not area.left() - 1 <= x <= area.right() + 1 or left < after + 8:
                continue
            painter.drawLine(QPointF(round(x) + 0.5, area.bottom()), QPointF(round(x) + 0.5, area.bottom() + 3))
            painter.drawText(QRectF(left, area.bottom() + 3, width + 2, 15), 0, text)
            after = left + width
        if not self._is_low:
            painter.drawText(QRectF(area.left(), area.bottom() + 18, area.width(), 15),
                             Qt.AlignmentFlag.AlignRight, content.x_title)  # fmt: skip

    def _draw_marks(self, painter: QPainter, content: Content, area: QRectF) -> None:
        metrics = painter.fontMetrics()
        named: list[tuple[float, str, str]] = []  # marks close together share a label
        for mark in sorted(content.marks, key=lambda mark: mark.at):
            place = float(content.x.place(mark.at))
            if not -0.001 <= place <= 1.001:
                continue
            x = round(area.left() + place * area.width()) + 0.5
            painter.setPen(QPen(theme.color(mark.token), 1.0, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, area.top() - 4), QPointF(x, area.bottom()))
            width = metrics.horizontalAdvance(mark.text)
            if named and x - named[-1][0] < (width + metrics.horizontalAdvance(named[-1][1])) / 2 + 8:
                first, text, token = named[-1]
                named[-1] = first, f"{text}, {mark.text}", token
            else:
                named.append((x, mark.text, mark.token))
        for x, text, token in named:
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width / 2, 4), self.width() - width - 6)
            painter.setPen(theme.color(token))
            painter.drawText(QRectF(left, area.top() - 19, width + 2, 14), 0, text)
