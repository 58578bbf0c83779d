"""Watches one process while it opens one file: what it runs, imports, starts, reaches and writes, and its memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

MOST = 500 << 20
"""Bytes above the size of the file that opening it may take."""
ROOM = 4 << 30
"""Bytes of address space the process may add; past it an allocation raises `MemoryError`, which is counted."""
_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen",
           "pty.spawn", "webbrowser.open", "urllib.Request", "ftplib.connect", "smtplib.connect", "os.kill",
           "pickle.find_class", "ctypes.dlopen", "os.putenv",
           "shutil.rmtree", "shutil.copyfile", "shutil.unpack_archive", "shutil.move")  # fmt: skip
_MADE_BY = ("weightedit", "encodings")
"""Packages that may be imported while a file is opened: our own, late, and what Python needs to decode text."""
_LIBRARY = str(Path(os.__file__).parent)


class Guards:
    """An audit hook, and the peak of memory since it was set; it cannot be taken off, so it is set in a child.

    Parameters
    ----------
    writable
        Folders in which the program itself may write.
    """

    def __init__(self, writable: list[Path]) -> None:
        self.trips: list[str] = []
        self._writable = tuple(os.path.realpath(folder) + os.sep for folder in writable)
        self._resident, self._virtual = memory()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        try:
            what = self._look(event, args)
        except Exception as error:  # whatever happens here must not change what the reader does
            what = f"the guard itself stumbled: {error!r}"
        if what is not None and len(self.trips) < 20:
            self.trips.append(what[:200])

    def _look(self, event: str, args: tuple[Any, ...]) -> str | None:
        if event in _STARTS or event.startswith(("socket.", "winreg.")):
            return f"{event} {args!r}"
        if event == "import" and args[0].partition(".")[0] not in _MADE_BY:
            return f"import {args[0]}"
        if event == "compile" and not str(args[1]).startswith((_LIBRARY, _package())):
            return f"compile {args[0]!r:.80}"
        if event == "exec" and not getattr(args[0], "co_filename", "").startswith((_LIBRARY, _package())):
            return f"exec {args[0]!r}"
        if event == "open" and self._writes(args):
            return f"open {args[0]!r} to write"
        return None

    def _writes(self, args: tuple[Any, ...]) -> bool:
        path, mode, flags = args
        is_write = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(
            flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))  # fmt: skip
        if not is_write or isinstance(path, int):
            return False
        return not (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(self._writable)

    def growth(self) -> tuple[int, int]:
        """Return how many bytes of memory, and of address space, the peak lies above the start."""
        resident, virtual = memory()
        return resident - self._resident, virtual - self._virtual


def _package() -> str:
    import weightedit

    return str(Path(weightedit.__file__).parent)


def memory() -> tuple[int, int]:
    """Return the peaks of resident memory and of address space of this process, in bytes; 0 where none is told."""
    found = {"VmHWM": 0, "VmPeak": 0}
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key in found:
                found[key] = int(value.split()[0]) << 10
    except OSError:
        pass
    return found["VmHWM"], found["VmPeak"]


def limit_room() -> None:
    """Let allocations past the room raise, so that one file cannot take the machine."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory()[1] + ROOM, hard))
