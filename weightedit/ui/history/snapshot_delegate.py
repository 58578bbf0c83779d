"""How a snapshot is drawn in the list: its name, and under it what it is in a dimmer colour."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from weightedit.ui.theme import theme, ui_font

ROW = 38
_Index = QModelIndex | QPersistentModelIndex


class SnapshotDelegate(QStyledItemDelegate):
    """Draws the two lines of an item's text, 38 high."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Rows are 38 high."""
        return QSize(100, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one row."""
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        name, facts = str(index.data(Qt.ItemDataRole.DisplayRole)).split("\n")
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected:
            painter.fillRect(rect, theme.color("accentbg"))
            painter.fillRect(QRect(rect.x(), rect.y(), 2, rect.height()), theme.color("accent"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        room = rect.adjusted(8, 0, -6, 0)
        for text, size, weight, token, top in (
            (name, 12, QFont.Weight.DemiBold if selected else QFont.Weight.Normal, "text", 3),
            (facts, 11, QFont.Weight.Normal, "text2", 19),
        ):
            painter.setFont(ui_font(size, weight))
            painter.setPen(theme.color(token))
            shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(QRect(room.x(), room.y() + top, room.width(), 16), Qt.AlignmentFlag.AlignVCenter, shown)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("accent"), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -2, -2), 3, 3)
        painter.restore()
