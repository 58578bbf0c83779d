"""The list that stands where the tree will be while a checkpoint is still being opened: names as they are found."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from weightedit.core.dtypes import dtype_named
from weightedit.core.progress import Found
from weightedit.core.words.numbers import bytes_text, shape_text
from weightedit.ui.files.arrivals import Arrival
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.tree.model import HEADERS, Column
from weightedit.ui.tree.row_texts import printable
from weightedit.ui.tree.thumbnails import WIDTH
from weightedit.ui.widgets.icons import paint_icon
from weightedit.ui.widgets.plain import tip

ROW, HEADER = 24, 27
LEFT, ICON = 9, 18
MEASURED = 2_000
"""Tensors of the first piece whose texts say how wide the columns must be."""
COLUMNS = (Column.NAME, Column.SHAPE, Column.DTYPE, Column.SIZE)
_Index = QModelIndex | QPersistentModelIndex


class ArrivingModel(QAbstractTableModel):
    """The tensors of an `Arrival`, one row each, in file order; rows are only ever added."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._arrival: Arrival | None = None
        self._rows = 0

    def follow(self, arrival: Arrival | None) -> None:
        """Show what is known of a file by now: more rows of the one that is shown, or another."""
        if arrival is not self._arrival:
            self.beginResetModel()
            self._arrival = arrival
            self._rows = 0 if arrival is None else arrival.tensors
            self.endResetModel()
        elif arrival is not None and arrival.tensors > self._rows:
            self.beginInsertRows(QModelIndex(), self._rows, arrival.tensors - 1)
            self._rows = arrival.tensors
            self.endInsertRows()

    @property
    def arrival(self) -> Arrival | None:
        """The file that is shown."""
        return self._arrival

    def place(self, row: int) -> tuple[Found, int] | None:
        """Return the piece that holds a row, and where in it."""
        if self._arrival is None or not 0 <= row < self._rows:
            return None
        number = bisect_right(self._arrival.stops, row)
        before = self._arrival.stops[number - 1] if number else 0
        return self._arrival.pieces[number], row - before

    def name(self, row: int) -> str:
        """Return the name of a row's tensor; nothing where there is no such row."""
        found = self.place(row)
        return "" if found is None else found[0].names[found[1]]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many tensors are shown."""
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's heading."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[COLUMNS[section]]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in (Column.SHAPE, Column.SIZE) else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        found = self.place(index.row()) if index.isValid() else None
        if found is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return text(*found, COLUMNS[index.column()])
        return tip(printable(found[0].names[found[1]])) if role == Qt.ItemDataRole.ToolTipRole else None


def text(piece: Found, at: int, column: Column) -> str:
    """Return what a column says of a tensor, as the tree will."""
    if column == Column.NAME:
        return printable(piece.names[at])
    if column == Column.SHAPE:
        return shape_text(piece.shapes[at])
    return dtype_named(piece.dtypes[at]).short if column == Column.DTYPE else bytes_text(piece.nbytes[at])


class ArrivingDelegate(QStyledItemDelegate):
    """Draws a cell as the tree does: an icon where the thumbnail will be, numbers at the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one cell."""
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        column = COLUMNS[index.column()]
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("accentbg"))
        shown = str(index.data())
        font = ui_font(12)
        painter.setFont(font)
        painter.setPen(theme.color("text" if column == Column.NAME else "text2"))
        side = Qt.AlignmentFlag.AlignRight if column in (Column.SHAPE, Column.SIZE) else Qt.AlignmentFlag.AlignLeft
        place = rect.adjusted(4, 0, -4, 0)
        if column == Column.NAME:
            icon = QRect(rect.x() + LEFT + (WIDTH - ICON) // 2, rect.center().y() - ICON // 2 + 1, ICON, ICON)
            paint_icon(painter, icon, "tensor", "text3")
            place.setLeft(rect.x() + LEFT + WIDTH + 6)
        # The names of one list begin alike.
        cut = QFontMetrics(font).elidedText(shown[-300:], Qt.TextElideMode.ElideLeft, place.width())
        painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, cut)
        painter.restore()


class ArrivingList(QTableView):
    """Shows an `ArrivingModel`; a row can be picked, and is the one that the tree goes to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("arriving")
        self.setAccessibleName("Tensors found so far")
        self.names = ArrivingModel(self)
        self.setModel(self.names)
        self.setItemDelegate(ArrivingDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        down = self.verticalHeader()
        down.hide()
        down.setMinimumSectionSize(ROW)
        down.setDefaultSectionSize(ROW)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across = self.horizontalHeader()
        across.setFixedHeight(HEADER)
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setMinimumSectionSize(12)
        for place, column in enumerate(COLUMNS):
            stretch = column == Column.NAME
            across.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch if stretch
                                        else QHeaderView.ResizeMode.Fixed)  # fmt: skip
        theme.changed.connect(self.viewport().update)

    def follow(self, arrival: Arrival | None) -> None:
        """Show what is known of a file by now; what is picked and scrolled to stays."""
        is_new = arrival is not self.names.arrival
        self.names.follow(arrival)
        if is_new:
            self.scrollToTop()
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give the columns the width of what stands in them first; dtype and size go where there is little room."""
        found = self.names.place(0)
        if found is None:
            return
        piece, metrics = found[0], QFontMetrics(ui_font(12))
        widest = max((shape_text(shape) for shape in piece.shapes[:MEASURED]), key=len)
        widths = {Column.SHAPE: min(max(metrics.horizontalAdvance(widest) + 8, 46), 150), Column.DTYPE: 40,
                  Column.SIZE: metrics.horizontalAdvance("8.88 MB") + 8}  # fmt: skip
        narrow = self.viewport().width() - sum(widths.values()) < 134
        for column, width in widths.items():
            self.setColumnHidden(COLUMNS.index(column), narrow and column != Column.SHAPE)
            self.setColumnWidth(COLUMNS.index(column), width)

    @property
    def picked(self) -> str:
        """The tensor that was picked; nothing where none was."""
        return self.names.name(self.currentIndex().row()) if self.currentIndex().isValid() else ""

    @property
    def top(self) -> str:
        """The tensor at the top edge, where somebody has scrolled; else nothing."""
        if not self.verticalScrollBar().value():
            return ""
        return self.names.name(self.rowAt(ROW // 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar of the row that is picked, and its focus."""
        super().paintEvent(event)
        current = self.currentIndex()
        if not current.isValid():
            return
        painter = QPainter(self.viewport())
        rect = self.visualRect(current)
        painter.fillRect(QRect(0, rect.top(), 2, ROW), theme.color("accent"))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.drawRoundedRect(QRect(0, rect.top(), self.viewport().width() - 1, ROW - 1), 3, 3)
