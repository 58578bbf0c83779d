"""The history as a list: what was done, where and when; click to go there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.document import Document
from weightedit.core.numbers import moment_text
from weightedit.ui.pieces import icon_button, label
from weightedit.ui.theme import theme, ui_font

ROW = 38
PREVIEW, PRESENT, DONE, UNDONE, OPENED = "preview", "present", "done", "undone", "opened"
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """One line: `position` is how many steps are applied there; None for the preview."""

    position: int | None
    state: str
    label: str
    where: str
    time: str


def rows_of(document: Document, opened: str, preview: tuple[str, str] | None) -> list[Row]:
    """Return the lines of a history, the latest first."""
    history = document.history
    rows = [Row(None, PREVIEW, *preview, "preview")] if preview is not None else []
    for position in range(len(history), 0, -1):
        step = history.steps[position - 1]
        state = PRESENT if position == history.position else DONE if position < history.position else UNDONE
        rows.append(Row(position, state, step.label, step.where, moment_text(step.time)))
    state = PRESENT if history.position == 0 else OPENED
    first = "Opened" if not history.forgotten else f"{history.forgotten} older edits"
    rows.append(Row(0, state, first, document.title, opened))
    return rows


class HistoryModel(QAbstractListModel):
    """The lines of the history panel."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def show_rows(self, rows: list[Row]) -> None:
        """Show other lines."""
        if rows != self.rows:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many lines there are."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a line's text, tooltip or the line itself."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.label
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.label}\n{row.where}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.label}, {row.where}, {row.state}"
        return row if role == Qt.ItemDataRole.UserRole else None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Every line but the preview can be gone to."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
        if self.rows[index.row()].position is not None:
            flags |= Qt.ItemFlag.ItemIsSelectable
        return flags


class _Delegate(QStyledItemDelegate):
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
        painter.drawEllipse(QPointF(x, y), 4.0, 4.0)

    def _draw_text(self, painter: QPainter, rect: QRect, row: Row) -> None:
        faint = row.state in (UNDONE, PREVIEW)
        painter.setFont(ui_font(11))
        painter.setPen(theme.color("text3"))
        width = QFontMetrics(painter.font()).horizontalAdvance(row.time)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect.adjusted(0, 0, -14, 0), right, row.time)
        room = rect.width() - 36 - width - 24
        painter.setPen(theme.color("text3" if faint else "text2"))
        where = QFontMetrics(painter.font()).elidedText(row.where, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(rect.left() + 36, rect.top() + 19, room, 16), Qt.AlignmentFlag.AlignVCenter, where)
        font = ui_font(12, QFont.Weight.Medium if row.state == PRESENT else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.color("text2" if faint else "text"))
        text = QFontMetrics(font).elidedText(row.label, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(rect.left() + 36, rect.top() + 3, room, 17), Qt.AlignmentFlag.AlignVCenter, text)


class _List(QListView):
    """A list in which Enter goes to the line with the focus."""

    gone = Signal(QModelIndex)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the line on Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.gone.emit(self.currentIndex())
            return
        super().keyPressEvent(event)


class HistoryPanel(QWidget):
    """History with undo and redo.

    Signals
    -------
    go_to
        A position a person picked.
    undo, redo
        The buttons.
    """

    go_to = Signal(int)
    undo = Signal()
    redo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_button, self.redo_button = icon_button("undo", "Undo  Ctrl+Z", 24, 14), \
            icon_button("redo", "Redo  Ctrl+Shift+Z", 24, 14)  # fmt: skip
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.model = HistoryModel(self)
        self.list = _List()
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Delegate(self.list))
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setAccessibleName("History")
        self.list.clicked.connect(self._picked)
        self.list.gone.connect(self._picked)
        self.empty = label("No edits yet. They appear here; click one to go back to it.", "caption")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(14, 4, 14, 4)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.list)
        self._lay_out()
        theme.changed.connect(self.list.viewport().update)
        self.show_document(None)

    def _lay_out(self) -> None:
        self.head = head = QHBoxLayout()
        head.setContentsMargins(14, 6, 10, 2)
        head.setSpacing(2)
        head.addWidget(label("History", "section"))
        head.addStretch(1)
        head.addWidget(self.undo_button)
        head.addWidget(self.redo_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.pages, 1)

    def show_document(self, document: Document | None, opened: str = "",
                      preview: tuple[str, str] | None = None) -> None:  # fmt: skip
        """Show a document's history; `preview` is (label, where) of an edit that is not applied."""
        rows = [] if document is None else rows_of(document, opened, preview)
        self.model.show_rows(rows)
        self.pages.setCurrentWidget(self.list if len(rows) > 1 else self.empty)
        self.undo_button.setEnabled(document is not None and document.can_undo)
        self.redo_button.setEnabled(document is not None and document.can_redo)

    def _picked(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        if row.position is not None and row.state != PRESENT:
            self.go_to.emit(row.position)
