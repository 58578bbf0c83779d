"""Keeps Python's own housekeeping from stalling the window while a document has hundreds of thousands of objects."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = 0.0001
"""Seconds a worker may go on before the GUI thread gets its turn; Python's default of 5 ms adds up while painting."""

_lock = threading.Lock()
_pausing: list[bool] = []
"""One entry per pause under way, the first of which says whether garbage was collected before."""
_mark: list[object] | None = None
"""Made right after objects were set apart here, so that it is among them only if somebody else did so since."""


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


def is_paused() -> bool:
    """Whether garbage is not to be collected just now."""
    return bool(_pausing)


def set_apart() -> None:
    """Leave what is alive now, a document and its tree above all, out of later passes.

    Where the program around the window does so itself, before or after us, that is left alone.
    """
    global _mark
    if not gc.get_freeze_count() if _mark is None else _is_looked_through(_mark):
        gc.freeze()
        _mark = [object()]


def take_back() -> None:
    """Look through everything again, after a document was closed.

    Where the program has set more apart after us, all of it stays so, ours too, until the program calls `gc.unfreeze`:
    Python keeps one set. Until then cycles among it are not collected, and optimizers in it are not listed.
    """
    global _mark
    if _mark is not None and _is_looked_through(_mark):
        gc.unfreeze()
    _mark = None


def _is_looked_through(mark: list[object]) -> bool:
    """Whether the collector's passes come to a mark: Python lists what refers to an object among those alone.

    This takes as long as there are objects that are not set apart, 10 ms a million. `gc.get_freeze_count` takes that
    for those that are, and may have fallen, as objects end, by more than somebody else has added.
    """
    return any(one is mark for one in gc.get_referrers(mark[0]))


def take_turns() -> None:
    """Let the GUI thread in often while workers run."""
    sys.setswitchinterval(SWITCH)
