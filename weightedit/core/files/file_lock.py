"""Locks that end with the process that holds them, in whatever way it ends, so that they tell who is alive."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover
    import msvcrt
else:
    import fcntl

_FAR = 1 << 30
"""Where the one locked byte is on Windows: there, others cannot read what is locked."""
_AGAIN = 0.02
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_MAY_NOT_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM)


def try_lock(handle: int, *, shared: bool = False) -> bool:
    """Lock an open file for its handle; False where another handle, of any process, has it locked.

    Parameters
    ----------
    handle
        The open file.
    shared
        Whether others may share the lock, which is enough to see whether somebody holds it alone; Windows has no such.

    Raises
    ------
    OSError
        If the file system knows no locks.
    """
    if sys.platform == "win32":  # pragma: no cover
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLOCK):
                return False
            raise
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(handle: int) -> None:
    """Give up a lock without closing the file; raises `OSError` if the file system knows no locks."""
    if sys.platform != "win32":
        fcntl.flock(handle, fcntl.LOCK_UN)


def hold(path: Path, patience: float = 0.0) -> int | None:
    """Create a file where there is none, lock it, and return its handle; None where another one holds it.

    Parameters
    ----------
    path
        The file.
    patience
        Seconds to go on trying: whoever looks at a lock holds it for a moment.

    Raises
    ------
    OSError
        If the file cannot be made, or its file system has no locks.
    """
    handle = _opened(path, os.O_CREAT)
    try:
        until = time.monotonic() + patience
        while not try_lock(handle):
            if time.monotonic() >= until:
                os.close(handle)
                return None
            time.sleep(_AGAIN)
    except OSError:
        os.close(handle)
        raise
    return handle


def is_held(path: Path) -> bool:
    """Whether a living process holds a file locked; raises `OSError` where that cannot be told."""
    try:
        handle = _opened(path)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(handle, shared=True)
    finally:
        os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file or folder is still what a path names, and nobody removed it before it was locked."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _opened(path: Path, create: int = 0) -> int:
    try:
        return os.open(path, os.O_RDWR | create | _FLAGS, 0o600)
    except OSError as error:
        if error.errno not in _MAY_NOT_WRITE:
            raise
    return os.open(path, os.O_RDONLY | _FLAGS)  # a disk that can only be read any more has locks all the same
