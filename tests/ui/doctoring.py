"""What tests of the doctor do as a person does: typing into fields, saying yes, pressing what a card offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

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
    return window, enter(window)


def enter(window: MainWindow) -> DoctorRoom:
    """Go to the doctor by the rail."""
    QTest.mouseClick(window.rail.doctor, LEFT)
    room = window.aside.current
    assert isinstance(room, DoctorRoom)
    return room


def show(room: DoctorRoom, part: str) -> None:
    """Click the card of a part."""
    QTest.mouseClick(room.parts.cards[part], LEFT)


def type_into(field: QWidget, text: str) -> None:
    """Type over what a field says."""
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, text)


def fill(room: DoctorRoom, model: object, inputs: str = "float32[1,3,8,8]") -> None:
    """Type model and input."""
    type_into(room.head.model.lineEdit(), str(model))
    type_into(room.head.input, inputs)


def shown_button(room: QWidget, text: str) -> QPushButton | None:
    """The button that begins with a text, where it can be seen."""
    buttons = room.findChildren(QPushButton)
    return next((one for one in buttons if one.isVisible() and one.text().startswith(text)), None)


def has(room: QWidget, text: str) -> bool:
    """Whether a button begins with a text."""
    return shown_button(room, text) is not None


def press(room: QWidget, text: str) -> None:
    """Click the button that begins with a text."""
    found = shown_button(room, text)
    assert found is not None, text
    QTest.mouseClick(found, LEFT)


def agree(qtbot: QtBot, room: DoctorRoom) -> None:
    """Wait for the question, whose yes has the focus, and say it by the keyboard."""
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    yes = shown_button(room, "Run this code")
    assert yes is not None
    qtbot.waitUntil(yes.hasFocus)
    QTest.keyClick(yes, Qt.Key.Key_Space)


def run(qtbot: QtBot, window: MainWindow, room: DoctorRoom) -> None:
    """Press F5, agree, and wait for the end."""
    QTest.keyClick(window, Qt.Key.Key_F5)
    agree(qtbot, room)
    ended(qtbot, window, room)


def ended(qtbot: QtBot, window: MainWindow, room: DoctorRoom) -> None:
    """Wait until nothing runs any more."""
    qtbot.waitUntil(lambda: room.visit.task is None and not window.tasks.active, timeout=PATIENCE)


def said(widget: QWidget) -> str:
    """Everything that labels of a widget say where they can be seen."""
    QApplication.processEvents()  # what was put into a layout is shown after that
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())


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
