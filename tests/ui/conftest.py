"""What every test of the window uses: settings of its own, a window that is closed again, and no leaked widgets."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.gui_thread import watched
from tests.ui.stand_in import stand_in
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import Tasks
from weightedit.ui.theme import theme
from weightedit.ui.window import MainWindow, real_workbench

OFFSCREEN_CANNOT = r"This plugin does not support (propagateSizeHints|raise|grabbing the keyboard)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the offscreen platform says it cannot do is no fault of the window."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN_CANNOT))


def top_levels() -> list[QWidget]:
    """Return the top-level widgets that are alive, after what was to be deleted is deleted."""
    gc.collect()
    for _ in range(3):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return QApplication.topLevelWidgets()


@pytest.fixture(autouse=True)
def no_leaked_widgets(qapp: QApplication) -> Iterator[None]:
    """Fail a test after which a top-level widget is left that was not there before."""
    before = QApplication.topLevelWidgets()  # kept, so that none of them can go and come back under the same address
    gc.freeze()  # modules, torch's above all, are there in every test: looking through them took up to 1 s each time
    yield
    leaked = [widget for widget in top_levels() if not any(widget is old for old in before)]
    names = [f"{type(widget).__name__} {widget.objectName()!r}" for widget in leaked]
    for widget in leaked:
        widget.deleteLater()
    assert not names, f"left behind: {names}"


@pytest.fixture(autouse=True)
def nothing_slow_in_the_gui_thread() -> Iterator[None]:
    """Fail a test in which the window reads or writes files, or goes over tensors, in the GUI thread."""
    with watched() as seen:
        yield
    assert not seen.found, "the window did this in the GUI thread, which a task should do"


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    """Begin every test in the dark theme."""
    qapp.setStyle("Fusion")
    theme.switch("dark")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings in a file of this test alone."""
    return Settings(tmp_path / "settings.ini")


def wait_ready(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until a window shows all it will show by itself."""
    qtbot.waitUntil(lambda: window.workbench is not None and not window.tasks.active, timeout=60_000)


@pytest.fixture
def tasks(qapp: object) -> Iterator[Tasks]:
    """Tasks without a window."""
    made = Tasks()
    yield made
    assert made.shutdown()
    made.deleteLater()


@pytest.fixture
def open_window(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Make windows that are closed at the end of the test; `real=True` has the real area of tensors in it."""
    made: list[MainWindow] = []

    def make(*paths: str | Path, real: bool = False) -> MainWindow:
        window = MainWindow(settings, real_workbench if real else stand_in)
        made.append(window)
        window.resize(1400, 900)
        with qtbot.waitExposed(window):
            window.show()
        wait_ready(qtbot, window)
        if paths:
            window.open([str(path) for path in paths])
            wait_ready(qtbot, window)
        return window

    yield make
    for window in made:
        window.tasks.shutdown()
        window.closing.may_close = True
        window.close()
        window.deleteLater()
    unexpected = [fault.trace for window in made for fault in window.faults.all]
    assert not unexpected, "faults of the program that the test did not mean:\n" + "\n".join(unexpected)


HAS_WORKBENCH = importlib.util.find_spec("weightedit.ui.workbench") is not None
