"""What is made before it is wanted, and how tasks give way, so that opening a tensor never stalls the window."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyqtgraph as pg
import pytest
import torch
from PySide6.QtCore import QEvent, QObject, QTimer
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.ui.plots.colormaps import table
from weightedit.ui.running import priority
from weightedit.ui.shell.status_bar import StatusBar
from weightedit.ui.tasks import TaskProgress, Tasks


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    tensors = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.arange(30.0).reshape(5, 6)}
    with bench_on(qtbot, tmp_path / "two.pt", tensors) as made:
        yield made


def test_a_page_made_ahead_shows_its_tensor_as_any_other(bench: Bench) -> None:
    tabs = bench.workbench.tabs
    for _ in bench.workbench.make_ahead(lambda: True):
        pass
    (ahead,) = tabs.made_ahead
    bench.open("a")
    assert bench.page is ahead
    assert bench.shown().tolist() == torch.arange(12.0).reshape(3, 4).tolist()
    bench.qtbot.waitUntil(lambda: any(page is not ahead and tabs.pages.indexOf(page) >= 0 for page in tabs.made_ahead))
    bench.open("b")
    assert bench.page is not ahead
    assert bench.page.selection.region is None
    assert bench.shown().tolist() == torch.arange(30.0).reshape(5, 6).tolist()
    assert [page.name for page in tabs.all] == ["b"]  # a was only looked at


def test_the_first_tensor_reads_no_file_of_a_colour_map(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them took 50 ms of the 113 that the window stood still when a file was opened."""
    table.cache_clear()
    for _ in bench.workbench.make_ahead(lambda: True):
        pass
    monkeypatch.setattr(pg.colormap, "get", None)
    bench.open("a")
    maps = bench.page.dims.maps
    assert "viridis" in [maps.itemData(place) for place in range(maps.count())]


def test_a_page_that_is_taken_while_it_is_made_ahead_is_made_no_further(bench: Bench) -> None:
    tabs = bench.workbench.tabs
    steps = tabs.make_ahead()
    next(steps)
    bench.open("a")
    assert list(steps) == []
    steps = tabs.make_ahead()
    next(steps, None)
    bench.workbench.open_tensor(bench.document, "b")
    tabs.close_current()
    bench.wait()
    assert list(steps) == []


def test_no_drop_down_is_shown_before_it_offers_something(bench: Bench) -> None:
    bench.workbench.open_tensor(bench.document, "a")
    dims = bench.page.dims
    assert dims.isVisible()
    assert not dims.maps.isVisible()
    assert not dims.levels.isVisible()
    bench.wait()
    assert dims.maps.isVisible()
    assert dims.levels.isVisible()


class Shows(QObject):
    """Counts how often something comes into sight."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's
        self.count += event.type() == QEvent.Type.Show
        return False


def test_a_task_whose_end_nobody_knows_comes_into_sight_once(qtbot: QtBot, tasks: Tasks, monkeypatch) -> None:
    """Each time a label came and went Qt painted the whole window at once, ten times a second."""
    monkeypatch.setattr("weightedit.ui.tasks.SHOWN_AFTER", 0.0)
    status = StatusBar(tasks)
    qtbot.addWidget(status)
    status.show()
    told, done = Shows(), threading.Event()
    for part in (status.task_left, status.task_percent):
        part.installEventFilter(told)
    ticks: list[bool] = []
    tasks.changed.connect(lambda: ticks.append(status.task_name.isVisible()))
    tasks.start("Reading", lambda _: done.wait(20), on_result=None)
    qtbot.waitUntil(lambda: ticks.count(True) > 3)
    done.set()
    assert told.count == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has threads of different niceness in one process")
@pytest.mark.parametrize("own", [True, False])
def test_threads_of_tasks_give_way_in_a_process_of_our_own_alone(qtbot: QtBot, tasks: Tasks, own: bool) -> None:
    found: list[int] = []
    before = os.getpriority(os.PRIO_PROCESS, 0)
    priority.turn(own)
    try:
        tasks.start("work", lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()),
                    on_result=found.append)  # fmt: skip
        qtbot.waitUntil(lambda: bool(found))
    finally:
        priority.turn(False)
    assert found == [min(before + (priority.BEHIND if own else 0), 19)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.fixture
def first(qapp: object) -> Iterator[None]:
    priority.turn(True)
    yield
    priority.turn(False)


def steps_of_a_task(seconds: float) -> Callable[[TaskProgress], list[float]]:
    """Work that takes a step each millisecond, and says when."""

    def work(progress: TaskProgress) -> list[float]:
        taken, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.001)
            progress.advance(1)
            taken.append(time.monotonic())
        return taken

    return work


@pytest.mark.parametrize("many", [1, 3])
def test_tasks_stand_still_while_the_window_handles_an_event(qtbot: QtBot, tasks: Tasks, first: None,
                                                             many: int) -> None:  # fmt: skip
    """A paint of 60 ms took half a second beside three of them: they hold the interpreter for a millisecond each."""
    taken: list[list[float]] = []
    busy: list[float] = []

    def paint() -> None:
        busy.append(time.monotonic())
        time.sleep(0.2)
        busy.append(time.monotonic())

    for number in range(many):
        tasks.start(f"work {number}", steps_of_a_task(0.6), on_result=taken.append)
    QTimer.singleShot(200, paint)
    qtbot.waitUntil(lambda: len(taken) == many)
    start, end = busy
    meanwhile = [one for steps in taken for one in steps if start + 2 * priority.EVERY < one < end]
    assert len(meanwhile) <= many  # those that were in the midst of a step
    for steps in taken:
        assert sum(one < start for one in steps) > 30
        assert sum(one > end for one in steps) > 30


def test_tasks_go_on_where_the_window_is_held_up_for_long(qtbot: QtBot, tasks: Tasks, first: None) -> None:
    done: list[list[float]] = []
    began = threading.Event()

    def work(progress: TaskProgress) -> list[float]:
        began.set()
        return steps_of_a_task(1.2)(progress)

    task = tasks.start("work", work, on_result=done.append)
    assert began.wait(10)
    held = time.monotonic()
    assert task.ended.wait(10)  # no event is handled here
    qtbot.waitUntil(lambda: bool(done))
    assert sum(one > held + priority.PATIENCE + 0.1 for one in done[0]) > 100


def test_a_task_in_a_program_around_the_window_waits_for_nobody(qtbot: QtBot, tasks: Tasks) -> None:
    done: list[list[float]] = []
    task = tasks.start("work", steps_of_a_task(0.2), on_result=done.append)
    held = time.monotonic()
    assert task.ended.wait(10)  # no event is handled here
    qtbot.waitUntil(lambda: bool(done))
    assert sum(one < held + priority.PATIENCE for one in done[0]) > 30
