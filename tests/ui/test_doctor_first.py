"""What comes first is where the eye is led: the load report while that fails, its gravest rows, the button of a yes."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import PATIENCE, ended, fill, has, opened, press, run, said, show
from weightedit.doctor.checkup import Checkup
from weightedit.doctor.finding import Finding
from weightedit.ui.doctor.load_rows import Column
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.trace_panel import TracePanel


@pytest.fixture
def code(tmp_path):
    return write_model(tmp_path)


@pytest.fixture
def on(qtbot, open_window, code):
    """Open the doctor on the checkpoint of `Net` as it is after a change of its tensors."""

    def make(change):
        path = code.with_suffix(".pt")
        state = torch.load(path)
        change(state)
        torch.save(state, path)
        return opened(qtbot, open_window, path)

    return make


def primaries(room):
    return [one.text() for one in room.findChildren(QPushButton) if one.isVisible()
            and one.property("kind") == "primary"]  # fmt: skip


def test_a_load_that_fails_comes_before_what_the_run_stops_at(qtbot, on, code):
    """The run has names matched and own tensors for what is missing: its failure may be no more than what follows."""
    window, room = on(lambda state: state.pop("fc.bias"))
    fill(room, f"{code}:Net", "float32[1,1,8,8]")
    run(qtbot, window, room)
    assert room.trace.failed.module == "conv1"
    assert room.part == "load"
    first = room.trace.card
    assert "fc.bias" in first.name.text()
    assert first.says.text() == "After it the run stops in conv1"
    assert "names as the load report has them" in room.trace.foot.text()
    show(room, "trace")
    assert "The checkpoint does not load yet" in said(room.pane)
    first.setFocus()
    QTest.keyClick(first, Qt.Key.Key_Return)
    assert room.part == "load"
    show(room, "trace")
    press(room.pane, "Show the load report")
    assert room.part == "load"


def test_a_run_that_goes_through_does_not_hide_that_it_does_not_load(qtbot, on, code):
    window, room = on(lambda state: state.pop("fc.bias"))
    fill(room, f"{code}:Net")
    run(qtbot, window, room)
    assert room.trace.failed is None
    assert room.trace.card.isVisible()
    assert "fc.bias" in room.trace.card.name.text()
    show(room, "trace")
    assert "The checkpoint does not load yet" in said(room.pane)
    assert "Nothing is wrong here" in said(room.pane)


def test_a_run_that_stops_at_the_tensor_that_does_not_fit_shows_it_with_its_surroundings(qtbot, on, code):
    """Both say the same thing, and the trace has the drawing."""
    window, room = on(lambda state: state.update({"fc.weight": state["fc.weight"][:, :3].clone()}))
    fill(room, f"{code}:Net")
    run(qtbot, window, room)
    assert room.part == "trace"
    assert room.trace.card.name.text() == "fc"
    assert "does not load yet" not in said(room.pane)


def test_what_keeps_it_from_loading_is_listed_first_and_titles_sort(qtbot, on, code):
    def change(state):
        state["conv1.weight"] = state["conv1.weight"].half()
        state["fc.weight"] = state["fc.weight"][:, :3].clone()

    window, room = on(change)
    fill(room, f"{code}:Net", "")
    run(qtbot, window, room)
    table = room.findChild(LoadTable)
    table.only.setChecked(False)
    assert table.rows.rows[0].name == "fc.weight"
    assert table.rows.headerData(Column.VERDICT, Qt.Orientation.Horizontal) == "▴ Verdict"
    assert {row.name for row in table.rows.rows} == {"conv1.weight", "conv1.bias", "fc.weight", "fc.bias"}
    table.table.setFocus()
    QTest.keyClick(table.table, Qt.Key.Key_Down)
    held = table.rows.rows[table.table.currentIndex().row()]
    header = table.table.horizontalHeader()
    header.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(header, Qt.Key.Key_Return)
    assert [row.name for row in table.rows.rows] == ["conv1.bias", "conv1.weight", "fc.bias", "fc.weight"]
    assert table.rows.rows[table.table.currentIndex().row()] is held
    assert table.rows.headerData(Column.MODEL, Qt.Orientation.Horizontal) == "▴ In the model"
    for _ in range(Column.MODEL_SHAPE):
        QTest.keyClick(header, Qt.Key.Key_Right)
    QTest.keyClick(header, Qt.Key.Key_Space)
    assert table.rows.rows[0].name == "conv1.weight"
    QTest.keyClick(header, Qt.Key.Key_Space)
    assert table.rows.rows[-1].name == "conv1.weight"


def test_only_the_question_has_a_primary_button_while_it_is_asked(qtbot, on, code):
    """Two that are lit leave open which of them is the yes."""
    window, room = on(lambda state: state.pop("fc.bias"))
    fill(room, f"{code}:Net", "float32[1,1,8,8]")
    assert primaries(room) == ["Run"]
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    assert primaries(room) == ["Run this code"]
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not has(room, "Run this code")
    assert window.aside.is_open("doctor"), "Esc answers no, and leaves nothing"
    assert primaries(room) == ["Run"]
    run(qtbot, window, room)
    assert primaries(room) == ["Preview edit"]
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    assert primaries(room) == ["Run this code"]
    show(room, "trace")
    assert room.findChildren(MendCard)
    assert primaries(room) == ["Run this code"]
    press(room, "Run this code")
    ended(qtbot, window, room)
    assert primaries(room) == ["Preview edit"]


def test_a_trace_that_is_not_there_says_why(qtbot):
    panel = TracePanel()
    qtbot.addWidget(panel)
    panel.show()
    assert "Name the model's code and its input" in said(panel)
    panel.show_checkup(Checkup((Finding("model", "", "", "The model could not be made."),)))
    assert "The model was not made" in said(panel)
    panel.show_checkup(None, is_running=True)
    assert "The doctor is running" in said(panel)


def test_a_run_of_activations_leaves_the_page_as_it_is(on):
    """A row that was picked in the load report would be lost."""
    _, room = on(lambda state: None)
    page = room.pane
    room.show_running("activations")
    assert room.pane is page
    room.show_running("check")
    assert room.pane is not page
