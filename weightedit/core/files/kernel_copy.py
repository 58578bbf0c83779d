"""Copies between files that the system does by itself: blocks that are shared, and bytes that never come to us."""

from __future__ import annotations

import errno
import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from weightedit.core.files.positioned import read_some

if sys.platform != "win32":
    import fcntl

FICLONE = 0x40049409
"""`_IOW(0x94, 9, int)` of linux/fs.h; architectures whose direction bits differ have it at another number."""
_OTHER_BITS = ("alpha", "mips", "ppc", "powerpc", "sparc")
_BUFFER = 4 << 20
_CANNOT = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM,
           errno.EBADF, errno.EISDIR, errno.ETXTBSY)  # fmt: skip
_WRITE_OUT, _WAIT_ALL = 2, 7
"""SYNC_FILE_RANGE_WRITE; and with both waits."""


class CannotClone(Exception):
    """The file system, or the system, does not let two files share blocks; nothing was made."""


def clone(source: int, path: Path, flags: int, mode: int) -> int:
    """Make a file that shares all its blocks with an open one, and return its handle.

    Parameters
    ----------
    source
        The handle of what is cloned.
    path, flags, mode
        As for `os.open`.

    Raises
    ------
    CannotClone
        If files cannot share blocks here.
    OSError
        If the system refuses for another reason, such as a full disk.
    """
    if sys.platform == "darwin":
        return _clone_by_name(source, path, flags, mode)
    if not can_try():
        raise CannotClone
    handle = os.open(path, flags, mode)
    try:
        _share(source, handle)
    except BaseException:
        os.close(handle)
        path.unlink()
        raise
    return handle


def can_try() -> bool:
    """Whether this system has a call for it at all."""
    if sys.platform == "darwin":
        return hasattr(_library(), "fclonefileat")
    return sys.platform == "linux" and not os.uname().machine.startswith(_OTHER_BITS)


def can_clone(source: int, folder: Path, mode: int = 0o600) -> bool:
    """Whether a new file in a folder could share the blocks of an open one; it is tried with one that has no name."""
    unnamed = getattr(os, "O_TMPFILE", 0)
    if not can_try() or not unnamed or os.fstat(source).st_dev != folder.stat().st_dev:
        return sys.platform == "darwin" and can_try() and os.fstat(source).st_dev == folder.stat().st_dev
    try:
        handle = os.open(folder, unnamed | os.O_RDWR | os.O_CLOEXEC, mode)
    except OSError:
        return False
    try:
        _share(source, handle)
    except (CannotClone, OSError):
        return False
    finally:
        os.close(handle)
    return True


def _share(source: int, handle: int) -> None:
    if sys.platform == "win32":  # pragma: no cover
        raise CannotClone
    try:
        fcntl.ioctl(handle, FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT:
            raise CannotClone from error
        raise


def _clone_by_name(source: int, path: Path, flags: int, mode: int) -> int:  # pragma: no cover
    """Do it as macOS does: the clone is made with its name, by what `man clonefile` says."""
    import ctypes

    if _library().fclonefileat(source, -2, os.fsencode(path), 0):  # -2: AT_FDCWD
        code = ctypes.get_errno()
        if code in _CANNOT:
            raise CannotClone
        raise OSError(code, os.strerror(code), str(path))
    handle = os.open(path, flags & ~(os.O_CREAT | os.O_EXCL))
    os.fchmod(handle, mode)
    return handle


@cache
def _library() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def copy_some(source: int, offset: int, handle: int, nbytes: int) -> int:
    """Copy up to `nbytes` bytes from `offset` of one open file to the place of another; returns how many, 0 at its end.

    The kernel does it where it can: `copy_file_range` shares blocks where the file system can and both places are
    aligned, `sendfile` copies within the page cache; elsewhere through a buffer.
    """
    for call in (_by_range, _by_sendfile):
        try:
            done = call(source, offset, handle, nbytes)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            continue
        if done:
            return done
    return _through_buffer(source, offset, handle, nbytes)


def _by_range(source: int, offset: int, handle: int, nbytes: int) -> int:
    if sys.platform != "linux" or not hasattr(os, "copy_file_range"):
        return 0
    return os.copy_file_range(source, handle, nbytes, offset)


def _by_sendfile(source: int, offset: int, handle: int, nbytes: int) -> int:
    if sys.platform != "linux" or not hasattr(os, "sendfile"):  # elsewhere it goes to sockets only
        return 0
    return os.sendfile(handle, source, offset, nbytes)


def _through_buffer(source: int, offset: int, handle: int, nbytes: int) -> int:
    view = memoryview(bytearray(min(nbytes, _BUFFER)))
    got = read_some(source, view, offset, threading.Lock())  # who lent the handle keeps others from it
    return os.write(handle, view[:got]) if got else 0


def write_out(handle: int, start: int, nbytes: int, *, wait: bool) -> bool:
    """Let the system begin to put a range on the disk, or wait until it is there; False where it has no such call.

    It says nothing of the file's length and of where its blocks are: only fsync makes a file sure.
    """
    if sys.platform != "linux" or not hasattr(_library(), "sync_file_range"):
        return False
    import ctypes

    flags = _WAIT_ALL if wait else _WRITE_OUT
    if _library().sync_file_range(handle, ctypes.c_int64(start), ctypes.c_int64(nbytes), ctypes.c_uint(flags)):
        code = ctypes.get_errno()
        if code in (errno.ENOSYS, errno.EINVAL, errno.ESPIPE):
            return False
        raise OSError(code, os.strerror(code))
    return True
