"""Runs code of others in a process of its own: bounded time and output, killed with what it started, never awaited."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from weightedit.core.progress import Progress

MOST_REPORT = 64 << 20
MOST_OUTPUT = 64 << 10
"""Bytes that are kept of what the code prints; the rest is counted."""
_BEAT = 0.05
_LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Start:
    """How a process is started.

    Attributes
    ----------
    arguments
        Of Python.
    folder
        Where it works.
    environment
        All of its environment.
    told
        One line that it reads from standard input.
    """

    arguments: Sequence[str]
    folder: str
    environment: dict[str, str] = field(repr=False)
    told: bytes = b""


@dataclass(frozen=True, slots=True)
class Said:
    """How a process ended, and what it said.

    Attributes
    ----------
    status
        Its exit status; negative for a signal, None where its time was up.
    report
        What came out of standard output; None where that was more than a report may be.
    output, output_nbytes
        The first of what was printed as errors, and how many bytes in all.
    """

    status: int | None
    report: bytes | None
    output: str
    output_nbytes: int


class _Drain(threading.Thread):
    """Takes everything that comes out of a pipe, keeps the first of it, and hands on whole lines as they come."""

    def __init__(self, pipe: IO[bytes], most: int, heard: Callable[[bytes], None] | None = None) -> None:
        super().__init__(daemon=True)
        self.kept = bytearray()
        self.nbytes = 0
        self._pipe, self._most, self._heard = pipe, most, heard
        self.start()

    def run(self) -> None:
        told = 0
        with self._pipe, contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._pipe.fileno(), 1 << 16):
                self.kept += piece[: max(0, self._most - len(self.kept))]
                self.nbytes += len(piece)
                while self._heard is not None and (end := self.kept.find(b"\n", told)) >= 0:
                    self._heard(bytes(self.kept[told:end]))
                    told = end + 1


def run_process(start: Start, seconds: float, progress: Progress,
                heard: Callable[[bytes], None] | None = None) -> Said:  # fmt: skip
    """Run Python until it ends, its time is up, or the person stops it; nothing of it is left running.

    Parameters
    ----------
    start
        How.
    seconds
        How long it may take.
    progress
        Asked now and then whether to stop.
    heard
        Given each line of its report as it comes, in a thread of its own.

    Raises
    ------
    Cancelled
        If it was stopped.
    OSError
        If no process could be started.
    """
    process = subprocess.Popen([sys.executable, *start.arguments], cwd=start.folder, env=start.environment,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                               start_new_session=os.name == "posix")  # fmt: skip
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: PT018
    report, output = _Drain(process.stdout, MOST_REPORT, heard), _Drain(process.stderr, MOST_OUTPUT)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(start.told + b"\n")
            process.stdin.close()
        status = _wait(process, seconds, progress)
    finally:
        _end(process)
    for drain in (report, output):
        drain.join(_LAST_WORDS)  # a process that it started may hold the pipe open
    text = bytes(output.kept).decode("utf-8", "backslashreplace")
    return Said(status, None if report.nbytes > MOST_REPORT else bytes(report.kept), text, output.nbytes)


def _wait(process: subprocess.Popen[bytes], seconds: float, progress: Progress) -> int | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return process.wait(_BEAT)
        except subprocess.TimeoutExpired:
            progress.ask()
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and what it started in its session."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
