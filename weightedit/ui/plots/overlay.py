"""What lies over the picture: the selection, markers of non-finite cells, and the card beside the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from weightedit.ui.plots.markers import Marker, draw_marker
from weightedit.ui.plots.tile_marks import Crosshair, draw_crosshair, draw_dead, draw_separators
from weightedit.ui.theme import mono_font, theme, ui_font

HANDLE = 6.0


@dataclass(frozen=True)
class HoverText:
    """What the card says: the index, the value with its dtype and bits, and a line more."""

    index: str
    value: str
    bits: str
    note: str = ""
    token: str = "text"


@dataclass(frozen=True)
class Tint:
    """Picked cells of a part of the slice, as the pixels of a picture of it.

    Attributes
    ----------
    mask
        bool, `(height, width)`: whether a cell under a pixel is picked.
    rows, columns
        What of the slice it covers.
    """

    mask: np.ndarray[Any, Any]
    rows: range
    columns: range

    def image(self) -> QImage:
        """Return it in the colour of what is picked, elsewhere clear."""
        height, width = self.mask.shape
        color = theme.color("accent")
        color.setAlphaF(0.85)
        made = np.where(self.mask, np.uint32(color.rgba()), np.uint32(0)).astype(np.uint32)
        return QImage(made.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32).copy()


def handles(rect: QRectF) -> list[QPointF]:
    """Return the places of the eight handles, clockwise from the top left."""
    middle = rect.center()
    return [rect.topLeft(), QPointF(middle.x(), rect.top()), rect.topRight(), QPointF(rect.right(), middle.y()),
            rect.bottomRight(), QPointF(middle.x(), rect.bottom()), rect.bottomLeft(),
            QPointF(rect.left(), middle.y())]  # fmt: skip


def draw_dashed(painter: QPainter, rect: QRectF, label: str) -> None:
    """Draw dashes in the colour of a storage group, on a line that parts them from any picture."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    dashes = QPen(theme.group_color(label), 1.6, Qt.PenStyle.CustomDashLine)
    dashes.setDashPattern([4.0, 2.5])
    for pen in (QPen(theme.color("canvas"), 3.0), dashes):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(rect)


class Overlay(QWidget):
    """Paints over the picture and lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.frame = QRectF()
        self.selection: QRectF | None = None
        self.others: list[QRectF] = []
        self.shared: list[QRectF] = []
        self.shared_label = ""
        self.tint: tuple[Tint, QRectF] | None = None
        self._tint_drawn: tuple[Tint, str, QImage] | None = None
        self.size_text = ""
        self.separators: list[QRectF] = []
        self.dead: list[QRectF] = []
        self.crosshair: Crosshair | None = None
        self.markers: list[tuple[Marker, QPointF]] = []
        self.hover: HoverText | None = None
        self.pointer = QPointF()
        self.flash: QRectF | None = None
        self.has_focus = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw frame, flash, markers, selection, card."""
        painter = QPainter(self)
        painter.setPen(QPen(theme.color("accent" if self.has_focus else "line2"), 1.0))
        painter.drawRect(self.frame.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.save()
        painter.setClipRect(self.frame)
        draw_separators(painter, self.separators)
        if self.flash is not None:
            tint = theme.color("accent")
            tint.setAlphaF(0.25)
            painter.fillRect(self.flash, tint)
        if self.tint is not None:
            painter.drawImage(self.tint[1], self._tint_image(self.tint[0]))
        draw_dead(painter, self.dead)
        for marker, place in self.markers:
            draw_marker(painter, marker.token, place)
        painter.restore()
        self._draw_shared(painter)
        if self.selection is not None:
            self._draw_selection(painter, self.selection)
        for rect in self.others:
            self._draw_outline(painter, rect)
        if self.crosshair is not None:
            painter.setFont(ui_font(10))
            draw_crosshair(painter, self.crosshair, self.frame)
        if self.hover is not None:
            self._draw_card(painter, self.hover)

    def _tint_image(self, tint: Tint) -> QImage:
        if self._tint_drawn is None or self._tint_drawn[0] is not tint or self._tint_drawn[1] != theme.name:
            self._tint_drawn = (tint, theme.name, tint.image())
        return self._tint_drawn[2]

    def _lines(self) -> tuple[QColor, QColor]:
        line, halo = QColor("#FFFFFF"), QColor("#000000")
        return (line, halo) if theme.name == "dark" else (halo, line)

    def _draw_shared(self, painter: QPainter) -> None:
        """Draw dashes around cells that change with those of another slot, with the label of the group."""
        if not self.shared:
            return
        painter.save()
        painter.setClipRect(self.frame.adjusted(-2, -2, 2, 2))
        for rect in self.shared:
            draw_dashed(painter, rect.adjusted(-1, -1, 1, 1), self.shared_label)
        painter.restore()

    def _draw_outline(self, painter: QPainter, rect: QRectF) -> None:
        line, halo = self._lines()
        painter.save()
        painter.setClipRect(self.frame.adjusted(-4, -24, 4, 4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((halo, 4.0), (line, 1.6)):
            pen = QPen(color, width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(rect)
        painter.restore()

    def _draw_selection(self, painter: QPainter, rect: QRectF) -> None:
        line, halo = self._lines()
        self._draw_outline(painter, rect)
        painter.save()
        painter.setClipRect(self.frame.adjusted(-4, -24, 4, 4))
        painter.setPen(QPen(halo, 1.0))
        painter.setBrush(line)
        if max(rect.width(), rect.height()) > 3 * HANDLE:
            for place in handles(rect):
                painter.drawRect(QRectF(place.x() - HANDLE / 2, place.y() - HANDLE / 2, HANDLE, HANDLE))
        if self.size_text and rect.intersects(self.frame):
            self._draw_size(painter, rect, line, halo)
        painter.restore()

    def _draw_size(self, painter: QPainter, rect: QRectF, line: QColor, halo: QColor) -> None:
        font = ui_font(10, QFont.Weight.DemiBold)
        width = QFontMetrics(font).horizontalAdvance(self.size_text) + 14
        left = min(max(rect.left(), self.frame.left()), self.frame.right() - width)
        top = max(rect.top(), self.frame.top()) - 21
        box = QRectF(left, top, width, 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(halo, 1.0))
        painter.setBrush(line)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(halo)
        painter.setFont(font)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.size_text)

    def _draw_card(self, painter: QPainter, text: HoverText) -> None:
        mono, small = mono_font(12), mono_font(11)
        value_width = QFontMetrics(mono).horizontalAdvance(text.value)
        widths = [QFontMetrics(mono).horizontalAdvance(text.index),
                  value_width + 8 + QFontMetrics(small).horizontalAdvance(text.bits),
                  QFontMetrics(ui_font(11)).horizontalAdvance(text.note)]  # fmt: skip
        height = 46 if not text.note else 62
        size = QRectF(0, 0, max(widths) + 20, height)
        left = self.pointer.x() + 14
        if left + size.width() > self.width() - 4:
            left = self.pointer.x() - 14 - size.width()
        top = self.pointer.y() + 14
        if top + height > self.height() - 4:
            top = self.pointer.y() - 14 - height
        box = size.translated(max(left, 2), max(top, 2))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, 6, 6)
        x, y = int(box.left()) + 10, int(box.top())
        painter.setFont(mono)
        painter.setPen(theme.color("text"))
        painter.drawText(QRect(x, y + 6, 600, 16), 0, text.index)
        painter.setPen(theme.color(text.token))
        painter.drawText(QRect(x, y + 23, 600, 16), 0, text.value)
        painter.setFont(small)
        painter.setPen(theme.color("text3"))
        painter.drawText(QRect(x + value_width + 8, y + 24, 600, 16), 0, text.bits)
        if text.note:
            painter.setFont(ui_font(11))
            painter.setPen(theme.color("text2"))
            painter.drawText(QRect(x, y + 41, 600, 16), 0, text.note)
