"""The table of values: texts, typing, copying and pasting, compared with torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.reduction import SliceView
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.tasks import Tasks
from weightedit.ui.values import model as values_model
from weightedit.ui.values.model import LOADING, ValuesModel


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {"w": torch.randn(200, 90), "half": torch.randn(20, 10).half(), "conv": torch.randn(6, 5, 3),
            "ids": torch.arange(12).reshape(3, 4), "bias": torch.randn(50), "one": torch.tensor(1.5),
            "c": torch.randn(4, 3, dtype=torch.complex64), "flags": torch.rand(4, 4) > 0.5}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "values.pt", tensors) as made:
        yield made


def open_table(bench: Bench, name: str) -> ValuesModel:
    bench.open(name)
    bench.do("values")
    bench.wait()
    return bench.page.values_pane.model


def text_at(bench: Bench, row: int, column: int) -> str:
    model = bench.page.values_pane.model
    text = model.data(model.index_of(row, column))
    if text == LOADING:
        bench.wait()
        text = model.data(model.index_of(row, column))
    return str(text)


def type_into(bench: Bench, row: int, column: int, text: str) -> None:
    table = bench.page.values_pane.table
    table.setCurrentIndex(bench.page.values_pane.model.index_of(row, column))
    QTest.keyClick(table, Qt.Key.Key_F2)
    editor = table.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    bench.wait()


def test_the_model_keeps_qts_rules(
    qtbot: QtBot, bench: Bench, qtmodeltester: ModelTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values_model, "BLOCK_ROWS", 4)
    model = open_table(bench, "half")
    qtmodeltester.check(model)
    bench.wait()
    qtmodeltester.check(model)


@pytest.mark.parametrize("name", ["w", "half", "ids", "c", "flags", "bias", "one"])
def test_every_text_reads_back_to_the_value(bench: Bench, tensors: dict[str, torch.Tensor], name: str) -> None:
    model = open_table(bench, name)
    tensor = tensors[name]
    flat = tensor.reshape(1, -1) if tensor.ndim < 2 else tensor
    assert (model.rowCount(), model.columnCount()) == flat.shape
    for row in range(0, flat.shape[0], 17):
        for column in range(0, flat.shape[1], 7):
            text = text_at(bench, row, column)
            read: complex = complex(text) if tensor.is_complex() else text == "True" if "e" in text[-1] else float(text)
            assert torch.tensor(read, dtype=tensor.dtype) == flat[row, column]


def test_values_not_read_yet_show_that(bench: Bench) -> None:
    model = open_table(bench, "w")
    assert model.data(model.index_of(199, 89)) == LOADING
    bench.wait()
    assert model.data(model.index_of(199, 89)) != LOADING


def test_a_slice_of_more_dims(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "conv")
    bench.page.dims._dims[0].slider.setValue(2)
    bench.wait()
    assert float(text_at(bench, 4, 3)) == pytest.approx(tensors["conv"][4, 3, 2].item())


def test_typing_sets_a_cell_as_one_step(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    type_into(bench, 3, 2, "0.125")
    expected = tensors["w"].clone()
    expected[3, 2] = 0.125
    assert torch.equal(bench.values("w"), expected)
    assert text_at(bench, 3, 2) == "0.125"
    assert len(bench.document.history) == 1
    assert bench.document.history.steps[0].edit.region == "[3, 2]"
    assert bench.workbench.tabs.strip.is_marked(0)


def test_typing_in_a_slice_sets_the_right_cell(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "conv")
    bench.page.dims._dims[0].slider.setValue(1)
    bench.wait()
    type_into(bench, 5, 4, "9")
    expected = tensors["conv"].clone()
    expected[5, 4, 1] = 9
    assert torch.equal(bench.values("conv"), expected)


def test_a_warning_asks_once_above_the_table(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "half")
    type_into(bench, 1, 1, "70000")
    notices = bench.page.notices
    assert not notices.isHidden()
    assert notices.confirm is not None
    assert torch.equal(bench.values("half"), tensors["half"])
    bench.press(notices.confirm)
    assert bench.values("half")[1, 1] == float("inf")
    assert notices.isHidden()


def test_text_that_is_no_number_changes_nothing(bench: Bench) -> None:
    open_table(bench, "ids")
    type_into(bench, 0, 0, "abc")
    assert not bench.page.notices.isHidden()
    assert not bench.document.is_modified


def test_selection_is_shared_both_ways(bench: Bench) -> None:
    open_table(bench, "w")
    pane = bench.page.values_pane
    bench.page.selection.pick(range(5, 8), range(2, 4))
    picked = pane.table.selectionModel().selection()
    first = picked.first()
    assert (first.top(), first.bottom(), first.left(), first.right()) == (5, 7, 2, 3)
    pane.table.setCurrentIndex(pane.model.index_of(10, 1))
    QTest.keyClick(pane.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(pane.table, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    bench.wait()
    assert bench.page.selection.region == "[10:12, 1:3]"
    assert bench.page.read_out.field.text() == "[10:12, 1:3]"
    bench.do("heatmap")
    bench.wait()
    assert bench.heatmap.selection == (range(10, 12), range(1, 3))


def test_copied_text_reads_back_to_the_same_bits(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    bench.page.selection.pick(range(5, 8), range(2, 6))
    bench.do("copy")
    bench.wait()
    lines = QGuiApplication.clipboard().text().split("\n")
    block = torch.tensor([[float(value) for value in line.split("\t")] for line in lines], dtype=torch.float64).float()
    assert torch.equal(block, tensors["w"][5:8, 2:6])


def test_copying_too_much_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weightedit.ui.tensor_page.block_work.MOST_COPIED", 100)
    open_table(bench, "w")
    bench.do("copy")
    bench.wait()
    assert "up to 100 values" in bench.said[-1]


def test_pasting_a_block(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    QGuiApplication.clipboard().setText("1\t2\t3\n4\tnan\t-inf\n")
    bench.page.selection.pick(range(10, 11), range(20, 21))
    bench.do("paste")
    bench.wait()
    expected = tensors["w"].clone()
    expected[10:12, 20:23] = torch.tensor([[1, 2, 3], [4, float("nan"), -float("inf")]])
    got = bench.values("w")
    assert torch.equal(got.nan_to_num(nan=77), expected.nan_to_num(nan=77))


def test_pasting_one_value_fills_what_is_picked(bench: Bench) -> None:
    open_table(bench, "w")
    QGuiApplication.clipboard().setText("0.5")
    bench.page.selection.pick(range(1, 4), range(2, 4))
    bench.do("paste")
    bench.wait()
    assert (bench.values("w")[1:4, 2:4] == 0.5).all()
    assert bench.document.history.steps[0].edit.region == "[1:4, 2:4]"


def test_pasting_into_turned_rows_and_columns(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "ids")
    bench.page.selection.set_view(SliceView(1, 0))
    bench.wait()
    bench.page.selection.pick(range(1), range(1))
    QGuiApplication.clipboard().setText("7\t8\n9\t10")
    bench.do("paste")
    bench.wait()
    expected = tensors["ids"].clone()
    expected[:2, :2] = torch.tensor([[7, 9], [8, 10]])
    assert torch.equal(bench.values("ids"), expected)


@pytest.mark.parametrize("text", ["1\t2\n3", "a\tb", "", "\t".join(["1"] * 60)])
def test_pasting_what_does_not_fit_says_why(bench: Bench, text: str) -> None:
    open_table(bench, "bias")
    bench.page.selection.pick(range(1), range(1))
    QGuiApplication.clipboard().setText(text)
    bench.do("paste")
    bench.wait()
    assert not bench.page.notices.isHidden()
    assert not bench.document.is_modified


def test_undo_brings_the_texts_back(bench: Bench) -> None:
    open_table(bench, "w")
    before = text_at(bench, 3, 2)
    type_into(bench, 3, 2, "5")
    assert text_at(bench, 3, 2) == "5.0"
    bench.workbench.history.undo_button.click()
    bench.wait()
    assert text_at(bench, 3, 2) == before


def test_millions_of_rows_come_in_windows(qtbot: QtBot) -> None:
    rows = 5_000_000
    data = torch.arange(rows, dtype=torch.int32)
    spec = TensorSpec("int32", (rows, 1), (1, 1))
    pinned = PinnedTensor("long", spec, Resident(memoryview(data.numpy()).cast("B")))
    tasks = Tasks()
    model = ValuesModel(tasks)
    model.show_slice(pinned, SliceView(0, 1))
    assert model.rowCount() == values_model.MOST
    model.show_window(3_210_000, 0)
    index = model.index_of(3_210_000, 0)
    assert index.isValid()
    assert model.data(index) == LOADING
    qtbot.waitUntil(lambda: not tasks.active and model.data(index) != LOADING)
    assert model.data(index) == "3210000"
    assert model.headerData(index.row(), Qt.Orientation.Vertical) == "3210000"
    tasks.shutdown()


def test_nan_is_typed_where_n_is_a_key_of_the_heatmap(bench: Bench) -> None:
    open_table(bench, "w")
    went: list[int] = []
    key = QAction(bench.workbench)
    key.setShortcuts([QKeySequence("N"), QKeySequence("+"), QKeySequence("0")])
    key.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    key.triggered.connect(lambda: went.append(1))
    bench.workbench.addAction(key)
    bench.workbench.activateWindow()
    table = bench.page.values_pane.table
    table.setFocus()
    table.setCurrentIndex(bench.page.values_pane.model.index_of(2, 3))
    QTest.keyClick(table, Qt.Key.Key_N)
    editor = table.findChild(QLineEdit)
    assert editor is not None
    QTest.keyClicks(editor, "an")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    bench.wait()
    assert bench.values("w")[2, 3].isnan()
    for widget in (bench.panel.form.operations, bench.page.read_out.field):
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_N)
        QTest.keyClick(widget, Qt.Key.Key_0)
    assert not went
    bench.do("heatmap")
    bench.heatmap.setFocus()
    QTest.keyClick(bench.heatmap, Qt.Key.Key_N)
    assert went == [1]


def test_the_read_out_follows_edits_undo_and_casts(bench: Bench) -> None:
    open_table(bench, "w")
    type_into(bench, 2, 3, "2.5")
    bench.wait()
    shown = bench.page.read_out
    assert (shown.value.text(), bench.values("w")[2, 3].item()) == ("2.5", 2.5)
    bench.document.apply("scale", "w", factor=2)
    bench.wait()
    assert shown.value.text() == "5.0"
    bits = shown.bits.text()
    bench.document.apply("cast", "w", dtype="bfloat16", accept="all")
    bench.wait()
    assert (shown.value.text(), shown.bits.text() == bits) == ("5.0", False)
    for _ in range(3):
        bench.document.undo()
    bench.wait()
    assert float(shown.value.text()) == pytest.approx(bench.values("w")[2, 3].item())


def test_what_was_wrong_goes_when_one_moves_on(bench: Bench) -> None:
    open_table(bench, "w")
    for by_key in (False, True):
        type_into(bench, 2, 3, "abc")
        bench.wait()
        assert not bench.page.notices.isHidden()
        if by_key:
            bench.do("leave")
        else:
            bench.page.selection.pick(range(5, 6), range(1, 2))
        assert bench.page.notices.isHidden()
