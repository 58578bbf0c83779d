"""What modules take and give: captured as a document beside, compared with an earlier state, and traced to an edit."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.doctor.activations.drift import ModuleDrift
from weightedit.ui.doctor.drift_table import DriftTable
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.pieces import empty_state, label, line
from weightedit.ui.widgets.plain import aloud, tip

MODULES_HELP = "Names or patterns of modules, parted by commas: layers.*.mlp, re:layers\\.\\d+, * for all"


class ActivationsPane(QWidget):
    """Fields, what they start, and what came of it.

    Signals
    -------
    capture_pressed, compare_pressed, find_pressed
    """

    capture_pressed = Signal()
    compare_pressed = Signal()
    find_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        self.modules.returnPressed.connect(self.capture_pressed)
        self._name(row, "Modules", self.modules, MODULES_HELP)
        row.addWidget(self.capture)
        whole.addLayout(row)
        row = QHBoxLayout()
        row.setContentsMargins(18, 4, 18, 8)
        row.setSpacing(8)
        self.since = QComboBox()
        self.compare, self.search = QPushButton("Compare"), QPushButton("Find the edit that broke it")
        self.compare.clicked.connect(self.compare_pressed)
        self.search.clicked.connect(self.find_pressed)
        self._name(row, "Compare with", self.since, "The weights at an earlier place in the history")
        row.addWidget(self.compare)
        row.addWidget(self.search)
        whole.addLayout(row)
        said = "It runs once on the CPU. What is captured opens beside the document, as tensors like any other."
        note = wrapping(said, "caption")
        note.setContentsMargins(18, 0, 18, 8)
        whole.addWidget(note)
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

    def offer(self, edits: Sequence[str]) -> None:
        """Offer the states before each edit to compare with."""
        self.since.clear()
        self.since.addItem("as it was opened", 0)
        for place, said in enumerate(edits[:-1], 1):
            self.since.addItem(f"after edit {place:,}: {said}", place)
        for widget in (self.since, self.compare, self.search):
            widget.setEnabled(bool(edits))
            widget.setToolTip("" if edits else "Needs an edit to compare with before")

    # ---- what came of it

    def show_nothing(self) -> None:
        """Say that nothing was captured."""
        self._show(empty_state("tensor", "Nothing was captured", "Choose modules, then capture or compare."))

    def show_notice(self, level: str, title: str, body: str = "") -> None:
        """Say what happened."""
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(18, 12, 18, 12)
        column.addWidget(Notice(level, title, body))
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
