"""Runs a program and ends with it all that it started, also in sessions of their own; run as a script, on Linux alone.

Started as `python watched.py PARENT PROGRAM ARGUMENT …`. Linux gives it what loses its parent below it, so that it can
end that: to begin a session of one's own, as daemons do, is no way out. Its status is the program's.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Of prctl: the signal that a process gets when the thread that started it ends; and to be given orphans."""
PATIENCE = 5.0
"""Seconds that what is killed may take to end; what waits for a disk takes longer, and is left."""


class _Told(BaseException):
    """Whoever asked for the program wants it to end, or has ended."""


def main() -> NoReturn:
    """Run the program, wait for it, and end what is left of it."""
    parent, *program = sys.argv[1:]
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, _stop)
    prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    status = 0
    try:
        if os.getppid() != int(parent):  # it ended before
            raise _Told
        status = _status_of(_started(program, prctl))
    except _Told:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all()
    _end_like(status)


def _stop(number: int, frame: object) -> None:
    raise _Told


def _started(program: list[str], prctl: object) -> int:
    """Start the program in a session of its own, which ends with this process, and leave it standard input and output.

    Returns its process id.
    """
    watching = os.getpid()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))  # type: ignore[operator]
        if os.getppid() == watching:
            os.execv(program[0], program)
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    return child


def _status_of(child: int) -> int:
    """Wait until the program ends; what it orphaned may end before."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            return os.waitstatus_to_exitcode(status)


def _end_all() -> None:
    """Kill the children of this process, and those that come to it thereby, until there are none."""
    until = time.monotonic() + PATIENCE
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            for child in _children():
                with contextlib.suppress(OSError):  # it has ended, or is somebody else's, as after sudo
                    os.kill(child, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.005)


def _children() -> list[int]:
    """Return the processes whose parent is this one."""
    found = []
    own = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
            if stat.read_bytes().rpartition(b")")[2].split()[1].decode("ascii") == own:
                found.append(int(stat.parent.name))
    return found


def _end_like(status: int) -> NoReturn:
    """End this process as the program did, by its signal or with its status."""
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(max(0, status))


if __name__ == "__main__":
    main()
