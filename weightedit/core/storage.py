"""The bytes of one storage group, and the immutable contents they can be: clean, patched, resident or live.

A content is never changed after it was made. A write gives the storage another content, undo gives the old one
back, and a reader that holds a content sees one state however long it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightedit.core.source import ByteSource, Source, SourceFile
from weightedit.core.undo.sealed import Kept, LookedAt, compared_bytes, seal, verify
from weightedit.core.values.side_by_side import side_by_side, threads_for

if TYPE_CHECKING:
    import numpy as np

    from weightedit.core.undo.comb import Comb
    from weightedit.core.undo.patches import Patches
    from weightedit.core.undo.spill import Spill

MOST_SEGMENTS = 1 << 18
"""A patched content with more pieces than this is written out whole."""
MOST_COMBS = 256
"""A patched content with more combs than this is written out whole: every read lays those it touches over the rest."""
COPY_CHUNK = 4 << 20


class Resident:
    """Bytes of our own, final: in memory, or sealed in a file of the spill.

    Parameters
    ----------
    buffer
        As the spill gave it, filled. What lies in a file is checksummed now and compared whenever it is read.
    """

    __slots__ = ("__weakref__", "kept", "nbytes")

    def __init__(self, buffer: memoryview) -> None:
        self.nbytes = buffer.nbytes
        self.kept: Kept = seal(buffer.cast("B")) if buffer.nbytes else memoryview(b"")

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on.

        Raises
        ------
        SpillDamaged
            If they are not what was put there.
        """
        view = buffer.cast("B")
        if isinstance(self.kept, memoryview):
            view[:] = self.kept[offset : offset + view.nbytes]
        else:
            self.kept.read_into(view, offset)

    def verify(self, looked_at: LookedAt = lambda nbytes: None) -> None:
        """Compare everything that is in a file with its checksums; raises `SpillDamaged`."""
        verify(self.kept, looked_at)

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """No file is read: the bytes are our own."""
        return None


class Patched:
    """Changed ranges of bytes over a clean or resident base."""

    __slots__ = ("__weakref__", "base", "nbytes", "patches")

    def __init__(self, base: ByteSource, patches: Patches) -> None:
        self.base = base
        self.patches = patches
        self.nbytes = base.nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer`: the base is only read where the patches do not cover it."""
        view = buffer.cast("B")
        flat = self.patches.flat
        if not flat.cover(offset, offset + view.nbytes):
            self.base.read_into(view, offset)
        flat.overlay_onto(view, offset)

    def verify(self, looked_at: LookedAt = lambda nbytes: None) -> None:
        """Compare everything that is in a file of our own with its checksums; raises `SpillDamaged`."""
        for kept in self.patches.sealed:
            verify(kept, looked_at)
        verify_content(self.base, looked_at)

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """Return the file that the base reads for bytes `[start, stop)`, unless patches cover them."""
        return None if self.patches.cover(start, stop) else file_under(self.base, start, stop)


def file_under(content: ByteSource, start: int, stop: int) -> SourceFile | None:
    """Return the file that is read for bytes `[start, stop)` of a content; None where they are our own or live."""
    reads = getattr(content, "reads", None)
    found: SourceFile | None = reads(start, stop) if reads is not None else None
    return found


def verify_content(content: ByteSource, looked_at: LookedAt = lambda nbytes: None) -> None:
    """Compare what a content keeps in files of our own with its checksums; raises `SpillDamaged`."""
    if isinstance(content, Resident | Patched):
        content.verify(looked_at)


def sealed_bytes(content: ByteSource) -> int:
    """Return how many bytes `verify_content` compares."""
    if isinstance(content, Resident):
        return compared_bytes(content.kept)
    if isinstance(content, Patched):
        return sum(map(compared_bytes, content.patches.sealed)) + sealed_bytes(content.base)
    return 0


class Storage:
    """One storage group: what all slots over it share.

    Attributes
    ----------
    content
        The present bytes. Replaced as a whole by commands, so that a reader can hold on to one state.
    saved
        The content at the saved point; the storage is modified while `content` is another object.
    """

    __slots__ = ("__weakref__", "content", "saved")

    def __init__(self, content: ByteSource) -> None:
        self.content = content
        self.saved = content

    @property
    def nbytes(self) -> int:
        """Bytes in the whole storage."""
        return self.content.nbytes

    @property
    def is_modified(self) -> bool:
        """Whether any byte may differ from the saved point."""
        return self.content is not self.saved

    @property
    def state(self) -> str:
        """`clean`, `patched`, `resident` or `live`."""
        if isinstance(self.content, Source):
            return "clean"
        return {Patched: "patched", Resident: "resident"}.get(type(self.content), "live")


def patched(content: ByteSource, starts: np.ndarray, lengths: np.ndarray, data: memoryview, spill: Spill, *,
            at: np.ndarray | None = None, most: int = MOST_SEGMENTS) -> ByteSource:  # fmt: skip
    """Return `content` with `data` at the given byte ranges.

    Parameters
    ----------
    content
        What the bytes are now; stays as it is.
    starts, lengths
        Sorted disjoint ranges, in bytes.
    data
        The new bytes of the ranges, one after the other; kept, not copied.
    spill
        Where a content goes that is cheaper whole: past half of the storage, or in more than `most` pieces.
    at
        Where in `data` each range begins, if not one after the other.
    """
    from weightedit.core.undo.patches import Patches

    base, patches = (content.base, content.patches) if isinstance(content, Patched) else (content, Patches.none())
    return _worth_it(base, patches.with_ranges(starts, lengths, data, at), spill, most)


def combed(content: ByteSource, combs: Sequence[Comb], spill: Spill, *, most: int = MOST_SEGMENTS) -> ByteSource:
    """Return `content` with combs, which do not touch one another, laid over it; `most` as for `patched`."""
    from weightedit.core.undo.patches import Patches

    base, patches = (content.base, content.patches) if isinstance(content, Patched) else (content, Patches.none())
    return _worth_it(base, patches.with_combs(combs), spill, most)


def _worth_it(base: ByteSource, patches: Patches, spill: Spill, most: int) -> ByteSource:
    """Return patches over a base, or all of it anew where they are too much."""
    found = Patched(base, patches)
    few = len(patches) <= most and len(patches.combs) <= MOST_COMBS
    return found if few and patches.nbytes * 2 <= base.nbytes else written_out(found, spill)


def written_out(content: ByteSource, spill: Spill, copied: Callable[[int], None] = lambda nbytes: None) -> Resident:
    """Return an independent copy of `content`, made chunk by chunk; `copied` is told of each and may raise to stop."""
    return Resident(copied_out(content, spill, copied))


def copied_out(content: ByteSource, spill: Spill, copied: Callable[[int], None] = lambda nbytes: None) -> memoryview:
    """Return a writable copy of the bytes of `content`, made chunk by chunk; `copied` as for `written_out`."""
    buffer = spill.allocate(content.nbytes)

    def copying() -> Callable[[int], int]:
        def copy(start: int) -> int:
            chunk = buffer[start : start + COPY_CHUNK]
            content.read_into(chunk, start)
            return len(chunk)

        return copy

    side_by_side(range(0, content.nbytes, COPY_CHUNK), copying, copied, threads_for(content.nbytes, 2 * COPY_CHUNK))
    return buffer
