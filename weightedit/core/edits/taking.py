"""A whole tensor taken as an argument of an edit: its bytes, read piece by piece and known by their hash."""

from __future__ import annotations

import hashlib

from weightedit.core.edit import TensorValue
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.undo.spill import Spill
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor
from weightedit.core.writing.alone import RegionBytes

CHUNK = 4 << 20


def taken(pinned: PinnedTensor, spill: Spill, progress: Progress) -> TensorValue:
    """Copy one state of a tensor, every bit of it.

    Parameters
    ----------
    pinned
        The tensor, of any document.
    spill
        Gives the memory of the copy; that of the document whose edit takes it.
    progress
        Told in bytes, and asked whether to stop.

    Raises
    ------
    EditRefused
        If its values have no plain form.
    """
    spec = pinned.spec
    if spec.encoding != "plain":
        raise EditRefused([refusal("unsupported", f"{pinned.name} is {spec.encoding}, and has no plain values to copy",
                                   targets=[pinned.name])])  # fmt: skip
    source = RegionBytes(PinnedRegion(pinned, Box.whole(spec.shape)), spec.dtype)
    buffer = spill.allocate(source.nbytes)
    progress.begin(f"Copying {pinned.name}", source.nbytes)
    for start in range(0, source.nbytes, CHUNK):
        piece = buffer[start : start + CHUNK]
        source.read_into(piece, start)
        progress.advance(piece.nbytes)
    return known(spec.dtype, tuple(spec.shape), buffer)


def known(dtype: str, shape: tuple[int, ...], buffer: memoryview) -> TensorValue:
    """Return bytes, row-major, as an argument known by its hash."""
    digest = hashlib.sha256(f"{dtype} {shape}".encode())
    for start in range(0, buffer.nbytes, CHUNK):
        digest.update(buffer[start : start + CHUNK])
    return TensorValue(digest.hexdigest(), dtype, shape, buffer)
