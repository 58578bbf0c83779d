"""Writes the values of a document's tensors into one file of our own, which the model's process maps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import reason
from weightedit.core.writing.alone import RegionBytes

CHUNK = 4 << 20
ALIGNED = 64
"""Bytes that each tensor's values begin at a multiple of, as torch's own allocations do."""


def write_values(tensors: Iterable[PinnedTensor], path: Path, progress: Progress) -> dict[str, int]:
    """Write tensors row-major into one file; return by name where each begins, in bytes.

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
    for pinned in tensors:
        spec = pinned.spec
        key = (id(pinned.content), spec.offset, spec.shape, spec.stride, spec.dtype)
        if key not in known:
            known[key] = size
            content = RegionBytes(PinnedRegion(pinned, Box.whole(spec.shape)), spec.dtype)
            pieces.append((content, size))
            size += -(-content.nbytes // ALIGNED) * ALIGNED
        places[pinned.name] = known[key]
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
