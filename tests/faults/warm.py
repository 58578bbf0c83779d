"""A warm process that forks one child per trial: torch and weightedit are imported once, not two hundred times.

A job is a function `job(arguments: dict, report) -> value` named as "package.module:function". The child calls
`report(word)` as it goes from phase to phase, and may be killed a given time after it said "begin". What the job
returns, or the exception it ended with, comes back with the phases.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BEGIN, READY = "begin", "ready"
Job = Callable[[dict[str, Any], Callable[[str], None]], Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes
    ----------
    status
        Its exit status; minus the signal's number where one killed it.
    phases
        Each word it reported, and when: seconds since it said "begin", negative before.
    answer
        What the job returned; None if it did not get so far.
    error
        "TypeName: message" of the exception the job ended with.
    """

    status: int
    phases: tuple[tuple[str, float], ...]
    answer: Any
    error: str

    @property
    def phase(self) -> str:
        """The last thing it said."""
        return self.phases[-1][0] if self.phases else ""

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL


class Warm:
    """The warm process; close it, or leave that to the end of Python."""

    def __init__(self) -> None:
        own = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen([sys.executable, "-m", "tests.faults.warm"], cwd=ROOT, env=own, text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        self._owner = os.getpid()
        atexit.register(self.close)

    def run(self, job: str, arguments: dict[str, Any], *, kill_after: float | None = None,
            trace: list[str] | None = None, limit: float = 300.0) -> Ended:  # fmt: skip
        """Do one job in a child of its own.

        Parameters
        ----------
        job
            "package.module:function".
        arguments
            Handed over as JSON.
        kill_after
            Seconds after "begin" at which SIGKILL is sent; None to let it end.
        trace
            Arguments of strace, which follows the child from when it says "ready" until it ends; a job that is traced
            says so and then waits with `settle`.
        limit
            Seconds after which it is killed anyway, which `Ended.phases` then ends with: "too long".
        """
        ask = {"job": job, "arguments": arguments, "kill_after": kill_after, "trace": trace, "limit": limit,
               "state": os.environ.get("WEIGHTEDIT_STATE", "")}  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the warm process ended with status {self._process.wait()}")
        found = json.loads(line)
        found["phases"] = tuple((word, at) for word, at in found["phases"])
        return Ended(**found)

    def close(self) -> None:
        """End the warm process."""
        if self._owner == os.getpid() and self._process.poll() is None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(30)
            self._process.stdout.close()


_WARM: list[Warm] = []
NO_FORK = "" if hasattr(os, "fork") else "this system cannot fork"
"""Why there can be no warm process here; empty where there can."""


def warm() -> Warm:
    """Return the one warm process of this process, started at first use."""
    if not _WARM:
        _WARM.append(Warm())
    return _WARM[0]


# ---------------------------------------------------------------- in the warm process


def serve() -> None:
    """Answer jobs, one line each, until there are no more."""
    from tests.faults import saves

    with tempfile.TemporaryDirectory() as folder:  # what is imported at first use is imported now
        saves.once(Path(folder))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a job prints is not an answer
    for line in sys.stdin:
        answers.write(json.dumps(_forked(json.loads(line))) + "\n")
        answers.flush()


def _forked(ask: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setpgid(0, 0)
        _child(ask, writing)
    os.close(writing)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    lines = _watched(child, reading, ask)
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for tracer in _TRACERS:
        tracer.communicate(timeout=30)
    _TRACERS.clear()
    begin = next((at for line, at in lines if line == BEGIN), lines[0][1] if lines else 0.0)
    last = json.loads(lines.pop()[0][1:]) if lines and lines[-1][0].startswith("=") else {}
    return {"status": status, "phases": [(line, at - begin) for line, at in lines],
            "answer": last.get("answer"), "error": last.get("error", "")}  # fmt: skip


def _child(ask: dict[str, Any], writing: int) -> None:
    """Do the job and leave without returning."""
    os.environ["WEIGHTEDIT_STATE"] = ask["state"]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def report(word: str) -> None:
        os.write(writing, word.encode() + b"\n")

    status = 0
    try:
        module, name = ask["job"].split(":")
        said = {"answer": getattr(importlib.import_module(module), name)(ask["arguments"], report)}
    except BaseException as error:
        said, status = {"error": f"{type(error).__name__}: {error}"}, 1
    data = b"=" + json.dumps(said).encode() + b"\n"
    while data:
        data = data[os.write(writing, data) :]
    os._exit(status)


_TRACERS: list[subprocess.Popen[str]] = []


def _follow(child: int, arguments: list[str]) -> None:
    """Attach strace to a child and let it go on."""
    tracer = subprocess.Popen(["strace", "-f", "-p", str(child), *arguments], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    _TRACERS.append(tracer)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if "attached" not in said:
        os.killpg(child, signal.SIGKILL)
        raise RuntimeError(f"strace did not attach: {said}")
    os.kill(child, signal.SIGUSR1)


def settle() -> None:
    """In a child that was told to be traced: wait until the tracer is there; SIGUSR1 is blocked."""
    signal.sigwait({signal.SIGUSR1})


def _watched(child: int, reading: int, ask: dict[str, Any]) -> list[tuple[str, float]]:
    """Read what the child reports until it ends; kill it in time."""
    end, lines, rest = time.monotonic() + ask["limit"], [], b""
    kill_at = float("inf")
    while True:
        now = time.monotonic()
        due = min(kill_at, end)
        if now >= due:
            lines += [("too long", now)] if now >= end else []
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            kill_at = end = float("inf")
            continue
        if not select.select([reading], [], [], None if due == float("inf") else due - now)[0]:
            continue
        data = os.read(reading, 1 << 16)
        if not data:
            return lines
        *whole, rest = (rest + data).split(b"\n")
        now = time.monotonic()
        for line in whole:
            lines.append((line.decode(), now))
            if line.decode() == BEGIN and ask["kill_after"] is not None:
                kill_at = now + ask["kill_after"]
            if line.decode() == READY and ask["trace"]:
                _follow(child, ask["trace"])


if __name__ == "__main__":
    serve()
