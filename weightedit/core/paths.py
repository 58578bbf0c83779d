"""How messages speak of files: their names, and what the system says is wrong with them."""

from __future__ import annotations

from pathlib import Path


def shown(path: Path) -> str:
    """Return the name of a file without its folder; bytes that are no text show as escapes."""
    return (path.name or str(path)).encode("utf-8", "backslashreplace").decode("utf-8")


def reason(error: Exception) -> str:
    """Return what the system says is wrong, to stand after a colon."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
