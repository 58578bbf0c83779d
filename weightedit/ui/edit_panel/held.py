"""Arguments that are not typed, such as a tensor's bytes: shown in words, and meant while the words stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weightedit.core.edit import TensorName, TensorValue
from weightedit.core.numbers import shape_text


class Held:
    """One argument and the words that stand for it."""

    def __init__(self) -> None:
        self._value: Any = None
        self._words = ""

    def hold(self, value: TensorValue | TensorName) -> str:
        """Keep an argument, and return the words to show."""
        self._value = value
        if isinstance(value, TensorValue):
            self._words = f"{shape_text(value.shape)} values of {value.dtype}"
        else:
            self._words = value.tensor if value.file is None else f"{value.tensor} of {Path(value.file).name}"
        return self._words

    def meant_by(self, text: str) -> Any:
        """Return the argument if the words still stand there, else None."""
        return self._value if self._words and text.strip() == self._words else None
