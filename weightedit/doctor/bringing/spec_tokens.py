"""The words and signs of an input spec, each with its column, and what is said where one of them is out of place."""

from __future__ import annotations

import re
from typing import NoReturn

from weightedit.core.errors import WeightEditError
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.quoting import QUOTED

EXAMPLES = "float32[2,3,224,224], ids: int64[1,16]<32000, {'image': float32[1,3,64,64]}, tokens.npy"
TOKEN = re.compile(r"\s*(?:(?P<file>[^\s,;()\[\]{}'\"=]+?\.(?:npy|npz|pth|pt|safetensors)(?::[^\s,;()\[\]{}'\"]+)?"
                    r"(?=[\s,;)\]}]|$))|(?P<number>[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|(?:inf|nan)(?!\s*[:=]))"
                    rf"(?![\w.]))|(?P<word>[^\W\d][\w.]*)|(?P<text>{QUOTED})|(?P<sign>[,;:=<(){{}}\[\]]))")  # fmt: skip
"""What matches the next word or sign: a `file`, `number`, `word`, `text` in quotes, or `sign`."""


class SpecError(WeightEditError):
    """An input spec does not read; `column` is the 0-based place in `text`."""

    def __init__(self, said: str, text: str, column: int) -> None:
        super().__init__(f"The spec {visible(text, 200)!r} does not read at column {column + 1}: {said}. "
                         f"Write it like {EXAMPLES}.")  # fmt: skip
        self.text, self.column = text, column


class Tokens:
    """A spec from left to right.

    Parameters
    ----------
    text
        The spec.

    Raises
    ------
    SpecError
        If something in it is no word or sign of a spec.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if found is None:
                gap = len(text[place:]) - len(text[place:].lstrip())
                raise SpecError(f"{visible(text[place + gap])} means nothing here", text, place + gap)
            kind = str(found.lastgroup)
            self.tokens.append((kind, str(found[kind]), found.start(kind)))
            place = found.end()
        self.at = 0

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _column(self) -> int:
        return self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)

    def _sign(self, ahead: int = 0) -> str:
        """Return the sign at or after the place, empty where something else is; a missing one is said."""
        place = self.at + ahead
        return self.tokens[place][1] if place < len(self.tokens) and self.tokens[place][0] == "sign" else ""

    def _take(self) -> str:
        word = self.tokens[self.at][1] if self.at < len(self.tokens) else ""
        self.at += 1
        return word

    def _fail(self, said: str, column: int) -> NoReturn:
        raise SpecError(said, self.text, column)
