"""How much anonymous memory a process has, and an end for one that takes too much."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

CAN_MEASURE = sys.platform.startswith("linux")
"""Only Linux tells the memory of one's own apart from pages of files."""


def anonymous(pid: int) -> int:
    """Return the bytes of anonymous memory that a process has now; 0 where it is gone or nobody can say."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def machine_cap() -> int:
    """Return how much a contender may have: half of the machine's memory."""
    if not CAN_MEASURE:
        return 8 << 30
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class Watch:
    """Looks at a process again and again, in a thread: its peak, and whether it went past the cap, which ends it."""

    def __init__(self, pid: int, cap: int, every: float) -> None:
        self.peak = 0
        self.stopped = False
        self._pid, self._cap, self._every = pid, cap, every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.is_set():
            self.peak = max(self.peak, anonymous(self._pid))
            if self.peak > self._cap and not self.stopped:
                self.stopped = True
                os.kill(self._pid, 9)
            time.sleep(self._every)
