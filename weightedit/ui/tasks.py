"""Work off the GUI thread: progress, cancel, and generations that drop results nobody waits for any more."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.core.words.shortages import is_fault, shortage
from weightedit.core.words.visible import visible
from weightedit.ui.running import priority
from weightedit.ui.running.paint_wait import PaintWait

T = TypeVar("T")
WORKERS = 4
SHOWN_AFTER = 0.5
"""Seconds after which a task is shown in the status bar."""
_LEFT_BEHIND: list[Tasks] = []
"""Whose threads did not stop in time; they end with the process."""
TICK = 100
"""Milliseconds between two looks at how far tasks are."""


class TaskProgress(Progress):
    """What a task's work reports to; `report` and `cancel` are what methods of a document take.

    Parameters
    ----------
    report
        Called with (label, done, total) in the worker's thread.
    cancel
        Set when the work should stop.
    """

    def __init__(self, report: Callable[[str, int, int], None], cancel: threading.Event) -> None:
        super().__init__(report, cancel)
        self.report = report
        self.cancel = cancel


class Task(Generic[T]):
    """One piece of work on its way.

    Attributes
    ----------
    name
        What the status bar calls it.
    quiet
        Whether it stays out of the status bar.
    stops
        Whether it looks at its progress, so that it is worth waiting for when the window closes.
    begun, ended
        Whether a thread has taken it up; set once its work is over, in whatever way.
    group, generation
        A later task of the same group makes this one stale; None if nothing does.
    label, done, total
        How far it is, as its `Progress` last said.
    """

    def __init__(self, name: str, work: Callable[[TaskProgress], T], group: str | None, generation: int,
                 quiet: bool, stops: bool) -> None:  # fmt: skip
        self.name = visible(name)  # which a person sees, and may hold a tensor's name
        self.work = work
        self.group = group
        self.generation = generation
        self.quiet = quiet
        self.stops = stops
        self.begun = False
        self.ended = threading.Event()
        self.label = ""
        self.done = 0
        self.total = 0
        self.started = time.monotonic()
        self.on_result: Callable[[T], None] | None = None
        self.on_error: Callable[[Exception], None] | None = None
        self.on_cancelled: Callable[[], None] | None = None
        self._stage_started = self.started
        self._cancel = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._cancel.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancel.is_set()

    @property
    def progress(self) -> TaskProgress:
        """What the work reports to and is stopped by."""
        return TaskProgress(self._report, self._cancel)

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1; None where nobody knows."""
        return min(self.done / self.total, 1.0) if self.total > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at its pace so far; None where nobody knows."""
        if self.total <= 0 or self.done <= 0:
            return None
        elapsed = time.monotonic() - self._stage_started
        return max(elapsed * (self.total - self.done) / self.done, 0.0)

    def _report(self, label: str, done: int, total: int) -> None:
        # In the worker's thread: plain attributes, which the GUI thread looks at each tick.
        if label != self.label:
            self._stage_started = time.monotonic()
        self.label, self.done, self.total = label, done, total
        priority.after_you()

    def run(self) -> tuple[str, Any]:
        """Do the work in a worker's thread and say how it ended: `result`, `cancelled` or `error`, and with what."""
        try:
            if self.is_cancelled:
                return "cancelled", None
            return "result", self.work(self.progress)
        except Cancelled:
            return "cancelled", None
        except Exception as error:  # any error is shown in the window, whatever it is; none ends the thread
            return "error", shortage(error) or error


class Tasks(QObject):
    """Runs work in a few threads and hands results back on the GUI thread.

    Signals
    -------
    changed
        A task began, ended or moved on; at most ten times a second for progress.
    failed
        (name, exception) of a task that has no `on_error` of its own, or of a callback that raised.
    raised
        (exception) of any task, shown by whoever started it or not.
    faulted
        (name, exception) of any task, where it is a fault of the program and none that is said for a person.
    idle
        The last task ended.
    """

    changed = Signal()
    failed = Signal(str, object)
    raised = Signal(object)
    faulted = Signal(str, object)
    idle = Signal()
    _ended = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: queue.SimpleQueue[Task[Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._handed: list[deque[tuple[Task[Any], str, Any]]] = []
        self._active: list[Task[Any]] = []
        self._generations: dict[str, int] = {}
        self._closed = False
        self._waits: list[PaintWait] = []
        self._ended.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self.changed)
        self._soon = QTimer(self)  # whoever starts a task may be painting; nothing else may be painted meanwhile
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.changed)

    def start(self, name: str, work: Callable[[TaskProgress], T], *, on_result: Callable[[T], None] | None,
              on_error: Callable[[Exception], None] | None = None, on_cancelled: Callable[[], None] | None = None,
              group: str | None = None, quiet: bool = False, stops: bool = True) -> Task[T]:  # fmt: skip
        """Start work in a worker's thread.

        Parameters
        ----------
        name
            What the status bar calls it, if it takes longer than half a second.
        work
            Called in a worker's thread with a `TaskProgress`, which it advances and which stops it.
        on_result, on_error, on_cancelled
            Called on the GUI thread, one of them at most. Without `on_error` the window shows the error.
            A task that finishes although it was asked to stop still gives its result.
        group
            A new task of a group cancels the earlier one, none of whose callbacks is then called.
        quiet
            Keeps it out of the status bar.
        stops
            False for what cannot be stopped and need not be, such as an import: `shutdown` does not wait for it.
        """
        generation = 0
        if group is not None:
            self.cancel_group(group)
            generation = self._generations[group]
        task = Task(name, work, group, generation, quiet, stops)
        task.on_result, task.on_error, task.on_cancelled = on_result, on_error, on_cancelled
        if self._closed:
            task.cancel()
            return task
        self._active.append(task)
        if self._waits:
            self._waits[-1].waiting.append(task)
        else:
            self._put(task)
        self._timer.start()
        self._soon.start()
        return task

    def _put(self, task: Task[Any]) -> None:
        if len(self._threads) < min(WORKERS, len(self._active)):
            number = len(self._threads)
            thread = threading.Thread(target=self._serve, args=(number,), name=f"weightedit-{number}", daemon=True)
            self._threads.append(thread)
            self._handed.append(deque())
            thread.start()
        self._queue.put(task)

    @contextmanager
    def held(self, until: QWidget) -> Iterator[None]:
        """Put off what is started meanwhile, and what is started before it is over, until a widget is painted.

        Parameters
        ----------
        until
            Is shown meanwhile. One that nobody sees is not waited for longer than a tenth of a second.
        """
        wait = PaintWait(self)
        wait.over.connect(self._begin)
        self._waits.append(wait)
        try:
            yield
        finally:
            wait.begin(until)

    def _begin(self, wait: PaintWait) -> None:
        """Begin what was put off."""
        self._waits.remove(wait)
        wait.deleteLater()
        if not self._closed:
            for task in wait.waiting:
                self._put(task)

    def cancel_group(self, group: str) -> None:
        """Stop the running task of a group and drop what it would have given."""
        self._generations[group] = self._generations.get(group, 0) + 1
        for task in self._active:
            if task.group == group:
                task.cancel()

    @property
    def active(self) -> list[Task[Any]]:
        """Every task that has not ended, the oldest first."""
        return list(self._active)

    @property
    def shown(self) -> list[Task[Any]]:
        """The tasks a person should see: not quiet, not stale, and running for half a second."""
        now = time.monotonic()
        return [task for task in self._active
                if not task.quiet and not self._is_stale(task) and now - task.started >= SHOWN_AFTER]  # fmt: skip

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Cancel everything and wait for what can be stopped; False if a thread did not stop in `timeout` seconds."""
        self._closed = True
        self._timer.stop()
        self._soon.stop()
        for task in self._active:
            task.cancel()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + timeout
        running = [task for task in self._active if task.begun]  # one that begins now finds that it is cancelled
        for task in running:
            if task.stops:
                task.ended.wait(max(until - time.monotonic(), 0.0))
        stuck = any(not task.ended.is_set() for task in running)
        for thread in self._threads:
            thread.join(0.05 if stuck else max(until - time.monotonic(), 0.0))
        self._active.clear()
        stopped = not any(thread.is_alive() for thread in self._threads)
        if not stopped:
            _LEFT_BEHIND.append(self)  # or the last of them would end what it serves, in its own thread
        return stopped

    def _serve(self, number: int) -> None:
        """Do what is in the queue, in a thread of its own, and hand each task over before saying that it has ended.

        What a task, its result or the trace of its error holds may be widgets, and those may only end in the GUI
        thread: this one lets go of them first, and the GUI thread takes them after that.
        """
        priority.give_way()
        handed = self._handed[number]
        while (task := self._queue.get()) is not None:
            task.begun = True
            outcome, value = task.run()
            ended = task.ended
            handed.append((task, outcome, value))
            del task, value
            ended.set()
            if self._closed:
                return
            self._ended.emit(number)

    def _take(self, number: int) -> None:
        self._deliver(*self._handed[number].popleft())

    def _is_stale(self, task: Task[Any]) -> bool:
        return task.group is not None and self._generations[task.group] != task.generation

    def _deliver(self, task: Task[Any], outcome: str, value: Any) -> None:
        if task not in self._active:
            return
        self._active.remove(task)
        if not self._is_stale(task):
            try:
                self._call_back(task, outcome, value)
            except Exception as error:  # a callback's error is shown like the work's own
                self.failed.emit(task.name, error)
        if outcome == "error":
            self.raised.emit(value)
            if is_fault(value):
                self.faulted.emit(task.name, value)
        self.changed.emit()
        if not self._active:
            self._timer.stop()
            self.idle.emit()

    def _call_back(self, task: Task[Any], outcome: str, value: Any) -> None:
        if outcome == "result":
            if task.on_result is not None:
                task.on_result(value)
        elif outcome == "cancelled":
            if task.on_cancelled is not None:
                task.on_cancelled()
        elif task.on_error is not None:
            task.on_error(value)
        else:
            self.failed.emit(task.name, value)
