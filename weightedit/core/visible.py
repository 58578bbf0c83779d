"""Names and texts out of files as people see them: one line, every character visible, of bearable length."""

from __future__ import annotations

LONGEST = 400
"""Characters of a text that are shown unless someone asks for more."""


def visible(text: str, most: int = LONGEST) -> str:
    """Return a text as one line that is what it looks like.

    Control characters, terminal escapes, marks that change the direction of writing, lone surrogates and spaces that
    cannot be told from nothing become escapes; what is longer than `most` characters loses its middle and says how
    long it is.

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


def _escaped(text: str) -> str:
    if text.isprintable():  # no control, format or separator character but the plain space
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
