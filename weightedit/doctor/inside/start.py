"""The process that a person's model runs in: takes orders line by line, and answers each with a line of JSON.

Started as `python start.py` with one line on standard input that says where things are. What the person's code prints
goes to standard error; standard input is empty for it.
"""

import contextlib
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

WORD = 8
"""Bytes of each number on the page where the parent looks while code runs: the module it is in, and how many calls."""


def main() -> int:
    """Answer orders until there are no more."""
    out, orders = os.fdopen(os.dup(1), "wb", 0), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    asked = json.loads(orders.readline())
    _limit(int(asked["memory"]))
    sys.path[0] = asked["package"]  # instead of this file's folder
    sys.argv = [asked["title"]]

    gc.disable()
    from weightedit.doctor.inside.session import Session

    gc.freeze()  # what torch made stays: looking through it again and again takes a while
    gc.enable()
    session = Session(Path(asked["folder"]), entered=_page(Path(asked["page"])))
    for line in orders:
        answer = session.do(json.loads(line))
        out.write(json.dumps(answer).encode("ascii") + b"\n")
    return 0


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
