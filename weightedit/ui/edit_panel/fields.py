"""Fields of an operation's form, one kind per type of parameter."""

from __future__ import annotations

import json
import re
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QLineEdit, QVBoxLayout, QWidget

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import WeightEditError
from weightedit.core.numbers import NumberError, parse_number, stored, value_text
from weightedit.core.operation import REQUIRED, Parameter
from weightedit.ui.pieces import label, restyle
from weightedit.ui.theme import mono_font

_SPECIAL = re.compile(r"(?<![\w.])(-?)(nan|inf|infinity)(?![\w.])", re.IGNORECASE)
OF_FILE = "::"
"""Parts a file from a tensor's name in it."""


class FieldError(WeightEditError):
    """What is typed is no value of the parameter."""


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
        self.note = label("", "caption")
        self.note.setWordWrap(True)
        self.note.hide()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)
        self.column.addWidget(label(parameter.label, "section"))
        self.setToolTip(parameter.help)

    def add_control(self, control: QWidget) -> None:
        """Put the control under the label."""
        control.setAccessibleName(self.declared.label)
        self.column.addWidget(control)
        self.column.addWidget(self.note)
        self.setFocusProxy(control)

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

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say something under the field."""
        self.note.setText(text)
        restyle(self.note, "role", "bad" if wrong else "caption")
        self.note.setVisible(bool(text))

    def set_context(self, dtype: str, shows_stored: bool) -> None:
        """Tell the field what the value will be stored in."""


class TextField(Field):
    """One line: numbers, whole numbers, values, text."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.edit = QLineEdit()
        mono = parameter.type != "text"
        self.edit.setProperty("mono", mono)
        if mono:
            self.edit.setFont(mono_font(12))
        self._dtype, self._shows_stored = "float64", False
        self.add_control(self.edit)
        self.edit.setPlaceholderText({"values": "0.5 or [[1, 2], [3, 4]]"}.get(parameter.type, ""))
        self.edit.textChanged.connect(self._changed)
        self.clear()

    def set_context(self, dtype: str, shows_stored: bool) -> None:
        """Say how a number is stored in the tensor that is edited."""
        self._dtype, self._shows_stored = dtype, shows_stored
        self._check()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.edit.text().strip() and self.declared.type != "text"

    def value(self) -> Any:
        """Return what is typed as the parameter's type."""
        text = self.edit.text().strip()
        if self.declared.type == "text":
            if not text:
                raise FieldError(f"{self.declared.label} is missing.")
            return text
        if self.declared.type == "integer":
            return _whole(text)
        if self.declared.type == "values" and text.startswith(("[", "(")):
            return _nested(text)
        try:
            return parse_number(text, self._dtype if DTYPES[self._dtype].family != "opaque" else "float64")
        except NumberError as error:
            raise FieldError(str(error)) from None

    def set_value(self, value: Any) -> None:
        """Show an argument."""
        shape = getattr(value, "shape", None)
        if shape is not None and hasattr(value, "digest"):
            self.edit.setPlaceholderText(f"{list(shape)} values")
            return
        self.edit.setText(str(value))

    def clear(self) -> None:
        """Show the default, or nothing."""
        self.edit.setText("" if self.declared.default is REQUIRED else str(self.declared.default))

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
        if self._shows_stored and isinstance(value, bool | int | float | complex):
            self.say(stored_note(value, self._dtype))


def stored_note(value: bool | int | float | complex, dtype: str) -> str:
    """Say whether a number is stored exactly."""
    facts = DTYPES[dtype]
    if facts.family == "opaque":
        return ""
    try:
        kept = stored(value, dtype)[0]
    except (OverflowError, ValueError, TypeError):
        return ""
    text = value_text(kept, dtype)
    same = value_text(stored(value, dtype)[0], dtype) == text and _equal(kept, value, dtype)
    return f"Stored in {dtype} exactly" if same else f"Stored as {text} in {dtype}"


def _equal(kept: Any, value: Any, dtype: str) -> bool:
    if dtype == "complex32":
        return complex(float(kept["real"]), float(kept["imag"])) == complex(value)
    if DTYPES[dtype].family == "complex":
        return complex(kept) == complex(value)
    if isinstance(value, complex):
        return False
    if DTYPES[dtype].is_integer:
        return bool(int(kept) == value)
    return float(kept) == value or (value != value and float(kept) != float(kept))


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise FieldError(f"{text} is not a whole number, such as 0 or -1.") from None


def _nested(text: str) -> Any:
    plain = text.replace("(", "[").replace(")", "]").replace("True", "true").replace("False", "false")
    plain = _SPECIAL.sub(lambda m: f"{m[1]}{'NaN' if m[2].lower() == 'nan' else 'Infinity'}", plain)
    plain = re.sub(r"(?<=\d)\.(?=\s*[,\]])", ".0", re.sub(r",(\s*\])", r"\1", plain))
    plain = re.sub(r"(?<![\d.])\.(?=\d)", "0.", plain)
    try:
        return json.loads(plain)
    except ValueError:
        raise FieldError("This is not a list of numbers, such as [[1, 2], [3, 4]].") from None


class ChoiceField(Field):
    """A choice among fixed values: dtypes, True and False."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.combo = QComboBox()
        values: list[Any] = [True, False]
        if parameter.type == "dtype":
            values = [dtype.name for dtype in DTYPES.values() if dtype.family != "opaque"]
        for value in values:
            self.combo.addItem(str(value), value)
        self.combo.setCurrentIndex(-1)
        self.combo.setPlaceholderText("Choose…")
        self.add_control(self.combo)
        self.clear()
        self.combo.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is chosen."""
        return self.combo.currentIndex() < 0

    def value(self) -> Any:
        """Return what is chosen."""
        return self.combo.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a value."""
        self.combo.setCurrentIndex(self.combo.findData(value))

    def clear(self) -> None:
        """Choose the default, or nothing."""
        default = self.declared.default
        self.combo.setCurrentIndex(-1 if default is REQUIRED else self.combo.findData(default))


class TensorField(Field):
    """A tensor by name: of this document, or `file::name`."""

    def __init__(self, parameter: Parameter, names: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("Name, or file::name")
        self._names = set(names)
        completer = QCompleter(names, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.edit.setCompleter(completer)
        self.add_control(self.edit)
        self.edit.textChanged.connect(self._changed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.edit.text().strip()

    def value(self) -> Any:
        """Return the name, or (file, name)."""
        text = self.edit.text().strip()
        if text in self._names:
            return text
        file, parted, name = text.partition(OF_FILE)
        if parted and file and name:
            return file.strip(), name.strip()
        raise FieldError(f"There is no tensor {text} here; a tensor of another file is written file{OF_FILE}name.")

    def set_value(self, value: Any) -> None:
        """Show a name."""
        file, name = getattr(value, "file", None), getattr(value, "tensor", None)
        if isinstance(value, tuple):
            file, name = value
        elif isinstance(value, str):
            name = value
        self.edit.setText(f"{file}{OF_FILE}{name}" if file else str(name or ""))

    def clear(self) -> None:
        """Show nothing."""
        self.edit.clear()

    def _changed(self) -> None:
        restyle(self.edit, "wrong", "false")
        self.say("")
        if not self.is_empty:
            try:
                self.value()
            except FieldError as error:
                restyle(self.edit, "wrong", "true")
                self.say(str(error), wrong=True)
        self.changed.emit()


def field_for(parameter: Parameter, names: list[str]) -> Field:
    """Make the field of a parameter."""
    if parameter.type in ("dtype", "boolean"):
        return ChoiceField(parameter)
    if parameter.type == "tensor":
        return TensorField(parameter, names)
    return TextField(parameter)
