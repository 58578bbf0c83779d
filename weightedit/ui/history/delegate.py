"""How a line of the history is drawn."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from weightedit.ui.history.rows import PRESENT, PREVIEW, UNDONE, Row
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import paint_icon

ROW, INDENT = 38, 16
FOLD = range(30, 54)
"""Where across a group's line a press folds and unfolds it."""
_Index = QModelIndex | QPersistentModelIndex


class HistoryDelegate(QStyledItemDelegate):
    """Draws dots on a line, two lines of text, and the time."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Rows are 38 high."""
        return QSize(100, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one row."""
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.state == PRESENT:
            painter.fillRect(rect, theme.color("accentbg"))
        elif state & QStyle.StateFlag.State_MouseOver and row.position is not None:
            painter.fillRect(rect, theme.color("hover"))
        self._draw_dot(painter, rect, row, index.row() == 0, index.row() == index.model().rowCount() - 1)
        self._draw_text(painter, rect, row)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("accent"), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -2, -2), 3, 3)
        painter.restore()

    def _draw_dot(self, painter: QPainter, rect: QRect, row: Row, is_first: bool, is_last: bool) -> None:
        x, y = rect.left() + 20.0, rect.top() + ROW / 2
        painter.setPen(QPen(theme.color("line2"), 1.0))
        if not is_first:
            painter.drawLine(QPointF(x, rect.top()), QPointF(x, y - 5))
        if not is_last:
            painter.drawLine(QPointF(x, y + 5), QPointF(x, rect.bottom() + 1))
        filled = row.state == PRESENT
        painter.setPen(QPen(theme.color("accent" if filled else "text3"), 1.4))
        painter.setBrush(theme.color("accent") if filled else Qt.BrushStyle.NoBrush)
        if row.count:  # a group is a ring around a dot
            painter.drawEllipse(QPointF(x, y), 5.0, 5.0)
            painter.setBrush(theme.color("accent" if filled else "text3"))
            painter.drawEllipse(QPointF(x, y), 1.5, 1.5)
        else:
            painter.drawEllipse(QPointF(x, y), 4.0, 4.0)

    def _draw_text(self, painter: QPainter, rect: QRect, row: Row) -> None:
        faint = row.state in (UNDONE, PREVIEW)
        left = rect.left() + 36 + INDENT * row.depth
        if row.count:
            fold = QRect(left - 3, rect.top() + 12, 14, 14)
            paint_icon(painter, fold, "chevron-down" if row.is_open else "chevron-right", "text2")
            left += 16
        painter.setFont(ui_font(11))
        painter.setPen(theme.color("text3"))
        width = QFontMetrics(painter.font()).horizontalAdvance(row.time)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect.adjusted(0, 0, -14, 0), right, row.time)
        room = rect.right() - left - width - 24
        painter.setPen(theme.color("text3" if faint else "text2"))
        where = QFontMetrics(painter.font()).elidedText(row.where, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(left, rect.top() + 19, room, 16), Qt.AlignmentFlag.AlignVCenter, where)
        font = ui_font(12, QFont.Weight.Medium if row.state == PRESENT else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.color("text2" if faint else "text"))
        text = QFontMetrics(font).elidedText(row.label, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(left, rect.top() + 3, room, 17), Qt.AlignmentFlag.AlignVCenter, text)
