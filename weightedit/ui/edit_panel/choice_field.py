"""A field that is a choice among fixed values: dtypes, methods, True and False."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtWidgets import QWidget

from weightedit.core.dtypes import DTYPES
from weightedit.core.operation import REQUIRED, Parameter
from weightedit.core.values.devices import offered
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.words import choice_words
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.plain import row_text
from weightedit.ui.widgets.wheel import leave_wheel


class ChoiceField(Field):
    """A choice among fixed values: dtypes, True and False."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.combo = ElidedCombo()
        values: list[Any] = [True, False]
        if parameter.type == "choice":
            values = list(parameter.choices)
        elif parameter.type == "dtype":
            values = [dtype.name for dtype in DTYPES.values() if dtype.family != "opaque"]
        elif parameter.type == "device":
            values = offered()
        for value in values:
            self.combo.addItem(row_text(str(value)), value)
        self.combo.setCurrentIndex(-1)
        self.combo.setPlaceholderText("Choose…")
        leave_wheel(self.combo)
        self.add_control(self.combo)
        self.clear()
        self.combo.currentIndexChanged.connect(lambda _: self.changed.emit())

    def call_after(self, chosen: Iterable[object]) -> None:
        """Call it and its choices what they mean after what is chosen in the form's other fields."""
        chosen = list(chosen)
        super().call_after(chosen)
        for value, words in choice_words(self.declared, chosen).items():
            self.combo.setItemText(self.combo.findData(value), row_text(words))

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
