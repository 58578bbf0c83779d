"""What tests of the doctor do as a person does: typing into fields, saying yes, pressing what a card offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.room import DoctorRoom
from weightedit.ui.window import MainWindow

PATIENCE = 60_000
LEFT = Qt.MouseButton.LeftButton


def opened(qtbot, open_window: Callable[..., MainWindow], path: Path) -> tuple[MainWindow, DoctorRoom]:
    """A window on a file, with the doctor opened from the rail."""
    window = open_window(path, real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.mouseClick(window.rail.doctor, LEFT)
    room = window.aside.current
    assert isinstance(room, DoctorRoom)
    return window, room


def type_into(field: QWidget, text: str) -> None:
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, text)


def fill(room: DoctorRoom, model: str, inputs: str) -> None:
    type_into(room.head.model.lineEdit(), model)
    type_into(room.head.input, inputs)


def shown_button(room: QWidget, text: str) -> QPushButton | None:
    buttons = room.findChildren(QPushButton)
    return next((one for one in buttons if one.isVisible() and one.text().startswith(text)), None)


def run(qtbot, window: MainWindow, room: DoctorRoom) -> None:
    """Press F5, and Space on the question, which has the focus; wait until the run and all after it are over."""
    before = room.found
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: shown_button(room, "Run this code") is not None, timeout=PATIENCE)
    yes = shown_button(room, "Run this code")
    assert yes is not None
    qtbot.waitUntil(yes.hasFocus)
    QTest.keyClick(yes, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: room.found is not before and not room.running.is_running, timeout=PATIENCE)
    settled(qtbot, window)


def settled(qtbot, window: MainWindow) -> None:
    """Wait until nothing is on its way."""
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)


def cards(room: QWidget) -> list[MendCard]:
    """The cards that can be seen, from above."""
    return [card for card in room.findChildren(MendCard) if card.isVisible()]


def card(room: QWidget, title: str) -> MendCard:
    """The card whose title begins so."""
    found = [one for one in cards(room) if one.mend.title.startswith(title)]
    assert found, [one.mend.title for one in cards(room)]
    return found[0]


def previewed(qtbot, one: MendCard) -> None:
    """Press a card once, and wait for what it says."""
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: one.hazards is not None, timeout=PATIENCE)


def applied(qtbot, window: MainWindow, one: MendCard) -> None:
    """Press a card twice, as its words ask, and wait until it is done."""
    document = window.current.document
    version = document.version
    if one.hazards is None:
        previewed(qtbot, one)
    assert document.version == version, "a preview changes nothing"
    assert one.button.isEnabled(), [hazard.message for hazard in one.hazards or ()]
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: document.version != version, timeout=PATIENCE)
    settled(qtbot, window)
