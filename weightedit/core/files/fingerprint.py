"""What tells one state of a file from another without reading it: where it is, its size and its times."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

_LONGEST_TICK = 0.05
"""Seconds that the clock of file times is waited for at most; where it is another machine's it may be ahead."""
_COARSE_CLOCK = 5
"""Linux stamps files by the clock of this number, which moves on every few milliseconds."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one state of a file from another without reading it whole."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Take the fingerprint out of what `stat` says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether it is the fingerprint of this, without making another one."""
        return (status.st_mtime_ns == self.mtime_ns and status.st_ctime_ns == self.ctime_ns
                and status.st_size == self.size and status.st_ino == self.inode
                and status.st_dev == self.device)  # fmt: skip


class Rights(NamedTuple):
    """What a change of may explain a new ctime of a file whose bytes stayed as they were."""

    mode: int
    links: int
    user: int
    group: int

    @classmethod
    def of(cls, status: os.stat_result) -> Rights:
        """Take them out of what `stat` says."""
        return cls(status.st_mode, status.st_nlink, status.st_uid, status.st_gid)


def _file_time() -> int:
    """Return the time, in nanoseconds, that a file would get if it changed now."""
    return time.clock_gettime_ns(_COARSE_CLOCK) if sys.platform == "linux" else time.time_ns() - 16_000_000


def _changed_at(status: os.stat_result) -> int:
    return status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns  # on Windows the latter is when it was made


def past_its_tick(handle: int) -> os.stat_result:
    """Return what the system says of a file whose next change will have another time than its last one."""
    status, until = os.fstat(handle), 0.0
    while _file_time() <= _changed_at(status):
        until = until or time.monotonic() + _LONGEST_TICK
        if time.monotonic() >= until:
            break
        time.sleep(0.001)
        status = os.fstat(handle)
    return status
