"""The process that a person's model runs in: takes orders line by line, and answers each with a line of JSON.

Started as `python start.py` with one line on standard input that says where things are. What the person's code prints
goes to standard error; standard input is empty for it.
"""

import contextlib
import ctypes
import gc
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

PR_SET_PDEATHSIG = 1
"""Of prctl: the signal that a process gets when the thread that started it ends."""
WORD = 8
"""Bytes of each number on the page where the parent looks while code runs: the module it is in, and how many calls."""


def main() -> int:
    """Answer orders until there are no more."""
    out, orders = os.fdopen(os.dup(1), "wb", 0), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    asked = json.loads(orders.readline())
    lines = _orders(orders, int(asked["parent"]))
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
        out.write(json.dumps(answer).encode("ascii") + b"\n")
    return 0


def _orders(pipe: BinaryIO, parent: int) -> queue.SimpleQueue[bytes]:
    """Return the lines of the orders as they come; this process ends with the one that gives them.

    A thread waits for the pipe to close, whatever the person's code does meanwhile; and as that thread has to wait for
    code that lets no other run, Linux is told to end this process too.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        while line := pipe.readline():
            lines.put(line)
        _end()

    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # it ended before
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
    page = path.open("r+b", buffering=0)  # as long as the process
    size = path.stat().st_size

    def entered(name: str, count: int) -> None:
        said = name.encode("utf-8")[: size - 2 * WORD]
        page.seek(0)
        page.write(count.to_bytes(WORD, "little") + (len(said) + 1).to_bytes(WORD, "little") + said)

    return entered


if __name__ == "__main__":
    sys.exit(main())
