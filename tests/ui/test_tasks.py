"""Background tasks: results on the GUI thread, cancel, stale generations, errors, and the end."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import ClassVar

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication

from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.ui.running.collecting import paused
from weightedit.ui.shell.status_bar import StatusBar, left_text
from weightedit.ui.tasks import Tasks


def wait_for(event):
    """Work that goes on until it is told to stop, and takes steps as it should."""

    def work(progress):
        progress.begin("waiting", 100)
        while not event.wait(0.005):
            progress.advance(0)
        return "went through"

    return work


def test_a_result_comes_on_the_gui_thread(qtbot, tasks):
    seen = []
    with qtbot.waitSignal(tasks.idle):
        tasks.start("work", lambda progress: threading.current_thread(),
                    on_result=lambda worker: seen.append((worker, threading.current_thread())))  # fmt: skip
    (worker, receiver) = seen[0]
    assert receiver is threading.main_thread()
    assert worker is not receiver


def test_a_later_task_of_a_group_drops_the_earlier_one(qtbot, tasks):
    seen, gate = [], threading.Event()
    first = tasks.start("one", wait_for(gate), on_result=lambda _: seen.append("one"),
                        on_cancelled=lambda: seen.append("cancelled"), group="preview")  # fmt: skip
    with qtbot.waitSignal(tasks.idle):
        tasks.start("two", lambda progress: 2, on_result=lambda _: seen.append("two"), group="preview")
        assert first.is_cancelled
    assert seen == ["two"]


def test_a_stale_result_is_dropped_even_if_the_work_finished(qtbot, tasks):
    seen, gate = [], threading.Event()
    tasks.start("one", lambda progress: gate.wait(5), on_result=lambda _: seen.append("one"), group="preview")
    with qtbot.waitSignal(tasks.idle):
        tasks.start("two", lambda progress: gate.set(), on_result=lambda _: seen.append("two"), group="preview")
    assert seen == ["two"]


def test_cancel_ends_the_work_and_says_so(qtbot, tasks):
    seen = []
    task = tasks.start("slow", wait_for(threading.Event()), on_result=seen.append,
                       on_cancelled=lambda: seen.append("cancelled"))  # fmt: skip
    with qtbot.waitSignal(tasks.idle):
        task.cancel()
    assert seen == ["cancelled"]


def test_work_that_ends_in_spite_of_cancel_gives_its_result(qtbot, tasks):
    seen, gate = [], threading.Event()
    task = tasks.start("apply", lambda progress: gate.wait(5), on_result=seen.append)
    with qtbot.waitSignal(tasks.idle):
        task.cancel()
        gate.set()
    assert seen == [True] or seen == []  # not begun yet when it was cancelled, or done all the same


def test_an_error_goes_to_its_handler_or_to_the_window(qtbot, tasks):
    def fail(progress):
        raise ValueError("no such luck")

    seen = []
    with qtbot.waitSignal(tasks.idle):
        tasks.start("handled", fail, on_result=None, on_error=seen.append)
    assert [str(error) for error in seen] == ["no such luck"]
    with qtbot.waitSignal(tasks.failed) as told:
        tasks.start("not handled", fail, on_result=None)
    assert told.args[0] == "not handled"


def test_an_error_in_a_callback_is_shown_too(qtbot, tasks):
    def fail(value):
        raise ValueError("in the callback")

    with qtbot.waitSignal(tasks.failed) as told:
        tasks.start("work", lambda progress: 1, on_result=fail)
    assert str(told.args[1]) == "in the callback"


def test_what_a_document_takes_is_there(qtbot, tasks):
    def work(progress):
        progress.report("Export", 30, 60)
        assert not progress.cancel.is_set()
        return True

    seen = []
    with qtbot.waitSignal(tasks.idle):
        task = tasks.start("export", work, on_result=seen.append)
    assert seen == [True]
    assert (task.label, task.fraction) == ("Export", 0.5)


def test_the_status_bar_shows_name_bar_percent_and_cancel(qtbot, tasks, monkeypatch):
    monkeypatch.setattr("weightedit.ui.tasks.SHOWN_AFTER", 0.0)
    bar = StatusBar(tasks)
    qtbot.addWidget(bar)
    bar.show()
    gate = threading.Event()

    def work(progress):
        progress.begin("Export", 200)
        progress.advance(84)
        while not gate.wait(0.005):
            progress.advance(0)

    task = tasks.start("Export", work, on_result=None)
    qtbot.waitUntil(lambda: bar.task_percent.text() == "42 %")
    assert bar.task_name.text() == "Export"
    assert bar.task_bar.value() == 420
    with qtbot.waitSignal(tasks.idle):
        bar.task_cancel.click()
    assert task.is_cancelled
    assert not bar.task_bar.isVisible()


def test_quiet_tasks_are_not_shown(qtbot, tasks, monkeypatch):
    monkeypatch.setattr("weightedit.ui.tasks.SHOWN_AFTER", 0.0)
    gate = threading.Event()
    tasks.start("statistics", wait_for(gate), on_result=None, quiet=True)
    assert tasks.shown == []
    with qtbot.waitSignal(tasks.idle):
        gate.set()


def test_a_press_on_the_name_lists_what_runs_and_stops_one_of_it(qtbot, tasks, monkeypatch):
    monkeypatch.setattr("weightedit.ui.tasks.SHOWN_AFTER", 0.0)
    bar = StatusBar(tasks)
    qtbot.addWidget(bar)
    bar.resize(1000, 25)
    bar.show()
    gates = [threading.Event(), threading.Event()]
    stopped = []
    for name, gate in zip(("Export R&D", "Compare"), gates, strict=True):
        tasks.start(name, wait_for(gate), on_result=None, on_cancelled=lambda name=name: stopped.append(name))
    qtbot.waitUntil(lambda: len(tasks.shown) == 2 and bar.task_name.isVisible())
    assert bar.task_name.text().startswith("Export R&&D")
    qtbot.mouseClick(bar.task_name, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    texts = [action.text() for action in menu.actions()]
    assert texts[0].startswith("Cancel Export R&&D, 0 %")
    with qtbot.waitSignal(tasks.changed):
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[1]).center())
    qtbot.waitUntil(lambda: stopped == ["Compare"])
    with qtbot.waitSignal(tasks.idle):
        gates[0].set()


def test_time_left_in_words():
    assert left_text(None) == ""
    assert left_text(0.4) == "under 1 s left"
    assert left_text(6.2) == "about 6 s left"
    assert left_text(300) == "about 5 min left"


def test_shutdown_cancels_and_joins(qapp):
    made = Tasks()
    seen = []
    for _ in range(6):
        made.start("slow", wait_for(threading.Event()), on_result=seen.append)
    began = time.monotonic()
    assert made.shutdown(5.0)
    assert time.monotonic() - began < 5.0
    assert made.start("late", lambda progress: 1, on_result=seen.append).is_cancelled
    assert seen == []
    made.deleteLater()


def test_shutdown_says_when_a_thread_would_not_stop(qapp):
    made, began, gate = Tasks(), threading.Event(), threading.Event()
    made.start("deaf", lambda progress: began.set() or gate.wait(10), on_result=None)
    assert began.wait(5)
    assert made.shutdown(0.05) is False
    gate.set()
    for thread in made._threads:
        thread.join(5)
    made.deleteLater()


def test_garbage_is_collected_again_after_the_last_pause():
    assert gc.isenabled()
    with paused():
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_cancelled_is_what_work_raises_to_stop(qtbot, tasks):
    def work(progress):
        raise Cancelled("enough")

    seen = []
    with qtbot.waitSignal(tasks.idle):
        tasks.start("work", work, on_result=seen.append, on_cancelled=lambda: seen.append("cancelled"))
    assert seen == ["cancelled"]


def test_what_cannot_be_stopped_is_not_waited_for(qtbot):
    """An import goes on whatever one does: a window that is closed meanwhile must not stand there for it."""
    made, gate = Tasks(), threading.Event()
    made.start("import", lambda progress: gate.wait(20), on_result=None, stops=False)
    stopped = []

    def stop_late(progress):
        while not progress.cancel.wait(0.005):
            pass
        time.sleep(0.2)
        stopped.append(True)

    made.start("export", stop_late, on_result=None)
    qtbot.waitUntil(lambda: all(task.begun for task in made.active))
    begun = time.monotonic()
    assert made.shutdown(15.0) is False
    assert stopped, "what stops when it is asked to is waited for"
    assert time.monotonic() - begun < 10
    gate.set()


class Held:
    """Stands for a widget: says in which threads such objects ended."""

    ended_in: ClassVar[set[threading.Thread]] = set()

    def __del__(self) -> None:
        self.ended_in.add(threading.current_thread())


def holding(held: Held, outcome: str) -> Callable[[Progress], Held]:
    """Work that holds something, also in its result or in the trace of its error."""

    def work(progress: Progress) -> Held:
        if outcome == "cancelled":
            raise Cancelled("cancelled")
        if outcome == "error":
            raise ValueError(repr(held))
        return held

    return work


@pytest.mark.parametrize("outcome", ["result", "cancelled", "error"])
@pytest.mark.parametrize("closes", [False, True], ids=["delivered", "closed meanwhile"])
def test_what_a_task_holds_never_ends_in_a_workers_thread(qtbot, qapp, outcome, closes):
    """A widget that a worker was the last to hold ended in its thread, which Qt does not survive for certain."""
    Held.ended_in.clear()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20 if closes else 1):
            tasks = Tasks()
            for _ in range(8 if closes else 200):
                tasks.start("work", holding(Held(), outcome), on_result=lambda _: None, on_error=lambda _: None)
            if not closes:
                with qtbot.waitSignal(tasks.idle):
                    pass
            assert tasks.shutdown()
            tasks.deleteLater()
            del tasks
    finally:
        sys.setswitchinterval(interval)
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert Held.ended_in == {threading.main_thread()}
