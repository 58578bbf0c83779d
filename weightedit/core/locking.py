"""Files that a living process holds locked: the lock goes with the process, however it ends."""

from __future__ import annotations

import os
import time
from pathlib import Path

from weightedit.core.file_lock import try_lock

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_AGAIN = 0.02


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
    handle = os.open(path, _FLAGS | os.O_CREAT, 0o600)
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
        handle = os.open(path, _FLAGS)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(handle, shared=True)
    finally:
        os.close(handle)
