"""The titles of the menus, the letters that pick them, and how keys are written: all that the first paint needs."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QKeySequence

MENUS = ("File", "Edit", "Select", "Go", "View", "Operations", "Doctor", "Help")


def lettered(titles: Iterable[str]) -> list[str]:
    """Mark in each title of one menu the letter that picks it: of a word's beginning if that is free."""
    taken: set[str] = set()
    marked = []
    for title in titles:
        places = sorted((place for place, letter in enumerate(title) if letter.isalnum()),
                        key=lambda place: place > 0 and title[place - 1] != " ")  # fmt: skip
        place = next((place for place in places if title[place].lower() not in taken), None)
        if place is None:
            marked.append(title.replace("&", "&&"))
            continue
        taken.add(title[place].lower())
        marked.append("&".join(part.replace("&", "&&") for part in (title[:place], title[place:])))
    return marked


def key_text(keys: str) -> str:
    """Return a shortcut as this system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
