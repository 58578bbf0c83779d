"""What bytes of a file were once, to compare with what they are now."""

from __future__ import annotations

import hashlib

KEPT = 128 << 10
"""Bytes that are kept as they are until more of their file is read."""


class Seen:
    """Bytes of a file as they once were: themselves, or only their hash.

    To hash both ends of a file takes as long as to parse a small header, so that is put off until more is read.

    Attributes
    ----------
    offset, nbytes
        Where in the file they were.
    """

    __slots__ = ("_bytes", "_hash", "nbytes", "offset")

    def __init__(self, data: bytes | bytearray, offset: int = 0) -> None:
        self.offset = offset
        self.nbytes = len(data)
        self._bytes: bytes | bytearray | None = data
        self._hash = b""
        if len(data) > KEPT:
            self.shrink()

    def shrink(self) -> None:
        """Keep the hash alone."""
        data = self._bytes
        if data is not None:
            self._hash, self._bytes = _digest(data), None

    def is_now(self, data: bytes | bytearray) -> bool:
        """Whether these are the same bytes."""
        seen = self._bytes
        return seen == data if seen is not None else self._hash == _digest(data)


def _digest(data: bytes | bytearray) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
