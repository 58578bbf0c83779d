"""The inner loops of passes over tensors: compiled by numba where that is installed and ready, else plain numpy.

Both rooms have the same few functions and give the same results, sums but for their rounding; `best` chooses.
Compiled ones are loaded in a thread of their own, once a pass is so large that they pay; until then, and for ever where
numba is missing or nothing can be kept on disk, plain ones serve.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from weightedit.core.files.logbook import NAME
from weightedit.core.kernels import plain
from weightedit.core.kernels.arrays import Moments, PixelArrays
from weightedit.core.kernels.gently import gently
from weightedit.core.kernels.kept import compile_them
from weightedit.core.values.codes import Array
from weightedit.core.words.visible import visible

WORTH_LOADING = 256 << 20
"""Bytes of a pass from which on compiled kernels pay for being loaded."""


class Kernels(Protocol):
    """What both rooms have."""

    def reduce_block(self, block: Array, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> bool:
        """Take a block of stored values into pixels; return whether all of it is finite."""
        ...

    def join_ends(self, blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
        """Take smallest and largest values of blocks into pixels."""
        ...

    def join_sums(self, blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
        """Take sums and sums of squares of blocks into pixels."""
        ...

    def count(self, patterns: Array, counts: Array) -> None:
        """Count how often each bit pattern occurs."""
        ...

    def moments(self, values: Array, counts: Array) -> Moments:
        """Return what the statistics of wide values need, and count their codes."""
        ...


class _Loading:
    """Loads compiled kernels once, in the background.

    Attributes
    ----------
    ready
        They, once they can be called.
    error
        Why they are not all there, where that was tried.
    after_you
        Called between its steps.
    """

    def __init__(self) -> None:
        self.ready: Kernels | None = None
        self.error: Exception | None = None
        self.after_you: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self) -> threading.Thread:
        with self._lock:
            if self._thread is None:
                # no daemon: a compiler that is cut off while the process ends can take it down
                self._thread = threading.Thread(target=self._load, name="weightedit-kernels")
                self._thread.start()
        return self._thread

    def _load(self) -> None:
        try:
            if not compile_them(_is_ending):
                return
            with gently(self.after_you):
                from weightedit.core.kernels import compiled

                self.ready = compiled  # which serves by plain ones what is not loaded yet
                compiled.load(self._stops)
        except Exception as error:  # whatever numba's trouble is, plain kernels do the same
            self.error = error
            logging.getLogger(NAME).warning("%s\n%s", error, getattr(error, "said", ""), exc_info=True)


    def _stops(self) -> bool:
        self.after_you()
        return _is_ending()


def _is_ending() -> bool:
    return not threading.main_thread().is_alive()


_LOADING = _Loading()


def is_installed() -> bool:
    """Whether numba is there."""
    return importlib.util.find_spec("numba") is not None


def best() -> Kernels:
    """Return the fastest kernels that are ready now."""
    return _LOADING.ready or plain


def trouble() -> Exception | None:
    """Return what kept compiled kernels from being loaded; None where nothing did."""
    return _LOADING.error


def state_text() -> str:
    """Return for people whether compiled loops serve, and why not where that is known."""
    if _LOADING.error is not None:
        return visible(str(_LOADING.error))
    return "not loaded" if _LOADING.ready is None else "loaded"


def load_gently(after_you: Callable[[], None]) -> None:
    """Have `after_you` called between the steps of loading: it holds the interpreter's lock half the time otherwise."""
    _LOADING.after_you = after_you


def prepare(nbytes: int = WORTH_LOADING, wait: bool = False) -> None:
    """Begin to load compiled kernels, where numba is installed and so many bytes are worth it.

    Parameters
    ----------
    nbytes
        How much is going to be read.
    wait
        Whether to return only once they are ready, or cannot be had.
    """
    if _LOADING.ready is None and nbytes >= WORTH_LOADING and is_installed():
        thread = _LOADING.begin()
        if wait:
            thread.join()
