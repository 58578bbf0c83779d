"""Fields that take tensors by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from weightedit.core.edit import TensorValue, TensorView
from weightedit.core.operation import Parameter
from weightedit.core.words.numbers import NumberError, parse_number
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.held import Held
from weightedit.ui.widgets.literals import FieldError, nested

OF_FILE = "::"
"""Parts a file from a tensor's name in it."""


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # no path at all
        return False


class TensorField(Field):
    """A tensor by name: of this document, `file::name`, or a file that holds one.

    An operand may be a number or a list of numbers too.
    """

    def __init__(self, parameter: Parameter, names: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.edit = QLineEdit()
        self._held = Held()
        operand = parameter.type == "operand"
        self.edit.setPlaceholderText("Number, or a tensor's name" if operand else "Name, or file::name")
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
        """Return the name, (file, name), or the values that were put here."""
        text = self.edit.text().strip()
        held = self._held.meant_by(text)
        return self._meant(text) if held is None else held

    def _meant(self, text: str) -> Any:
        if text in self._names:
            return text
        file, parted, name = text.partition(OF_FILE)
        if parted and file and name:
            return file.strip(), name.strip()
        if _is_file(text):
            return str(Path(text).expanduser()), ""  # the one tensor in it
        if self.declared.type == "operand":
            if text.startswith(("[", "(")):
                return nested(text)
            try:
                return parse_number(text, "float64")
            except NumberError:
                raise FieldError(f"{text} is neither a number nor a tensor here.") from None
        raise FieldError(f"There is no tensor {text} here; a tensor of another file is written "
                         f"file{OF_FILE}name, or as the file alone where it holds one.")  # fmt: skip

    def set_value(self, value: Any) -> None:
        """Show a name, or what values were put here."""
        if isinstance(value, TensorValue | TensorView):
            self.edit.setText(self._held.hold(value))
            return
        file, name = getattr(value, "file", None), getattr(value, "tensor", None)
        if isinstance(value, tuple):
            file, name = value
        elif isinstance(value, str):
            name = value
        elif isinstance(value, bool | int | float | complex):
            name = str(value)
        self.edit.setText((f"{file}{OF_FILE}{name}" if name else str(file)) if file else str(name or ""))

    def clear(self) -> None:
        """Show nothing."""
        self.edit.clear()

    def _changed(self) -> None:
        self.show_error(self.edit)
        self.changed.emit()


class TensorsField(TensorField):
    """Several tensors by name, parted by commas."""

    def value(self) -> Any:
        """Return a list of names or (file, name) pairs."""
        return [self._meant(name.strip()) for name in self.edit.text().split(",") if name.strip()]

    def set_value(self, value: Any) -> None:
        """Show names."""
        given = [getattr(one, "tensor", one) for one in value] if isinstance(value, list | tuple) else [value]
        self.edit.setText(", ".join(map(str, given)))
