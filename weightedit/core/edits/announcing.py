"""Telling those who show a document what changed, whether an edit did it or other code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.reader import Origin, Reader

if TYPE_CHECKING:
    from weightedit.core.described.contents import Inventory


@dataclass(frozen=True, slots=True)
class Change:
    """What subscribers are told: names whose values or description changed, the regions, and whether slots did."""

    names: frozenset[str]
    regions: Mapping[str, list[str] | None]
    structure: bool


class Announcing(Reader):
    """The half of a document that others listen to.

    Attributes
    ----------
    version
        Counts what was announced.
    changed_outside
        When other code was last seen to change a live tensor, by name, in seconds since 1970.
    """

    version: int
    _lock: threading.RLock

    def __init__(self, origin: Origin, inventory: Inventory) -> None:
        super().__init__(origin, inventory)
        self.changed_outside: dict[str, float] = {}
        self._subscribers: list[Callable[[Change], None]] = []

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback(change)` after every change, in the thread that made it; returns the way to stop."""
        self._subscribers.append(callback)

        def stop() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return stop

    def _announce(self, change: Change) -> None:
        for callback in tuple(self._subscribers):
            callback(change)

    def tell_outside(self, names: Collection[str], structure: bool = False) -> None:
        """Tell subscribers that other code changed live tensors; nothing enters the history.

        Parameters
        ----------
        names
            Of the tensors.
        structure
            Whether slots came, went, or hold other tensors.
        """
        with self._lock:
            self.version += 1
            if structure:
                self._index()
            else:
                self.changed_outside.update(dict.fromkeys(names, time.time()))
            self._announce(Change(frozenset(names), dict.fromkeys(names), structure))

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let no edit happen meanwhile."""
        with self._lock:
            yield

    @contextmanager
    def unless_busy(self) -> Iterator[bool]:
        """Let no edit happen meanwhile, or yield False at once where one is under way."""
        free = self._lock.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._lock.release()
