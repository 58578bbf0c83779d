"""The line under a tensor: what is picked, as text and as a count, and the value under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from weightedit.core.errors import RegionError
from weightedit.core.values.conditions import Conditions
from weightedit.core.values.selecting import Picks
from weightedit.core.words.numbers import count_text, shape_text
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label, restyle
from weightedit.ui.widgets.plain import tip

HEIGHT = 36
NARROWEST, WIDEST = 90, 320
"""Pixels of the region field."""


def check_region(text: str, shape: tuple[int, ...], conditions: Conditions | None) -> Picks:
    """Return what a typed text picks, its condition read by the language too. Raises `RegionError`."""
    picks = Picks.parse(text, shape)
    if picks.condition:
        if conditions is None:
            raise RegionError("This document was opened without the language of conditions.", text=text)
        conditions(text)
    return picks


class ReadOut(QFrame):
    """Region field, size or what is wrong with it; index, value and bits.

    Signals
    -------
    region_typed
        A region was typed and picked.
    where_asked
        The button beside the field was pressed.
    """

    region_typed = Signal()
    where_asked = Signal()

    def __init__(self, selection: Selection, lookup: Lookup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedHeight(HEIGHT)
        self._selection, self._lookup = selection, lookup
        self.field = QLineEdit()
        self.field.setProperty("mono", True)
        self.field.setFont(mono_font(12))
        self.field.setAccessibleName("Region")
        self.field.setToolTip("Integers, slices, ... and one list, such as [3, 10:20, :]; several parted by ;\n"
                              "or a condition, such as where abs(w) < 1e-4  Ctrl+G")  # fmt: skip
        self.where = icon_button("filter", "Select by condition (Ctrl+Shift+F)", 22, 14)
        self.size_text, self.problem = ElidedLabel("", "caption"), ElidedLabel("", "bad")
        self.index, self.value, self.bits = (label("", "mono") for _ in range(3))
        restyle(self.index, "tone", "")
        self.bits.setProperty("role", "caption")
        for shown in (self.index, self.value, self.bits):
            shown.setFont(mono_font(11 if shown is self.bits else 12))
        self._lay_out()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(250)
        self._soon.timeout.connect(self._take)
        self.field.textEdited.connect(self._check)
        self.field.returnPressed.connect(self._take)
        self.where.clicked.connect(self.where_asked)
        selection.changed.connect(self.show_selection)
        lookup.counted.connect(self._show_count)
        self.show_selection()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel("region", 14))
        row.addWidget(label("Region", "caption"))
        row.addWidget(self.field)
        row.addWidget(self.where)
        for said in (self.size_text, self.problem):
            said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row.addWidget(said, 1)
        for shown in (self.index, self.value, self.bits):
            row.addWidget(shown)
        self.problem.hide()

    def show_selection(self) -> None:
        """Show what is picked, unless it is being typed."""
        if not (self.field.hasFocus() and self.field.isModified()):
            self.field.setText(self._selection.text)
            self.field.setCursorPosition(0)
            self._fit_field()
            self._say_problem("")
        self._show_count()

    def _show_count(self) -> None:
        said = self._count()
        self.size_text.setText(said)
        self.size_text.setToolTip(tip(said))
        if not self.field.isModified():
            self._say_problem(self._lookup.problem)

    def _count(self) -> str:
        picks, total, here = self._selection.picks, self._lookup.total, self._lookup.in_slice
        if not picks:
            return f"whole tensor · {_values(picks.numel())}"
        box = picks.box
        if box is not None and box.numel == 1:
            return "1 value" if self._selection.is_in_slice else "1 value, in another slice"
        if total is None or here is None:
            return "counting…" if picks.condition or len(picks.boxes) > 1 else ""
        elsewhere = "" if here == total else f", {count_text(here)} in this slice"
        if box is not None:
            return f"{shape_text(box.result_shape)} · {_values(total)}{elsewhere}"
        return f"{count_text(total)} selected{elsewhere}"

    def _fit_field(self) -> None:
        width = self.field.fontMetrics().horizontalAdvance(self.field.text() + "  ") + 24
        self.field.setFixedWidth(min(max(width, NARROWEST), WIDEST))

    def _check(self, text: str) -> None:
        """Say what is wrong while it is typed; take it when typing pauses."""
        self._fit_field()
        try:
            check_region(text, self._selection.shape, self._lookup.document.conditions)
        except RegionError as error:
            self._say_problem(str(error))
            self._soon.stop()
            return
        self._say_problem("")
        self._soon.start()

    def _take(self) -> None:
        self._soon.stop()
        try:
            check_region(self.field.text(), self._selection.shape, self._lookup.document.conditions)
            self._selection.pick_text(self.field.text())
        except RegionError as error:
            self._say_problem(str(error))
            self.field.setCursorPosition(error.column)
            return
        self.field.setModified(False)
        self.region_typed.emit()

    def _say_problem(self, sentence: str) -> None:
        restyle(self.field, "wrong", "true" if sentence else "false")
        self.problem.setText(sentence)
        self.problem.setToolTip(tip(sentence))
        self.problem.setVisible(bool(sentence))
        self.size_text.setVisible(not sentence)

    @property
    def is_wrong(self) -> bool:
        """Whether the typed region does not read."""
        return not self.problem.isHidden()

    def show_value(self, index: str, value: str, bits: str) -> None:
        """Show a cell, or nothing."""
        self.index.setText(index)
        self.value.setText(value)
        self.bits.setText(bits)

    def focus_region(self) -> None:
        """Put the cursor into the region field."""
        self.field.setFocus()
        self.field.selectAll()


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count_text(count)} values"
