"""Files of our own that hold large results: mapped while they are filled, then checksummed and read at a place.

A mapping of a disk that breaks kills the process where it is read; a read at a place gives an error. So bytes that
nothing changes any more are *sealed*: each block gets a checksum while it is at hand, and from then on they are read
through the file's handle, block by block, and compared. What is left to the mapping is filling it: its pages were
allocated before and are written, hardly ever read back from the disk. On POSIX the files have no name, so that nobody
can cut one short under its mapping but through this process's own entry in /proc; on Windows they have one, and
another program that changes them there is found out by the checksums.
"""

from __future__ import annotations

import mmap
import threading
from array import array
from collections.abc import Callable

from weightedit.core.errors import WeightEditError
from weightedit.core.files.checksum import checksum
from weightedit.core.files.positioned import read_whole
from weightedit.core.values.side_by_side import side_by_side, threads_for
from weightedit.core.words.visible import visible

BLOCK = 64 << 10
"""Bytes that one checksum is of."""
_WINDOW = 1 << 20
"""Bytes read at once where only their checksums are wanted."""
LookedAt = Callable[[int], None]
"""Called with the bytes that were compared just now."""


class SpillDamaged(WeightEditError):
    """Bytes that the spill keeps are not what was put there; nothing was changed.

    Parameters
    ----------
    cause
        What was seen: a checksum that differs, a file that ends too early, an error of the disk.
    tensor, step
        Whose bytes they are, and the step of the history that needs them, where that is known.
    """

    def __init__(self, cause: str, *, tensor: str = "", step: str = "") -> None:
        self.cause, self.tensor, self.step = cause, tensor, step
        of = f" of {visible(tensor)}" if tensor else ""
        doing = f" for {visible(step)}" if step else ""
        super().__init__(f"The edited values{of} that are kept on disk{doing} are damaged: {cause}. The disk or the "
                         "memory of this machine lost them; nothing was changed.")  # fmt: skip

    def named(self, tensor: str, step: str = "") -> SpillDamaged:
        """Return the same, of this tensor and step."""
        return SpillDamaged(self.cause, tensor=self.tensor or tensor, step=self.step or step)


class SpillFile:
    """An open file of the spill, or part of one; what is over it keeps it alive, and it ends with the last of these.

    Parameters
    ----------
    handle, lock
        Of the file, and of everything that reads through the handle; whoever made it closes it.
    nbytes
        How long it is.
    start
        Where in the file it begins, in bytes; a mapping may begin there.
    """

    __slots__ = ("__weakref__", "handle", "lock", "nbytes", "start", "sums")

    def __init__(self, handle: int, nbytes: int, start: int, lock: threading.Lock) -> None:
        self.handle = handle
        self.nbytes = nbytes
        self.start = start
        self.lock = lock
        self.sums: dict[int, tuple[int, array[int]]] = {}

    def map(self) -> Mapped:
        """Map the file, to fill it."""
        mapped = Mapped(self.handle, self.nbytes, offset=self.start)
        mapped.file = self
        mapped.address = _address(memoryview(mapped))
        return mapped


class Mapped(mmap.mmap):
    """The memory of a spill file while it is filled."""

    file: SpillFile
    address: int


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))


class Sealed:
    """Bytes of a spill file that are final, with the checksum of each block of them."""

    __slots__ = ("_sums", "file", "nbytes", "start")

    def __init__(self, file: SpillFile, start: int, nbytes: int, sums: array[int]) -> None:
        self.file = file
        self.start = start
        self.nbytes = nbytes
        self._sums = sums

    def read_into(self, view: memoryview, offset: int = 0) -> None:
        """Fill `view` with the bytes from `offset` on, every block that is touched compared with its checksum.

        Raises
        ------
        SpillDamaged
            If one is not what was written, is not there any more, or cannot be read.
        """
        done = 0
        while done < view.nbytes:
            at = offset + done
            skip, left = at % BLOCK, view.nbytes - done
            if skip or (left < BLOCK and at + left < self.nbytes):
                block = memoryview(bytearray(min(BLOCK, self.nbytes - (at - skip))))
                self._checked(block, at - skip)
                piece = block[skip : skip + left]
                view[done : done + piece.nbytes] = piece
            else:
                piece = view[done : done + (left if at + left == self.nbytes else left // BLOCK * BLOCK)]
                self._checked(piece, at)
            done += piece.nbytes

    def _checked(self, view: memoryview, offset: int) -> None:
        """Read whole blocks from a multiple of `BLOCK` on; the last of the bytes may be shorter."""
        try:
            got = read_whole(self.file.handle, view, self.file.start + self.start + offset, self.file.lock)
        except OSError as error:
            raise SpillDamaged(f"they cannot be read, {error.strerror}") from error
        if got < view.nbytes:
            raise SpillDamaged("their file was cut short")
        first = offset // BLOCK
        for number, at in enumerate(range(0, view.nbytes, BLOCK), first):
            if checksum(view[at : at + BLOCK]) != self._sums[number]:
                raise SpillDamaged(f"the checksum of bytes {offset + at:,}–{offset + min(at + BLOCK, view.nbytes):,} "
                                   "differs")  # fmt: skip

    def verify(self, looked_at: LookedAt = lambda nbytes: None) -> None:
        """Read everything and compare it with its checksums, telling how much after each piece.

        Raises
        ------
        SpillDamaged
            If something differs; or whatever `looked_at` raises to stop.
        """

        def reading() -> Callable[[int], int]:
            window = memoryview(bytearray(min(_WINDOW, self.nbytes)))

            def check(start: int) -> int:
                piece = window[: min(_WINDOW, self.nbytes - start)]
                self._checked(piece, start)
                return piece.nbytes

            return check

        side_by_side(range(0, self.nbytes, _WINDOW), reading, looked_at, threads_for(self.nbytes, 16 * _WINDOW))


Kept = memoryview | Sealed
"""Final bytes: in memory, or sealed in a file."""


def _place(buffer: memoryview) -> tuple[SpillFile, int] | None:
    """Return the file that a buffer maps and where in it the buffer begins; None for memory."""
    mapped = buffer.obj
    if not isinstance(mapped, Mapped) or not buffer.nbytes:
        return None
    return mapped.file, _address(buffer) - mapped.address


def seal(buffer: memoryview) -> Kept:
    """Take the checksums of bytes that are final and return what reads them; memory is returned as it is.

    A buffer that was sealed before keeps the checksums it has: sealing it again must not bless what became of it.
    """
    place = _place(buffer)
    if place is None:
        return buffer
    file, start = place
    known = file.sums.get(start)
    if known is None or known[0] < buffer.nbytes:
        known = file.sums[start] = (buffer.nbytes, _sums_of(buffer.cast("B")))
    return Sealed(file, start, *known)


def _sums_of(flat: memoryview) -> array[int]:
    """Return the checksum of each block, worked out by several threads where they are many."""
    sums = array("Q", bytes(8 * -(-flat.nbytes // BLOCK)))

    def summing() -> Callable[[int], None]:
        def take(first: int) -> None:
            for at in range(first, min(first + _WINDOW, flat.nbytes), BLOCK):
                sums[at // BLOCK] = checksum(flat[at : at + BLOCK])

        return take

    side_by_side(range(0, flat.nbytes, _WINDOW), summing, lambda _: None, threads_for(flat.nbytes, 16 * _WINDOW))
    return sums


def verify(kept: Kept, looked_at: LookedAt = lambda nbytes: None) -> None:
    """Compare bytes with their checksums, where they are in a file; raises `SpillDamaged`.

    A buffer over a file is looked up by where it begins; one that was never sealed is still being filled.
    """
    found = sealed(kept)
    if found is not None:
        found.verify(looked_at)


def sealed(kept: Kept) -> Sealed | None:
    """Return what has the checksums of bytes; None for memory."""
    if isinstance(kept, Sealed):
        return kept
    place = _place(kept)
    sums = None if place is None else place[0].sums.get(place[1])
    return None if place is None or sums is None else Sealed(*place, *sums)


def compared_bytes(kept: Kept) -> int:
    """Return how many bytes `verify` compares."""
    found = sealed(kept)
    return 0 if found is None else found.nbytes


class Window:
    """Reads pieces of final bytes that lie near each other: a block that several of them are in is compared once."""

    __slots__ = ("_kept", "_low", "_window")

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._window, self._low = (kept, 0) if isinstance(kept, memoryview) else (memoryview(b""), 0)

    def piece(self, at: int, nbytes: int) -> memoryview:
        """Return bytes `[at, at + nbytes)`."""
        if isinstance(self._kept, Sealed) and not self._low <= at <= at + nbytes <= self._low + self._window.nbytes:
            self._low = at // BLOCK * BLOCK
            high = min(self._kept.nbytes, -(-(at + nbytes) // BLOCK) * BLOCK)
            self._window = memoryview(bytearray(max(0, high - self._low)))
            self._kept.read_into(self._window, self._low)
        return self._window[at - self._low : at - self._low + nbytes]
