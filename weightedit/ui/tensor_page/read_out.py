"""The line under a tensor: the region that is picked, and the value under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from weightedit.core.errors import RegionError
from weightedit.core.numbers import count_text, shape_text
from weightedit.ui.pieces import IconLabel, label, restyle
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import mono_font

HEIGHT = 36


class ReadOut(QFrame):
    """Region field, size or what is wrong with it; index, value and bits."""

    region_typed = Signal()

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedHeight(HEIGHT)
        self._selection = selection
        self.field = QLineEdit()
        self.field.setProperty("mono", True)
        self.field.setFont(mono_font(12))
        self.field.setAccessibleName("Region")
        self.field.setToolTip("Integers, slices, ... and one list, such as [3, 10:20, :]  Ctrl+G")
        self.size_text, self.problem = label("", "caption"), label("", "bad")
        self.index, self.value, self.bits = (label("", "mono") for _ in range(3))
        restyle(self.index, "tone", "")
        self.bits.setProperty("role", "caption")
        for shown in (self.index, self.value, self.bits):
            shown.setFont(mono_font(11 if shown is self.bits else 12))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel("region", 14))
        row.addWidget(label("Region", "caption"))
        row.addWidget(self.field)
        row.addWidget(self.size_text)
        row.addWidget(self.problem)
        row.addStretch(1)
        for shown in (self.index, self.value, self.bits):
            row.addWidget(shown)
        self.problem.hide()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(250)
        self._soon.timeout.connect(self._take)
        self.field.textEdited.connect(self._check)
        self.field.returnPressed.connect(self._take)
        selection.changed.connect(self.show_selection)
        self.show_selection()

    def show_selection(self) -> None:
        """Show what is picked, unless it is being typed."""
        if not (self.field.hasFocus() and self.field.isModified()):
            self.field.setText(self._selection.text)
            self._fit_field()
            self._say_problem("")
        chosen = self._selection.box
        count = count_text(self._selection.numel)
        values = "1 value" if self._selection.numel == 1 else f"{count} values"
        if chosen is None:
            self.size_text.setText(f"whole tensor · {values}")
        elif chosen.numel == 1:
            self.size_text.setText(values)
        else:
            self.size_text.setText(f"{shape_text(chosen.result_shape)} · {values}")

    def _fit_field(self) -> None:
        width = self.field.fontMetrics().horizontalAdvance(self.field.text() + "  ") + 24
        self.field.setFixedWidth(min(max(width, 90), 320))

    def _check(self, text: str) -> None:
        """Say what is wrong while it is typed; take it when typing pauses."""
        from weightedit.core.region import parse_region

        self._fit_field()
        try:
            parse_region(text, self._selection.shape)
        except RegionError as error:
            self._say_problem(str(error))
            self._soon.stop()
            return
        self._say_problem("")
        self._soon.start()

    def _take(self) -> None:
        self._soon.stop()
        try:
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
        self.problem.setToolTip(sentence)
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
