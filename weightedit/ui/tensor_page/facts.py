"""Statistics of tensors, computed in the background once per state and shared by all who show them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from weightedit.core.pinned import PinnedTensor
from weightedit.core.statistics import Statistics, statistics
from weightedit.ui.tasks import Task, TaskProgress, Tasks

KEPT = 24
Wanted = Callable[[Statistics], None]


class Facts(QObject):
    """Asks for the statistics of pinned tensors and remembers the latest."""

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._known: OrderedDict[tuple[Any, ...], tuple[PinnedTensor, Statistics]] = OrderedDict()
        self._waiting: dict[tuple[Any, ...], list[tuple[object, Wanted, Callable[[Exception], None]]]] = {}
        self._running: dict[tuple[Any, ...], Task[Statistics]] = {}

    def known(self, pinned: PinnedTensor) -> Statistics | None:
        """Return the statistics of a state if they were computed already."""
        found = self._known.get(_key(pinned))
        return None if found is None else found[1]

    def forget(self) -> None:
        """Keep nothing of what was computed: the bytes it came from may be another program's."""
        self._known.clear()

    def release(self, owner: object) -> None:
        """Forget what an owner waits for, and stop what nobody waits for any more."""
        for key, waiting in list(self._waiting.items()):
            waiting[:] = [one for one in waiting if one[0] is not owner]
            if not waiting:
                del self._waiting[key]
                self._running.pop(key).cancel()

    def request(self, owner: object, pinned: PinnedTensor, on_result: Wanted,
                on_error: Callable[[Exception], None]) -> None:  # fmt: skip
        """Call back with the statistics of a state, at once if they are known; `owner` can be released."""
        key = _key(pinned)
        found = self._known.get(key)
        if found is not None:
            on_result(found[1])
            return
        waiting = self._waiting.setdefault(key, [])
        waiting.append((owner, on_result, on_error))
        if len(waiting) > 1:
            return

        def work(progress: TaskProgress) -> Statistics:
            return statistics(pinned, progress=progress)

        def done(result: Statistics) -> None:
            self._known[key] = (pinned, result)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            for _, callback, _ in ended():
                callback(result)

        def failed(error: Exception) -> None:
            for _, _, callback in ended():
                callback(error)

        def cancelled() -> None:
            ended()

        def ended() -> list[tuple[object, Wanted, Callable[[Exception], None]]]:
            if self._running.get(key) is not task:
                return []
            del self._running[key]
            return self._waiting.pop(key, [])

        task = self._tasks.start("Statistics", work, on_result=done, on_error=failed, on_cancelled=cancelled)
        self._running[key] = task


def _key(pinned: PinnedTensor) -> tuple[Any, ...]:
    # the pinned state is kept beside the result, so its content's id stays taken
    spec = pinned.spec
    return id(pinned.content), spec.dtype, spec.shape, spec.stride, spec.offset
