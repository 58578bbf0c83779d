"""What modules take and give: captured as a document beside, compared with an earlier state, and traced to an edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.doctor.activations.drift import ModuleDrift
from weightedit.ui.doctor.drift_table import DriftTable
from weightedit.ui.edit_panel.hazard_card import Link
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.pieces import button_row, empty_state, label, line
from weightedit.ui.widgets.plain import aloud, row_text, tip

MODULES_HELP = "Names or patterns of modules, parted by commas: layers.*.mlp, re:layers\\.\\d+, * for all"


class ActivationsPane(QWidget):
    """Fields, what they start, and what came of it.

    Signals
    -------
    capture_pressed, compare_pressed, find_pressed
    edited
        A field says something else.
    """

    capture_pressed = Signal()
    compare_pressed = Signal()
    find_pressed = Signal()
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edits, self._needs = 0, ""
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(18, 12, 18, 4)
        row.setSpacing(8)
        self.modules = QLineEdit("*")
        self.modules.setFont(mono_font(12))
        self.capture = QPushButton("Capture")
        self.capture.clicked.connect(self.capture_pressed)
        self.modules.returnPressed.connect(self.capture.click)
        self.modules.textChanged.connect(self.edited)
        self._name(row, "Modules", self.modules, MODULES_HELP)
        row.addWidget(self.capture)
        whole.addLayout(row)
        row = QHBoxLayout()
        row.setContentsMargins(18, 4, 18, 8)
        row.setSpacing(8)
        self.since = ElidedCombo()
        self.since.currentIndexChanged.connect(self.edited)
        self.compare, self.search = QPushButton("Compare"), QPushButton("Find the edit that broke it")
        self.compare.clicked.connect(self.compare_pressed)
        self.search.clicked.connect(self.find_pressed)
        self._name(row, "Compare with", self.since, "The weights at an earlier place in the history")
        row.addWidget(self.compare)
        row.addWidget(self.search)
        whole.addLayout(row)
        self.note = wrapping("", "caption")
        below = QVBoxLayout()
        below.setContentsMargins(18, 0, 18, 8)
        below.addWidget(self.note)
        whole.addLayout(below)
        whole.addWidget(line())
        self._results = QVBoxLayout()
        self._results.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(self._results, 1)
        self.show_nothing()

    def _name(self, row: QHBoxLayout, text: str, field: QWidget, help: str) -> None:
        name = label(text, "secondary")
        name.setBuddy(field)
        field.setAccessibleName(aloud(text))
        field.setToolTip(tip(help))
        row.addWidget(name)
        row.addWidget(field, 1)

    @property
    def patterns(self) -> list[str]:
        """The modules that are meant."""
        return [one.strip() for one in self.modules.text().split(",") if one.strip()] or ["*"]

    @property
    def place(self) -> int:
        """The place in history to compare with."""
        return int(self.since.currentData() or 0)

    @property
    def texts(self) -> dict[str, str]:
        """What the field says, to be put back."""
        return {"modules": self.modules.text()}

    def put_back(self, texts: dict[str, str]) -> None:
        """Say again what the field said."""
        self.modules.setText(texts.get("modules", "*"))

    def offer(self, edits: Sequence[str]) -> None:
        """Offer the states before each edit to compare with; the one that was chosen stays so."""
        chosen = self.place
        self.since.blockSignals(True)
        self.since.clear()
        self.since.addItem("as it was opened", 0)
        for place, said in enumerate(edits[:-1], 1):
            self.since.addItem(row_text(f"after edit {place:,}: {said}"), place)
        self.since.setCurrentIndex(max(0, self.since.findData(chosen)))
        self.since.blockSignals(False)
        self._edits = len(edits)
        self.show_needs(self._needs)
        if self.place != chosen:
            self.edited.emit()

    def show_needs(self, reason: str) -> None:
        """Turn the buttons off for a reason, or on where there is none."""
        self._needs = reason
        compares = reason or ("" if self._edits else "Needs an edit to compare with before")
        self.since.setEnabled(bool(self._edits))
        drifts = "Run with the weights then and now, and list how far each module is off"
        searches = "Run after each edit, up to the first that moved an output"
        captures = "Run once, and open what these modules take and give"
        for button, needs, does in ((self.capture, reason, captures), (self.compare, compares, drifts),
                                    (self.search, compares, searches)):  # fmt: skip
            button.setEnabled(not needs)
            button.setToolTip(tip(needs or does))

    def show_device(self, device: str) -> None:
        """Say where it runs."""
        self.note.setText(f"It runs once on {device}. What is captured opens beside the document, as tensors like any "
                          "other.")  # fmt: skip

    # ---- what came of it

    def show_nothing(self) -> None:
        """Say that nothing was captured."""
        self._show(empty_state("tensor", "Nothing was captured yet", "Choose modules, then capture or compare."))

    def show_notice(self, level: str, title: str, body: str = "", link: str = "",
                    follow: Callable[[], None] | None = None) -> None:  # fmt: skip
        """Say what happened, and lead on."""
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(18, 12, 18, 12)
        notice = Notice(level, title, body)
        if follow is not None:
            leads = Link(link)
            leads.clicked.connect(follow)
            notice.column.addLayout(button_row(leads))
        column.addWidget(notice)
        column.addStretch(1)
        self._show(made)

    def show_drift(self, drifts: tuple[ModuleDrift, ...]) -> None:
        """List how far each module is off."""
        self._show(DriftTable(drifts))

    def show_result(self, widget: QWidget) -> None:
        """Show something else, at the top."""
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(widget)
        column.addStretch(1)
        self._show(made)

    def _show(self, widget: QWidget) -> None:
        while (item := self._results.takeAt(0)) is not None:
            if (before := item.widget()) is not None:
                before.hide()
                before.deleteLater()
        self._results.addWidget(widget, 1)
