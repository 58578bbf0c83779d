"""An open file that others of this kind know to be open, and that may be patched by one of them alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from weightedit.core.files.file_lock import try_lock, unlock
from weightedit.core.files.releasing import release

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def opened(path: str | os.PathLike[str]) -> tuple[int, bool]:
    """Open a file to read it, without waiting for a pipe.

    Returns
    -------
    int, bool
        The handle, and whether the path was a link that leads to the file, or may have been where the system does not
        tell. To ask for it later takes longer, and it may be another one by then.

    Raises
    ------
    OSError, ValueError
        If the system refuses, or the path is none.
    """
    if not _NO_LINK:
        return os.open(path, _FLAGS), True
    try:
        return os.open(path, _FLAGS | _NO_LINK), False
    except OSError:  # it is a link, or what this says
        return os.open(path, _FLAGS), True


class _Patching:
    """A change of an opened file by our own hand."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def waits(self) -> bool:
        """Wait until it is over; at once, and true, for the thread that does it and its helpers."""
        return self in _OURS.get() or not self.over.wait()


_OURS: ContextVar[tuple[_Patching, ...]] = ContextVar("patched_by_us", default=())
"""The changes that this thread makes, or the one that it helps."""


class HeldFile:
    """A handle, and what is agreed about it with others by locks.

    Attributes
    ----------
    is_link
        Whether its path was a link, as `opened` has it.
    """

    def __init__(self) -> None:
        self._handle = -1
        self.is_link = True
        self._patching: _Patching | None = None

    @contextmanager
    def being_patched(self) -> Iterator[None]:
        """Let this thread and its helpers read the file while they change it, and all others wait: it is ours."""
        self._patching = patching = _Patching()
        token = _OURS.set((*_OURS.get(), patching))
        try:
            yield
        finally:
            _OURS.reset(token)
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
            try:  # noqa: SIM105 - at each opening, where entering a context costs more than the lock
                try_lock(self._handle, shared=True)
            except OSError:
                pass

    def let_go(self) -> None:
        """Let others patch the file, or put back what was patched, though it is open here."""
        if os.name == "posix":
            with suppress(OSError):
                unlock(self._handle)

    def release(self) -> None:
        """Close the handle; where our own save replaced the file, do not wait for what the system does then.

        One that still has a name is closed at once: the lock of another handle of it may be wanted next.
        """
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        status = os.fstat(handle)
        if not status.st_nlink:
            release(handle, status.st_size)
            return
        with suppress(OSError):  # the handle is gone all the same
            os.close(handle)
