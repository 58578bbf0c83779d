"""How a row of an edit of many tensors is drawn: box, name, pictures of the values before and after, hazards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from weightedit.core.batches.batch import LEFT, TIED, BatchRow
from weightedit.core.edits.sketch import Sketch
from weightedit.ui.batch.model import ROW, BatchModel, Column
from weightedit.ui.batch.texts import after_text, before_text, changes_text, chip_of, tail_of
from weightedit.ui.errors.errors_view import LEVELS
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.elided import name_that_fits
from weightedit.ui.widgets.icons import paint_icon

HEIGHT, BOX, EDGE = 30, 15, 14
SPARK, CHIP, PAD = 64, 18, 8
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT_SIDE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_Index = QModelIndex | QPersistentModelIndex


def spark(sketch: Sketch, rect: QRectF) -> QPolygonF:
    """Return the outline of a small histogram in a rectangle; heights are roots, so that tails are seen."""
    counts = sketch.histogram ** 0.5
    most = float(counts.max()) or 1.0
    step = rect.width() / len(counts)
    points = [QPointF(rect.left(), rect.bottom())]
    for number, count in enumerate((counts / most).tolist()):
        y = rect.bottom() - count * rect.height()
        points += [QPointF(rect.left() + number * step, y), QPointF(rect.left() + (number + 1) * step, y)]
    return QPolygonF([*points, QPointF(rect.right(), rect.bottom())])


class BatchDelegate(QStyledItemDelegate):
    """Draws one cell.

    Attributes
    ----------
    is_narrow
        Whether the pictures are left out.
    """

    def __init__(self, model: BatchModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self.is_narrow = False
        self._draw: dict[Column, Callable[[QPainter, QRect, BatchRow], None]] = {
            Column.TICK: self._tick, Column.TENSOR: self._name, Column.SHAPE: self._shape,
            Column.BEFORE: partial(self._values, False), Column.AFTER: partial(self._values, True),
            Column.CHANGES: self._changes, Column.HAZARDS: self._chip,
        }  # fmt: skip

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Rows are 30 high."""
        return QSize(60, HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw the cell on the row's ground."""
        row: BatchRow | None = index.data(ROW)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("accentbg"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.color("line"))
        if row is not None:
            self._draw[Column(index.column())](painter, rect, row)
        painter.restore()

    def _tick(self, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        box = QRectF(rect.left() + EDGE, rect.top() + (HEIGHT - 1 - BOX) / 2, BOX, BOX)
        on = row.state != LEFT
        painter.setPen(QPen(theme.color("accent" if on else "line2"), 1))
        painter.setBrush(theme.color("accent" if on else "raised"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        if on:
            paint_icon(painter, box.adjusted(2, 2, -2, -2), "link" if row.state == TIED else "check", "onaccent")

    def _name(self, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        plain, strong = ui_font(12), ui_font(12, QFont.Weight.Medium if row.is_in else QFont.Weight.Normal)
        path, tail = tail_of(name_that_fits(QFontMetrics(strong), row.name, rect.width() - 2 * PAD))
        x = rect.left() + PAD
        for text, font, token in ((path, plain, "text3"), (tail, strong, "text" if row.is_in else "text3")):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            width = QFontMetrics(font).horizontalAdvance(text)
            painter.drawText(QRect(x, rect.top(), width + 2, HEIGHT - 1), LEFT_SIDE, text)
            x += width

    def _text(self, painter: QPainter, rect: QRect, text: str, token: str, *, strong: bool = False,
              align: Qt.AlignmentFlag = RIGHT) -> None:  # fmt: skip
        font = ui_font(12, QFont.Weight.Medium if strong else QFont.Weight.Normal)
        inner = rect.adjusted(PAD // 2, 0, -PAD, -1)
        painter.setFont(font)
        painter.setPen(theme.color(token))
        painter.drawText(inner, align, QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, inner.width()))

    def _shape(self, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        self._text(painter, rect, self._model.text(row, Column.SHAPE), "text2")

    def _changes(self, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        if self._model.measures:
            self._text(painter, rect, changes_text(row), "text" if row.is_in else "text3")

    def _values(self, is_after: bool, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        found = row.measured if row.is_in else None
        sketch = None if found is None else found.after if is_after else found.before
        reshaped = is_after and row.before is not None and row.after is not None and row.before.shape != row.after.shape
        if sketch is not None and sketch.count and not self.is_narrow and not reshaped:  # a shape needs the room
            place = QRectF(rect.left() + PAD // 2, rect.top() + 6, SPARK, HEIGHT - 13)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent" if is_after else "text3"))
            painter.setOpacity(1.0 if is_after else 0.55)
            painter.drawPolygon(spark(sketch, place))
            painter.setOpacity(1.0)
            painter.setPen(QPen(theme.color("line2"), 1))
            painter.drawLine(place.bottomLeft(), place.bottomRight())
            rect = rect.adjusted(SPARK + PAD // 2, 0, 0, 0)
        if not is_after:
            self._text(painter, rect, before_text(row), "text2" if row.is_in else "text3")
        elif row.line:
            self._text(painter, rect, after_text(row), "text", align=LEFT_SIDE)
        else:
            self._text(painter, rect, after_text(row), "text" if row.is_in else "text3", strong=row.is_in)

    def _chip(self, painter: QPainter, rect: QRect, row: BatchRow) -> None:
        chip = chip_of(row, measures=self._model.measures)
        if not chip.text:
            return
        left, room = rect.left() + PAD, rect.width() - PAD - EDGE
        middle = rect.top() + (HEIGHT - 1) / 2
        if chip.level in ("ok", "quiet"):
            icon = {"ok": "check"}.get(chip.level, "link" if row.state == TIED else "minus")
            paint_icon(painter, QRectF(left, middle - 6, 12, 12), icon, "text3")
            self._text(painter, QRect(left + 14, rect.top(), room - 14 + PAD, HEIGHT), chip.text, "text3",
                       align=LEFT_SIDE)  # fmt: skip
            return
        icon, token = LEVELS[chip.level]
        font = ui_font(11, QFont.Weight.Medium)
        text = QFontMetrics(font).elidedText(chip.text, Qt.TextElideMode.ElideRight, room - 28)
        wide = QFontMetrics(font).horizontalAdvance(text) + 28
        place = QRectF(left, middle - CHIP / 2, wide, CHIP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(f"{token}bg"))
        painter.drawRoundedRect(place, 4, 4)
        paint_icon(painter, QRectF(left + 5, middle - 6, 12, 12), icon, token)
        painter.setFont(font)
        painter.setPen(theme.color(token))
        painter.drawText(place.adjusted(21, 0, 0, 0), LEFT_SIDE, text)
