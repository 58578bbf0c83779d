"""What every field of an operation's form has: a label, a control, and a line that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.operation import REQUIRED, Parameter
from weightedit.ui.edit_panel.words import words_for
from weightedit.ui.widgets.elided import BreakingLabel, ElidedLabel
from weightedit.ui.widgets.literals import FieldError
from weightedit.ui.widgets.pieces import restyle
from weightedit.ui.widgets.plain import aloud, tip


class Field(QWidget):
    """A label, a control, and a line under it that says what is wrong or what will be stored.

    Signals
    -------
    changed
        The person changed it.
    """

    changed = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.declared = parameter
        self.note = BreakingLabel("caption")
        self.note.hide()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)
        self.title = ElidedLabel(words_for(parameter, ()), "section")
        self.column.addWidget(self.title)
        self.setToolTip(tip(f"{parameter.name}: {parameter.help}"))

    def add_control(self, control: QWidget) -> None:
        """Put the control under the label."""
        control.setAccessibleName(aloud(self.title.text()))
        self.column.addWidget(control)
        self.column.addWidget(self.note)
        self.setFocusProxy(control)

    def call_after(self, chosen: Iterable[object]) -> None:
        """Call it what it means after what is chosen in the form's other fields."""
        words, control = words_for(self.declared, chosen), self.focusProxy()
        self.title.setText(words)
        if control is not None:
            control.setAccessibleName(aloud(words))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given yet."""
        return False

    def value(self) -> Any:
        """Return the argument; raises `FieldError`."""
        raise FieldError("")

    def set_value(self, value: Any) -> None:
        """Show an argument."""

    def clear(self) -> None:
        """Show the default, or nothing."""
        if self.declared.default is not REQUIRED:
            self.set_value(self.declared.default)

    def show_error(self, control: QWidget) -> None:
        """Mark the control and say what is wrong with what it holds, or nothing."""
        restyle(control, "wrong", "false")
        self.say("")
        if not self.is_empty:
            try:
                self.value()
            except FieldError as error:
                restyle(control, "wrong", "true")
                self.say(str(error), wrong=True)

    def say(self, text: str, *, wrong: bool = False, is_lost: bool = False) -> None:
        """Say something under the field: what is wrong, what is lost, or what is merely worth knowing."""
        self.note.setText(text)
        restyle(self.note, "role", "bad" if wrong else "caption")
        restyle(self.note, "tone", "warn" if is_lost else "")
        self.note.setVisible(bool(text))

    def set_context(self, dtype: str, shows_stored: bool) -> None:
        """Tell the field what the value will be stored in."""
