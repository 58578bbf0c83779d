"""What a widget shows is read once it is painted, and whatever becomes of the widget, it is read."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import delete

from weightedit.ui.running import paint_wait
from weightedit.ui.running.paint_wait import PaintWait
from weightedit.ui.tasks import Tasks


class Painted(QWidget):
    """Notes its first paint, and shows a part of itself only in the turn after it, as a page does."""

    def __init__(self, name: str, order: list[str]) -> None:
        super().__init__()
        self.name, self.order = name, order
        self.later: Painted | None = None

    def paintEvent(self, event):  # noqa: N802
        if self.name not in self.order:
            self.order.append(self.name)
            if self.later is not None:
                QTimer.singleShot(0, self.later.show)


@pytest.fixture
def order():
    return []


@pytest.fixture
def page(qtbot, order):
    made = Painted("page", order)
    qtbot.addWidget(made)
    return made


def reading(tasks, order, name="read"):
    tasks.start(name, lambda progress: order.append(name), on_result=None)


def test_it_begins_once_everything_is_painted(qtbot, tasks, page, order, monkeypatch):
    """What reads beside a paint takes the interpreter from it, and an event waits several times as long."""
    monkeypatch.setattr(paint_wait, "SETTLED", 300)  # longer than this test may be kept waiting between two turns
    page.later = Painted("part", order)
    page.later.setParent(page)
    page.later.setGeometry(0, 0, 20, 20)
    page.later.hide()
    with tasks.held(page):
        reading(tasks, order)
        page.show()
    reading(tasks, order, "read too")
    qtbot.waitUntil(lambda: {"read", "read too"} <= set(order))
    assert order[:2] == ["page", "part"]


def test_what_nobody_sees_is_not_waited_for(qtbot, tasks, page, order):
    """A tab behind another one is never painted."""
    with tasks.held(page):
        reading(tasks, order)
    qtbot.waitUntil(lambda: order == ["read"])
    reading(tasks, order, "read too")
    qtbot.waitUntil(lambda: order == ["read", "read too"])


def test_what_is_over_is_not_watched_any_more(qtbot, tasks, page, order):
    """Each event of a window that is watched goes through Python, also where the page is painted only later."""
    with tasks.held(page):
        reading(tasks, order)
    assert len(tasks.findChildren(PaintWait)) == 1
    qtbot.waitUntil(lambda: order == ["read"])
    qtbot.waitUntil(lambda: not tasks.findChildren(PaintWait))
    page.show()
    qtbot.waitUntil(lambda: "page" in order)
    assert not tasks.findChildren(PaintWait)


@pytest.mark.parametrize("when", ["while it is put off", "before it is painted", "once it is painted"])
def test_a_widget_that_is_gone_holds_nothing_up(qtbot, tasks, order, when):
    """A page may be closed with its window; what was started meanwhile, and later, begins all the same."""
    page = Painted("page", order)
    with tasks.held(page):
        reading(tasks, order)
        if when == "while it is put off":
            delete(page)
        else:
            page.show()
    if when == "before it is painted":
        delete(page)
    elif when == "once it is painted":
        qtbot.waitUntil(lambda: "page" in order)
        delete(page)
    qtbot.waitUntil(lambda: "read" in order)
    reading(tasks, order, "read too")
    qtbot.waitUntil(lambda: "read too" in order)


def test_what_is_started_once_waits_for_one_page_only(qtbot, tasks, order):
    """A key held in the tree shows page after page; a save that was started meanwhile is not put off with each."""
    begun = time.monotonic()
    pages = [Painted(f"page {number}", order) for number in range(12)]
    for number, page in enumerate(pages):
        qtbot.addWidget(page)
        with tasks.held(page):
            page.show()
        if number == 0:
            reading(tasks, order, "save")
        qtbot.wait(60)
    assert "save" in order
    assert order.index("save") < order.index("page 11")
    assert time.monotonic() - begun > 0.7


def test_a_window_that_goes_on_painting_is_not_waited_for_longer(qtbot, tasks, page, order):
    """An animation never stands still."""
    ticking = QTimer(page)
    ticking.timeout.connect(page.update)
    ticking.start(0)
    begun = time.monotonic()
    with tasks.held(page):
        reading(tasks, order)
        page.show()
    qtbot.waitUntil(lambda: "read" in order, timeout=10_000)
    assert order[0] == "page"
    assert time.monotonic() - begun < paint_wait.LONGEST + 5
    QApplication.processEvents()


def test_nothing_begins_after_the_end(qtbot, page, order):
    """The window closes while something is put off."""
    tasks = Tasks()
    with tasks.held(page):
        reading(tasks, order)
    assert tasks.shutdown()
    qtbot.wait(paint_wait.UNSEEN + 100)
    assert order == []
    tasks.deleteLater()
