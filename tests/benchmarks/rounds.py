"""Runs the contenders of a case in turn, round by round, so that a machine that gets slower does so for all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.case import Case, Contender
from tests.benchmarks.memory import CAN_MEASURE, Watch, anonymous

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Measured:
    """What was seen of one contender.

    Attributes
    ----------
    seconds
        Of each round.
    ratios
        Of each round to the limit's of the same round.
    figures
        What rounds returned besides, by name.
    megabytes
        The peak of anonymous memory above that after the imports, in 10⁶ bytes, of one round in a fresh process.
    missing
        Why it has no figures, or none of some kind.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)
    megabytes: float | None = None
    missing: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return median(self.ratios) if self.ratios else None


class Ended(Exception):
    """A contender ended; says why."""


class Child:
    """A contender's process, as its parent sees it."""

    def __init__(self, case: Case, contender: Contender, data: Path, cap: int) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.child", case.name, contender.name, str(data)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._cap = cap

    def answer(self, every: float = 0.05) -> tuple[Mapping[str, object], int]:
        """Wait for a line; returns it and the most memory that was seen meanwhile, in bytes."""
        assert self.process.stdout is not None
        with Watch(self.process.pid, self._cap, every) as watch:
            line = self.process.stdout.readline()
        if watch.stopped:
            raise Ended(f"ended at {self._cap / 1e9:.0f} GB of memory")
        if not line:
            raise Ended(f"ended with status {self.process.wait()}")
        found: dict[str, object] = json.loads(line)
        if "not_here" in found:
            raise Ended(f"not here: {found['not_here']}")
        if "error" in found:
            raise Ended(str(found["error"]))
        return found, watch.peak

    def go(self, every: float = 0.05) -> tuple[Mapping[str, object], int]:
        """Let it do a round."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Ended(f"ended with status {self.process.wait()}") from None
        return self.answer(every)

    def end(self) -> None:
        """Let it end, and wait for that."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(case: Case, data: Path, rounds: int, cap: int, say: Callable[[str], None]) -> list[Measured]:
    """Run a case: memory of each contender first, then the rounds."""
    found = [Measured(contender.name) for contender in case.contenders]
    children: dict[int, Child] = {}
    try:
        for number, (contender, one) in enumerate(zip(case.contenders, found, strict=True)):
            _memory(case, contender, one, data, cap, say)
            if not one.missing:
                _begin(case, number, one, data, cap, children)
        for turn in range(rounds):
            _round(case, turn, found, children, say)
    finally:
        for child in children.values():
            child.end()
    limit = found[-1].seconds
    for one in found:
        one.ratios = [mine / least for mine, least in zip(one.seconds, limit, strict=False) if least > 0]
    return found


def _memory(case: Case, contender: Contender, one: Measured, data: Path, cap: int,
            say: Callable[[str], None]) -> None:  # fmt: skip
    if not (CAN_MEASURE and contender.measures_memory):
        return
    say(f"{case.name}: memory of {contender.name}")
    child = Child(case, contender, data, cap)
    try:
        child.answer()
        before = anonymous(child.process.pid)
        _, peak = child.go(every=0.001)
        one.megabytes = max(0, peak - before) / 1e6
    except Ended as why:
        one.missing = str(why)
    finally:
        child.end()


def _begin(case: Case, number: int, one: Measured, data: Path, cap: int, children: dict[int, Child]) -> None:
    child = children[number] = Child(case, case.contenders[number], data, cap)
    try:
        child.answer()
        if case.contenders[number].rounds is None:
            child.go()  # the first round of a process is not like the others
    except Ended as why:
        one.missing = str(why)
        children.pop(number).end()


def _round(case: Case, turn: int, found: list[Measured], children: dict[int, Child],
           say: Callable[[str], None]) -> None:  # fmt: skip
    for number in sorted(children, key=lambda number: (number - turn) % len(found)):
        most, one = case.contenders[number].rounds, found[number]
        if most is not None and turn >= most:
            continue
        try:
            answer, _ = children[number].go()
        except Ended as why:
            one.missing = str(why)
            children.pop(number).end()
            continue
        one.seconds.append(float(answer["seconds"]))  # type: ignore[arg-type]
        for name, value in dict(answer["figures"]).items():  # type: ignore[call-overload]
            one.figures.setdefault(name, []).append(float(value))
    say(f"{case.name}: round {turn + 1}")
