"""The doctor's room asks about exactly what then runs, is never stuck, and keeps results with their document."""

from __future__ import annotations

import traceback

import pytest
import torch
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from torch import nn

from tests.ui.conftest import wait_ready
from tests.ui.doctor_models import write_model
from tests.ui.doctoring import PATIENCE, agree, ended, enter, fill, has, press, run, said, show, type_into
from weightedit.ui.doctor.drift_table import DriftTable
from weightedit.ui.doctor.head import LIVE
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.running import BUSY
from weightedit.ui.doctor.standing import LEFT
from weightedit.ui.doctor.told import CHANGED, Notes


@pytest.fixture
def code(tmp_path):
    return write_model(tmp_path)


@pytest.fixture
def window(qtbot, open_window, code):
    window = open_window(code.with_suffix(".pt"), real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


@pytest.fixture
def room(window):
    return enter(window)


def ask(qtbot, window, room):
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)


def edit(qtbot, window, *given, opened=None, **named):
    """Edit from elsewhere, and wait until the window knows."""
    with qtbot.waitSignal(window.documents.changed):
        (opened or window.current).document.apply(*given, **named)
    qtbot.waitUntil(lambda: not window.tasks.active)


# ---- the question


def test_a_question_is_void_once_a_field_says_something_else(qtbot, window, room, code):
    """Else the yes to harmless code would run whatever was typed meanwhile."""
    fill(room, f"{code}:Net")
    fields = {"trace": (room.head.model.lineEdit(), room.head.input), "training": (
        room.training.loss.lineEdit(), room.training.target, room.training.optimizer, room.training.batches),
        "activations": (room.activations.modules,)}  # fmt: skip
    for part, some in fields.items():
        show(room, part)
        for field in some:
            ask(qtbot, window, room)
            field.setFocus()
            QTest.keyClick(field, Qt.Key.Key_X)
            assert not has(room, "Run this code")
            QTest.keyClick(field, Qt.Key.Key_Backspace)
    ask(qtbot, window, room)
    QTest.keyClick(room.head.device, Qt.Key.Key_Down)
    assert not has(room, "Run this code")
    assert not code.with_suffix(".ran").exists()


def test_what_runs_is_what_was_asked_about(qtbot, window, room, code):
    fill(room, f"{code}:Net")
    ask(qtbot, window, room)
    with QSignalBlocker(room.head), QSignalBlocker(room.head.input):  # as if the change had not been noticed
        room.head.input.setText("float32[1,1,8,8]")
    press(room, "Run this code")
    ended(qtbot, window, room)
    assert [str(one) for one in room.found.trace.calls[0].inputs] == ["float32[1,3,8,8]"]


def test_all_code_that_runs_is_named_and_runs(qtbot, window, room, code):
    """Loss, optimizer and data are code too."""
    fill(room, f"{code}:Net", "")
    show(room, "training")
    type_into(room.training.loss.lineEdit(), f"{code}:half")
    type_into(room.training.optimizer, f"{code}:slow_sgd")
    type_into(room.training.batches, f"{code}:loader")
    press(room, "Take one step")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    asked = said(room.told)
    assert all(f"{name} in it {does}." in asked for name, does in {
        "Net": "makes the model", "half": "gives the loss", "slow_sgd": "makes the optimizer",
        "loader": "gives the data"}.items())  # fmt: skip
    press(room, "Run this code")
    ended(qtbot, window, room)
    assert room.found.training.optimizer.rates == (1e-6,)
    assert room.found.batches is not None
    assert not window.current.document.is_modified


def test_a_question_of_another_document_is_not_answered(qtbot, window, room, code, tmp_path):
    fill(room, f"{code}:Net")
    ask(qtbot, window, room)
    window.rail.edit.click()
    window.open([str(write_model(tmp_path, "other").with_suffix(".pt"))])
    wait_ready(qtbot, window)
    assert enter(window).opened is window.documents.all[1]
    assert not has(room, "Run this code")


# ---- one run at a time, which always ends


def test_nothing_else_starts_meanwhile_and_stop_ends_it(qtbot, window, room, code):
    """What is pressed beside a run does not take it over, after which nobody could stop it."""
    edit(qtbot, window, "scale", "fc.weight", factor=2.0)
    fill(room, f"{code}:Loop")
    show(room, "activations")
    QTest.keyClick(window, Qt.Key.Key_F5)
    agree(qtbot, room)
    pane = room.activations
    for button in (pane.capture, pane.compare, pane.search):
        assert not button.isEnabled()
        assert button.toolTip() == BUSY
    says = {name: card.says.text() for name, card in room.parts.cards.items()}
    assert says == {"load": "running", "trace": "running", "training": "waits for a loss",
                    "activations": "nothing captured yet"}  # fmt: skip
    assert "The doctor is running" in said(room.trace)
    QTest.keyClick(pane.modules, Qt.Key.Key_Return)
    QTest.keyClick(room.head.input, Qt.Key.Key_Return)
    assert room.head.run.text() == "Stop", "Enter in a field runs, and does not stop"
    QTest.keyClick(window, Qt.Key.Key_F5)
    assert not has(room, "Run this code")
    press(room, "Stop")
    assert room.head.run.text() == "Stopping"
    ended(qtbot, window, room)
    assert room.head.run.text() == "Run"
    assert "It was stopped" in said(room.told)
    assert all(button.isEnabled() for button in (pane.capture, pane.compare, pane.search))
    press(room, "Capture")
    agree(qtbot, room)
    press(room, "Stop")
    ended(qtbot, window, room)
    assert "It was stopped" in said(pane)
    fill(room, f"{code}:Missing")
    press(room, "Run")
    agree(qtbot, room)
    ended(qtbot, window, room)
    assert room.head.run.text().startswith("Run")
    assert "has no Missing" in said(room.told)


def test_a_document_is_closed_while_its_model_runs(qtbot, window, room, code):
    fill(room, f"{code}:Loop")
    ask(qtbot, window, room)
    press(room, "Run this code")
    running = window.current
    qtbot.waitUntil(lambda: room.visit.task is not None and room.visit.task.begun, timeout=PATIENCE)
    window.documents.close(running)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    assert not window.aside.is_open("doctor")
    assert not window.errors.cards
    window.open([str(code.with_suffix(".pt"))])
    wait_ready(qtbot, window)
    room = enter(window)
    assert room.visit.task is None
    assert room.head.run.text() == "Run"
    assert room.head.run.isEnabled()


def test_a_model_that_ends_its_process_is_told_of(qtbot, window, room, code):
    fill(room, f"{code}:Leaves")
    run(qtbot, window, room)
    assert [finding.kind for finding in room.found.findings] == ["stopped"]
    assert "status 3" in said(room.pane)
    fill(room, f"{code}:Net")
    run(qtbot, window, room)
    assert room.found.is_healthy


# ---- results and the document they are of


def test_a_result_of_an_earlier_state_is_not_acted_on(qtbot, window, room, code):
    """A way back in history would lead to another place."""
    edit(qtbot, window, "slice", "conv1.weight", region="[:, 0:2]")
    fill(room, f"{code}:Net")
    run(qtbot, window, room)
    card = next(one for one in room.findChildren(MendCard) if one.mend.undo_to is not None)
    assert CHANGED not in said(room.told)
    edit(qtbot, window, "scale", "fc.weight", factor=2.0)
    assert CHANGED in said(room.told)
    assert not card.button.isEnabled()
    assert card.toolTip() == LEFT
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.undo()
    assert CHANGED not in said(room.told)
    assert card.button.isEnabled()
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.hazards is not None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: "redo brings back what it undoes" in said(card))
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Redo brings it back" in said(room.told), timeout=PATIENCE)
    ended(qtbot, window, room)
    document = window.current.document
    assert document.tensors["conv1.weight"].shape == (4, 3, 3, 3)
    press(room, "Check again")
    agree(qtbot, room)
    ended(qtbot, window, room)
    assert room.found.is_healthy
    assert CHANGED not in said(room.told)


def test_results_belong_to_the_document_they_were_asked_for(qtbot, window, room, code, tmp_path):
    first = window.current
    edit(qtbot, window, "scale", "fc.weight", factor=2.0)
    fill(room, f"{code}:Net")
    show(room, "activations")
    press(room, "Compare")
    agree(qtbot, room)
    QTest.keyClick(room, Qt.Key.Key_Escape)
    other = write_model(tmp_path, "other")
    window.open([str(other.with_suffix(".pt"))])
    qtbot.waitUntil(lambda: len(window.documents.all) == 2, timeout=PATIENCE)
    assert enter(window).opened is window.documents.all[1]
    type_into(room.head.input, "float32[5,3,8,8]")
    show(room, "activations")
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    assert not room.findChildren(DriftTable)
    assert "Nothing was captured yet" in said(room.activations)
    QTest.keyClick(room, Qt.Key.Key_Escape)
    window.show_document(first)
    assert enter(window).opened is first
    assert room.head.input_text == "float32[1,3,8,8]"
    table = room.activations.findChild(DriftTable)
    assert {one.module for one in table.drifts if one.differs} == {"fc", ""}
    assert room.parts.cards["activations"].says.text() == "2 of 4 calls differ"


def test_the_edit_that_broke_it_is_found(qtbot, window, room, code):
    for name, factor in (("conv1.bias", 1.0), ("fc.weight", 40.0)):
        edit(qtbot, window, "scale", name, factor=factor)
    fill(room, f"{code}:Net")
    show(room, "activations")
    press(room, "Find the edit")
    agree(qtbot, room)
    ended(qtbot, window, room)
    card = room.activations.findChild(MendCard)
    assert card.mend.undo_to == 1
    edit(qtbot, window, "fill", "fc.bias", value=0.0)
    assert not card.button.isEnabled()
    assert CHANGED in said(room.told)


def test_captures_outlive_the_document_they_are_of(qtbot, window, room, code):
    source = window.current
    fill(room, f"{code}:Net")
    show(room, "activations")
    type_into(room.activations.modules, "conv1")
    press(room, "Capture")
    agree(qtbot, room)
    qtbot.waitUntil(lambda: len(window.documents.all) == 2 and not window.tasks.active, timeout=PATIENCE)
    captures = window.documents.all[1]
    file = captures.document.path
    assert enter(window).opened is window.current is source
    assert room.parts.cards["activations"].says.text() == "captured 2 tensors"
    assert str(file) not in [recent.path for recent in window.recents.files]
    window.documents.close(source)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    assert file.exists()
    weights = torch.load(code.with_suffix(".pt"))
    out = nn.functional.conv2d(captures.document.read("conv1.input"), weights["conv1.weight"], weights["conv1.bias"])
    assert torch.allclose(captures.document.read("conv1.output"), out, atol=1e-6)
    spill = captures.document.spill.folder
    assert spill in file.parents
    window.documents.close(captures)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    assert not spill.exists()


# ---- what is said


def test_what_the_model_printed_and_warned_of_is_there(qtbot, window, room, code):
    fill(room, f"{code}:Talks")
    run(qtbot, window, room)
    assert "The run warned: UserWarning: the weights are old" in said(room.told)
    press(room.told, "▸ 2 lines printed")
    assert "the first line\nthe second line" in notes_text(room)
    press(room.told, "Copy all")
    copied = QGuiApplication.clipboard().text()
    assert "the first line" in copied
    assert "the weights are old" in copied
    edit(qtbot, window, "scale", "fc.weight", factor=2.0)
    assert CHANGED in said(room.told)
    assert "The run warned: UserWarning: the weights are old" in said(room.told)
    assert has(room.told, "▾ 2 lines printed")


def notes_text(room):
    return room.told.findChild(Notes).text.toPlainText()


def test_devices_have_the_names_of_the_command_line(window, monkeypatch):
    """And the room does not ask a driver for them, which may take seconds to answer."""
    window.status.show_torch("2.6", ["cpu", "cuda:0", "cuda:1", "cuda"])
    asked = []
    for name in ("is_available", "device_count"):
        monkeypatch.setattr(torch.cuda, name, lambda: asked.extend(traceback.extract_stack()) or 0)
    device = enter(window).head.device
    names = [device.itemData(at) for at in range(device.count())]
    assert names == ["auto", "fake", "cpu", "cuda:0", "cuda:1"]
    assert all(device.itemText(at).partition(" · ")[0] == name for at, name in enumerate(names))
    assert not [frame for frame in asked if "weightedit/ui/doctor" in frame.filename.replace("\\", "/")]


# ---- a live module


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(x)


def test_a_live_module_is_checked_on_a_copy(qtbot, open_window, code):
    """And code by reference beside it, which would run in this process, does not run."""
    window, net = open_window(real=True), Small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    window.documents.open_object(net, None, "net")
    qtbot.waitUntil(lambda: window.current is not None, timeout=PATIENCE)
    wait_ready(qtbot, window)
    room = enter(window)
    assert room.head.model_text == LIVE
    type_into(room.head.input, "float32[5,3]")
    show(room, "training")
    type_into(room.training.loss.lineEdit(), f"{code}:half")
    type_into(room.training.target, "float32[5,2]")
    press(room, "Take one step")
    qtbot.waitUntil(lambda: "would be imported into this process" in said(room.told), timeout=PATIENCE)
    assert not has(room, "Run this code")
    assert not code.with_suffix(".ran").exists()
    type_into(room.training.loss.lineEdit(), "MSELoss")
    press(room, "Take one step")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    assert "The forward of Small runs here, in this process, on a copy of it." in said(room.told)
    press(room, "Run this code")
    ended(qtbot, window, room)
    assert room.found.is_healthy
    assert room.found.training.loss is not None
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())
    assert net.fc.weight.grad is None
