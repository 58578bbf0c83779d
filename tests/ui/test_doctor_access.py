"""The doctor's room without a mouse or a picture: everything has a name, and Tab gets to all of it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import enter, fill, run
from tests.ui.test_accessibility import INNER, focusable, is_passed, name_of
from weightedit.ui.doctor.part_cards import PartCard

PARTS = ("load", "trace", "training", "activations")


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    code = write_model(tmp_path)
    window = open_window(code.with_suffix(".pt"), real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    fill(enter(window), f"{code}:Talks", "float32[1,1,8,8]")
    return window


def nameless(window):
    buttons = {one for one in window.findChildren(QAbstractButton) if one.isVisible()}
    widgets = buttons | {*focusable(window, Qt.FocusPolicy.WheelFocus)}
    return [f"{type(one).__name__} {one.objectName()!r} in {type(one.parentWidget()).__name__}" for one in widgets
            if one.objectName() not in INNER and one.focusProxy() is None and not name_of(one).strip()]  # fmt: skip


def missed(window):
    """What Tab does not get to, going round from where the focus is."""
    wanted = {one for one in focusable(window) if one.focusProxy() is None and not is_passed(one)}
    seen = set()
    for _ in range(3 * len(wanted) + 20):
        now = QApplication.focusWidget()
        assert now is not None
        if now in seen and seen >= wanted:
            break
        seen.add(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    return [f"{type(one).__name__} {one.accessibleName()!r}" for one in wanted - seen if one.focusProxy() not in seen]


def test_every_part_is_named_and_got_to_by_keys(qtbot, window):
    room = window.aside.current
    assert nameless(window) == []
    assert missed(window) == []
    run(qtbot, window, room)
    for part in PARTS:
        card = room.parts.cards[part]
        assert isinstance(card, PartCard)
        card.setFocus()
        QTest.keyClick(card, Qt.Key.Key_Space)
        QApplication.processEvents()
        assert room.part == part
        assert nameless(window) == []
        assert missed(window) == []


def test_fields_come_in_the_order_they_are_read(window):
    room = window.aside.current
    room.head.model.lineEdit().setFocus()
    order = []
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        order.append(QApplication.focusWidget())
    assert order[:4] == [room.head.browse, room.head.input, room.head.device, room.head.run]
    assert order[4] is room.parts.cards["load"]


def test_the_question_is_read_aloud_with_its_button(qtbot, window):
    """Whoever hears only the button that has the focus would agree to they know not what."""
    room = window.aside.current
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: room.told.question is not None, timeout=60_000)
    yes = room.told.question.yes
    assert QApplication.focusWidget() is yes
    assert "Talks in it makes the model." in yes.accessibleDescription()
