"""An error nobody expected, wherever it is raised, is shown once, copied and logged, and the window goes on."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import ClassVar

import pytest
import torch
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from tests.ui.conftest import wait_ready
from weightedit.core.files.logbook import log_path
from weightedit.ui.running import process

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def entered(open_window, request):
    """Make windows as the program does, with what it hooks into."""

    def make(*paths, real=True):
        window = open_window(*paths, real=real)
        process.enter(window)
        request.addfinalizer(lambda: process.leave(window))
        request.addfinalizer(window.faults.all.clear)  # they are meant
        return window

    return make


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.ones(4, 6)}, path)
    return path


class BadPaint(QWidget):
    def paintEvent(self, event):  # noqa: N802
        raise ZeroDivisionError("in paintEvent")


def in_slot(window):
    def slot():
        raise ZeroDivisionError("in slot")

    button = QPushButton("press", window)
    button.clicked.connect(slot)
    button.show()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def in_paint(window):
    bad = BadPaint(window)
    bad.resize(20, 20)
    bad.show()  # painted from the event loop: an error in `repaint()` would be raised here
    QTimer.singleShot(200, bad.hide)


def in_event(window):
    class Bad(QWidget):
        def keyPressEvent(self, event):  # noqa: N802
            raise ZeroDivisionError("in event")

    bad = Bad(window)
    bad.show()
    key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier)
    QCoreApplication.postEvent(bad, key)


def in_timer(window):
    def late():
        raise ZeroDivisionError("in timer")

    QTimer.singleShot(0, late)


def in_task(window):
    def work(progress):
        raise ZeroDivisionError("in task")

    window.tasks.start("Counting", work, on_result=None)


def in_task_whose_error_is_ignored(window):
    def work(progress):
        raise ZeroDivisionError("in ignored task")

    window.tasks.start("Counting", work, on_result=None, on_error=lambda _: None, quiet=True)


def in_callback(window):
    def done(value):
        raise ZeroDivisionError("in callback")

    window.tasks.start("Counting", lambda progress: 1, on_result=done)


PLACES = (in_slot, in_paint, in_event, in_timer, in_task, in_task_whose_error_is_ignored, in_callback)


@pytest.mark.qt_no_exception_capture
@pytest.mark.parametrize("place", PLACES)
def test_it_is_shown_and_the_window_goes_on(qtbot, entered, checkpoint, capsys, place):
    """Afterwards a file is opened, a tensor edited and the edit undone, by keyboard."""
    window = entered()
    place(window)
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    dialog = window.faults.dialog
    qtbot.waitUntil(dialog.isVisible)
    said = place.__name__.replace("in_task_whose_error_is_ignored", "in_ignored_task").replace("_", " ")
    said = {"in paint": "in paintEvent"}.get(said, said)
    assert dialog.sentence.text().startswith("ZeroDivisionError: ")
    assert dialog.sentence.text().endswith(said)
    assert not dialog.isModal()
    assert "Traceback (most recent call last)" in log_path().read_text("utf-8")
    assert said in log_path().read_text("utf-8")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert window.faults.dialog is None
    work_on(qtbot, window, checkpoint)


def work_on(qtbot, window, checkpoint):
    window.open([str(checkpoint)])
    wait_ready(qtbot, window)
    document = window.current.document
    window.activateWindow()
    window.workbench.choose_operation("fill")
    wait_ready(qtbot, window)
    field = window.workbench.edit_panel.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "7")
    panel = window.workbench.edit_panel
    qtbot.waitUntil(lambda: not panel._pause.isActive() and not window.tasks.active and panel.apply_button.isEnabled())
    QTest.keyClick(field, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: document.history.position == 1)
    wait_ready(qtbot, window)
    assert bool((document.read("a.weight") == 7).all())
    QTest.keyClick(window.tree.tree, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: document.history.position == 0)
    wait_ready(qtbot, window)
    assert bool((document.read("a.weight") == 1).all())


@pytest.mark.qt_no_exception_capture
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_ends_a_thread_of_ours_is_shown(qtbot, entered, monkeypatch):
    """Threads of a program around the window are that program's own."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    window = entered(real=False)

    def theirs():
        raise ZeroDivisionError("theirs")

    for target in (theirs, _Ours().run):
        thread = threading.Thread(target=target, name="loader")
        thread.start()
        thread.join()
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    assert window.faults.dialog.where.text() == "It happened in the thread loader."
    (fault,) = window.faults.all
    assert fault.sentence.startswith("AttributeError: 'int' object has no attribute ")
    window.faults.dialog.accept()


class _Ours:
    """Runs code of weightedit that raises."""

    def run(self):
        from weightedit.ui.tasks import Tasks

        class Holder:
            pass

        import queue

        holder = Holder()
        holder._queue = queue.SimpleQueue()
        holder._queue.put(5)  # no task
        holder._handed = [None]
        Tasks._serve(holder, 0)


@pytest.mark.qt_no_exception_capture
def test_the_same_again_is_counted_and_not_shown_again(qtbot, entered, capsys):
    """A fault in painting comes with every frame; the dialog must not come back with each."""
    window = entered(real=False)
    bad = BadPaint(window)
    bad.resize(20, 20)
    bad.show()
    for _ in range(30):
        bad.update()
        QCoreApplication.processEvents()
    qtbot.waitUntil(lambda: window.faults.dialog is not None and "times" in window.faults.dialog.times.text())
    assert len(window.faults.all) == 1
    assert log_path().read_text("utf-8").count("in paintEvent\n  | Traceback") == 20
    window.faults.dialog.close_button.click()
    bad.update()
    qtbot.waitUntil(lambda: "The same fault as before" in window.status.message.text())
    assert window.faults.dialog is None
    in_timer(window)  # another one is shown all the same
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    bad.hide()
    bad.deleteLater()
    assert window.faults.dialog.sentence.text() == "ZeroDivisionError: in timer"
    window.faults.dialog.accept()


@pytest.mark.qt_no_exception_capture
def test_details_hold_what_a_report_needs_and_no_values(qtbot, entered, checkpoint, capsys):
    window = entered(checkpoint, real=False)
    in_timer(window)
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    dialog = window.faults.dialog
    dialog.copy_button.click()
    text = QGuiApplication.clipboard().text()
    for part in ("ZeroDivisionError: in timer", "Traceback", "weightedit: ", "torch: ", "Platform: ", "Python: ",
                 "Open: torch zip, 1 tensors"):  # fmt: skip
        assert part in text, part
    assert "a.weight" not in text
    assert str(checkpoint) not in text
    dialog.copy_log.click()
    assert QGuiApplication.clipboard().text() == str(log_path())
    dialog.accept()


@pytest.mark.qt_no_exception_capture
def test_memory_and_disk_are_said_on_a_card(qtbot, entered):
    """They are no faults of the program: no dialog, and the sentence says what is missing."""
    window = entered(real=False)

    def starving(progress):
        raise MemoryError

    def full(progress):
        raise OSError(28, "No space left on device", "/disk/net.pt")

    for work in (starving, full):
        window.tasks.start("Exporting", work, on_result=None)
    qtbot.waitUntil(lambda: len(window.errors.cards) == 2)
    titles = {card.title.text() for card in window.errors.cards}
    assert titles == {"Memory ran out", "There is no space left on the disk of /disk/net.pt"}
    assert window.faults.dialog is None


def test_a_fault_keeps_nothing_alive(qtbot, open_window):
    """Frames of a traceback hold documents and widgets; only text is kept of them."""
    window = open_window()

    class Large:
        pass

    def work(progress):
        large = Large()
        left.append(weakref.ref(large))
        raise ZeroDivisionError("with something large")

    left = []
    window.tasks.start("Counting", work, on_result=None)
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    wait_ready(qtbot, window)
    qtbot.waitUntil(lambda: gc.collect() is not None and left[0]() is None)
    window.faults.dialog.accept()
    window.faults.all.clear()


def test_everything_is_put_back(qtbot, open_window):
    import sys

    before = sys.excepthook, threading.excepthook, sys.unraisablehook, gc.isenabled(), gc.get_threshold()
    window = open_window()
    process.enter(window)
    assert sys.excepthook is not before[0]
    assert not gc.isenabled()
    process.leave(window)
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook, gc.isenabled(), gc.get_threshold()) == before


# ---- the collector


class Ring(QObject):
    """A Qt object in a cycle that only the collector ends."""

    ended: ClassVar[list[str]] = []

    def __init__(self):
        super().__init__()
        self.ring = self

    def __del__(self):
        Ring.ended.append(threading.current_thread().name)


def test_garbage_ends_on_the_gui_thread_while_workers_make_objects(qtbot, open_window):
    """A worker that makes thousands of objects would set Python's collector off in its own thread."""
    Ring.ended.clear()
    window = open_window()
    process.enter(window)
    try:
        for _ in range(50):
            Ring()
        made = []

        def work(progress):
            for _ in range(300_000):
                made.append([])
            return

        with qtbot.waitSignal(window.tasks.idle):
            window.tasks.start("Making", work, on_result=None)
        qtbot.waitUntil(lambda: len(Ring.ended) == 50, timeout=20_000)
        assert set(Ring.ended) == {threading.main_thread().name}
    finally:
        process.leave(window)


def test_a_program_that_collects_itself_goes_on_so(qtbot, open_window):
    """Where the collector was off before the window came, nothing is collected and it stays off."""
    gc.disable()
    try:
        window = open_window()
        process.enter(window, own=False)
        Ring.ended.clear()
        Ring()
        made = [[] for _ in range(5_000)]
        qtbot.waitUntil(lambda: len(made) == 5_000)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        process.leave(window)
        assert not gc.isenabled()
        assert not Ring.ended
    finally:
        gc.enable()
        gc.collect()
