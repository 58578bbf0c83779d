"""Every tensor of model and checkpoint side by side, and below it what mends the one that is selected, or all."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.dtypes import DTYPES
from weightedit.core.words.labels import called
from weightedit.core.words.numbers import count_text, shape_text
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.report import LoadReport, Row
from weightedit.ui.doctor.copying import takes_copy
from weightedit.ui.doctor.row_mends import RowMends
from weightedit.ui.theme import theme
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button, label, line
from weightedit.ui.widgets.plain import row_text, tip

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
TITLES = ("In the model", "In the checkpoint", "Model shape", "Checkpoint shape", "Model dtype", "Checkpoint dtype",
          "Verdict")  # fmt: skip
BAD = ("missing", "unexpected", "shape", "vocabulary", "transposed", "permuted", "reshaped", "undecided")
ROW = 25
FEWEST = 3
"""Rows that there is always room for."""


class Column(IntEnum):
    """The columns."""

    MODEL = 0
    CHECKPOINT = 1
    MODEL_SHAPE = 2
    SHAPE = 3
    MODEL_DTYPE = 4
    DTYPE = 5
    VERDICT = 6


class LoadModel(QAbstractTableModel):
    """The rows of a load report, all of them or those that differ."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self._all: tuple[Row, ...] = ()

    def show(self, rows: tuple[Row, ...], only_differing: bool) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._all = rows
        self.rows = tuple(row for row in rows if row.verdict != "same") if only_differing else rows
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a column is called."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return TITLES[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says."""
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return row_text(text(row, column))
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(text(row, column))
        if role == Qt.ItemDataRole.ForegroundRole and row.verdict != "same":
            token = "bad" if row.verdict in BAD else "warn"
            return QColor(theme.color(token)) if column == Column.VERDICT else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.MODEL_SHAPE, Column.SHAPE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def text(row: Row, column: Column) -> str:
    """Return what a row says in a column; a dash for what is not there."""
    if column == Column.VERDICT:
        return row.verdict
    if column in (Column.MODEL, Column.CHECKPOINT):
        return (row.name if column == Column.MODEL else row.checkpoint_name) or "–"
    facts: TensorFacts | None = row.model if column in (Column.MODEL_SHAPE, Column.MODEL_DTYPE) else row.checkpoint
    if facts is None:
        return "–"
    if column in (Column.MODEL_SHAPE, Column.SHAPE):
        return shape_text(facts.shape)
    return DTYPES[facts.dtype].short if facts.dtype in DTYPES else facts.dtype


class LoadTable(QWidget):
    """The table with its heading, and the mends of the row that is selected.

    Signals
    -------
    opened
        (name): this tensor of the checkpoint is to be shown.
    card_made
        (MendCard): a card that somebody has to do what it asks for.
    """

    opened = Signal(object)
    card_made = Signal(object)

    def __init__(self, report: LoadReport) -> None:
        super().__init__()
        self._report = report
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.table = _View()
        self.rows = LoadModel(self.table)
        column.addLayout(self._head())
        self._fill_table()
        column.addWidget(self.table, 1)
        self._line = line()
        self.mends = RowMends()
        self.mends.card_made.connect(self.card_made)
        for part in (self._line, self.mends):
            part.hide()
            column.addWidget(part)
        self._show()

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setContentsMargins(18, 8, 14, 6)
        head.setSpacing(10)
        report = self._report
        differing = sum(row.verdict != "same" for row in report.rows)
        head.addWidget(label("Model and checkpoint side by side", "section"))
        said = f"{count_text(len(report.rows))} tensors, {count_text(differing)} differ"
        head.addWidget(ElidedLabel(said + ("; select a row to see what mends it" if differing else ""), "caption"), 1)
        self.only = QCheckBox("Only what differs")
        self.only.setChecked(bool(differing))
        self.only.setEnabled(bool(differing))
        self.only.toggled.connect(self._show)
        head.addWidget(self.only)
        self.copy = icon_button("copy", "Copy the rows that are selected, or all that are shown", 26, 14)
        self.copy.clicked.connect(self.table.copy)
        head.addWidget(self.copy)
        self.everything = QPushButton("Mend everything…")
        self.everything.setToolTip("Show what all first mends in order would do; they are one undo step")
        if report.everything is None:
            self.everything.hide()
        self.everything.clicked.connect(self._show_everything)
        head.addWidget(self.everything)
        return head

    def _fill_table(self) -> None:
        self.table.setModel(self.rows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for place, width in enumerate((180, 180, 92, 116, 86, 112)):
            self.table.setColumnWidth(place, width)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.activated.connect(self._open)
        self.table.chosen.connect(self._show_mends)

    def _show(self) -> None:
        self.rows.show(self._report.rows, self.only.isChecked())

    def _open(self, index: QModelIndex) -> None:
        name = self.rows.rows[index.row()].checkpoint_name
        if name:
            self.opened.emit(name)

    def _show_mends(self, place: int) -> None:
        """Show what mends one row; nothing where none is current."""
        row = self.rows.rows[place] if 0 <= place < len(self.rows.rows) else None
        shown = row is not None and row.verdict != "same"
        for part in (self._line, self.mends):
            part.setVisible(shown)
        if shown and row is not None:
            self.mends.show_mends(called(row.name or row.checkpoint_name), self._report.mends_of(row))

    def _show_everything(self) -> None:
        found = self._report.everything
        if found is None:
            return
        for part in (self._line, self.mends):
            part.show()
        [card] = self.mends.show_mends("the whole report", (found,))
        card.button.setFocus()
        card.button.click()


class _View(QTableView):
    """The table; Ctrl+C copies the rows that are selected, with tabs between columns.

    Signals
    -------
    chosen
        (row): it is current; -1 where none is.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Model and checkpoint")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.setMinimumHeight((FEWEST + 1) * ROW + 10)  # with the titles, and the bar that scrolls sideways

    def event(self, event: QEvent) -> bool:
        """Have Ctrl+C before the window does."""
        return takes_copy(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, and open by Enter."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Say which row is current."""
        super().currentChanged(current, previous)
        if current.row() != previous.row() or not current.isValid():
            self.chosen.emit(current.row())

    def copy(self) -> None:
        """Copy the rows that are selected, or all where none is, below what the columns are called."""
        model = self.model()
        assert isinstance(model, LoadModel)
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(len(model.rows))
        lines = ["\t".join(text(model.rows[row], column) for column in Column) for row in chosen]
        QGuiApplication.clipboard().setText("\n".join(["\t".join(TITLES), *lines]))
