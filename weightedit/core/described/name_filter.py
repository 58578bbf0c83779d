"""The filter above the tree: which tensors and values a text means, and what was meant where it means none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fnmatch import translate

from weightedit.core.described.entry_list import by_columns
from weightedit.core.progress import Progress
from weightedit.core.slots import Entry

TOGETHER = 4_096
"""Names matched between two questions whether to stop."""
MOST_PARTS = 5_000
"""Name parts that a mistyped filter is compared with."""


def glob(text: str) -> str:
    """Return the pattern that a filter means: a bare word matches anywhere in a name."""
    text = text.strip()
    return text if any(letter in text for letter in "*?[") else f"*{text}*"


def matching(entries: Sequence[Entry], text: str, progress: Progress | None = None) -> list[int]:
    """Return the indices of the leaves whose full name matches a filter.

    Parameters
    ----------
    entries
        Of a document.
    text
        As typed: a glob with `*`, `?` and `[…]` on the full name, upper and lower case told apart, or a bare word;
        a glob that matches no full name is tried on the middle of names.
    progress
        Asked now and then whether to stop.
    """
    pattern = glob(text)
    found = _matching(entries, pattern, progress)
    if not found and not pattern.startswith("*"):
        found = _matching(entries, f"*{pattern}*", progress)
    return found


def _matching(entries: Sequence[Entry], pattern: str, progress: Progress | None) -> list[int]:
    match = re.compile(translate(pattern)).match
    columns = by_columns(entries)
    names, leaves = columns.names, columns.leaves
    found: list[int] = []
    for start in range(0, len(leaves), TOGETHER):
        if progress is not None:
            progress.advance(0)
        found += [index for index in leaves[start : start + TOGETHER] if match(names[index])]
    return found


def suggestion(entries: Sequence[Entry], text: str) -> str | None:
    """Return the filter that was probably meant where one matches nothing; None where there is no telling."""
    parts: dict[str, None] = {}
    columns = by_columns(entries)
    names = columns.names
    for index in columns.leaves:
        parts.update(dict.fromkeys(names[index].split(".")))
        if len(parts) > MOST_PARTS:
            break
    meant = text.strip()
    for word in re.findall(r"[^*?.\[\]]+", text):
        if any(word in part for part in parts):
            continue
        close = difflib.get_close_matches(word, parts, 1, 0.6)
        if not close:
            return None
        meant = meant.replace(word, close[0])
    return meant if meant != text.strip() and matching(entries, meant) else None
