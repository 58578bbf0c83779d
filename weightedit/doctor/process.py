"""Runs code of others in a process of its own: bounded time and output, killed with what it started, never awaited."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from weightedit.core.progress import Progress

MOST_REPORT = 64 << 20
"""Bytes of one line, or of a whole report, that are taken; what says more is not listened to any more."""
MOST_OUTPUT = 64 << 10
"""Bytes that are kept of what the code prints; the rest is counted."""
WATCHED = Path(__file__).with_name("watched.py")
"""Runs a program on Linux, and ends with it all that it started."""
_WATCHED_ENDS = 10.0
"""Seconds that it has to do so."""
_BEAT = 0.05
_PIECE = 512
"""Bytes that a pipe which takes any takes at once, on every system."""
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
    """

    arguments: Sequence[str]
    folder: str
    environment: dict[str, str] = field(repr=False)


def _watching() -> list[str]:
    """Return what stands before a command so that nothing it starts is left running; nothing where there is no such."""
    return [sys.executable, "-I", "-S", str(WATCHED), str(os.getpid())] if sys.platform == "linux" else []


class _Drain(threading.Thread):
    """Takes everything that comes out of a pipe: hands on lines as they come, or keeps the first of it."""

    def __init__(self, pipe: IO[bytes], most: int, *, by_line: bool) -> None:
        super().__init__(daemon=True)
        self.kept = bytearray()
        self.nbytes = 0
        self.is_too_long = False
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._pipe, self._most, self._by_line = pipe, most, by_line
        self.start()

    def run(self) -> None:
        with self._pipe, contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._pipe.fileno(), 1 << 16):
                self.nbytes += len(piece)
                self.kept += piece[: max(0, self._most - len(self.kept))]
                if self._by_line and not self.is_too_long:
                    self._hand_on(b"\n" in piece)
        self.lines.put(None)

    def _hand_on(self, has_ended: bool) -> None:
        """Hand on the lines that are whole; what is too long for one is an end."""
        if has_ended:
            *whole, rest = bytes(self.kept).split(b"\n")
            for line in whole:
                self.lines.put(line)
            self.kept[:] = rest
        if len(self.kept) >= self._most:
            self.is_too_long = True
            self.lines.put(None)


class Process:
    """Python in a process of its own, told lines and heard line by line, and ended with what it started.

    On Linux nothing of it is left running at the end; on macOS what began a session of its own goes on, and on Windows
    all that it started.

    Parameters
    ----------
    start
        How it is started.
    seconds
        How long it may take in all.
    progress
        Asked now and then whether to stop.

    Attributes
    ----------
    status
        Its exit status; negative for a signal, None while it runs and where its time was up.

    Raises
    ------
    OSError
        If no process could be started.
    """

    def __init__(self, start: Start, seconds: float, progress: Progress) -> None:
        self.status: int | None = None
        self._progress, self._until = progress, time.monotonic() + seconds
        self._process = subprocess.Popen(
            [*_watching(), sys.executable, *start.arguments], cwd=start.folder, env=start.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            start_new_session=os.name == "posix")  # fmt: skip
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: PT018
        self._report = _Drain(self._process.stdout, MOST_REPORT, by_line=True)
        self._output = _Drain(self._process.stderr, MOST_OUTPUT, by_line=False)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.end()

    @property
    def output(self) -> str:
        """The first of what it printed."""
        return bytes(self._output.kept).decode("utf-8", "backslashreplace")

    @property
    def output_nbytes(self) -> int:
        """How much it printed in all."""
        return self._output.nbytes

    def tell(self, line: bytes) -> None:
        """Write a line to its standard input; nothing happens where it has ended, or its time is up.

        Raises
        ------
        Cancelled
            If the person stopped it while it did not read.
        """
        assert self._process.stdin is not None
        rest = memoryview(line + b"\n")
        with contextlib.suppress(BrokenPipeError):
            while rest and not self.is_late:
                if self._takes_more():
                    rest = rest[self._process.stdin.write(rest[:_PIECE]) :]
                else:
                    self._progress.ask()

    def _takes_more(self) -> bool:
        """Whether its standard input takes a piece at once; where that cannot be asked, it is waited for."""
        if sys.platform == "win32":
            return True
        assert self._process.stdin is not None
        poll = select.poll()
        poll.register(self._process.stdin.fileno(), select.POLLOUT)
        return bool(poll.poll(_BEAT * 1_000))

    def hush(self) -> None:
        """Close its standard input: there is no more to tell."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    @property
    def is_late(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self._until

    @property
    def is_too_long(self) -> bool:
        """Whether it said a line that is longer than one may be; nothing that came after is heard."""
        return self._report.is_too_long

    def hear(self, beat: Callable[[], None] | None = None) -> bytes | None:
        """Wait for the next line of its report; None where it ended, the line is too long, or its time is up.

        Parameters
        ----------
        beat
            Called now and then meanwhile.

        Raises
        ------
        Cancelled
            If the person stopped it.
        """
        while not self.is_late:
            try:
                return self._report.lines.get(timeout=_BEAT)
            except queue.Empty:
                (beat or self._progress.ask)()
                if self._process.poll() is not None:  # a process that it started may hold the pipe open
                    self._report.join(_LAST_WORDS)
                    with contextlib.suppress(queue.Empty):
                        return self._report.lines.get_nowait()
                    return None
        return None

    def rest(self) -> bytes | None:
        """Close its input, and return everything that it reports until it ends; None where that is too much.

        Raises
        ------
        Cancelled
            If the person stopped it.
        """
        self.hush()
        lines = []
        while (line := self.hear()) is not None:
            lines.append(line)
        self._wait()
        self.end()
        return None if self._report.nbytes > MOST_REPORT else b"\n".join([*lines, bytes(self._report.kept)])

    def finished(self, seconds: float) -> int | None:
        """Return its exit status once it ended, or None where it goes on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _wait(self) -> None:
        while not self.is_late:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_BEAT)
                return
            self._progress.ask()

    def end(self) -> None:
        """Kill it and what it started, and read its last words."""
        self.hush()
        self.status = self._process.poll()
        if _watching() and self.status is None:
            self._process.terminate()
            self.finished(_WATCHED_ENDS)
        elif sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for drain in (self._report, self._output):
            drain.join(_LAST_WORDS)
