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

EVERYTHING = "Mend everything…"
WHAT_EVERYTHING = "Show what all first mends in order would do; they are one undo step"
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
    gave_way
        (bool): the mend of everything is shown in the place of the rows, or the rows are there again.
    """

    gave_way = Signal(bool)
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
        self.everything = QPushButton(EVERYTHING)
        self.everything.setToolTip(WHAT_EVERYTHING)
        self.everything.clicked.connect(self._press_everything)
        self.head.addWidget(self.everything)
        if report.everything is None:
            self.everything.hide()
        self._line = line()
        self.mends = RowMends()
        self.mends.card_made.connect(self.card_made)
        for part in (self._line, self.mends):
            part.hide()
            self.column.addWidget(part)

    def show_past(self, past: bool) -> None:
        """Step back while the document is not what is compared."""
        self.rows.show_past(past)

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

    def _press_everything(self) -> None:
        """Show what mends the whole report in the place of the rows, or the rows again."""
        found = self._report.everything
        if found is None:
            return
        shown = self.body.isHidden()
        self._show_rows(shown)
        if not shown:
            [card] = self.mends.show_mends("the whole report", (found,))
            card.button.setFocus()
            card.button.click()
        self.gave_way.emit(not shown)

    def _show_rows(self, shown: bool) -> None:
        for part in (self.body, self.only, self.copy):
            part.setVisible(shown)
        for part in (self._line, self.mends):
            part.setVisible(not shown)
        if shown:
            self._show_mends(self.table.currentIndex().row())
        self.everything.setText("Show the tensors" if not shown else EVERYTHING)
        self.everything.setToolTip("Show model and checkpoint side by side again" if not shown else WHAT_EVERYTHING)
