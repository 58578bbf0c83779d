"""What was worked out of tensors, kept by the content it came from for as long as that lives.

A content is never changed, but for a live one: other code writes into that when it likes. What came of one is kept
with how many writes torch had counted when it was pinned, so that a training step makes it another. Writes through
`.data`, numpy or another process are not counted; the window compares the bytes of what it shows, and gives what
differs a new content. Blocks of pictures, which are put together of several moments, are not kept of live ones at all.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from weightedit.core.looking.histogram import Bins, Histogram, histogram
from weightedit.core.looking.quantiles import quantiles
from weightedit.core.progress import Progress
from weightedit.core.statistics import Pinned, Statistics, statistics
from weightedit.core.values.pinned import PinnedTensor

R = TypeVar("R")
STATISTICS = "statistics"
"""What statistics of a whole tensor are kept as."""
BUDGET = 16 << 20
"""Bytes of all results."""
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which state of which bytes: equal for one content alone, also after it is gone and its address was taken.

    Attributes
    ----------
    held
        The content, held weakly.
    writes
        How many writes to a live tensor torch had counted; None of other contents.
    """

    held: weakref.ref[Any]
    writes: int | None = None

    @property
    def content(self) -> Any:
        """The content, or None once it is gone."""
        return self.held()


def identity(pinned: PinnedTensor) -> Identity | None:
    """Return what a pinned state is known by; None of a content that cannot be held weakly."""
    try:
        found = Identity(weakref.ref(pinned.content), pinned.writes)
    except TypeError:
        return None
    hash(found)  # a reference that was asked while its object lived keeps that hash
    return found


class Results:
    """Results by content, dtype, shape, stride and offset, those least lately asked for let go first.

    Any thread may ask.

    Parameters
    ----------
    budget
        Bytes of all of them.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._kept: OrderedDict[Key, tuple[Identity, Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all results."""
        with self._lock:
            return sum(nbytes for _, _, nbytes in self._kept.values())

    def get(self, pinned: PinnedTensor, what: Hashable) -> Any:
        """Return a result; None where there is none."""
        key = key_of(pinned, what)
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][1]

    def put(self, pinned: PinnedTensor, what: Hashable, result: Any, nbytes: int) -> None:
        """Keep a result, of so many bytes; not of a content that cannot be held weakly."""
        content = identity(pinned)
        if content is None:
            return
        with self._lock:
            self._kept[key_of(pinned, what)] = content, result, nbytes
            self._kept.move_to_end(key_of(pinned, what))
            for key in [key for key, (one, _, _) in self._kept.items() if one.content is None]:
                del self._kept[key]
            while sum(size for _, _, size in self._kept.values()) > self._budget:
                self._kept.popitem(last=False)

    def of(self, pinned: PinnedTensor, what: Hashable, work: Callable[[], R], nbytes: Callable[[R], int]) -> R:
        """Return a result that is kept, or work it out and keep it."""
        found: R | None = self.get(pinned, what)
        if found is None:
            found = work()
            self.put(pinned, what, found, nbytes(found))
        return found

    def forget(self) -> None:
        """Keep nothing: the bytes it came from may be another program's."""
        with self._lock:
            self._kept.clear()


def key_of(pinned: PinnedTensor, what: Hashable = None) -> Key:
    """Return what is equal for the same values of the same content, whatever the tensor is called."""
    spec = pinned.spec
    content = identity(pinned)
    return pinned if content is None else content, spec.dtype, spec.shape, spec.stride, spec.offset, what


def kept_quantiles(results: Results, pinned: PinnedTensor, found: Statistics,
                   progress: Progress | None = None) -> tuple[float | None, ...]:  # fmt: skip
    """Return the quantiles of `quantiles.SHOWN` of a whole tensor of which the statistics are known."""
    return results.of(pinned, "quantiles", lambda: quantiles(pinned, found, progress=progress),
                      lambda values: 32 * len(values))  # fmt: skip


def kept_histogram(results: Results, readable: Pinned, found: Statistics, bins: Bins,
                   progress: Progress | None = None) -> Histogram:  # fmt: skip
    """Return the counts in bins, of a whole pinned tensor once for each of its states."""
    if not isinstance(readable, PinnedTensor):
        return histogram(readable, found, bins, progress)
    return results.of(readable, bins, lambda: histogram(readable, found, bins, progress),
                      lambda counted: counted.counts.nbytes + found.code_counts.nbytes)  # fmt: skip


def kept_statistics(results: Results, pinned: PinnedTensor, progress: Progress | None = None) -> Statistics:
    """Return the statistics of a whole tensor, worked out once for each state of it."""
    return results.of(pinned, STATISTICS, lambda: statistics(pinned, progress=progress),
                      lambda found: found.code_counts.nbytes)  # fmt: skip
