"""Rows of the doctor's tables in an order that a column says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from weightedit.ui.theme import theme
from weightedit.ui.widgets.plain import row_text, tip

R = TypeVar("R")
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
AS_GIVEN = -1
"""In the place of a column to sort by: the order in which rows came."""
AT_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
AT_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RowsModel(QAbstractTableModel, Generic[R]):
    """Rows in an order that a column says.

    Parameters
    ----------
    titles
        Of the columns.
    numbers
        Columns of numbers, which stand at the right.

    Attributes
    ----------
    rows
        Those that are shown, as they are sorted.
    sorted_by
        A column, or `AS_GIVEN`, and whether that begins with the largest.
    """

    def __init__(self, titles: Sequence[str], numbers: Sequence[int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.titles, self.numbers = titles, numbers
        self.rows: tuple[R, ...] = ()
        self.sorted_by = (AS_GIVEN, False)
        self._given: tuple[R, ...] = ()

    def text(self, row: R, column: int) -> str:
        """Return what a row says in a column."""
        raise NotImplementedError

    def key(self, row: R, column: int) -> Any:
        """Return what a column is sorted by."""
        return self.text(row, column).lower()

    def begins_with_largest(self, column: int) -> bool:
        """Whether the first press of a column puts its largest first."""
        return column in self.numbers

    def token(self, row: R, column: int) -> str:
        """Return the colour of a cell; empty for that of text."""
        return ""

    def show(self, rows: tuple[R, ...]) -> None:
        """Show other rows, in the same order."""
        self.beginResetModel()
        self._given = rows
        self.rows = self._sorted()
        self.endResetModel()

    def sort_by(self, column: int) -> None:
        """Sort by a column; the other way round where it is sorted by that, and then as rows came."""
        first = self.begins_with_largest(column)
        before, descending = self.sorted_by
        again = column == before
        self.layoutAboutToBeChanged.emit()
        back = again and descending is not first
        self.sorted_by = (AS_GIVEN, False) if back else (column, not descending if again else first)
        held = self.persistentIndexList()
        rows, self.rows = self.rows, self._sorted()
        places = {id(row): place for place, row in enumerate(self.rows)}
        self.changePersistentIndexList(held, [self.index(places[id(rows[one.row()])], one.column()) for one in held])
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.titles) - 1)

    def _sorted(self) -> tuple[R, ...]:
        column, descending = self.sorted_by
        if column == AS_GIVEN:
            return self._given
        return tuple(sorted(self._given, key=lambda row: self.key(row, column), reverse=descending))

    # ---- what Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a column is called, and whether rows are sorted by it."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            column, descending = self.sorted_by
            title = self.titles[section]
            return f"{'▾' if descending else '▴'} {title}" if section == column else title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(f"Sort by {self.titles[section].lower()}; by keyboard: Tab to the titles, Left or Right, Enter")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return AT_RIGHT if section in self.numbers else AT_LEFT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says, its colour, and at which side it stands."""
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row_text(self.text(row, column))
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(self.text(row, column))
        if role == Qt.ItemDataRole.ForegroundRole:
            token = self.token(row, column)
            return theme.color(token) if token else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.numbers:
            return AT_RIGHT
        return None
