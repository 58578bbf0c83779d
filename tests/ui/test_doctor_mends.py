"""Mends in the doctor's room, by mouse and keyboard: what they lose is said beforehand, and one step makes it load."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from torch import nn

from tests.ui.doctoring import (
    LEFT,
    PATIENCE,
    applied,
    card,
    cards,
    fill,
    opened,
    previewed,
    run,
    settled,
    shown_button,
    type_into,
)  # fmt: skip
from weightedit.ui.doctor.load_rows import TITLES
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.doctor.mend_card import MendCard

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    '''Whatever can be wrong with a checkpoint, wrong with one tensor of it each.'''

    def __init__(self):
        super().__init__()
        self.tokens, self.words = nn.Embedding(20, 6), nn.Embedding(20, 7)
        self.turned, self.lost, self.fresh = nn.Linear(6, 9), nn.Linear(9, 4), nn.Linear(5, 3, bias=False)
        self.norm = nn.BatchNorm1d(6)
        self.small = nn.Linear(3, 2, bias=False).half()
        self.head = nn.Linear(6, 20, bias=False)
        self.head.weight = self.tokens.weight

class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.act = nn.Conv2d(3, 4, 3), nn.ReLU()
        self.layers = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(3))
        self.fc = nn.Linear(4 * 6 * 6, 2)

    def forward(self, x):
        x = self.act(self.conv1(x))
        for layer in self.layers:
            x = layer(x)
        return self.fc(x.flatten(1))
"""
NAMES: dict[str, type[nn.Module]] = {}
exec(textwrap.dedent(CODE), NAMES)


def broken() -> dict[str, torch.Tensor]:
    """A state_dict of `Net` as it comes out of DataParallel, with much lost and changed."""
    torch.manual_seed(0)
    state = {f"module.{name}": tensor for name, tensor in NAMES["Net"]().state_dict().items()}
    for name in ("head.weight", "lost.weight", "lost.bias", "norm.running_mean", "norm.running_var",
                 "norm.num_batches_tracked"):  # fmt: skip
        del state[f"module.{name}"]
    state["module.turned.weight"] = state["module.turned.weight"].T.contiguous()
    state["module.words.weight"] = torch.randn(24, 7)
    state["module.small.weight"] = torch.tensor([[1.0, 1e6, 1e-9], [2.0, 1 / 3, -1e6]])
    state["module.fresh.weight"] = torch.randn(2, 2, 2)
    state["module.extra.scale"] = torch.ones(11)
    return state


@pytest.fixture
def loading(qtbot, open_window, tmp_path):
    """The window on the broken checkpoint, compared with the model."""
    (tmp_path / "net.py").write_text(CODE, encoding="utf-8")
    torch.save(broken(), tmp_path / "net.pt")
    window, room = opened(qtbot, open_window, tmp_path / "net.pt")
    fill(room, f"{tmp_path}/net.py:Net", "")
    run(qtbot, window, room)
    assert room.part == "load"
    return window, room


@pytest.fixture
def images(qtbot, open_window, tmp_path):
    (tmp_path / "net.py").write_text(CODE, encoding="utf-8")
    torch.manual_seed(0)
    torch.save(NAMES["Images"]().state_dict(), tmp_path / "net.pt")
    window, room = opened(qtbot, open_window, tmp_path / "net.pt")
    return window, room, f"{tmp_path}/net.py:Images"


def loads(window, tmp_path: Path) -> nn.Module:
    """Load what the document is into the model, strictly."""
    out = tmp_path / "out.pt"
    window.current.document.export(out)
    model = NAMES["Net"]()
    model.load_state_dict(torch.load(out, weights_only=True), strict=True)
    return model


def outlook(one: MendCard) -> str:
    """What a card says before it is pressed."""
    return one.accessibleDescription()


def words(widget) -> str:
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())


# ---- every kind of mend of a load report

def test_each_mend_in_turn_makes_it_load(qtbot, loading, tmp_path):
    """Several edits that build on one another too: add then initialize, copy then tie, delete then add."""
    window, room = loading
    document, state = window.current.document, broken()
    pressed = []
    for finding in room.found.load.findings:
        chosen = max(finding.mends, key=lambda mend: len(mend.edits)) if finding.kind == "tied" else finding.mends[0]
        one = next(one for one in room.findChildren(MendCard) if one.mend is chosen)
        applied(qtbot, window, one)
        pressed.append((finding.kind, len(one.mend.edits)))
    several = [kind for kind, edits in pressed if edits > 1]
    assert {"missing", "tied"} <= set(several), pressed
    assert {"wrapper", "transposed", "vocabulary", "dtype", "unexpected"} <= {kind for kind, _ in pressed}, pressed
    model = loads(window, tmp_path)
    assert torch.equal(model.turned.weight, state["module.turned.weight"].T)
    assert torch.equal(model.words.weight, state["module.words.weight"][:20])
    assert torch.equal(model.head.weight, state["module.tokens.weight"])
    assert model.lost.weight.std() > 0
    assert document.tensors["head.weight"].storage_group == document.tensors["tokens.weight"].storage_group
    for _ in pressed:
        QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        settled(qtbot, window)
    assert document.history.position == 0, "each was one step"
    assert set(document.tensors) == set(state)


def test_everything_is_mended_by_one_press_and_taken_back_by_one(qtbot, loading, tmp_path):
    window, room = loading
    document = window.current.document
    table = room.findChild(LoadTable)
    QTest.mouseClick(table.everything, LEFT)
    one = card(room, "Mend everything")
    qtbot.waitUntil(lambda: one.hazards is not None, timeout=PATIENCE)
    settled(qtbot, window)
    assert not document.is_modified
    assert set(document.tensors) == set(broken())
    said = words(one)
    for mend in ("1. Rename", "Transpose turned.weight", "Keep the first 20 rows of words.weight", "Drop "):
        assert mend in said
    assert "Overflow: 2 become Inf" in said
    assert one.button.text().startswith("Apply with 2 Inf")
    assert one.button.text().endswith("values")
    applied(qtbot, window, one)
    loads(window, tmp_path)
    assert len(document.history) > 8
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: document.history.position == 0, timeout=PATIENCE)
    settled(qtbot, window)
    assert set(document.tensors) == set(broken())
    for name, tensor in broken().items():
        assert torch.equal(document.read(name), tensor)


def test_a_row_offers_its_mends_to_the_keyboard(qtbot, loading):
    """Arrows choose the row, Tab gets to its mend, Space previews and applies it."""
    window, room = loading
    document = window.current.document
    table = room.findChild(LoadTable)
    assert not table.mends.isVisible()
    rows = [row.name for row in table.rows.rows]
    table.table.setFocus()
    while (at := table.table.currentIndex().row()) < rows.index("small.weight"):
        QTest.keyClick(table.table, Qt.Key.Key_Down)
    assert table.rows.rows[at].name == "small.weight"
    one = card(table.mends, "Cast small.weight to float16")
    qtbot.waitUntil(lambda: "Overflow: 2 become Inf" in words(one), timeout=PATIENCE)
    assert "Overflow: 2 become Inf" in outlook(one)
    settled(qtbot, window)
    wanted = next(other for other in table.mends.cards if other.mend.title.startswith("Rename"))
    for _ in range(4):
        if wanted.button.hasFocus():
            break
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert wanted.button.hasFocus()
    QTest.keyClick(wanted.button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: wanted.hazards is not None, timeout=PATIENCE)
    qtbot.waitUntil(wanted.button.hasFocus)
    QTest.keyClick(wanted.button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "small.weight" in document.tensors, timeout=PATIENCE)
    settled(qtbot, window)


def test_rows_are_copied_below_their_titles(loading):
    _, room = loading
    table = room.findChild(LoadTable)
    table.table.setFocus()
    QTest.keyClick(table.table, Qt.Key.Key_Down)
    QTest.keyClick(table.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    titles, row = QGuiApplication.clipboard().text().split("\n")
    assert titles.split("\t") == list(TITLES)
    assert titles.split("\t")[2:4] == ["Model shape", "Checkpoint shape"]
    assert len(row.split("\t")) == len(TITLES)
    table.table.clearSelection()
    QTest.mouseClick(table.copy, LEFT)
    assert len(QGuiApplication.clipboard().text().split("\n")) == table.rows.rowCount() + 1


# ---- mends of a run

def test_what_is_lost_is_said_before_anything_is_pressed(qtbot, images):
    window, room, model = images
    fill(room, model, "float32[1,1,8,8]")
    run(qtbot, window, room)
    one = card(room, "Slice conv1.weight to 1 channel")
    qtbot.waitUntil(lambda: "72 values are lost" in words(one), timeout=PATIENCE)
    assert one.hazards is None
    previewed(qtbot, one)
    assert one.button.text() == "Apply and lose 72 values"
    qtbot.waitUntil(lambda: "conv1.weight: 4 × 3 × 3 × 3 → 4 × 1 × 3 × 3" in words(one))
    assert window.current.document.tensors["conv1.weight"].shape == (4, 3, 3, 3)


def test_an_input_of_another_size_is_used_and_runs(qtbot, images):
    """Images of 10 × 10 come out of the convolution too large for the layer behind it; 8 × 8 fit."""
    window, room, model = images
    fill(room, model, "float32[1,3,10,10]")
    run(qtbot, window, room)
    assert room.trace.failed.module == "fc"
    one = next(one for one in cards(room) if one.mend.inputs)
    assert one.mend.inputs == "float32[1,3,8,8]"
    assert one.button.text() == "Use this input"
    QTest.mouseClick(one.button, LEFT)
    assert room.head.input.text() == "float32[1,3,8,8]"
    run(qtbot, window, room)
    assert room.found.is_healthy
    assert not window.current.document.is_modified


def test_a_way_back_in_history_is_previewed_and_taken(qtbot, images):
    window, room, model = images
    document = window.current.document
    with qtbot.waitSignal(window.documents.changed):
        document.apply("slice", "fc.weight", region="[:, 0:140]")
    fill(room, model, "float32[1,3,8,8]")
    run(qtbot, window, room)
    said = words(room)
    for part in ("Edits that make it run", "fc says", "in_features 144", "weight [2, 140]", "[1, 144]",
                 "Edit 1 of this document", "took fc.weight from [2, 144] to [2, 140]"):  # fmt: skip
        assert part in said, part
    one = card(room, "Undo edit 1")
    qtbot.waitUntil(lambda: "No hazard" in words(one), timeout=PATIENCE)
    previewed(qtbot, one)
    qtbot.waitUntil(lambda: "Takes back slice" in words(one))
    assert document.history.position == 1
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: document.history.position == 0, timeout=PATIENCE)
    settled(qtbot, window)
    assert document.tensors["fc.weight"].shape == (2, 144)
    assert "Redo brings it back" in words(room)
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: document.history.position == 1, timeout=PATIENCE)
    settled(qtbot, window)


# ---- the trace

def test_the_trace_is_filtered_by_name_class_and_failure(qtbot, images):
    window, room, model = images
    fill(room, model, "float32[1,3,8,9]")
    run(qtbot, window, room)
    rows = room.trace.view.rows
    QTest.mouseClick(room.trace.filtered, LEFT)
    assert room.trace.filter.text.hasFocus()
    QTest.keyClicks(room.trace.filter.text, "layers conv2D")
    root = rows.roots[0]
    assert [node.title for node in rows.inside(root)] == ["layers.0", "layers.1", "layers.2"]
    type_into(room.trace.filter.text, "no such module")
    assert rows.roots == []
    QTest.keyClick(room.trace.filter.text, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(room.trace.filter.text, Qt.Key.Key_Delete)
    QTest.keyClick(room.trace.filter.failing, Qt.Key.Key_Space)
    assert [node.title for node in rows.inside(rows.roots[0])] == ["fc"]
    QTest.mouseClick(room.trace.card, LEFT)
    assert room.trace.view.rows.node(room.trace.view.currentIndex()) is room.trace.failed
    room.trace.filter.text.setFocus()
    QTest.keyClick(room.trace.filter.text, Qt.Key.Key_Escape)
    assert not room.trace.filter.isVisible()
    assert window.aside.is_open("doctor")
    assert len(rows.inside(rows.roots[0])) == 6


def test_rows_have_times_where_it_ran_for_real_and_shapes_where_nothing_ran(qtbot, images):
    window, room, model = images
    fill(room, model, "float32[1,1,8,8]")
    run(qtbot, window, room)
    rows = room.trace.view.rows
    unreached = {node.title: rows.data(rows.index_of(node).siblingAtColumn(1)) for node in rows.roots[0].children
                 if node.state == "not reached"}  # fmt: skip
    assert unreached == {"act": "not reached", "layers": "not reached", "fc": "…, 144 → not reached"}
    assert not rows.is_measured
    type_into(room.head.input, "float32[1,3,8,8]")
    room.head.device.setFocus()
    QTest.keyClicks(room.head.device, "CPU")
    assert room.head.device_name == "cpu"
    run(qtbot, window, room)
    assert room.trace.columns.isVisible()
    for node in rows.roots[0].walk():
        index = rows.index_of(node)
        assert rows.data(index.siblingAtColumn(2)).endswith((" ms", " s"))
        assert rows.data(index.siblingAtColumn(3)).endswith("B")
        assert " ms" in rows.data(index, Qt.ItemDataRole.AccessibleTextRole) or node.call.seconds > 1


# ---- to a keyboard and a screen reader

def test_cards_are_buttons_with_names_that_tab_gets_to(qtbot, images):
    window, room, model = images
    fill(room, model, "float32[1,1,8,8]")
    run(qtbot, window, room)
    part, first = room.parts.cards["load"], room.trace.card
    buttons = [room.parts.cards["trace"], part, first, *(one.button for one in cards(room))]
    seen = []
    room.head.run.setFocus()
    for _ in range(60):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert [one for one in buttons if one not in seen] == []
    names = [QAccessible.queryAccessibleInterface(one).text(QAccessible.Text.Name) for one in buttons]
    roles = {QAccessible.queryAccessibleInterface(one).role() for one in buttons}
    assert roles == {QAccessible.Role.Button}
    assert names[0].startswith("Shape trace: stops at call")
    assert names[2].startswith("First to fail: conv1. conv1 expects 3 channels, got 1")
    assert "Preview edit: Slice conv1.weight to 1 channel" in names
    assert len(set(names)) == len(names)
    assert seen.index(room.parts.cards["load"]) < seen.index(cards(room)[0].button)
    part.setFocus()
    QTest.keyClick(part, Qt.Key.Key_Return)
    assert room.part == "load"
    assert part.accessibleDescription() == "shown below"
    first.setFocus()
    QTest.keyClick(first, Qt.Key.Key_Return)
    assert room.trace.view.rows.node(room.trace.view.currentIndex()) is room.trace.failed
    assert shown_button(room, "Run again") is not None
