"""Bytes seen through something: a part of other bytes, or numbers with their bytes the other way round."""

from __future__ import annotations

from weightedit.core.source import ByteSource, SourceFile
from weightedit.core.storage import file_under


class Part:
    """A range of other bytes."""

    __slots__ = ("nbytes", "start", "whole")

    def __init__(self, whole: ByteSource, start: int, nbytes: int) -> None:
        self.whole = whole
        self.start = start
        self.nbytes = nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes of the range from `offset` on."""
        self.whole.read_into(buffer, self.start + offset)

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """Return the file that is read for bytes `[start, stop)`."""
        return file_under(self.whole, self.start + start, self.start + stop)


class Swapped:
    """Numbers of `width` bytes that another machine wrote big end first, or is to be given so."""

    __slots__ = ("nbytes", "whole", "width")

    def __init__(self, whole: ByteSource, width: int) -> None:
        self.whole = whole
        self.width = width
        self.nbytes = whole.nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the swapped bytes from `offset` on."""
        import numpy as np

        view = buffer.cast("B")
        low = offset - offset % self.width
        high = min(self.nbytes, -(-(offset + view.nbytes) // self.width) * self.width)
        raw = bytearray(high - low)
        self.whole.read_into(memoryview(raw), low)
        np.frombuffer(raw, f"u{self.width}").byteswap(inplace=True)
        view[:] = memoryview(raw)[offset - low : offset - low + view.nbytes]

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """Return the file that is read for bytes `[start, stop)`."""
        return file_under(self.whole, start - start % self.width, -(-stop // self.width) * self.width)
