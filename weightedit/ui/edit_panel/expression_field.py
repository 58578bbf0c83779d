"""A field for a formula: checked as it is typed, with the functions it may call offered."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from weightedit.core.errors import ExpressionError
from weightedit.core.operation import REQUIRED, Parameter
from weightedit.search.expression import parse
from weightedit.search.functions import FUNCTIONS
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.literals import FieldError


class ExpressionField(Field):
    """A formula such as `w * 0.5 + mean(w, 0)`; what does not read is pointed at by its column."""

    def __init__(self, parameter: Parameter, names: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.edit = FormulaEdit(names)
        self.edit.setPlaceholderText("w * 0.5 + mean(w, 0)")
        self.add_control(self.edit)
        self.edit.textChanged.connect(self._changed)
        self.clear()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.edit.text().strip()

    def value(self) -> Any:
        """Return the formula as typed; raises `FieldError` where it does not read."""
        try:
            parse(self.edit.text())
        except ExpressionError as error:
            raise FieldError(str(error)) from None
        return self.edit.text()

    def set_value(self, value: Any) -> None:
        """Show a formula."""
        self.edit.setText(str(value))

    def clear(self) -> None:
        """Show the default, or nothing."""
        self.edit.setText("" if self.declared.default is REQUIRED else str(self.declared.default))

    def _changed(self) -> None:
        self.show_error(self.edit)
        self.changed.emit()


class FormulaEdit(QLineEdit):
    """A line that completes the word under the cursor: functions, and names of tensors after a quote."""

    def __init__(self, names: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("mono", True)
        self.setFont(mono_font(12))
        self._words = QCompleter([f"{name}(" for name in sorted(FUNCTIONS)], self)
        self._names = QCompleter(names, self)
        self._names.setFilterMode(Qt.MatchFlag.MatchContains)
        for completer in (self._words, self._names):
            completer.setWidget(self)
            completer.activated.connect(self._complete)
        self.textEdited.connect(self._offer)

    def _word(self) -> tuple[int, bool]:
        """Return where the word before the cursor starts, and whether it is a name in quotes."""
        before = self.text()[: self.cursorPosition()]
        for quote in "'\"":
            if before.count(quote) % 2:
                return before.rfind(quote) + 1, True
        start = len(before)
        while start and (before[start - 1].isalnum() or before[start - 1] == "_"):
            start -= 1
        return start, False

    def _offer(self, _: str) -> None:
        start, is_name = self._word()
        typed = self.text()[start : self.cursorPosition()]
        completer = self._names if is_name else self._words
        for other in (self._words, self._names):
            if (popup := other.popup()) is not None:
                popup.hide()
        if len(typed) >= (1 if is_name else 2):
            completer.setCompletionPrefix(typed)
            if completer.completionCount() and completer.currentCompletion() != typed:
                completer.complete()

    def _complete(self, word: str) -> None:
        start, is_name = self._word()
        text, at = self.text(), self.cursorPosition()
        closing = text[start - 1] if is_name else ""
        self.setText(f"{text[:start]}{word}{closing}{text[at:]}")
        self.setCursorPosition(start + len(word) + len(closing))
