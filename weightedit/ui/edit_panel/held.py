"""Arguments that are not typed, such as a tensor's bytes: shown in words, and meant while the words stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weightedit.core.edit import TensorName, TensorValue, TensorView
from weightedit.core.words.labels import view_text
from weightedit.core.words.numbers import shape_text


class Held:
    """One argument and the words that stand for it."""

    def __init__(self) -> None:
        self._value: Any = None
        self._words = ""

    def hold(self, value: TensorValue | TensorName | TensorView) -> str:
        """Keep an argument, and return the words to show."""
        self._value, self._words = value, words_of(value)
        return self._words

    def meant_by(self, text: str) -> Any:
        """Return the argument if the words still stand there, else None."""
        return self._value if self._words and text.strip() == self._words else None


def words_of(value: TensorValue | TensorName | TensorView) -> str:
    """Return the words that stand for a tensor: its name, its shape, and how it is seen."""
    if isinstance(value, TensorView):
        return f"{words_of(value.source)}, {view_text(value)}"
    if isinstance(value, TensorValue):
        return f"{shape_text(value.shape)} values of {value.dtype}"
    return value.tensor if value.file is None else f"{value.tensor} of {Path(value.file).name}"
