"""Keeps Python's own housekeeping from stalling the window while a document has hundreds of thousands of objects."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = 0.0005
"""Seconds a worker may go on before the GUI thread gets its turn; Python's default of 5 ms adds up while painting."""

_lock = threading.Lock()
_pausing: list[bool] = []
"""One entry per pause under way, the first of which says whether garbage was collected before."""
_is_ours = False
"""Whether what is set apart was set apart here: Python keeps one such set for the whole process."""


@contextmanager
def paused() -> Iterator[None]:
    """Collect no garbage meanwhile: a full pass over a large document that is just being made takes half a second."""
    with _lock:
        _pausing.append(_pausing[0] if _pausing else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            if _pausing.pop() and not _pausing:
                gc.enable()


def set_apart() -> None:
    """Leave what is alive now, a document and its tree above all, out of later passes.

    Where the program around the window does so itself, that is left alone.
    """
    global _is_ours
    if _is_ours or not gc.get_freeze_count():
        gc.freeze()
        _is_ours = True


def take_back() -> None:
    """Look through everything again, after a document was closed."""
    global _is_ours
    if _is_ours:
        gc.unfreeze()
        _is_ours = False


def take_turns() -> None:
    """Let the GUI thread in often while workers run."""
    sys.setswitchinterval(SWITCH)
