"""The weights after a training step, asked for in the room: a file of a person's choice, and one press to take them."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import PATIENCE, agree, ended, enter, fill, has, press, said, show, type_into
from weightedit.ui.doctor.mend_card import MendCard


def taking(room):
    return next((one for one in room.findChildren(MendCard)
                 if one.isVisible() and one.mend.title.startswith("Take the step into ")), None)


def test_a_step_is_written_and_taken_and_one_undo_takes_it_back(qtbot, open_window, tmp_path):
    code = write_model(tmp_path)
    before = torch.load(code.with_suffix(".pt"))
    window = open_window(code.with_suffix(".pt"), real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    room = enter(window)
    fill(room, f"{code}:Net")
    show(room, "training")
    type_into(room.training.loss.lineEdit(), "mean")
    type_into(room.training.step_to, str(code))
    press(room, "Take one step")
    qtbot.waitUntil(lambda: "net.py is there already" in said(room.told), timeout=PATIENCE)
    assert not has(room, "Run this code")

    path = tmp_path / "step.pt"
    type_into(room.training.step_to, str(path))
    press(room, "Take one step")
    agree(qtbot, room)
    ended(qtbot, window, room)
    after = torch.load(path)
    assert after
    document = window.current.document
    assert not document.is_modified
    assert room.part == "training"
    qtbot.waitUntil(lambda: taking(room) is not None, timeout=PATIENCE)
    card = taking(room)
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.button.text().startswith("Apply"), timeout=PATIENCE)
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: document.is_modified and not window.tasks.active, timeout=PATIENCE)
    for name, value in after.items():
        assert torch.equal(document.read(name), value), name
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not document.is_modified and not window.tasks.active, timeout=PATIENCE)
    for name, value in before.items():
        assert torch.equal(document.read(name), value), name
