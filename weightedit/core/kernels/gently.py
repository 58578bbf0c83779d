"""Imports what is large without holding up other threads for longer than one module of it takes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Between:
    """A finder that finds nothing, and lets others go first before each module that its thread imports."""

    def __init__(self, after_you: Callable[[], None]) -> None:
        self._after_you, self._thread = after_you, threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Wait, and leave the module to the other finders."""
        if threading.get_ident() == self._thread:
            self._after_you()
        return None


@contextmanager
def gently(after_you: Callable[[], None]) -> Iterator[None]:
    """Have this thread call `after_you` between the modules it imports meanwhile."""
    finder = _Between(after_you)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
