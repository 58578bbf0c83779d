"""Every tensor of model and checkpoint side by side, and below it what mends the one that is selected, or all."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QPushButton

from weightedit.core.words.labels import called
from weightedit.core.words.numbers import count_text
from weightedit.doctor.load_report.report import LoadReport, Row
from weightedit.ui.doctor.load_rows import LoadModel
from weightedit.ui.doctor.row_mends import RowMends
from weightedit.ui.doctor.rows_table import Listing, RowsTable
from weightedit.ui.widgets.pieces import line

WIDTHS = (160, 160, 86, 112, 80, 108)


def differs(row: Row) -> bool:
    """Whether a tensor is not the same in model and checkpoint."""
    return row.verdict != "same"


class LoadTable(Listing):
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
        self._report = report
        self.rows = LoadModel(report)
        count = sum(differs(row) for row in report.rows)
        said = f"{count_text(len(report.rows))} tensors, {count_text(count)} differ"
        said += "; select a row to see what mends it" if count else ""
        super().__init__("Model and checkpoint side by side", said,
                         RowsTable(self.rows, "Model and checkpoint", WIDTHS), report.rows, differs)  # fmt: skip
        self.table.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.table.activated.connect(self._open)
        self.table.chosen.connect(self._show_mends)
        self.everything = QPushButton("Mend everything…")
        self.everything.setToolTip("Show what all first mends in order would do; they are one undo step")
        self.everything.clicked.connect(self._show_everything)
        self.head.addWidget(self.everything)
        if report.everything is None:
            self.everything.hide()
        self._line = line()
        self.mends = RowMends()
        self.mends.card_made.connect(self.card_made)
        for part in (self._line, self.mends):
            part.hide()
            self.column.addWidget(part)

    def _open(self, index: QModelIndex) -> None:
        name = self.rows.rows[index.row()].checkpoint_name
        if name:
            self.opened.emit(name)

    def _show_mends(self, place: int) -> None:
        """Show what mends one row; nothing where none is current."""
        row = self.rows.rows[place] if 0 <= place < len(self.rows.rows) else None
        shown = row is not None and differs(row)
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
