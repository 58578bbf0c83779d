"""Writes the values of a document's tensors into one file of our own, which the model's process maps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.values.pinned import PinnedRegion
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import reason
from weightedit.core.writing.alone import RegionBytes

CHUNK = 4 << 20
ALIGNED = 64
"""Bytes that each tensor's values begin at a multiple of, as torch's own allocations do."""


def has_values(document: Document, name: str) -> bool:
    """Whether a tensor has values torch can compute with."""
    spec = document.slot(name).spec
    return spec.encoding == "plain" and spec.type.family != "opaque"


def write_values(document: Document, names: Iterable[str], path: Path, progress: Progress) -> dict[str, int]:
    """Write tensors as they are now, edits included, row-major; return where each begins, in bytes.

    Tensors that are one and the same are written once.

    Raises
    ------
    WeightEditError
        If there is no room for them; nothing is left then.
    Cancelled
        If it was stopped.
    """
    places: dict[str, int] = {}
    known: dict[tuple[object, ...], int] = {}
    pieces: list[tuple[RegionBytes, int]] = []
    size = 0
    for name in names:
        slot = document.slot(name)
        spec = slot.spec
        key = (id(slot.storage), spec.offset, spec.shape, spec.stride, spec.dtype)
        if key not in known:
            known[key] = size
            content = RegionBytes(PinnedRegion(document.pin(slot.path), Box.whole(spec.shape)), spec.dtype)
            pieces.append((content, size))
            size += -(-content.nbytes // ALIGNED) * ALIGNED
        places[name] = known[key]
    progress.begin("Reading the weights", size)
    try:
        _write(path, pieces, size, progress)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise WeightEditError(f"The weights, {bytes_text(size)}, do not fit in {path.parent}: {reason(error)}; free "
                              "some room there, or trace without values.") from error  # fmt: skip
    return places


def _write(path: Path, pieces: list[tuple[RegionBytes, int]], size: int, progress: Progress) -> None:
    buffer = memoryview(bytearray(CHUNK))
    with path.open("wb", buffering=0) as file:
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
        for content, place in pieces:
            file.seek(place)
            for start in range(0, content.nbytes, CHUNK):
                piece = buffer[: min(CHUNK, content.nbytes - start)]
                content.read_into(piece, start)
                rest = piece
                while rest:
                    rest = rest[file.write(rest) :]
                progress.advance(piece.nbytes)
