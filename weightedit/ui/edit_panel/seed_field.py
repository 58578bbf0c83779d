"""The field of an operation's seed: the same seed gives the same values, and a button draws another."""

from __future__ import annotations

import secrets
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from weightedit.core.operation import Parameter
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.literals import FieldError

SEED = Parameter("seed", "Seed", "integer", 0, "Random values are the same again with the same seed.")


class SeedField(Field):
    """A whole number from 0 to 2**64 - 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(SEED, parent)
        self.edit, self.another = QLineEdit("0"), QPushButton("Another")
        self.edit.setFont(mono_font(12))
        self.edit.setAccessibleName("Seed")
        self.another.setProperty("kind", "quiet")
        self.another.setToolTip("Draw another seed")
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(self.edit, 1)
        line.addWidget(self.another)
        self.column.addWidget(row)
        self.column.addWidget(self.note)
        self.setFocusProxy(self.edit)
        self.edit.textChanged.connect(self._changed)
        self.another.clicked.connect(lambda: self.edit.setText(str(secrets.randbelow(2**32))))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.edit.text().strip()

    def value(self) -> Any:
        """Return the seed; raises `FieldError`."""
        text = self.edit.text().strip()
        if not text.isdecimal() or int(text) >= 2**64:
            raise FieldError("A seed is a whole number from 0 to 18446744073709551615.")
        return int(text)

    def set_value(self, value: Any) -> None:
        """Show a seed."""
        self.edit.setText(str(value))

    def _changed(self) -> None:
        self.show_error(self.edit)
        self.changed.emit()
