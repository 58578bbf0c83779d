"""A watchdog of the GUI thread: how long an event waits until it is handled, and what the threads did meanwhile."""

from __future__ import annotations

import faulthandler
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import IO

from PySide6.QtCore import QObject, Qt, Signal

EVERY = 0.002
"""Seconds between two events of the watchdog."""
SAMPLE = 0.005
"""Seconds between two looks at a thread that is stuck."""
SUSPECT = 0.03
"""Seconds of waiting from which on the GUI thread is looked at."""
DEEPEST, BESIDE = 40, 4
WAITING = ("_serve (ui/tasks", "wait (python", "_wait_for_tstate_lock (python")
"""How the stacks of threads begin that do nothing."""


class Watchdog(QObject):
    """Posts an event from a thread of its own, again and again, and measures how long it waits to be handled.

    Parameters
    ----------
    limit
        Seconds from which on a wait is a stall, kept with what the GUI thread was doing.

    Attributes
    ----------
    longest
        Seconds the longest wait took since `mark`.
    stalls
        (seconds, what was done) of every wait above the limit since `mark`; the stack that was seen most often first.
    on_tick
        Called on the GUI thread after each event, so that a script can go on.
    """

    _posted = Signal()

    def __init__(self, limit: float = 0.1, on_tick: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.limit = limit
        self.longest = 0.0
        self.stalls: list[tuple[float, list[str]]] = []
        self.on_tick = on_tick
        self._dump = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open until `end`
        self._watched = threading.get_ident()
        self._answered = threading.Event()
        self._ended = False
        self._posted.connect(self._answer, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        self._answered.set()
        if self.on_tick is not None and not self._ended:
            self.on_tick()

    def mark(self) -> tuple[float, list[tuple[float, list[str]]]]:
        """Return the longest wait and the stalls since the last mark, and begin anew."""
        found = self.longest, self.stalls
        self.longest, self.stalls = 0.0, []
        return found

    def end(self) -> None:
        """Stop watching."""
        self._ended = True
        self._thread.join(1.0)
        self._dump.close()

    def _watch(self) -> None:
        while not self._ended:
            time.sleep(EVERY)
            self._answered.clear()
            begun = time.perf_counter()
            self._posted.emit()
            seen: Counter[tuple[str, ...]] = Counter()
            beside: Counter[str] = Counter()
            while not self._answered.wait(SAMPLE if seen else SUSPECT):
                if self._ended:
                    return
                found, others = stacks(self._watched, self._dump)
                seen[found] += 1
                beside.update(others)
            took = time.perf_counter() - begun
            self.longest = max(self.longest, took)
            if took > self.limit:
                lines = [f"{count}×  {' < '.join(lines)}" for lines, count in seen.most_common(4)]
                lines += [f"{count}×  beside it: {line}" for line, count in beside.most_common(4)]
                self.stalls.append((took, lines))


def stacks(thread: int, dump: IO[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return where a thread is, the innermost call first, as `name (file:line)`, and where others run meanwhile.

    Frames that this thread held would keep what is in them alive, and end it here: widgets may only end in the GUI
    thread. The fault handler writes the stacks without holding any of them.
    """
    dump.seek(0)
    dump.truncate()
    faulthandler.dump_traceback(dump, all_threads=True)
    dump.seek(0)
    parts = re.split(r"^(?:Current t|T)hread 0x([0-9a-f]+).*$", dump.read(), flags=re.MULTILINE)
    here: tuple[str, ...] = ()
    others: list[str] = []
    for number, lines in zip(parts[1::2], parts[2::2], strict=True):
        found = [f"{name} ({file}:{line})" for file, line, name in
                 re.findall(r'File "(?:.*/)?([^/"]+/[^/"]+)", line (\d+) in (.+)', lines)]  # fmt: skip
        if int(number, 16) == thread:
            here = tuple(found[:DEEPEST])
        elif int(number, 16) != threading.get_ident() and found and not found[0].startswith(WAITING):
            others.append(" < ".join(found[:BESIDE]))
    return here, others
