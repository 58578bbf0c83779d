"""Tables of the doctor, which a column sorts and Ctrl+C copies, under a line that says how many rows differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHBoxLayout, QTableView, QVBoxLayout, QWidget

from weightedit.ui.doctor.copying import takes_copy
from weightedit.ui.doctor.rows_model import Index, RowsModel
from weightedit.ui.doctor.sort_header import SortHeader
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button
from weightedit.ui.widgets.plain import aloud

ROW = 25
EDGE = 14
"""Pixels before the first column, with which its text stands below the heading."""
FEWEST = 3
"""Rows that there is always room for."""


class RowsTable(QTableView):
    """A table of rows; Ctrl+C copies those that are selected, or all, below the titles, with tabs between columns.

    Parameters
    ----------
    model
        Its rows.
    name
        What it is called for those who do not see it.
    widths
        Of the columns but the last.

    Attributes
    ----------
    rows
        The model.

    Signals
    -------
    chosen
        (row): it is current; -1 where none is.
    """

    chosen = Signal(int)

    def __init__(self, model: RowsModel[Any], name: str, widths: Sequence[int]) -> None:
        super().__init__()
        self.rows = model
        model.setParent(self)
        header = SortHeader(self)
        self.setHorizontalHeader(header)
        self.setModel(model)
        header.sectionClicked.connect(model.sort_by)
        model.layoutChanged.connect(lambda: self.scrollTo(self.currentIndex()))
        self.setAccessibleName(aloud(name))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.setMinimumHeight((FEWEST + 1) * ROW + 10)  # with the titles, and the bar that scrolls sideways
        for place, width in enumerate(widths):
            self.setColumnWidth(place, width)

    def event(self, event: QEvent) -> bool:
        """Have Ctrl+C before the window does."""
        return takes_copy(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, and open by Enter."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Say which row is current."""
        super().currentChanged(current, previous)
        if current.row() != previous.row() or not current.isValid():
            self.chosen.emit(current.row())

    def copy(self) -> None:
        """Copy the rows that are selected, or all where none is."""
        rows = self.rows.rows
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(len(rows))
        lines = ["\t".join(self.rows.text(rows[row], at) for at in range(len(self.rows.titles))) for row in chosen]
        QGuiApplication.clipboard().setText("\n".join(["\t".join(self.rows.titles), *lines]))


class Listing(QWidget):
    """A table with its heading, where rows that are the same can be left out.

    Parameters
    ----------
    title, said
        At the top.
    table
        Of the rows.
    rows
        All of them.
    differs
        Whether a row is to be seen where only what differs is.
    """

    def __init__(self, title: str, said: str, table: RowsTable, rows: tuple[Any, ...],
                 differs: Callable[[Any], bool]) -> None:  # fmt: skip
        super().__init__()
        self.table = table
        self._rows, self._differing = rows, tuple(row for row in rows if differs(row))
        self.head = QHBoxLayout()
        self.head.setContentsMargins(18, 8, 14, 6)
        self.head.setSpacing(10)
        self.head.addWidget(ElidedLabel(title, "section"))
        self.head.addWidget(ElidedLabel(said, "caption"), 1)
        some, same = bool(self._differing), len(self._differing) < len(rows)
        self.only = QCheckBox("Only what differs")
        self.only.setChecked(some)
        self.only.setEnabled(some and same)
        self.only.setToolTip("" if some and same else "All rows differ" if some else "No row differs")
        self.only.toggled.connect(self._show)
        self.head.addWidget(self.only)
        self.copy = icon_button("copy", "Copy the rows that are selected, or all that are shown (Ctrl+C)", 26, 14)
        self.copy.clicked.connect(table.copy)
        self.head.addWidget(self.copy)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.column.addLayout(self.head)
        self.body = QWidget()
        below = QHBoxLayout(self.body)
        below.setContentsMargins(EDGE, 0, 0, 0)
        below.addWidget(table)
        self.column.addWidget(self.body, 1)
        self._show()

    def _show(self) -> None:
        self.table.rows.show(self._differing if self.only.isChecked() else self._rows)
