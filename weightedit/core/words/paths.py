"""How messages speak of files and names: what they are called, and what the system says is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from weightedit.core.words.visible import visible


def shown(path: Path) -> str:
    """Return the name of a file without its folder, as it can be shown; bytes that are no text are escapes."""
    return visible(path.name or str(path))


def reason(error: Exception) -> str:
    """Return what the system says is wrong, to stand after a colon."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 tensor`, `2,000 tensors`."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def some(names: Iterable[str], most: int = 5) -> str:
    """Join the first few of many names, and say how many more there are."""
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(map(visible, listed[:most])) + (f" and {rest:,} more" if rest > 0 else "")
