"""The watchdog of benchmarks sees how long the GUI thread is stuck, and in what."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tests.benchmarks.window.stalls import Watchdog


def held_up() -> None:
    time.sleep(0.6)


def test_what_holds_the_gui_thread_up_is_seen_with_its_name(qtbot: QtBot) -> None:
    watchdog = Watchdog(limit=0.1)
    QTimer.singleShot(0, held_up)
    qtbot.waitUntil(lambda: bool(watchdog.stalls), timeout=10_000)
    longest, stalls = watchdog.mark()
    watchdog.end()
    assert longest >= 0.4  # it may be asked a while after it began
    assert any("held_up (ui/test_stalls.py" in line for _, lines in stalls for line in lines)
    longest, stalls = watchdog.mark()  # what it was just measuring as it was marked still comes
    assert (longest < 0.1, stalls) == (True, [])
