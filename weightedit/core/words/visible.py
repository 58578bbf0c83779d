"""Names and texts out of files as people see them: one line, every character visible, of bearable length and height."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 400
"""Characters of a name that are shown unless someone asks for more."""
LONGEST_MESSAGE = 4_000
"""Characters of a whole message that are shown."""
MOST_MARKS = 3
"""Combining marks over one letter that are drawn; more would reach into the lines above and below."""
_CUT = "…"
_UNSEEN = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""What counts as a letter or a sign and draws nothing."""
_UNSEEN_MARKS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def visible(text: str, most: int = LONGEST) -> str:
    """Return a text as one line that is what it looks like.

    Control characters, terminal escapes, marks that change the direction of writing, lone surrogates, letters and
    spaces that cannot be told from nothing, spaces at either end, and piled combining marks become escapes; what takes
    more than `most` characters loses its middle and says how long it is.

    Parameters
    ----------
    text
        Such as a tensor name out of a file.
    most
        Characters to show at most, not counting how long the text is; at least 16.
    """
    if len(text) <= most and text.isascii() and text.isprintable() and text[:1] != " " != text[-1:]:  # most names
        return text
    return "".join(_shown(text, most, ends=True))


def visible_places(text: str, places: Iterable[int], most: int = LONGEST) -> tuple[str, tuple[int, ...]]:
    """Return a visible text and where in it characters of the text stand, such as those that a search found."""
    pieces = _shown(text, most, ends=True)
    if len(pieces) == 1 and pieces[0] == text:
        return text, tuple(places)
    starts, at = [], 0
    for piece in pieces:
        starts.append(at)
        at += len(piece)
    cut = next((number for number, piece in enumerate(pieces) if piece is _CUT), len(pieces))
    shown: list[int] = []
    for place in places:
        number = place if place < cut else place - len(text) + len(pieces) - 1  # the last piece says how long it is
        if place < cut or number > cut:
            shown += range(starts[number], starts[number] + len(pieces[number]))
    return "".join(pieces), tuple(shown)


def visible_lines(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return a text of several lines of which each is what it looks like, such as a message with names in it."""
    return "".join(_shown(text, most, lines=True))


def message(text: str) -> str:
    """Return a whole message as one line: the names in it may hold newlines and terminal escapes."""
    return visible(text, LONGEST_MESSAGE)


def seen_only(text: str) -> str:
    """Return a text for a new file's name: `_` stands for each character that cannot be seen."""
    return "".join(piece if len(piece) == 1 else "_" for piece in _pieces(text, ends=True, lines=False))


def columns(text: str) -> int:
    """Return how many columns of a terminal a visible text takes: wide letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me")
               else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)  # fmt: skip


def _shown(text: str, most: int, ends: bool = False, lines: bool = False) -> list[str]:
    """Return the pieces of a visible text: the whole, or one for each character that is shown."""
    is_plain = len(text) <= most and text.isascii() and (text.replace("\n", "") if lines else text).isprintable()
    if is_plain and not (ends and (text[:1] == " " or text[-1:] == " ")):  # most names
        return [text]
    if len(text) <= most and sum(map(len, pieces := _pieces(text, ends, lines))) <= most:
        return pieces
    head, tail = most * 2 // 3, most - most * 2 // 3
    first, last = _pieces(text[:head], ends, lines), _pieces(text[-tail:], ends, lines)
    return [*_fitting(first, head), _CUT, *reversed(_fitting(reversed(last), tail)), f" ({len(text):,} characters)"]


def _fitting(pieces: Iterable[str], room: int) -> list[str]:
    taken: list[str] = []
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        taken.append(piece)
    return taken


def _pieces(text: str, ends: bool, lines: bool) -> list[str]:
    """Return each character as it is shown; `ends`: spaces at either end are escapes too, `lines`: not line breaks."""
    made: list[str] = []
    marks = MOST_MARKS
    for char in text:
        if char.isascii():
            marks = 0
            made.append(char if char.isprintable() or (lines and char == "\n") else _escape(char))
            continue
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        unseen = not char.isprintable() or char in _UNSEEN or _UNSEEN_MARKS.match(char) is not None
        made.append(_escape(char) if unseen or marks > MOST_MARKS else char)
    if ends:
        inner = len(text.lstrip(" ")), len(text.rstrip(" "))
        for place in (*range(len(text) - inner[0]), *range(inner[1], len(text))):
            made[place] = "\\x20"
    return made


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
