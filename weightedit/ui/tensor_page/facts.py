"""Statistics of tensors, computed in the background once per state and shared by all who show them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from weightedit.core.looking.pyramid import Pyramid
from weightedit.core.looking.results import STATISTICS, Key, Results, kept_statistics, key_of
from weightedit.core.statistics import Statistics
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.tasks import Task, TaskProgress, Tasks

Wanted = Callable[[Statistics], None]


class Facts(QObject):
    """Asks for the statistics of pinned tensors and remembers the latest.

    Attributes
    ----------
    results
        What was worked out, by content.
    pyramid
        The blocks that pictures are made of.
    """

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self.results, self.pyramid = Results(), Pyramid()
        self._waiting: dict[Key, list[tuple[object, Wanted, Callable[[Exception], None]]]] = {}
        self._running: dict[Key, Task[Statistics]] = {}

    def known(self, pinned: PinnedTensor) -> Statistics | None:
        """Return the statistics of a state if they were computed already."""
        found: Statistics | None = self.results.get(pinned, STATISTICS)
        return found

    def forget(self) -> None:
        """Keep nothing of what was computed: the bytes it came from may be another program's."""
        self.results.forget()
        self.pyramid.forget()

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
        key, found = key_of(pinned), self.known(pinned)
        if found is not None:
            on_result(found)
            return
        waiting = self._waiting.setdefault(key, [])
        waiting.append((owner, on_result, on_error))
        if len(waiting) > 1:
            return

        def work(progress: TaskProgress) -> Statistics:
            return kept_statistics(self.results, pinned, progress)

        def done(result: Statistics) -> None:
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

