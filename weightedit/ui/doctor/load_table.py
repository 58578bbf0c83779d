"""Every tensor of model and checkpoint side by side, the ones that differ first asked for."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHBoxLayout, QHeaderView, QTableView, QVBoxLayout, QWidget

from weightedit.core.dtypes import DTYPES
from weightedit.core.words.numbers import count_text, shape_text
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.report import LoadReport, Row
from weightedit.ui.doctor.copying import takes_copy
from weightedit.ui.theme import theme
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import row_text, tip

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
TITLES = ("In the model", "In the checkpoint", "Shape there", "Shape here", "dtype there", "dtype here", "Verdict")
BAD = ("missing", "unexpected", "shape", "vocabulary", "transposed", "permuted", "reshaped", "undecided")
ROW = 25


class Column(IntEnum):
    """The columns; *there* is the model, *here* the checkpoint."""

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
    """The table with its heading.

    Signals
    -------
    opened
        (name): this tensor of the checkpoint is to be shown.
    """

    opened = Signal(object)

    def __init__(self, report: LoadReport) -> None:
        super().__init__()
        self._report = report
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(18, 8, 18, 6)
        head.setSpacing(10)
        differing = sum(row.verdict != "same" for row in report.rows)
        head.addWidget(label("Model and checkpoint side by side", "section"))
        head.addWidget(label(f"{count_text(len(report.rows))} tensors, {count_text(differing)} differ", "caption"))
        head.addStretch(1)
        self.only = QCheckBox("Only what differs")
        self.only.setChecked(bool(differing))
        self.only.setEnabled(bool(differing))
        self.only.toggled.connect(self._show)
        head.addWidget(self.only)
        column.addLayout(head)
        self.table = _View()
        self.rows = LoadModel(self.table)
        self.table.setModel(self.rows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for place, width in enumerate((220, 220, 110, 110, 74, 74)):
            self.table.setColumnWidth(place, width)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.activated.connect(self._open)
        column.addWidget(self.table, 1)
        self._show()

    def _show(self) -> None:
        self.rows.show(self._report.rows, self.only.isChecked())

    def _open(self, index: QModelIndex) -> None:
        name = self.rows.rows[index.row()].checkpoint_name
        if name:
            self.opened.emit(name)


class _View(QTableView):
    """The table; Ctrl+C copies the rows that are selected, with tabs between columns."""

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

    def event(self, event: QEvent) -> bool:
        """Have Ctrl+C before the window does."""
        return takes_copy(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, and open by Enter."""
        if event.matches(QKeySequence.StandardKey.Copy):
            model = self.model()
            assert isinstance(model, LoadModel)
            chosen = sorted({index.row() for index in self.selectedIndexes()})
            lines = ["\t".join(text(model.rows[row], column) for column in Column) for row in chosen]
            QGuiApplication.clipboard().setText("\n".join(lines))
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
            return
        super().keyPressEvent(event)
