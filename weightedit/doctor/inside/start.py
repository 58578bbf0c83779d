"""The process that a person's model runs in: takes orders line by line, and answers each with a line of JSON.

Started as `python start.py` with one line on standard input that says where things are. What the person's code prints
goes to standard error; standard input is empty for it.
"""

import contextlib
import errno
import gc
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

CLOSED = 113
"""The status of a process whose code closed what it answers through."""
WORD = 8
"""Bytes of each number on the page where the parent looks while code runs: the module it is in, and how many calls."""


def main() -> int:
    """Answer orders until there are no more."""
    out, orders = _Own(os.dup(1)), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    asked = json.loads(orders.readline())
    lines = _orders(orders)
    _limit(int(asked["memory"]))
    sys.path[0] = asked["package"]  # instead of this file's folder
    sys.argv = [asked["title"]]

    gc.disable()
    from weightedit.doctor.inside.session import Session

    gc.freeze()  # what torch made stays: looking through it again and again takes a while
    gc.enable()
    session = Session(Path(asked["folder"]), entered=_page(Path(asked["page"])))
    while line := lines.get():
        answer = session.do(json.loads(line))
        try:
            out.write(json.dumps(answer).encode("ascii") + b"\n")
        except OSError:
            os._exit(CLOSED)
    return 0


class _Own:
    """A file that is written to as long as its number means it: code may close it, and open another one under that.

    Parameters
    ----------
    number
        Of the open file.
    """

    def __init__(self, number: int) -> None:
        self._number, self._known = number, os.fstat(number)

    def write(self, data: bytes, place: int | None = None) -> None:
        """Write all of the data, at a place or at the end; OSError where it was closed."""
        if not os.path.samestat(os.fstat(self._number), self._known):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if place is not None:
            os.lseek(self._number, place, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._number, rest) :]


def _orders(pipe: BinaryIO) -> queue.SimpleQueue[bytes]:
    """Return the lines of the orders as they come; this process ends with the one that gives them.

    A thread waits for the pipe to close, whatever the person's code does meanwhile; for code that lets no other thread
    run, `watched.py` has Linux end this process.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(OSError):
            while line := pipe.readline():
                lines.put(line)
        _end()

    threading.Thread(target=read, daemon=True).start()
    return lines


def _end() -> None:
    """End this process at once, with what it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        with contextlib.suppress(OSError):
            os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _limit(memory: int) -> None:
    """Let an allocation that there is no room for raise, and let the kernel end this process before any other."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, ValueError, OSError):
        return


def _page(path: Path) -> Any:
    """Return what writes down where the model is: it stays readable whatever becomes of this process."""
    page = _Own(os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)))  # as long as the process
    size = path.stat().st_size

    def entered(name: str, count: int) -> None:
        said = name.encode("utf-8")[: size - 2 * WORD]
        with contextlib.suppress(OSError):  # closed by the model's code; its answer tells of that
            page.write(count.to_bytes(WORD, "little") + (len(said) + 1).to_bytes(WORD, "little") + said, 0)

    return entered


if __name__ == "__main__":
    sys.exit(main())
