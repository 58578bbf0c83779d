"""What a benchmark is: data, contenders that do the same with it, and the goals that ours is held to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tests.benchmarks.data import Folder


class Clock:
    """Counts the seconds of a round that lie inside `with clock:`, so that clearing up before and after is not."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._since


class Round(Protocol):
    """Does the work once."""

    def __call__(self, clock: Clock) -> Mapping[str, float] | None:
        """Do it inside `with clock:`, and return figures besides the time, such as a stall in milliseconds."""
        ...


class NotHere(Exception):
    """Raised by whoever prepares where a contender cannot run on this machine; says why in a few words."""


Prepare = Callable[[Path], Round]
"""Imports what it needs and returns what does one round on the data; runs in a process of its own."""


@dataclass(frozen=True)
class Contender:
    """One way to do it.

    Attributes
    ----------
    name
        As the table shows it.
    prepare
        A function at the top of the case's module.
    rounds
        How many rounds it runs at most; for what takes a hundred times the limit.
    measures_memory
        Whether its anonymous memory says anything; not that of a program it calls.
    """

    name: str
    prepare: Prepare
    rounds: int | None = None
    measures_memory: bool = True


@dataclass(frozen=True)
class Goal:
    """What is to be reached at full size.

    Attributes
    ----------
    most
        The largest ratio of the median to the limit's; or of the figure that is named.
    megabytes
        The most anonymous memory above what the process has after its imports, in 10⁶ bytes.
    figure
        A figure that a round returns, instead of the time.
    of
        The contender that is held to it; ours by default.
    """

    most: float | None = None
    megabytes: float | None = None
    figure: str = ""
    of: str = "weightedit"


@dataclass(frozen=True)
class Case:
    """One line of the table, or a few of one kind.

    Attributes
    ----------
    name
        What the command calls it.
    what
        What is done, as the table says it.
    data
        Makes the data and returns where it is.
    contenders
        The first is ours, the last the limit, the others peers.
    goals
        What ours is held to.
    """

    name: str
    what: str
    data: Callable[[Folder], Path]
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...] = ()
    note: str = ""
    rounds: int = 7
    is_for: frozenset[Literal["small", "full"]] = field(default_factory=lambda: frozenset({"small", "full"}))

    @property
    def ours(self) -> Contender:
        """What this program does."""
        return self.contenders[0]

    @property
    def limit(self) -> Contender:
        """The fastest a program could."""
        return self.contenders[-1]
