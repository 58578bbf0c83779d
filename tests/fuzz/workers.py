"""Runs cases in child processes, so that one that ends the process, or never ends, is found and not fatal."""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import watch
from tests.fuzz.cases import Case
from tests.fuzz.judge import MOST_MEMORY, MOST_SECONDS, Verdict, judge
from tests.fuzz.seeds import FORMATS, seeds

LIMIT = 4 << 30
"""Bytes of address space a child may have beyond what it began with: a case that wants more gets a MemoryError."""
_HANG = 4 * MOST_SECONDS
"""Seconds of CPU after which a child is ended whose case does not."""


@dataclass
class Result:
    """A case, and what came of it."""

    case: Case
    verdict: Verdict


def warm() -> None:
    """Try every whole file once, so that no child has to import anything, and all of them share what that made."""
    with tempfile.TemporaryDirectory(prefix="weightedit-fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch finds old what old files hold
        for index, format in enumerate(FORMATS):
            for number, whole in enumerate(seeds(format)):
                judge(Case(format, 0, number, whole.name, whole.files, whole.main), Path(folder) / f"{index}-{number}",
                      guard=False)  # fmt: skip


def run(cases: Sequence[Case], tried: Callable[[Case, Path], Verdict] = judge) -> Iterator[Result]:
    """Try cases in a child process, and in another one from where the first ended too early."""
    left = list(cases)
    while left:
        done = 0
        for result in _batch(left, tried):
            done += 1
            yield result
        left = left[done:]


def _batch(cases: list[Case], tried: Callable[[Case, Path], Verdict]) -> Iterator[Result]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads; torch keeps some
        pid = os.fork()
    if not pid:
        os.close(reading)
        _child(cases, writing, tried)
    os.close(writing)
    try:
        yield from _listen(cases, reading, pid)
    finally:
        os.close(reading)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def _listen(cases: list[Case], reading: int, pid: int) -> Iterator[Result]:
    """Yield a result for each case that the child finished, and one for that in which it ended."""
    buffer, index, phase, began = b"", 0, "own", _cpu(pid)
    while index < len(cases):
        ready, _, _ = select.select([reading], [], [], 1.0)
        if not ready:
            if _cpu(pid) - began > _HANG:
                os.kill(pid, signal.SIGKILL)
                if phase == "own":
                    yield Result(cases[index], Verdict(findings=[("slow", f"did not end in {_HANG:.0f} s of CPU")]))
                else:
                    yield Result(cases[index], Verdict(opened=True, note="the reference library does not end"))
                return
            continue
        more = os.read(reading, 1 << 16)
        if not more:
            how = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if phase == "own":
                yield Result(cases[index], Verdict(findings=[("crash", f"the process ended with {how}")]))
            else:
                yield Result(cases[index], Verdict(opened=True, note=f"the reference library ends the process ({how})"))
            return
        *lines, buffer = (buffer + more).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if isinstance(said, str):
                phase = said
                if phase == "stop":
                    return
                continue
            yield Result(cases[index], Verdict(said[0], [(kind, what) for kind, what in said[1]], said[2], said[3]))
            index, phase, began = index + 1, "own", _cpu(pid)


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _child(cases: list[Case], writing: int, tried: Callable[[Case, Path], Verdict]) -> None:
    """Try cases until one leaves the process larger than it should be; never returns."""
    try:
        with os.fdopen(writing, "wb", buffering=0) as out:
            watch.tellers[:] = [lambda name: (out.write(json.dumps(name).encode() + b"\n"), None)[1]]
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what torch prints of its own accord
            warnings.simplefilter("ignore")
            resource.setrlimit(resource.RLIMIT_AS, (_address_space() + LIMIT, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _work(cases, out.write, tried)
        os._exit(0)
    except BaseException:
        os._exit(70)


def _work(cases: list[Case], say: Callable[[bytes], object], tried: Callable[[Case, Path], Verdict]) -> None:
    gc.freeze()
    folder = Path(tempfile.mkdtemp(prefix="weightedit-fuzz-", dir=_memory_folder()))
    base = _peak()
    try:
        for case in cases:
            here = folder / "case"
            here.mkdir()
            verdict = tried(case, here)
            grown = _peak() - base
            if grown > MOST_MEMORY:
                verdict.findings.append(("memory", f"{grown >> 20:,} MiB more than before"))
            say(json.dumps([verdict.opened, verdict.findings, verdict.note, verdict.seconds]).encode() + b"\n")
            shutil.rmtree(here)
            if grown > MOST_MEMORY // 2:  # the peak hides what the next one takes
                say(b'"stop"\n')
                return
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 64 << 30


def _memory_folder() -> str | None:
    """Where syncing a file costs nothing."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def deadline(minutes: float) -> Callable[[], bool]:
    """Return what tells whether the time is up."""
    end = time.monotonic() + 60 * minutes
    return lambda: time.monotonic() >= end
