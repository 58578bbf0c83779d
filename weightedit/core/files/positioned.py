"""Reads at a place of an open file, which leave nothing behind: no file position, no mapping."""

from __future__ import annotations

import os
import threading

_READ_AT = getattr(os, "preadv", None)


def read_some(handle: int, view: memoryview, offset: int, lock: threading.Lock) -> int:
    """Fill the start of `view` from a file's bytes at `offset` and return how many came; 0 at the end of the file.

    Parameters
    ----------
    handle, lock
        An open file, and the lock of everything that reads through this handle: Windows has no read that leaves the
        file position alone.
    """
    if _READ_AT is not None:
        return int(_READ_AT(handle, [view], offset))
    with lock:
        os.lseek(handle, offset, os.SEEK_SET)
        data = os.read(handle, len(view))
    view[: len(data)] = data
    return len(data)


def read_whole(handle: int, view: memoryview, offset: int, lock: threading.Lock) -> int:
    """Fill `view` from a file's bytes at `offset`; returns how many there were, fewer where the file ends before."""
    done = 0
    while done < len(view):
        got = read_some(handle, view[done:], offset + done, lock)
        if got == 0:
            break
        done += got
    return done
