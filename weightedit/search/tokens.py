"""The words of an expression, each with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from weightedit.core.errors import ExpressionError
from weightedit.core.words.visible import message
from weightedit.search.nodes import Value

MOST_CHARACTERS = 2_000
MOST_DIGITS = 40
"""Characters of one number."""

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?j?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%<>&|~(),])"
    r"|(?P<quote>['\"])"
)
_HINTS = {
    "=": "write == to compare; an expression assigns nothing",
    "[": "values are not picked by index here; choose the cells by the region",
    "]": "values are not picked by index here; choose the cells by the region",
    ".": "nothing is reached by a dot; write functions alone, as in mean(w), and tensor names in quotes",
    "{": "there are no sets or dicts", "}": "there are no sets or dicts",
    ":": "there are no slices; choose the cells by the region",
    "!": "write not, or != for unequal", "^": "write ** for a power", "@": "matrices are not multiplied here",
    "×": "write *", "·": "write *", "÷": "write /", "−": "write -", "–": "write -", "≤": "write <=", "≥": "write >=",
    "≠": "write !=", "“": "write a straight quote", "”": "write a straight quote", "‘": "write a straight quote",
    "’": "write a straight quote", ";": "give one expression", "`": "write a tensor name in straight quotes",
    "?": "write where(condition, a, b)", "\\": "there are no backslashes outside of quotes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One word: `text` as typed; `value` of a number, `text` of a name without its quotes."""

    kind: Literal["number", "word", "sign", "name", "end"]
    text: str
    column: int
    value: Value = 0


def shortened(text: str) -> str:
    """Return an expression as messages show it."""
    text = message(" ".join(text.split()))
    return text if len(text) <= 60 else text[:57] + "…"


def shown_column(text: str, column: int) -> int:
    """Return the 1-based column in an expression as messages show it: blanks before it stand for what is not shown."""
    return column + 1 - (min(len(text) - len(text.lstrip()), column) if text.strip() else column)


def fail(text: str, column: int, what: str) -> NoReturn:
    """Raise an error that shows where an expression does not read, and why."""
    end = "" if what.endswith("?") else "."
    named = f"The expression {shortened(text)}".rstrip()
    raise ExpressionError(f"{named} does not read at column {shown_column(text, column)}: {what}{end}",
                          text=text, column=column)  # fmt: skip


def tokenize(text: str) -> list[Token]:
    """Cut an expression into words; the last one is the end.

    Raises
    ------
    ExpressionError
        If a character has no meaning, a quote is not closed, or the text or a number is too long.
    """
    if len(text) > MOST_CHARACTERS:
        fail(text, MOST_CHARACTERS, f"it has {len(text):,} characters, and {MOST_CHARACTERS:,} are the most")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            char = text[at]
            hint = _HINTS.get(char, "it takes ASCII letters, numbers, operators, and tensor names in quotes")
            fail(text, at, f"{char!r} has no meaning; {hint}")
        kind, word = match.lastgroup, match.group()
        if kind == "quote":
            name, at = _name(text, at)
            found.append(name)
            continue
        if kind == "number":
            _check_number_ends(text, match.end())
            found.append(Token("number", word, at, _number(text, word, at)))
        elif kind == "word":
            if text[match.end() : match.end() + 1] == ".":
                fail(text, match.end(), "nothing is reached by a dot; write functions alone, as in mean(w), and tensor "
                     "names in quotes, as in 'layers.0.bias'")  # fmt: skip
            found.append(Token("word", word, at))
        elif kind == "sign":
            found.append(Token("sign", word, at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found


def _name(text: str, start: int) -> tuple[Token, int]:
    """Read a tensor name in quotes; a backslash takes the next character as it is."""
    quote, at, name = text[start], start + 1, ""
    while at < len(text) and text[at] != quote:
        at += text[at] == "\\"
        name += text[at : at + 1]
        at += 1
    if at >= len(text):
        fail(text, start, "the quote is not closed")
    if not name:
        fail(text, start, "a tensor name is missing between the quotes")
    return Token("name", name, start), at + 1


def _check_number_ends(text: str, end: int) -> None:
    if end < len(text) and (text[end].isalnum() or text[end] in "_."):
        fail(text, end, f"{text[end]!r} cannot follow a number; write * to multiply, and no _ between digits")


def _number(text: str, word: str, column: int) -> Value:
    if len(word) > MOST_DIGITS:
        fail(text, column, f"the number has {len(word):,} characters, and {MOST_DIGITS} are the most")
    if word[:2] in ("0x", "0X"):
        return _whole(text, int(word, 16), column)
    if word.endswith("j"):
        return complex(0.0, float(word[:-1]))
    if word.isdigit():
        return _whole(text, int(word), column)
    value = float(word)
    if value == float("inf"):
        fail(text, column, "the number is past 1.8e308, where float64 ends; write inf for infinity")
    return value


def _whole(text: str, value: int, column: int) -> int:
    if value >= 2**64:
        fail(text, column, "the whole number is past 64 bits; write it as a float, such as 1e20")
    return value
