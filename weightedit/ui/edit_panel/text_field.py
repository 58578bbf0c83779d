"""A field of one line: numbers, whole numbers, values, text, and values that are no tensors."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLineEdit, QWidget

from weightedit.core.dtypes import DTYPES
from weightedit.core.edit import TENSORS
from weightedit.core.operation import REQUIRED, Parameter
from weightedit.core.values.typed import typed_note
from weightedit.core.words.numbers import NumberError, parse_number
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.held import Held
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.literals import FieldError, integers, kind_of, nested, plain, plain_text, whole
from weightedit.ui.widgets.pieces import restyle

PLACEHOLDERS = {"values": "0.5 or [[1, 2], [3, 4]]", "integers": "0, 1", "plain": "10, text, [1, 'two']"}
_READERS = {"integer": whole, "integers": integers, "plain": plain}


class TextField(Field):
    """One line: numbers, whole numbers, values, text."""

    def __init__(self, parameter: Parameter, example: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.edit = QLineEdit()
        self._held = Held()
        mono = parameter.type != "text"
        self.edit.setProperty("mono", mono)
        if mono:
            self.edit.setFont(mono_font(12))
        self._dtype, self._shows_stored = "float64", False
        self.add_control(self.edit)
        self.edit.setPlaceholderText("none" if parameter.optional else example or PLACEHOLDERS.get(parameter.type, ""))
        self.edit.textChanged.connect(self._changed)
        self.clear()

    def set_context(self, dtype: str, shows_stored: bool) -> None:
        """Say how a number is stored in the tensor that is edited."""
        self._dtype, self._shows_stored = dtype, shows_stored
        self._check()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.edit.text().strip() and self.declared.type != "text" and not self.declared.optional

    def value(self) -> Any:
        """Return what is typed as the parameter's type."""
        text = self.edit.text().strip()
        if (held := self._held.meant_by(text)) is not None:
            return held
        if not text and self.declared.optional:
            return None
        if self.declared.type == "text":
            if not text and self.declared.default is REQUIRED:
                raise FieldError(f"{self.declared.label} is missing.")
            return text
        if self.declared.type in _READERS:
            return _READERS[self.declared.type](text)
        if self.declared.type == "values" and text.startswith(("[", "(")):
            return nested(text)
        try:
            return parse_number(text, self._dtype if DTYPES[self._dtype].family != "opaque" else "float64")
        except NumberError as error:
            raise FieldError(str(error)) from None

    def set_value(self, value: Any) -> None:
        """Show an argument; nothing where an optional one is not given."""
        if value is None and self.declared.optional:
            value = ""
        if isinstance(value, TENSORS):
            self.edit.setText(self._held.hold(value))
            return
        if self.declared.type == "plain" and value != "":
            self.edit.setText(plain_text(value))
        else:
            self.edit.setText(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))

    def clear(self) -> None:
        """Show the default, or nothing."""
        self.set_value("" if self.declared.default in (REQUIRED, None) else self.declared.default)

    def _changed(self) -> None:
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        restyle(self.edit, "wrong", "false")
        self.say("")
        if self.is_empty or (self.declared.type == "text" and not self.edit.text()):
            return
        try:
            value = self.value()
        except FieldError as error:
            restyle(self.edit, "wrong", "true")
            self.say(str(error), wrong=True)
            return
        if self.declared.type == "plain":
            self.say(f"Kept as {kind_of(value)}")
        elif self._shows_stored and isinstance(value, bool | int | float | complex):
            note = typed_note(self.edit.text(), self._dtype)
            if note is not None:
                self.say(note.text, is_lost=note.is_lost)
