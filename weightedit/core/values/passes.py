"""One pass over a tensor, cut into parts that a few threads read side by side, each through a buffer of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor
from weightedit.core.values.side_by_side import most_threads, side_by_side

P = TypeVar("P")
R = TypeVar("R")
PART = 32 << 20
"""Bytes of a part: enough to be worth accumulators of its own, few enough that threads end together."""
MOST_PARTS = 256
CHUNK = 1 << 20
"""Bytes that are read at once: they stay in a core's cache, and checking the file costs little beside."""


def readers_of(readable: object) -> int:
    """Return how many threads may read something side by side.

    What is computed as it is read is computed by one: it keeps pieces of its own.
    """
    if isinstance(readable, PinnedRegion):
        return readers_of(readable.whole)
    return most_threads() if isinstance(readable, PinnedTensor) else 1


def parts_of(spec: TensorSpec, box: Box) -> list[Box]:
    """Cut a box into boxes of about `PART` bytes, in the order of the storage, whoever is going to read them."""
    many = min(box.numel * spec.type.itemsize // PART, MOST_PARTS)
    if many < 2:
        return [box]
    dim = max((dim for dim, axis in enumerate(box.axes) if len(axis) > 1),
              key=lambda dim: spec.stride[dim] * len(box.axes[dim]))  # fmt: skip
    axis = box.axes[dim]
    edges = [len(axis) * number // many for number in range(many + 1)]
    return [Box((*box.axes[:dim], axis[start:stop], *box.axes[dim + 1 :]), box.dropped)
            for start, stop in pairwise(edges) if start < stop]  # fmt: skip


class _Together(Progress):
    """The progress of one thread among several: counts for the whole, and stops when another one stopped."""

    def __init__(self, whole: Progress | None, lock: threading.Lock, stopped: threading.Event) -> None:
        super().__init__(cancel=stopped)
        self._whole, self._lock = whole, lock

    def begin(self, label: str, total: int) -> None:
        """Start a stage, which the whole has begun already."""
        super().advance(0)

    def advance(self, amount: int) -> None:
        """Say that `amount` more units are done; raises `Cancelled` if the whole, or another thread, is to stop."""
        super().advance(0)
        if self._whole is not None:
            with self._lock:
                self._whole.advance(amount)


def each_part(parts: Sequence[P], work: Callable[[P, Progress], R], progress: Progress | None = None,
              threads: int = 1) -> list[R]:  # fmt: skip
    """Do work on each part, in several threads, and return what came of each, in the order of the parts.

    Parameters
    ----------
    parts
        What to work on. Which thread does which is left to chance, so a result may depend on its part alone.
    work
        Called with a part and a progress, which it advances. It has to let go of the interpreter's lock to gain
        anything, as numpy, reads and compiled kernels do.
    progress
        Of the whole, begun by the caller; cancelling it raises `Cancelled`.
    threads
        How many at most, this one among them.

    Raises
    ------
    Exception
        What was raised first; the other threads stop at their next step.
    """
    found: dict[int, R] = {}
    failed: list[BaseException] = []
    lock, stopped = threading.Lock(), threading.Event()

    def working() -> Callable[[int], tuple[int, R]]:
        shared = _Together(progress, lock, stopped)

        def step(number: int) -> tuple[int, R]:
            try:
                return number, work(parts[number], shared)
            except BaseException as error:
                with lock:  # what was raised first is the cause; the others only stopped for it
                    failed.append(error)
                stopped.set()
                raise

        return step

    def take(done: tuple[int, R]) -> None:
        found[done[0]] = done[1]

    try:
        side_by_side(range(len(parts)), working, take, min(threads, len(parts)))
    except BaseException:
        if failed:
            raise failed[0] from None
        raise
    return [found[number] for number in range(len(parts))]
