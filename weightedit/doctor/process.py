"""Runs our child in a process of its own: no shell, a small environment, an empty folder, bounded time and output."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from weightedit.core.progress import Progress

CHILD = Path(__file__).with_name("child.py")
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "SYSTEMDRIVE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What of the environment goes along: no keys, tokens or settings."""
MOST_REPORT = 64 << 20
MOST_OUTPUT = 64 << 10
"""Bytes that are kept of what the file's code prints; the rest is counted."""
_BEAT = 0.05
_LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended.

    Attributes
    ----------
    status
        Its exit status; negative for a signal, None where its time was up.
    report
        What it reported, as read from JSON; None where that is none.
    output, output_nbytes
        The first of what was printed, and how many bytes in all.
    """

    status: int | None
    report: Any
    output: str
    output_nbytes: int


class _Drain(threading.Thread):
    """Takes everything that comes out of a pipe, and keeps the first of it."""

    def __init__(self, pipe: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self.kept = bytearray()
        self.nbytes = 0
        self._pipe, self._most = pipe, most
        self.start()

    def run(self) -> None:
        with self._pipe, contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._pipe.fileno(), 1 << 16):
                self.kept += piece[: max(0, self._most - len(self.kept))]
                self.nbytes += len(piece)


def run_child(asked: dict[str, Any], seconds: float, progress: Progress) -> Ended:
    """Run the child until it ends, its time is up, or the person stops it; nothing of it is left running.

    Parameters
    ----------
    asked
        What it is told.
    seconds
        How long it may take.
    progress
        Asked now and then whether to stop.

    Raises
    ------
    Cancelled
        If it was stopped.
    OSError
        If no process could be started.
    """
    with tempfile.TemporaryDirectory(prefix="weightedit-module-", ignore_cleanup_errors=True) as folder:
        process = _start(folder)
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: PT018
        report, output = _Drain(process.stdout, MOST_REPORT), _Drain(process.stderr, MOST_OUTPUT)
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(asked).encode("ascii") + b"\n")
                process.stdin.close()
            status = _wait(process, seconds, progress)
        finally:
            _end(process)
        for drain in (report, output):
            drain.join(_LAST_WORDS)  # a process that it started may hold the pipe open
    text = bytes(output.kept).decode("utf-8", "backslashreplace")
    return Ended(status, None if report.nbytes > MOST_REPORT else _read(bytes(report.kept)), text, output.nbytes)


def _start(folder: str) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "TMP": folder, "OMP_NUM_THREADS": "1",
                    "CUDA_VISIBLE_DEVICES": "", "PATH": os.defpath}  # fmt: skip
    return subprocess.Popen([sys.executable, "-I", str(CHILD)], cwd=folder, env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                            start_new_session=os.name == "posix")  # fmt: skip


def _wait(process: subprocess.Popen[bytes], seconds: float, progress: Progress) -> int | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return process.wait(_BEAT)
        except subprocess.TimeoutExpired:
            progress.advance(0)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and what it started in its session."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
