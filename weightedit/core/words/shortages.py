"""Errors of the machine as a person reads them: what ran out or went away, and what stays as it was."""

from __future__ import annotations

import errno
import re
import sys

from weightedit.core.errors import WeightEditError
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.visible import visible

KEPT = "What is open keeps its edits and its undo; no file was written halfway."
FREE_MEMORY = f"{KEPT} Free some memory, or let one pass use less of it in the settings."
FREE_DISK = f"{KEPT} Free some space, or choose another place."
TRIED = re.compile(r"(?:you tried to allocate|[Tt]ried to allocate|Unable to allocate) ([\d.]+) ?([KMGTPE]iB|bytes)")
SIZES = {"bytes": 1} | {f"{unit}iB": 1 << 10 * (at + 1) for at, unit in enumerate("KMGTPE")}
LOST = ("CUDA error", "CUDA driver error", "device-side assert", "CUBLAS_STATUS", "cudaError")


class Shortage(WeightEditError):
    """Memory, disk or a device gave out under a piece of work; `__cause__` is what Python or torch raised."""


def shortage(error: BaseException) -> Shortage | None:
    """Return an error of the machine in words; None where it is none of these and so a fault of the program.

    Parameters
    ----------
    error
        Such as `MemoryError`, an `OSError` with its errno, or what torch raises when an allocation is refused.
    """
    words = _words(error)
    if words is None:
        return None
    made = Shortage(words)
    made.__cause__ = error
    return made


def _words(error: BaseException) -> str | None:
    if isinstance(error, WeightEditError):
        return None
    if is_out_of_memory(error):
        return f"Memory ran out{_tried(str(error))}. {FREE_MEMORY}"
    if is_lost_device(error):
        return (f"The CUDA device stopped working ({visible(_first_line(error), 200)}). {KEPT} Edit on the CPU, and "
                "start weightedit again to use the device.")  # fmt: skip
    if isinstance(error, OSError) and error.strerror:
        return _of_system(error)
    return None


def is_fault(error: BaseException) -> bool:
    """Whether an error is a fault of the program: neither said for a person, nor of a machine that gave out."""
    return isinstance(error, Exception) and not isinstance(error, WeightEditError) and _words(error) is None


def is_lost_device(error: BaseException) -> bool:
    """Whether a CUDA device stopped working, which it does for the whole process."""
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in LOST) and not is_out_of_memory(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, numpy or torch had no memory left, on the CPU or on a device."""
    of_device = getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)
    if isinstance(error, (MemoryError, of_device)) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in str(error) or "bad_alloc" in str(error))


def _of_system(error: OSError) -> str:
    name = _file_of(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"There is no space left on the disk{f' of {name}' if name else ''}. {FREE_DISK}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"Too many files are open at once{f', at {name}' if name else ''}. {KEPT} Close some documents."
    said = error.strerror or ""
    reason = f"{said[:1].lower()}{said[1:]}"
    return f"{f'{name} cannot be used' if name else 'The system refused'}: {reason}. {KEPT}"


def _file_of(error: OSError) -> str:
    found = error.filename
    return "" if found is None or isinstance(found, int) else visible(str(found), 200)


def _tried(text: str) -> str:
    """Return how much was wanted, from what numpy or torch says about it."""
    found = TRIED.search(text)
    return "" if found is None else f": {bytes_text(int(float(found[1]) * SIZES[found[2]]))} more were needed"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
