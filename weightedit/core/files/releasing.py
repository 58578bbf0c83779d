"""Closes handles that nobody else has of files that have no name any more: then the system gives back what they had.

That takes a second for each gigabyte, which whoever saved a file need not wait for; who lacks the room has to.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

WORTH_A_THREAD = 8 << 20
"""Bytes of a file from which on giving them back takes longer than starting a thread."""
_releasing: set[threading.Thread] = set()


def release(handle: int, nbytes: int) -> None:
    """Close a handle, without waiting where its file is large.

    Parameters
    ----------
    handle
        One's own; it is not to be used any more.
    nbytes
        How long the file is.
    """
    if nbytes < WORTH_A_THREAD:
        _close(handle)
        return

    def close() -> None:
        _close(handle)
        _releasing.discard(thread)

    thread = threading.Thread(target=close, name="release", daemon=True)
    _releasing.add(thread)
    try:
        thread.start()
    except (RuntimeError, MemoryError):  # the system has no more threads to give
        close()


def wait_for_released() -> bool:
    """Wait until the system has back what was released; False where there was nothing to wait for."""
    waited = list(_releasing)
    for thread in waited:
        with suppress(RuntimeError):  # it is about to start
            thread.join()
    return bool(waited)


def _close(handle: int) -> None:
    with suppress(OSError):  # it is gone all the same
        os.close(handle)
