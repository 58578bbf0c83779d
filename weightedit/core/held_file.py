"""An open file that others of this kind know to be open, and that may be patched by one of them alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from weightedit.core.file_lock import try_lock, unlock


class _Patching:
    """A change of an opened file by our own hand."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._thread = threading.get_ident()

    def waits(self) -> bool:
        """Wait until it is over; at once, and true, for the thread that does it."""
        return threading.get_ident() == self._thread or not self.over.wait()


class HeldFile:
    """A handle, and what is agreed about it with others by locks."""

    def __init__(self) -> None:
        self._handle = -1
        self._patching: _Patching | None = None

    @contextmanager
    def being_patched(self) -> Iterator[None]:
        """Let this thread read the file while it changes it, and all others wait: it is ours, and is not as opened."""
        self._patching = patching = _Patching()
        try:
            yield
        finally:
            self._patching = None
            patching.over.set()

    def hold_alone(self) -> bool:
        """Keep every other program of this kind from the file, to patch it; False where one has it open.

        Raises
        ------
        OSError
            If the file system knows no locks.
        """
        if try_lock(self._handle):
            return True
        self.share()
        return False

    def share(self) -> None:
        """Let others of this kind know that the file is open here: nobody may patch it in place then."""
        if os.name == "posix":  # on Windows a lock would keep others from reading
            with suppress(OSError):
                try_lock(self._handle, shared=True)

    def let_go(self) -> None:
        """Let others patch the file, or put back what was patched, though it is open here."""
        if os.name == "posix":
            with suppress(OSError):
                unlock(self._handle)
