"""One file per format behind one small protocol, in an explicit order; content decides, never the suffix."""

from __future__ import annotations

from pathlib import Path

from weightedit.core.source import SourceFile
from weightedit.formats.csv import Csv
from weightedit.formats.detection import HEAD, find_file, read_head, what_instead
from weightedit.formats.npy import Npy
from weightedit.formats.npz import Npz
from weightedit.formats.protocol import Contents, Format, Opened, Pinned
from weightedit.formats.safetensors import Safetensors
from weightedit.formats.torch_legacy import TorchLegacy
from weightedit.formats.torch_tar import TorchTar
from weightedit.formats.torch_zip import TorchZip

FORMATS: tuple[Format, ...] = (Safetensors(), Npz(), TorchZip(), TorchLegacy(), TorchTar(), Npy(), Csv())
"""Every format, in the order in which they are asked: an .npz is a zip archive as well, and a table is told last."""

__all__ = ["FORMATS", "Contents", "Format", "Opened", "Pinned", "detect", "format_for", "recognised"]


def detect(path: Path) -> Format:
    """Return the format of a file or folder; raises as `recognised` does."""
    kind, file = recognised(path)
    file.close()
    return kind


def recognised(path: Path) -> tuple[Format, SourceFile]:
    """Open a file, or the one that a folder means, and return its format too.

    Raises
    ------
    CheckpointError
        If there is none: the message says what the file is instead.
    """
    file = SourceFile(find_file(path))
    head = file.head(HEAD)
    for candidate in FORMATS:
        if file.size and candidate.probe(file.path, head):
            return candidate, file
    file.close()
    raise what_instead(file.path, *read_head(file.path))


def format_for(path: Path, name: str | None = None) -> Format | None:
    """Return the format that `name`, or else the suffix of a file to be written, means; None where neither does."""
    for candidate in FORMATS:
        if candidate.writes and (candidate.name == name if name else path.name.lower().endswith(candidate.suffixes)):
            return candidate
    return None
