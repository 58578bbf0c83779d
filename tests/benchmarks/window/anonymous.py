"""Anonymous memory of a process, sampled from another one: its peak between two marks."""

from __future__ import annotations

import os
import subprocess
import sys

_SAMPLER = """
import os, select, sys
path, peak = f"/proc/{sys.argv[1]}/status", 0
while True:
    try:
        with open(path) as file:
            now = next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        break
    peak = max(peak, now)
    if select.select([0], [], [], 0.004)[0]:
        if not os.read(0, 1):
            break
        print(peak, now, flush=True)
        peak = now
"""


class Anonymous:
    """Samples this process's anonymous memory every 4 ms, from a process of its own (Linux)."""

    def __init__(self) -> None:
        self._sampler = subprocess.Popen([sys.executable, "-S", "-c", _SAMPLER, str(os.getpid())],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def mark(self) -> tuple[int, int]:
        """Return the peak since the last mark, and what there is now, in bytes; begin anew."""
        assert self._sampler.stdin is not None
        assert self._sampler.stdout is not None
        self._sampler.stdin.write(b".")
        self._sampler.stdin.flush()
        peak, now = self._sampler.stdout.readline().split()
        return int(peak) * 1024, int(now) * 1024

    def end(self) -> None:
        """Stop sampling."""
        assert self._sampler.stdin is not None
        assert self._sampler.stdout is not None
        self._sampler.stdin.close()
        self._sampler.wait(5)
        self._sampler.stdout.close()
