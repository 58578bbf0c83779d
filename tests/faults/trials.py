"""What one fault trial says, and how the families of trials are found and run.

A family is a module `tests/faults/fNN_word.py`, one for each of F1 to F18. It offers

`FAMILY`
    "F1" to "F18".
`TITLE`
    One line for the results table: what is done to the program.
`GROUPS`
    Names of its parts, such as one for each format; each is one test of the everyday run.
`trials(group, quick, folder)`
    Does one part in an empty folder of its own and yields what came of it, one `Trial` for each thing tried, as it
    goes. What cannot be tried on this machine is a `NotRun` with the reason; trials that do not count, since they
    missed what they were to hit, are a `Void`; a `Note` is printed beside the counts. `quick` is the everyday run: a
    second or so; else the full count.

A module imports nothing heavy at its top: reading all of them must be quick. An exception that leaves `trials` is a
trial that did not hold. What a trial puts outside its folder it removes itself.
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing tried.

    Attributes
    ----------
    family, case
        Which family, and which case of it, in words a person can repeat it by.
    held
        Whether the program did what it promises.
    why
        What was seen where it did not.
    """

    family: str
    case: str
    held: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotRun:
    """Something that cannot be tried here, and the reason: no root, no such file system, no such tool."""

    family: str
    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Void:
    """Trials that were made and do not count, and the reason: too few kills landed where they were to land."""

    family: str
    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A figure worth printing beside the counts, such as where the kills landed."""

    family: str
    case: str
    text: str


Outcome = Trial | NotRun | Void | Note


class Family(Protocol):
    """What a family's module offers."""

    FAMILY: str
    TITLE: str
    GROUPS: tuple[str, ...]

    def trials(self, group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
        """Do one group."""
        ...


@dataclass(slots=True)
class Tally:
    """What came of one family."""

    family: str
    title: str
    tried: int = 0
    failed: list[Trial] = field(default_factory=list)
    void: list[Void] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def held(self) -> int:
        """How many trials held."""
        return self.tried - len(self.failed)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        if isinstance(outcome, Trial):
            self.tried += 1
            if not outcome.held:
                self.failed.append(outcome)
        elif isinstance(outcome, Void):
            self.void.append(outcome)
        elif isinstance(outcome, Note):
            self.notes.append(outcome)
        else:
            self.not_run.append(outcome)


def families() -> tuple[Family, ...]:
    """Return every family there is, F1 first."""
    files = sorted(Path(__file__).parent.glob("f[0-9][0-9]_*.py"))
    return tuple(importlib.import_module(f"tests.faults.{file.stem}") for file in files)  # type: ignore[misc]


def outcomes(family: Family, group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one group of a family in an empty folder; an exception is a trial that did not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield from family.trials(group, quick, folder)
    except Exception:
        yield Trial(family.FAMILY, f"{group}: the trial itself", False, traceback.format_exc())


def run(family: Family, group: str, quick: bool, folder: Path, tally: Tally) -> Iterator[Outcome]:
    """Do one group of a family and add each outcome to a tally."""
    begun = time.monotonic() - tally.seconds
    for outcome in outcomes(family, group, quick, folder):
        tally.add(outcome)
        tally.seconds = time.monotonic() - begun
        yield outcome
