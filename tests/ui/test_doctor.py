"""The doctor's room by mouse and keyboard: asked about code, the break, its mend previewed, applied, and gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import PATIENCE, fill, has, opened, press, run, type_into
from weightedit.ui.doctor.explain_page import ExplainPage
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.room import DoctorRoom
from weightedit.ui.window import MainWindow


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write_model(tmp_path)


@pytest.fixture
def doctor(qtbot, open_window: Callable[..., MainWindow], code: Path) -> tuple[MainWindow, DoctorRoom]:
    """A window on the checkpoint, with the doctor opened from the rail and the model typed in."""
    return opened(qtbot, open_window, code.with_suffix(".pt"))


def test_nothing_runs_before_the_yes_and_each_run_asks_again(qtbot, doctor, code):
    window, room = doctor
    fill(room, f"{code}:Net", "float32[1,3,8,8]")
    press(room, "Run")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Do not run it")
    assert not has(room, "Run this code")
    assert not code.with_suffix(".ran").exists()
    run(qtbot, window, room)
    assert code.with_suffix(".ran").exists()
    assert room.found is not None
    assert room.found.is_healthy
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)


def test_the_break_is_pinned_and_its_mend_makes_it_run(qtbot, doctor, code):
    """Grey images into a colour convolution: first to fail, the numbers drawn, the edit previewed, applied, undone."""
    window, room = doctor
    fill(room, f"{code}:Net", "float32[1,1,8,8]")
    run(qtbot, window, room)
    assert room.trace.failed is not None
    assert room.trace.failed.module == "conv1"
    assert room.trace.card.isVisible()
    assert "conv1 expects 3 channels, got 1" in room.trace.card.says.text()
    assert room.part == "trace"
    card = next(one for one in room.findChildren(MendCard) if one.mend.edits)
    assert card.mend.title == "Slice conv1.weight to 1 channel"
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.hazards is not None, timeout=PATIENCE)
    document = window.current.document
    assert not document.is_modified
    qtbot.waitUntil(lambda: card.button.text().startswith("Apply"))
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: document.is_modified, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    assert document.tensors["conv1.weight"].shape == (4, 1, 3, 3)
    run(qtbot, window, room)
    assert room.found.trace.failure is None
    assert [call.state for call in room.found.trace.calls] == ["done"] * 4


def test_a_loop_is_stopped_and_the_window_goes_on(qtbot, doctor, code):
    window, room = doctor
    fill(room, f"{code}:Loop", "float32[1,3,8,8]")
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Run this code")
    qtbot.waitUntil(lambda: room.running.is_running and has(room, "Stop"), timeout=PATIENCE)
    press(room, "Stop")
    qtbot.waitUntil(lambda: not room.running.is_running, timeout=PATIENCE)
    assert has(room, "Run")
    fill(room, f"{code}:Net", "float32[1,3,8,8]")
    run(qtbot, window, room)
    assert room.found.is_healthy


def test_the_load_report_lists_what_differs_and_renames_all(qtbot, doctor, code):
    window, room = doctor
    document = window.current.document
    with qtbot.waitSignal(window.documents.changed):
        document.apply("rename", "re:(.+)", to="module.\\1")
    fill(room, f"{code}:Net", "float32[1,3,8,8]")
    run(qtbot, window, room)
    assert room.part == "load"
    rename = next(one for one in room.findChildren(MendCard) if one.mend.edits)
    assert rename.mend.title == "Rename 4 tensors"
    QTest.mouseClick(rename.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: rename.hazards is not None, timeout=PATIENCE)
    QTest.mouseClick(rename.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "conv1.weight" in document.tensors, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    run(qtbot, window, room)
    assert room.found.is_healthy


def test_wrong_fields_say_so_and_keep_the_button_off(doctor):
    _, room = doctor
    fill(room, "net.py:Net", "float32[1,")
    assert not room.head.run.isEnabled()
    assert "does not read at column" in room.head.problem.text()
    type_into(room.head.input, "float32[1]")
    assert room.head.run.isEnabled()
    assert not room.head.problem.isVisible()


def test_a_training_step_says_which_batches_disagree(qtbot, doctor, code):
    window, room = doctor
    fill(room, f"{code}:Net", "float32[5,3,8,8]")
    QTest.mouseClick(room.parts.cards["training"], Qt.MouseButton.LeftButton)
    type_into(room.training.loss.lineEdit(), "MSELoss")
    type_into(room.training.target, "float32[10,2]")
    press(room, "Take one step")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Run this code")
    qtbot.waitUntil(lambda: room.found is not None and not room.running.is_running, timeout=PATIENCE)
    assert room.part == "training"
    assert [finding.kind for finding in room.found.findings] == ["batch-size"]
    use = next(one for one in room.findChildren(MendCard) if one.mend.target)
    QTest.mouseClick(use.button, Qt.MouseButton.LeftButton)
    assert room.training.target.text() == use.mend.target
    run(qtbot, window, room)
    assert room.found.is_healthy
    assert not window.current.document.is_modified


def test_captured_activations_open_as_tensors(qtbot, doctor, code):
    window, room = doctor
    fill(room, f"{code}:Net", "float32[2,3,8,8]")
    QTest.mouseClick(room.parts.cards["activations"], Qt.MouseButton.LeftButton)
    type_into(room.activations.modules, "conv1, relu")
    press(room, "Capture")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Run this code")
    qtbot.waitUntil(lambda: len(window.documents.all) == 2 and not window.tasks.active, timeout=PATIENCE)
    captured = window.documents.all[-1].document
    assert captured.tensors["conv1.output"].shape == (2, 4, 6, 6)
    assert set(captured.tensors) >= {"conv1.input", "conv1.output", "relu.input", "relu.output"}


def test_a_capture_of_a_model_that_raises_shows_where_and_opens_what_there_is(qtbot, doctor, code):
    window, room = doctor
    fill(room, f"{code}:Net", "float32[2,1,8,8]")
    QTest.mouseClick(room.parts.cards["activations"], Qt.MouseButton.LeftButton)
    press(room, "Capture")
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Run this code")
    qtbot.waitUntil(lambda: len(window.documents.all) == 2 and not window.tasks.active, timeout=PATIENCE)
    (view,) = room.activations.findChildren(FindingView)
    assert (view.finding.module, view.finding.message[:36]) == ("conv1", "conv1 expects 3 channels, got 1; cal")
    assert list(window.documents.all[-1].document.tensors) == ["input", "conv1.input"]


def test_the_trace_is_copied_and_left_by_esc(doctor, qtbot, code):
    window, room = doctor
    fill(room, f"{code}:Net", "float32[1,1,8,8]")
    run(qtbot, window, room)
    view = room.trace.view
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("conv1: Conv2d\nin 0: float32[1,1,8,8] on cpu")
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(14, 12))
    assert view.model().rowCount() == 1
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert not window.aside.is_open("doctor")
    assert window.tree.isVisible()
    assert window.rail.edit.isChecked()


def test_a_pasted_message_names_the_tensor_that_fits(qtbot, open_window, code):
    window = open_window(code.with_suffix(".pt"), real=True)
    page = window.aside.open("explain")
    assert isinstance(page, ExplainPage)
    message = "size mismatch for fc.weight: copying a param with shape torch.Size([2, 4]) from checkpoint, " \
              "the shape in current model is torch.Size([3, 4])."  # fmt: skip
    QGuiApplication.clipboard().setText(message)
    press(page, "Paste")
    qtbot.waitUntil(lambda: page.found is not None and page.found.is_known, timeout=PATIENCE)
    assert page.found.tensors == ("fc.weight",)
    card = next(iter(page.findChildren(MendCard)))
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.hazards is not None, timeout=PATIENCE)
    QTest.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.current.document.tensors["fc.weight"].shape == (3, 4), timeout=PATIENCE)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=PATIENCE)
    type_into(page.text, "it went wrong")
    qtbot.waitUntil(lambda: page.found.kind == "unknown", timeout=PATIENCE)
