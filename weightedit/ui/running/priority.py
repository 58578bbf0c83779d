"""Lets the GUI thread go first where there are more busy threads than cores."""

from __future__ import annotations

import os
import sys
import threading

BEHIND = 5
"""By how much the threads of tasks are nicer: a third of the time of an equal, where the two share a core."""
_gives_way: list[bool] = []


def turn(on: bool) -> None:
    """Have the threads that are started from now on give way, or not: in a program around a window they do not."""
    _gives_way[:] = [True] if on else []


def give_way() -> None:
    """Let this thread, and those it starts, give way to the others of this process; on Linux, which has it so.

    Nothing is lost where a core is free. It cannot be taken back, so it is for threads that never get to be another's.
    """
    if not _gives_way or sys.platform != "linux":
        return
    me = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + BEHIND)
    except OSError:  # some sandboxes forbid it; the thread is as good as before
        return
