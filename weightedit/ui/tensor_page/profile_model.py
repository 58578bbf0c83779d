"""The table of rows or columns and their measures, of which only what is seen is made into text."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from weightedit.core.looking.profiles import Profile, ordered
from weightedit.core.values.codes import Array
from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.ui.theme import theme
from weightedit.ui.widgets.plain import tip

COLUMNS = (("l2", "L2 norm"), ("l1", "L1 norm"), ("mean", "Mean"), ("std", "Std"), ("absmax", "max |w|"),
           ("zeros", "Zeros"), ("nonfinite", "NaN, Inf"))  # fmt: skip
"""Measures and their titles, after the index."""
TITLES = dict(COLUMNS)
COUNTS = ("zeros", "nonfinite")
DEAD, OUTLIER = "✕", "△"
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class ProfileModel(QAbstractTableModel):
    """Lines of a profile in some order; a line that is dead or an outlier carries the sign the chart draws for it."""

    def __init__(self) -> None:
        super().__init__()
        self.order: Array = np.zeros(0, np.int64)
        self.sorted_by = (0, False)
        self.measures: dict[str, Array] = {}
        self._dead: set[int] = set()
        self._outliers: set[int] = set()

    def show_profile(self, found: Profile, dead: Array, outliers: Array, order: Array) -> None:
        """Show another profile."""
        self.beginResetModel()
        self.measures = {name: found.measure(name) for name, _ in COLUMNS}
        self._dead, self._outliers = set(dead.tolist()), set(outliers.tolist())
        self.order = order
        self.endResetModel()

    def show_order(self, order: Array, column: int, descending: bool) -> None:
        """Show the same lines in another order, which the title of a column says."""
        self.layoutAboutToBeChanged.emit()
        self.order, self.sorted_by = order, (column, descending)
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS))

    def order_by(self, column: int, descending: bool) -> Array:
        """Return the lines in the order of a column, 0 for their index."""
        if column == 0:
            lines = np.arange(len(self.order))
            return lines[::-1] if descending else lines
        return ordered(self.measures[COLUMNS[column - 1][0]].astype(np.float64), descending)

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many lines there are."""
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """Index and measures."""
        return 0 if parent.isValid() else 1 + len(COLUMNS)

    def cell_text(self, line: int, column: int) -> str:
        """Return what a cell shows."""
        if column == 0:
            sign = DEAD if line in self._dead else OUTLIER if line in self._outliers else ""
            return f"{sign} {line}" if sign else str(line)
        name = COLUMNS[column - 1][0]
        value = self.measures[name][line]
        return count_text(int(value)) if name in COUNTS else statistic_text(None if np.isnan(value) else float(value))

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment, and the colour of what stands out."""
        line = int(self.order[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cell_text(line, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            if line in self._dead:
                return theme.color("bad")
            return theme.color("warn") if line in self._outliers else None
        if role == Qt.ItemDataRole.ToolTipRole:
            if index.column() == 0:
                return "Dead: no norm to speak of" if line in self._dead else \
                    "Stands far from the others" if line in self._outliers else None  # fmt: skip
            return tip(repr(self.measures[COLUMNS[index.column() - 1][0]][line].item()))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the titles."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            title = "Index" if section == 0 else COLUMNS[section - 1][1]
            column, descending = self.sorted_by
            return f"{'▾' if descending else '▴'} {title}" if section == column else title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


def lines(measures: dict[str, Array], order: Array) -> str:
    """Return a line of index and measures for each row or column in order, parted by tabs."""
    made = ["\t".join(("index", *measures))]
    columns = [values[order].tolist() for values in measures.values()]
    made += ["\t".join((str(line), *map(repr, values)))
             for line, *values in zip(order.tolist(), *columns, strict=True)]  # fmt: skip
    return "\n".join(made)
