"""One thread of a process that brings its journals to the disk, and writes down the hashes of what edits touched."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from weightedit.core.errors import WeightEditError
from weightedit.core.journals.recovery import tidy

if TYPE_CHECKING:
    from weightedit.core.undo.touched import Piece

SYNC_AFTER = 0.5
"""Seconds after which what was written is on the disk, unless the disk is slow; twice that is promised."""


class Diary(Protocol):
    """What the keeper needs of a journal."""

    def sync(self) -> None:
        """Wait until everything written is on the disk."""
        ...

    def add_digest(self, place: object, number: int, digest: dict[str, Any]) -> None:
        """Write down the hashes of what an edit touched."""
        ...

    def wants(self, place: object) -> bool:
        """Whether a digest would still be written."""
        ...


Job = tuple[Diary, object, int, "Sequence[Piece]"]


class Keeper:
    """The thread, started when the first journal has something for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Diary, float] = {}
        self._jobs: deque[Job] = deque()
        self._busy = 0
        self._thread: threading.Thread | None = None

    def sync_soon(self, journal: Diary) -> None:
        """Sync a journal within the second."""
        with self._changed:
            self._due.setdefault(journal, time.monotonic() + SYNC_AFTER)
            self._wake()

    def digest(self, journal: Diary, place: object, number: int, pieces: Sequence[Piece]) -> None:
        """Hash what an edit touched and write it down; contents never change, so there is no hurry."""
        with self._changed:
            self._jobs.append((journal, place, number, pieces))
            self._wake()

    def forget(self, journal: Diary) -> None:
        """Do nothing more for a journal."""
        with self._changed:
            self._due.pop(journal, None)
            self._jobs = deque(job for job in self._jobs if job[0] is not journal)

    def settle(self, timeout: float = 60.0) -> bool:
        """Wait until nothing is left to do, without waiting for what is due later; False where it took too long."""
        with self._changed:
            for journal in self._due:
                self._due[journal] = 0.0
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not (self._due or self._jobs or self._busy), timeout)

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="weightedit journal", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        with suppress(Exception):  # what others left must keep no edit of ours from the disk
            tidy(self._sync_due)
        while True:
            with self._changed:
                while not self._jobs and self._wait_for() > 0:
                    self._changed.wait(self._wait_for() if self._due else None)
                job = self._jobs.popleft() if self._jobs else None
                self._busy += 1
            try:
                self._sync_due()
                if job is not None:
                    self._digest(*job)
            finally:
                job = None  # contents are let go before the wait
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _wait_for(self) -> float:
        return min(self._due.values(), default=float("inf")) - time.monotonic()

    def _sync_due(self) -> None:
        now = time.monotonic()
        with self._changed:
            due = [journal for journal, at in self._due.items() if at <= now]
            for journal in due:
                del self._due[journal]
        for journal in due:
            journal.sync()

    def _digest(self, journal: Diary, place: object, number: int, pieces: Sequence[Piece]) -> None:
        from weightedit.core.undo.touched import digest_of

        def between() -> None:
            self._sync_due()
            if not journal.wants(place):
                raise _Unwanted

        # Where there are no hashes, the state of the file itself must answer.
        with suppress(WeightEditError, OSError, MemoryError, ValueError, _Unwanted):
            between()
            journal.add_digest(place, number, digest_of(pieces, between))


class _Unwanted(Exception):
    """The journal ended while it was hashed."""


_KEEPER = Keeper()


def keeper() -> Keeper:
    """Return the keeper of this process."""
    return _KEEPER


def _forked() -> None:
    global _KEEPER
    _KEEPER = Keeper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
