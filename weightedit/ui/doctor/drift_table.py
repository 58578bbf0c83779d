"""How far each module's output is from what it was, in the order in which modules end."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from weightedit.core.words.numbers import statistic_text
from weightedit.doctor.activations.drift import ModuleDrift
from weightedit.ui.doctor.copying import takes_copy
from weightedit.ui.theme import theme
from weightedit.ui.widgets.plain import row_text, tip

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
TITLES = ("Module", "Class", "Call", "Largest difference", "Of the largest before", "Cosine", "What it is given")
NUMBERS = range(2, 6)
ROW = 25
WIDTHS = (170, 110, 44, 124, 144, 76)


class DriftModel(QAbstractTableModel):
    """One row for each call of a module."""

    def __init__(self, drifts: tuple[ModuleDrift, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.drifts = drifts

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.drifts)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a column is called."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignVCenter | (
                Qt.AlignmentFlag.AlignRight if section in NUMBERS else Qt.AlignmentFlag.AlignLeft)  # fmt: skip
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says."""
        if not index.isValid():
            return None
        one = self.drifts[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            said = texts(one)[index.column()]
            return tip(said) if role == Qt.ItemDataRole.ToolTipRole else row_text(said)
        if role == Qt.ItemDataRole.ForegroundRole:
            token = "bad" if one.exceeds() else "text" if one.differs else "text3"
            return QColor(theme.color(token))
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in NUMBERS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def texts(one: ModuleDrift) -> tuple[str, ...]:
    """Return the cells of a row."""
    given = "differs already" if one.inputs_differ else "the same"
    name, number = one.module or "the model", f"{one.number:,}"
    if one.what != "both":
        return name, one.type, number, one.what, "–", "–", given
    if not one.differs:
        return name, one.type, number, "0", "0", "1", given
    cosine = "–" if one.cosine is None else statistic_text(one.cosine)
    return name, one.type, number, statistic_text(one.max_abs), statistic_text(one.relative), cosine, given


class DriftTable(QTableView):
    """The table; Ctrl+C copies the rows that are selected."""

    def __init__(self, drifts: tuple[ModuleDrift, ...]) -> None:
        super().__init__()
        self.setAccessibleName("Drift by module")
        self.setModel(DriftModel(drifts, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for place, width in enumerate(WIDTHS):
            self.setColumnWidth(place, width)

    def event(self, event: QEvent) -> bool:
        """Have Ctrl+C before the window does."""
        return takes_copy(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy rows, with tabs between columns."""
        if event.matches(QKeySequence.StandardKey.Copy):
            model = self.model()
            assert isinstance(model, DriftModel)
            rows = sorted({index.row() for index in self.selectedIndexes()})
            QGuiApplication.clipboard().setText("\n".join("\t".join(texts(model.drifts[row])) for row in rows))
            return
        super().keyPressEvent(event)
