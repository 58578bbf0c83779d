"""Names and texts out of files as people see them: one line, every character visible, of bearable length and height."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 400
"""Characters of a name that are shown unless someone asks for more."""
LONGEST_MESSAGE = 4_000
"""Characters of a whole message that are shown."""
MOST_MARKS = 3
"""Combining marks over one letter that are drawn; more would reach into the lines above and below."""
_UNSEEN = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""What counts as a letter or a sign and draws nothing."""
_UNSEEN_MARKS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def visible(text: str, most: int = LONGEST) -> str:
    """Return a text as one line that is what it looks like.

    Control characters, terminal escapes, marks that change the direction of writing, lone surrogates, letters and
    spaces that cannot be told from nothing, spaces at either end, and piled combining marks become escapes; what is
    longer than `most` characters loses its middle and says how long it is.

    Parameters
    ----------
    text
        Such as a tensor name out of a file.
    most
        Characters to show at most, not counting escapes; at least 16.
    """
    if len(text) > most:
        head, tail = most * 2 // 3, most - most * 2 // 3
        return f"{_escaped(text[:head])}…{_escaped(text[-tail:])} ({len(text):,} characters)"
    return _escaped(text)


def visible_lines(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return a text of several lines of which each is what it looks like, such as a message with names in it."""
    if len(text) > most:
        head, tail = most * 2 // 3, most - most * 2 // 3
        text = f"{text[:head]}…{text[-tail:]} ({len(text):,} characters)"
    return "\n".join(_escaped(line, ends=False) for line in text.split("\n")) if "\n" in text else \
        _escaped(text, ends=False)  # fmt: skip


def message(text: str) -> str:
    """Return a whole message as one line: the names in it may hold newlines and terminal escapes."""
    return visible(text, LONGEST_MESSAGE)


def columns(text: str) -> int:
    """Return how many columns of a terminal a visible text takes: wide letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me")
               else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)  # fmt: skip


def _escaped(text: str, ends: bool = True) -> str:
    """Return a text with escapes for what cannot be seen; `ends` says whether spaces at either end are among it."""
    if text.isascii() and text.isprintable():  # no control character: most names
        return text if not ends or text.strip(" ") == text else _edges(text)
    made, marks = [], MOST_MARKS
    for char in text:
        if char.isascii():
            marks = 0
            made.append(char if char.isprintable() else _escape(char))
            continue
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        unseen = not char.isprintable() or char in _UNSEEN or _UNSEEN_MARKS.match(char) is not None
        made.append(_escape(char) if unseen or marks > MOST_MARKS else char)
    return _edges("".join(made)) if ends else "".join(made)


def _edges(text: str) -> str:
    inner = text.strip(" ")
    start = len(text) - len(text.lstrip(" ")) if inner else len(text)
    return "\\x20" * start + inner + "\\x20" * (len(text) - start - len(inner))


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
