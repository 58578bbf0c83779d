"""How much memory this process takes, and how much the machine has."""

from __future__ import annotations

import os
from pathlib import Path


def memory_in_use() -> int | None:
    """Return the bytes this process holds in memory; None where the system does not say."""
    if Path("/proc/self/statm").exists():
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE")
    if os.name == "nt":
        return _windows_in_use()
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS; the peak, the nearest it says


def memory_there_is() -> int | None:
    """Return the bytes of memory the machine has; None where the system does not say."""
    if os.name == "nt":
        return _windows_there_is()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _windows_in_use() -> int | None:
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = [("cb", wintypes.DWORD), ("faults", wintypes.DWORD), ("peak", ctypes.c_size_t),
                    ("working", ctypes.c_size_t), ("rest", ctypes.c_size_t * 6)]  # fmt: skip

    counters = Counters()
    counters.cb = ctypes.sizeof(counters)
    windll = getattr(ctypes, "windll")  # noqa: B009  (only Windows has it)
    process = ctypes.c_void_p(windll.kernel32.GetCurrentProcess())
    read = windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
    return int(counters.working) if read else None


def _windows_there_is() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("total", ctypes.c_ulonglong),
                    ("rest", ctypes.c_ulonglong * 6)]  # fmt: skip

    status = Status()
    status.length = ctypes.sizeof(status)
    windll = getattr(ctypes, "windll")  # noqa: B009  (only Windows has it)
    return int(status.total) if windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None
