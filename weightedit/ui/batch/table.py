"""The table of an edit of many tensors: ticking with Space, opening with Enter, copying rows."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from weightedit.core.batches.batch import LEFT, BatchRow
from weightedit.ui.batch.delegate import BOX, EDGE, HEIGHT, SPARK, BatchDelegate
from weightedit.ui.batch.model import HEADERS, BatchModel, Column
from weightedit.ui.theme import theme

HEADER = 27
NARROW = 720
"""Narrower than this, there is no room for pictures."""
WIDTHS = {Column.TICK: EDGE + BOX + 5, Column.SHAPE: 104, Column.BEFORE: SPARK + 84, Column.AFTER: SPARK + 92,
          Column.CHANGES: 80, Column.HAZARDS: 180}  # fmt: skip
NARROW_WIDTHS = {Column.TICK: EDGE + BOX + 5, Column.SHAPE: 88, Column.BEFORE: 74, Column.AFTER: 80, Column.CHANGES: 64,
                 Column.HAZARDS: 144}  # fmt: skip
_Index = QModelIndex | QPersistentModelIndex


class BatchTable(QTableView):
    """Shows a `BatchModel`.

    Signals
    -------
    opened
        The name of a tensor to show.
    moved
        Other rows are selected, or none.
    """

    opened = Signal(object)
    moved = Signal()

    def __init__(self, model: BatchModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._keeps = ""
        self.setModel(model)
        self._delegate = BatchDelegate(model, self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Tensors of the edit")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setFixedHeight(HEADER)
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        for column in Column:
            stretch = column == Column.TENSOR
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch if stretch
                                        else QHeaderView.ResizeMode.Fixed)  # fmt: skip
        self.setCornerButtonEnabled(False)
        model.modelAboutToBeReset.connect(self._note_current)
        model.modelReset.connect(self._find_current)
        theme.changed.connect(self.viewport().update)
        self._fit()

    def show_entries(self, on: bool) -> None:
        """Make room for what becomes of entries, which have no values to show."""
        header = self.horizontalHeader()
        for column in (Column.BEFORE, Column.CHANGES):
            self.setColumnHidden(column, on)
        header.setSectionResizeMode(Column.AFTER, QHeaderView.ResizeMode.Stretch if on
                                    else QHeaderView.ResizeMode.Fixed)  # fmt: skip
        self._fit()

    def _fit(self) -> None:
        narrow = self.viewport().width() < NARROW
        self._delegate.is_narrow = narrow
        for column, width in (NARROW_WIDTHS if narrow else WIDTHS).items():
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the pictures out where there is little room."""
        super().resizeEvent(event)
        self._fit()

    # ---- rows

    @property
    def current(self) -> BatchRow | None:
        """The current row."""
        return self._model.row(self.currentIndex().row())

    @property
    def picked(self) -> list[BatchRow]:
        """The selected rows, in the order they stand."""
        places = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [row for place in places if (row := self._model.row(place)) is not None]

    def _note_current(self) -> None:
        row = self.current
        self._keeps = "" if row is None else row.name

    def _find_current(self) -> None:
        place = self._model.place_of(self._keeps) if self._keeps else -1
        if place >= 0:
            self.selectRow(place)
        self.moved.emit()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Announce that other rows are picked."""
        super().selectionChanged(selected, deselected)
        self.moved.emit()

    # ---- mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Tick or untick by the box, and every selected row with it."""
        index = self.indexAt(event.position().toPoint())
        row = self._model.row(index.row())
        if event.button() == Qt.MouseButton.LeftButton and index.column() == Column.TICK and row is not None:
            picked = self.picked
            if not any(one.name == row.name for one in picked):
                picked = [row]
                self.setCurrentIndex(index)
            self._model.tick(picked, row.state == LEFT)
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the tensor."""
        index = self.indexAt(event.position().toPoint())
        row = self._model.row(index.row())
        if index.column() == Column.TICK:
            self.mousePressEvent(event)
        elif row is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(row.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tick with Space, open with Enter, copy with Ctrl+C."""
        row = self.current
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() == Qt.Key.Key_Space and row is not None:
            self._model.tick(self.picked or [row], row.state == LEFT)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() and row is not None:
            self.opened.emit(row.name)
        else:
            super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the selected rows on the clipboard, a line each, parted by tabs."""
        rows = self.picked
        if rows:
            lines = ["\t".join(HEADERS[1:])]
            lines += ["\t".join(self._model.text(row, column) for column in Column if column) for row in rows]
            QGuiApplication.clipboard().setText("\n".join(lines))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, the bar of each selected one and the focus of the current one."""
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        for index in self.selectionModel().selectedRows():
            rect = self.visualRect(index)
            if rect.bottom() >= 0 and rect.top() <= self.viewport().height():
                painter.fillRect(QRect(0, rect.top(), 2, HEIGHT - 1), theme.color("accent"))
        current = self.currentIndex()
        if current.isValid() and self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.color("accent"), 1))
            top = self.visualRect(current).top()
            painter.drawRoundedRect(QRect(0, top, self.viewport().width() - 1, HEIGHT - 2), 3, 3)
