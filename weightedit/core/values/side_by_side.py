"""Pieces of one piece of work in several threads, for what lets go of the interpreter: reads, numpy, torch."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")
MOST_THREADS = 4
"""More would wait for the same memory."""


def threads_for(nbytes: int, each: int) -> int:
    """Return how many threads are worth having for so many bytes, where one is for each `each` of them."""
    return max(1, min(most_threads(), nbytes // max(each, 1)))


def most_threads() -> int:
    """Return how many threads may work on one thing at most: as many as there are cores, and few."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_THREADS, usable)


def side_by_side(pieces: Iterable[Piece], make: Callable[[], Callable[[Piece], Result]],
                 take: Callable[[Result], object], threads: int) -> None:  # fmt: skip
    """Work on pieces in the caller's thread and helpers beside it, until all are done or something raises.

    Parameters
    ----------
    pieces
        Handed out in their order, one at a time; a thread asks for the next when it is through with one.
    make
        Called once in each thread: returns what works on a piece, with buffers of its own.
    take
        Is given each result in the caller's thread, in no particular order; raises to stop.
    threads
        How many, the caller's included.

    Raises
    ------
    BaseException
        The first that `make`, what it returned, or `take` raised, once no helper is at work any more.
    """
    turn, todo, stop = threading.Lock(), iter(pieces), threading.Event()
    done: deque[Result] = deque()
    failed: list[BaseException] = []

    def work(keep: Callable[[Result], object]) -> None:
        try:
            step = make()
            while not stop.is_set():
                with turn:
                    piece = next(todo, stop)
                if piece is stop:
                    break
                keep(step(piece))  # type: ignore[arg-type]  # stop stands for the end
        except BaseException as error:
            stop.set()
            failed.append(error)

    def keep_ours(result: Result) -> None:
        take(result)
        while done:
            take(done.popleft())

    helpers = [threading.Thread(target=copy_context().run, args=(work, done.append), daemon=True)
               for _ in range(threads - 1)]  # fmt: skip
    started = []
    try:
        for helper in helpers:
            helper.start()
            started.append(helper)
    except RuntimeError:  # the system has no more threads to give: those there are do it
        pass
    work(keep_ours)
    for helper in started:
        helper.join()
    if failed:
        try:
            raise failed[0]
        finally:
            failed.clear()  # else the error's frames and this list would keep each other, and what is read, alive
    while done:
        take(done.popleft())
