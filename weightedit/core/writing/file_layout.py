"""What a new file is made of: ranges of an opened file as they are, and new bytes, each at its place.

A format says it once. How the file comes to be (a clone that is patched, a patch of the file itself, a copy by the
kernel, or byte by byte), what that costs and what must be read back all follow from the same layout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weightedit.core.source import ByteSource, Source, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Patched, file_under
from weightedit.core.values.streaming import logical_bytes, range_bytes

if TYPE_CHECKING:
    import numpy as np

PAGE = 4 << 10
"""Bytes between two changed ranges that are written along with them: the disk takes whole pages anyway."""
FAR = 1 << 20
"""Bytes of unchanged content that are worth a copy by the kernel of their own."""
NEAR, MANY = 1 << 20, 8
"""Bytes that are read at once for the changed ranges in them, where these are so many: each one takes half a
millisecond by itself."""
_MOST_RANGES = 1 << 17
CHUNK = 1 << 20
"""Bytes of new content in memory at once: what is read of it is still in the cache when it is written."""
Chunks = Iterable[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes `[start, stop)` of an opened file, as they are."""

    file: SourceFile
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Fresh:
    """New bytes.

    Attributes
    ----------
    nbytes
        How many.
    chunks
        Gives them anew whenever it is called, in whatever pieces.
    reads
        The opened file that is read for them, at places of its own choice; None where they are all our own.
    content, start
        The content of which they are a range, and where in it that begins; None where they are made otherwise.
    """

    nbytes: int
    chunks: Callable[[], Chunks]
    reads: SourceFile | None = None
    content: ByteSource | None = None
    start: int = 0

    @classmethod
    def of(cls, data: bytes) -> Fresh:
        """Return bytes that are in memory."""
        return cls(len(data), lambda: (data,))

    @classmethod
    def part(cls, content: ByteSource, start: int, stop: int) -> Fresh:
        """Return a range of a content."""
        return cls.within(content, start, stop, file_under(content, start, stop))

    @classmethod
    def whole(cls, spec: TensorSpec, content: ByteSource) -> Fresh:
        """Return a tensor in row-major order, whatever its strides."""
        if spec.is_contiguous:
            return cls.part(content, *spec.extent)
        return cls(spec.nbytes, lambda: logical_bytes(spec, content, CHUNK), file_under(content, *spec.extent))

    @classmethod
    def within(cls, content: ByteSource, start: int, stop: int, reads: SourceFile | None = None) -> Fresh:
        """Return a range of a content, with the file that is read for it where that matters."""
        return cls(stop - start, lambda: range_bytes(content, start, stop, CHUNK), reads, content, start)

    def cuts(self) -> Iterator[Fresh]:
        """Yield the same bytes in pieces that can be made side by side, where they can be."""
        if self.content is None:
            yield self
            return
        stop = self.start + self.nbytes
        for at in range(self.start, stop, CHUNK):
            yield self.within(self.content, at, min(at + CHUNK, stop), self.reads)


class Near:
    """Many ranges of a content that lie near each other: it is read once for all of them, with what is between.

    Parameters
    ----------
    content, start, stop
        The content, and where in it the first range begins and the last one ends.
    """

    __slots__ = ("_content", "_lock", "_read", "_start", "_stop")

    def __init__(self, content: ByteSource, start: int, stop: int) -> None:
        self._content, self._start, self._stop = content, start, stop
        self._read: memoryview | None = None
        self._lock = threading.Lock()

    def part(self, start: int, stop: int) -> Fresh:
        """Return one of the ranges."""
        return Fresh(stop - start, lambda: (self._bytes()[start - self._start : stop - self._start],))

    def _bytes(self) -> memoryview:
        with self._lock:
            if self._read is None:
                self._read = memoryview(bytearray(self._stop - self._start))
                self._content.read_into(self._read, self._start)
            return self._read


@dataclass(frozen=True, slots=True)
class Mixed:
    """Bytes `[start, stop)` of a content that lies in an opened file but for ranges that an edit changed."""

    content: Patched
    base: Source
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """How many."""
        return self.stop - self.start

    def changed(self, gap: int) -> tuple[np.ndarray, np.ndarray]:
        """Return starts and stops, in bytes of the content, of what was changed; those nearer than `gap` are joined."""
        return self.content.patches.changed(self.start, self.stop, gap)

    def split(self, gap: int) -> Iterator[Kept | Fresh]:
        """Yield what is kept and what is new, in their order."""
        at = self.start
        for start, piece in self._fresh(*self.changed(gap)):
            if start > at:
                yield self._kept(at, start)
            yield piece
            at = start + piece.nbytes
        if at < self.stop:
            yield self._kept(at, self.stop)

    def _fresh(self, starts: np.ndarray, stops: np.ndarray) -> Iterator[tuple[int, Fresh]]:
        """Yield what is new with where it begins; what lies near each other is read together."""
        first, ends = 0, stops.tolist()
        for place, start in enumerate(starts.tolist()):
            if place == first:
                first = max(place + 1, int(stops.searchsorted(start + NEAR, "right")))
                near = Near(self.content, start, ends[first - 1]) if first - place >= MANY else None
            if near is None:
                yield start, Fresh.within(self.content, start, ends[place])
            else:
                yield start, near.part(start, ends[place])

    def _kept(self, start: int, stop: int) -> Kept:
        return Kept(self.base.file, self.base.offset + start, self.base.offset + stop)


Piece = Kept | Fresh | Mixed


@dataclass(slots=True)
class FileLayout:
    """A new file, from its first byte on."""

    pieces: list[Piece] = field(default_factory=list)
    nbytes: int = 0

    def add(self, piece: Piece) -> None:
        """Append a piece; what follows the one before in the same file is joined to it."""
        if not piece.nbytes:
            return
        last = self.pieces[-1] if self.pieces else None
        if isinstance(piece, Kept) and isinstance(last, Kept) and last.file is piece.file and last.stop == piece.start:
            self.pieces[-1] = Kept(last.file, last.start, piece.stop)
        else:
            self.pieces.append(piece)
        self.nbytes += piece.nbytes

    def add_content(self, content: ByteSource, start: int, stop: int) -> None:
        """Append a range of a content: kept where it lies in a file, and new where it does not."""
        if isinstance(content, Source):
            self.add(Kept(content.file, content.offset + start, content.offset + stop))
        elif isinstance(content, Patched) and isinstance(content.base, Source):
            self.add(Mixed(content, content.base, start, stop))
        elif stop > start:
            self.add(Fresh.part(content, start, stop))

    @property
    def origin(self) -> SourceFile | None:
        """The one file of which this is a change in place, as long and with what is kept where it lay; or None."""
        at, found = 0, None
        for piece in self.pieces:
            if not isinstance(piece, Fresh):
                file, start = _where(piece)
                if start != at or found not in (None, file):
                    return None
                found = file
            at += piece.nbytes
        return found if found is not None and found.size == at else None

    @property
    def is_own(self) -> bool:
        """Whether nothing that is new is read out of the origin, but for bytes that stay at their place."""
        origin = self.origin
        return all(piece.reads is not origin for piece in self.pieces if isinstance(piece, Fresh) and piece.reads)

    def gap(self) -> int:
        """Return how near two changed ranges are that are patched as one; wider where they are very many."""
        mixed = [piece for piece in self.pieces if isinstance(piece, Mixed)]
        few = len(mixed) == 0 or sum(len(piece.changed(PAGE)[0]) for piece in mixed) <= _MOST_RANGES
        return PAGE if few else 16 * PAGE

    def steps(self, gap: int) -> Iterator[tuple[int, Kept | Fresh]]:
        """Yield what is kept and what is new with its place in the new file."""
        at = 0
        for piece in self.pieces:
            for part in piece.split(gap) if isinstance(piece, Mixed) else (piece,):
                yield at, part
                at += part.nbytes

    def cuts(self, gap: int) -> Iterator[tuple[int, Fresh]]:
        """Yield what is new, in pieces that can be made side by side, with its place in the new file."""
        for at, piece in self.steps(gap):
            for part in piece.cuts() if isinstance(piece, Fresh) else ():
                yield at, part
                at += part.nbytes

    def fresh_bytes(self, gap: int) -> int:
        """Return how many bytes are new, those between near ranges counted in."""
        found = 0
        for piece in self.pieces:
            if isinstance(piece, Mixed):
                starts, stops = piece.changed(gap)
                found += int((stops - starts).sum())
            elif isinstance(piece, Fresh):
                found += piece.nbytes
        return found


def _where(piece: Kept | Mixed) -> tuple[SourceFile, int]:
    """Return the file that a piece is kept from, and where in it the piece begins."""
    if isinstance(piece, Kept):
        return piece.file, piece.start
    return piece.base.file, piece.base.offset + piece.start
