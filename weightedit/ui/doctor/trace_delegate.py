"""Paints a row of the trace: how it went, the module and its class, and its shapes at the right."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from weightedit.doctor.shape_trace.outline import TraceNode, shape_of
from weightedit.ui.doctor.trace_model import Index, TraceModel, memory_text, time_text
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import paint_icon
from weightedit.ui.widgets.plain import row_text

ROW = 24
INDENT = 12
LEFT = 8
CHEVRON = 12
ICON = 14
GAP = 6
ROOM_FOR_NAME = 110
ROOM_FOR_NAME_BESIDE = 84
"""Where columns of a measured run stand beside the shapes."""
TIME, MEMORY = 60, 60
"""Widths of the columns of a run that was measured."""
ROOM_FOR_BOTH = 380
STATES = {"done": ("passed", "ok"), "stopped": ("failed", "bad"), "fails": ("failed", "bad"),
          "caught": ("warning", "warn"), "not reached": ("waiting", "text3"),
          "not called": ("waiting", "text3")}  # fmt: skip
"""Icon and colour of each state; the word stands at the right."""
AT_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
AT_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TraceDelegate(QStyledItemDelegate):
    """Paints whole rows in the first column; the second is drawn with it.

    Attributes
    ----------
    is_past
        Whether the document changed since: nothing is red, amber or green then.
    """

    def __init__(self, view: QTreeView, model: TraceModel) -> None:
        super().__init__(view)
        self._view, self._model = view, model
        self.is_past = False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the height of a row."""
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        node = self._model.node(index)
        if node is None or index.column():
            return
        rect: QRect = option.rect
        whole = QRect(0, rect.y(), self._view.viewport().width(), rect.height())
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if node.state == "fails" and not self.is_past:
            painter.fillRect(whole, theme.color("badbg"))
        elif chosen:
            painter.fillRect(whole, theme.color("accentbg"))
        if chosen:
            painter.fillRect(QRect(0, whole.y(), 2, ROW), theme.color("accent"))
        x = LEFT + INDENT * min(_depth(node), 12)
        middle = whole.center().y()
        if self._model.inside(node):
            name = "chevron-down" if self._view.isExpanded(index) else "chevron-right"
            paint_icon(painter, QRect(x, middle - CHEVRON // 2 + 1, CHEVRON, CHEVRON), name, "text3")
        x += CHEVRON + 2
        picture, token = STATES[node.state]
        paint_icon(painter, QRect(x, middle - ICON // 2 + 1, ICON, ICON), picture, self._aged(token))
        x += ICON + GAP
        taken = self._paint_measured(painter, whole, node)
        left = whole.adjusted(0, 0, -taken, 0)
        room = left.width() - 10 - self._paint_shapes(painter, left, node, x) - x
        self._paint_name(painter, QRect(x, whole.y(), max(room, 20), ROW), node)
        painter.restore()

    def _aged(self, token: str) -> str:
        return "text3" if self.is_past else token

    def _paint_name(self, painter: QPainter, rect: QRect, node: TraceNode) -> None:
        token = self._aged("bad") if node.state == "fails" else "text3" if node.call is None else "text"
        font = ui_font(12, QFont.Weight.DemiBold if node.state == "fails" else QFont.Weight.Medium)
        metrics = QFontMetrics(font)
        title = metrics.elidedText(row_text(node.title), Qt.TextElideMode.ElideMiddle, rect.width())
        painter.setFont(font)
        painter.setPen(theme.color(token))
        painter.drawText(rect, AT_LEFT, title)
        used = metrics.horizontalAdvance(title) + 8
        plain = ui_font(11)
        painter.setFont(plain)
        painter.setPen(theme.color("text3"))
        rest = QRect(rect.x() + used, rect.y(), rect.width() - used, rect.height())
        if rest.width() > 16:
            painter.drawText(rest, AT_LEFT, QFontMetrics(plain).elidedText(row_text(node.type),
                                                                          Qt.TextElideMode.ElideRight, rest.width()))

    def _paint_shapes(self, painter: QPainter, whole: QRect, node: TraceNode, left: int) -> int:
        """Draw what went in and came out; return the width it took."""
        font = ui_font(11)
        metrics = QFontMetrics(font)
        room = max(60, whole.width() - left - (ROOM_FOR_NAME_BESIDE if self._model.is_measured else ROOM_FOR_NAME))
        right = whole.right() - 10
        came = shape_of(node.call.outputs) if node.call is not None and node.state == "done" else node.state
        given = node.expects if node.call is None else shape_of(node.call.inputs)
        came = metrics.elidedText(came, Qt.TextElideMode.ElideRight, room)
        given = metrics.elidedText(given, Qt.TextElideMode.ElideRight,
                                   max(0, room - metrics.horizontalAdvance(came) - 18))  # fmt: skip
        painter.setFont(font)
        width = metrics.horizontalAdvance(came)
        failed = node.state in ("stopped", "fails")
        painter.setPen(theme.color(self._aged("bad") if failed else "text3" if node.call is None else "text2"))
        painter.drawText(QRect(right - width, whole.y(), width, ROW), AT_RIGHT, came)
        if given:
            paint_icon(painter, QRect(right - width - 15, whole.center().y() - 5, 11, 11), "arrow-right", "text3")
            painter.setPen(theme.color("text3" if node.call is None else "text2"))
            before = metrics.horizontalAdvance(given)
            painter.drawText(QRect(right - width - 19 - before, whole.y(), before, ROW), AT_RIGHT, given)
            width += 19 + before
        return width + 8

    def columns(self, width: int) -> list[tuple[str, int]]:
        """Return titles and widths of the columns of what was measured, as many as a row of this width has room for."""
        if not self._model.is_measured:
            return []
        return [("Time", TIME), ("Memory", MEMORY)] if width >= ROOM_FOR_BOTH else [("Time", TIME)]

    def _paint_measured(self, painter: QPainter, whole: QRect, node: TraceNode) -> int:
        """Draw time and memory at the right; return the width they took."""
        columns = self.columns(whole.width())
        right = whole.right() - 10
        painter.setFont(ui_font(11))
        painter.setPen(theme.color("text2"))
        texts = {"Time": time_text(node), "Memory": memory_text(node)}
        for title, width in reversed(columns):
            painter.drawText(QRect(right - width, whole.y(), width, ROW), AT_RIGHT, texts[title])
            right -= width
        return sum(width for _, width in columns)


def _depth(node: TraceNode) -> int:
    depth = 0
    while node.parent is not None:
        node, depth = node.parent, depth + 1
    return depth
