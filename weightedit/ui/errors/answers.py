"""Which refusals a success answers: what was refused to be read or written, and was read or written later on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.errors import CheckpointError

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument

About = tuple[str, ...]
"""What was to be done, and with which file."""


def reading(path: str | Path) -> About:
    """Return what it is to open a file, again too, or to read from it."""
    return "read", str(Path(path).absolute())


def reading_all(found: OpenDocument) -> tuple[About, ...]:
    """Return what it is to read any of a document's files."""
    path = found.document.path
    files = [str(file.path) for file in found.document.files]
    return tuple(reading(one) for one in (*files, found.real_path, "" if path is None else str(path)) if one)


def writing(found: OpenDocument, path: str | Path | None) -> About:
    """Return what it is to write a document, or something of it, to a file."""
    whose = found.real_path or str(id(found.document))
    return "write", whose, "" if path is None else str(Path(path).absolute())


def reading_of(error: BaseException) -> About | None:
    """Return what could not be read where an error says so."""
    return reading(error.file) if isinstance(error, CheckpointError) and error.file else None
