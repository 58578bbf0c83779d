"""Writes new bytes at their places of an open file: made by several threads, while the disk works on those before."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

from weightedit.core.files.file_system import FileSystem, write_all
from weightedit.core.values.side_by_side import side_by_side, threads_for
from weightedit.core.writing.file_layout import Fresh

SYNC_EVERY = 8 << 20
"""Bytes after which the disk is set to work on them, while more is written."""
LAG = 256 << 20
"""Bytes that the disk may be behind: no wait for it can be cancelled, and one for all of a large file takes minutes."""
WORTH_A_THREAD = 8 << 20
"""Bytes of new content from which on another thread is worth its start."""
Placed = tuple[int, Fresh]
"""Where in the file some new bytes go, and what makes them."""


class Behind:
    """Keeps the disk busy with what was written to a file already, and waits where it is too far behind.

    It makes nothing sure: only fsync does, which then has little left to wait for.
    """

    def __init__(self, system: FileSystem, handle: int) -> None:
        self._system, self._handle = system, handle
        self._start = self._stop = 0
        self._begun: deque[tuple[int, int]] = deque()
        self._behind = 0

    def wrote(self, start: int, stop: int) -> None:
        """Say which bytes were written; near ones may come in any order."""
        if self._stop == self._start:
            self._start, self._stop = start, stop
        else:
            self._start, self._stop = min(self._start, start), max(self._stop, stop)
        if self._stop - self._start >= SYNC_EVERY:
            self._begin()

    def _begin(self) -> None:
        start, nbytes = self._start, self._stop - self._start
        self._start = self._stop
        self._system.write_behind(self._handle, start, nbytes, False)
        self._begun.append((start, nbytes))
        self._behind += nbytes
        if self._behind >= 2 * LAG:
            self._wait()

    def _wait(self) -> None:
        """Wait for the oldest, all of them at once: where the system knows no ranges, that is one fsync."""
        waited = []
        while self._behind > LAG:
            waited.append(self._begun.popleft())
            self._behind -= waited[-1][1]
        start = min(start for start, _ in waited)
        self._system.write_behind(self._handle, start, max(start + size for start, size in waited) - start, True)


def write_placed(pieces: Iterable[Placed], nbytes: int, write_at: Callable[[memoryview | bytes, int], object],
                 told: Callable[[int], object]) -> None:  # fmt: skip
    """Make new bytes side by side and write them, one thread at a time.

    Parameters
    ----------
    pieces
        As `FileLayout.cuts` gives them.
    nbytes
        Of all pieces.
    write_at
        Writes at a place of the file; several threads call it, never two at once.
    told
        Called in the caller's thread with the bytes of each piece that was written; may raise to stop.
    """
    turn = threading.Lock()

    def making() -> Callable[[Placed], int]:
        def put(placed: Placed) -> int:
            at, piece = placed
            for chunk in piece.chunks():
                with turn:
                    write_at(chunk, at)
                at += len(chunk)
            return piece.nbytes

        return put

    side_by_side(pieces, making, told, threads_for(nbytes, WORTH_A_THREAD))


def write_here(system: FileSystem, handle: int, data: memoryview | bytes, offset: int, behind: Behind) -> None:
    """Write at a place of a file, and let the disk begin with it."""
    system.seek(handle, offset, os.SEEK_SET)
    write_all(system, handle, data)
    behind.wrote(offset, offset + len(data))
