"""The table as a spreadsheet: blocks in and out, the fill handle, expressions, formats, and slices of any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from tests.ui.pointer import ALT, CTRL, NONE, SHIFT, drag
from weightedit.core.words.number_formats import NumberFormat
from weightedit.ui.values import model as values_model
from weightedit.ui.values.clipboard import MIME
from weightedit.ui.values.delegate import CellEditor
from weightedit.ui.values.model import LOADING


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(11)
    bf = torch.randn(6, 5).bfloat16()
    bits = torch.tensor([0x7FC1, 0x8000], dtype=torch.int32).to(torch.int16)
    bf.view(torch.int16)[0, :2] = bits  # a NaN with a payload, and -0
    shared = torch.randn(4, 4)
    return {"w": torch.randn(40, 30), "v": torch.zeros(40, 30), "bf": bf, "bg": torch.zeros(6, 5).bfloat16(),
            "half": torch.zeros(6, 5).half(), "ids": torch.arange(24).reshape(6, 4), "tied": shared,
            "tied2": shared, "wide": torch.randn(3, 5000), "one": torch.tensor(0.0).bfloat16(),
            "row": torch.zeros(6)}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "net.pt", tensors) as made:
        yield made


def open_table(bench: Bench, name: str) -> Any:
    bench.open(name)
    bench.page.set_view("values")
    bench.wait()
    return bench.page.values_pane.table


def paste(bench: Bench, text: str | None = None) -> None:
    if text is not None:
        QGuiApplication.clipboard().setText(text)
    bench.page.paste()
    bench.wait()


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two tensors have the same bits."""
    return torch.equal(found.view(torch.uint8), expected.view(torch.uint8))


def texts(bench: Bench, rows: range, columns: range) -> list[list[str]]:
    model = bench.page.values_pane.model
    for _ in range(2):
        found = [[str(model.data(model.index_of(row, column))) for column in columns] for row in rows]
        if not any(LOADING in line for line in found):
            break
        bench.wait()
    return found


def edit(bench: Bench, row: int, column: int, text: str, enter: bool = True) -> CellEditor:
    table = bench.page.values_pane.table
    table.setCurrentIndex(bench.page.values_pane.model.index_of(row, column))
    QTest.keyClick(table, Qt.Key.Key_F2)
    editor = table.findChild(CellEditor)
    assert isinstance(editor, CellEditor)
    editor.selectAll()
    QTest.keyClicks(editor, text)
    if enter:
        QTest.keyClick(editor, Qt.Key.Key_Return)
        bench.wait()
    return editor


# ---- copied


def test_gaps_are_copied_as_one_grid(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    bench.page.selection.pick_text("[[2, 5, 9], :]")
    bench.page.copy()
    bench.wait()
    lines = [[float(value) for value in line.split("\t")] for line in QGuiApplication.clipboard().text().split("\n")]
    assert torch.equal(torch.tensor(lines, dtype=torch.float64).float(), tensors["w"][[2, 5, 9]])
    bench.page.selection.pick_text("[1:3, 2:4]; [1:3, 7]; [6, 2:4]; [6, 7]")
    bench.page.copy()
    bench.wait()
    lines = [[float(value) for value in line.split("\t")] for line in QGuiApplication.clipboard().text().split("\n")]
    assert torch.equal(torch.tensor(lines, dtype=torch.float64).float(), tensors["w"][[1, 2, 6]][:, [2, 3, 7]])


@pytest.mark.parametrize(("region", "part"), [("[1, 1]; [2, 2]", "form no block"), ("where w > 0", "single cells")])
def test_what_is_no_grid_is_not_copied(bench: Bench, region: str, part: str) -> None:
    open_table(bench, "w")
    bench.page.selection.pick_text(region)
    QGuiApplication.clipboard().setText("before")
    bench.page.copy()
    bench.wait()
    assert QGuiApplication.clipboard().text() == "before"
    assert any(part in said.text() for said in bench.page.notices.findChildren(QLabel))


def test_what_is_copied_does_not_follow_the_format(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    bench.page.values_pane.set_number_format(NumberFormat("fixed", 1))
    bench.page.selection.pick(range(1), range(1))
    bench.page.copy()
    bench.wait()
    assert np.float32(QGuiApplication.clipboard().text()) == tensors["w"][0, 0].numpy()


# ---- pasted


def test_another_tensor_gets_every_bit(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "bf")
    bench.page.copy()
    bench.wait()
    assert QGuiApplication.clipboard().mimeData().hasFormat(MIME)
    bench.open("bg")
    bench.page.set_view("values")
    bench.page.selection.pick(range(1), range(1))
    paste(bench)
    assert same(bench.values("bg"), tensors["bf"])
    assert len(bench.document.history) == 1


def test_one_copied_cell_fills_what_is_selected(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "bf")
    bench.page.selection.pick(range(1), range(1))  # the NaN with a payload
    bench.page.copy()
    bench.wait()
    bench.open("bg")
    bench.page.set_view("values")
    bench.page.selection.pick(range(2, 4), range(1, 5))
    paste(bench)
    expected = tensors["bg"].clone()
    expected.view(torch.int16)[2:4, 1:5] = tensors["bf"].view(torch.int16)[0, 0]
    assert same(bench.values("bg"), expected)
    bench.open("one")
    bench.page.set_view("values")
    paste(bench)
    assert same(bench.values("one").reshape(1), tensors["bf"][0, :1])
    bench.open("row")
    bench.page.set_view("values")
    bench.page.selection.pick(range(1), range(2, 3))
    paste(bench, "1\t2\t3")
    assert bench.values("row").tolist() == [0, 0, 1, 2, 3, 0]


def test_another_dtype_says_what_is_lost_first(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.document.apply("fill", "w", value=70000.0, region="[0, 0]")
    open_table(bench, "w")
    bench.page.selection.pick(range(2), range(2))
    bench.page.copy()
    bench.wait()
    bench.open("half")
    bench.page.set_view("values")
    bench.page.selection.pick(range(1), range(1))
    paste(bench)
    assert bench.page.notices.confirm is not None
    assert not bench.values("half").any()
    bench.press(bench.page.notices.confirm)
    expected = bench.values("w")[:2, :2].half()
    assert same(bench.values("half")[:2, :2].contiguous(), expected)


def test_a_block_repeats_where_it_divides_and_asks(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "v")
    bench.page.selection.pick(range(4, 8), range(2, 8))
    paste(bench, "1\t2\t3\n4\t5\t6\n")
    assert not bench.values("v").any()
    assert bench.page.notices.confirm is not None
    bench.press(bench.page.notices.confirm)
    expected = tensors["v"].clone()
    expected[4:8, 2:8] = torch.tensor([[1.0, 2, 3], [4, 5, 6]]).tile(2, 2)
    assert torch.equal(bench.values("v"), expected)
    assert len(bench.document.history) == 1


def test_a_block_goes_into_rows_with_gaps(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "v")
    bench.page.selection.pick_text("[[3, 7], 0:2]")
    paste(bench, "1\t2\n3\t4")
    expected = tensors["v"].clone()
    expected[[3, 7], :2] = torch.tensor([[1.0, 2], [3, 4]])
    assert torch.equal(bench.values("v"), expected)


def test_one_value_fills_whatever_is_selected(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "w")
    bench.page.selection.pick_text("where abs(w) > 1")
    bench.wait()
    paste(bench, "7")
    assert torch.equal(bench.values("w"), torch.where(tensors["w"].abs() > 1, 7.0, tensors["w"]))
    bench.page.selection.pick_text("[0, 0]; [5, 1:3]")
    paste(bench, "8")
    assert bench.values("w")[0, 0] == 8
    assert (bench.values("w")[5, 1:3] == 8).all()


@pytest.mark.parametrize(("text", "part"), [
    ("1\t2\t3\n4\t5\t6\n7\t8\t9", "3 × 3 values and 2 × 2 are selected"), ("1\t\t3", "Line 1, value 2"),
    ("1,234.5\n2,345.6", "may be one number or several"), ("1\t2\n3\tx", "Line 2, value 2"), ("1\t2\n3", "1 to 2")])
def test_what_does_not_fit_is_refused_with_the_place(bench: Bench, text: str, part: str) -> None:
    open_table(bench, "v")
    bench.page.selection.pick(range(2), range(2))
    paste(bench, text)
    said = [shown.text() for shown in bench.page.notices.findChildren(QLabel)]
    assert any(part in words for words in said), said
    assert not bench.document.is_modified


@pytest.mark.parametrize(("text", "expected"), [
    ("1e-3\t0x3F800000", [[1e-3, 1.0]]), ("nan\t-inf", [[float("nan"), -float("inf")]]), ("1,2,3", [[1.0, 2, 3]]),
    ("1 2\r\n3 4\r\n", [[1.0, 2], [3, 4]]), ("0.1", [[0.1]])])
def test_numbers_of_every_kind_are_pasted_exactly(bench: Bench, text: str, expected: list[list[float]]) -> None:
    open_table(bench, "v")
    bench.page.selection.pick(range(1), range(1))
    paste(bench, text)
    wanted = torch.tensor(expected, dtype=torch.float64).float()
    found = bench.values("v")[: wanted.shape[0], : wanted.shape[1]]
    assert torch.equal(found.nan_to_num(nan=9), wanted.nan_to_num(nan=9))


# ---- filled


def corner(bench: Bench) -> QPoint:
    bench.page.values_pane.table.viewport().repaint()
    found = bench.page.values_pane.table.fill.corner()
    assert found is not None
    return found.center()


def center(bench: Bench, row: int, column: int) -> QPoint:
    table = bench.page.values_pane.table
    return table.visualRect(bench.page.values_pane.model.index_of(row, column)).center()


def test_the_handle_repeats_a_block(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    table = open_table(bench, "w")
    bench.page.selection.pick(range(1, 3), range(1, 3))
    drag(table.viewport(), corner(bench), center(bench, 7, 2))
    bench.wait()
    expected = tensors["w"].clone()
    expected[3:8, 1:3] = tensors["w"][[1, 2, 1, 2, 1], 1:3]
    assert same(bench.values("w"), expected)
    assert bench.page.selection.region == "[1:8, 1:3]"
    assert len(bench.document.history) == 1


def test_the_handle_continues_a_series_with_alt(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    table = open_table(bench, "ids")
    bench.page.selection.pick(range(1, 3), range(1))
    drag(table.viewport(), corner(bench), center(bench, 5, 0), ALT)
    bench.wait()
    expected = tensors["ids"].clone()
    expected[3:6, 0] = torch.tensor([12, 16, 20])
    assert torch.equal(bench.values("ids"), expected)
    bench.page.selection.pick(range(3, 4), range(1, 3))
    drag(table.viewport(), corner(bench), center(bench, 0, 1))
    bench.wait()
    expected[:3, 1:3] = tensors["ids"][3, 1:3]
    assert torch.equal(bench.values("ids"), expected)


def test_filling_keeps_every_bit(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "bf")
    bench.page.selection.pick(range(3), range(2))
    bench.page.blocks.fill_along(True)
    bench.wait()
    expected = tensors["bf"].clone()
    expected.view(torch.int16)[1:3, :2] = tensors["bf"].view(torch.int16)[0, :2]
    assert same(bench.values("bf"), expected)


# ---- computed


def test_an_expression_computes_the_cell_or_all_that_is_selected(
    bench: Bench, tensors: dict[str, torch.Tensor]
) -> None:
    open_table(bench, "w")
    edit(bench, 3, 2, "=w*2")
    expected = tensors["w"].clone()
    expected[3, 2] *= 2
    assert torch.equal(bench.values("w"), expected)
    bench.page.selection.pick(range(10, 14), range(30))
    edit(bench, 11, 4, "=w-mean(w,0)")
    block = tensors["w"][10:14].double()
    assert torch.allclose(bench.values("w")[10:14].double(), block - block.mean(0), atol=1e-6)
    assert torch.equal(bench.values("w")[14:], tensors["w"][14:])
    assert [step.edit.operation for step in bench.document.history.steps] == ["expression", "expression"]


def test_a_mistake_in_an_expression_is_shown_under_the_cell(bench: Bench) -> None:
    open_table(bench, "w")
    editor = edit(bench, 3, 2, "=w*(2+", enter=False)
    assert editor.problem.isVisible()
    assert "column" in editor.problem.text()
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert editor.isVisible()
    assert editor.cursorPosition() == len("=w*(2+")
    QTest.keyClicks(editor, "1)")
    assert not editor.problem.isVisible()
    before = bench.values("w")[3, 2].item()
    QTest.keyClick(editor, Qt.Key.Key_Return)
    bench.wait()
    assert bench.values("w")[3, 2].item() == pytest.approx(3 * before)


def test_typing_into_tied_weights_names_the_others(bench: Bench) -> None:
    open_table(bench, "tied")
    edit(bench, 1, 1, "5")
    assert bench.values("tied2")[1, 1] == 5
    said = [shown.text() for shown in bench.page.notices.findChildren(QLabel)]
    assert any("tied2" in words for words in said), said
    bench.page.selection.pick(range(1), range(1))
    assert bench.page.notices.isHidden()


# ---- shown


def test_formats_show_the_same_values(
    bench: Bench, tensors: dict[str, torch.Tensor], qtmodeltester: ModelTester
) -> None:
    open_table(bench, "w")
    pane = bench.page.values_pane
    value = tensors["w"][1, 1]
    bits = int(value.view(torch.int32).item())
    shown = {"fixed": f"{value:.4f}", "scientific": f"{value:.4e}", "hex": f"0x{bits & 0xFFFFFFFF:08X}",
             "signed": str(bits)}  # fmt: skip
    for kind, text in shown.items():
        pane.set_number_format(NumberFormat(kind))  # type: ignore[arg-type]
        bench.wait()
        assert texts(bench, range(1, 2), range(1, 2)) == [[text]]
        assert pane.table.fontMetrics().horizontalAdvance(text) < pane.table.columnWidth(1)
    model = pane.model
    assert np.float32(model.data(model.index(1, 1), Qt.ItemDataRole.EditRole)) == value.numpy()
    qtmodeltester.check(model)


def test_a_format_is_kept_for_other_tensors_and_other_days(
    bench: Bench, tensors: dict[str, torch.Tensor]
) -> None:
    open_table(bench, "w")
    bench.page.values_pane.set_number_format(NumberFormat("scientific", 2))
    bench.open("v")
    assert bench.page.values_pane.number_format == NumberFormat("scientific", 2)
    assert bench.page.values_pane.formats.text() == "Scientific, 2 digits"
    assert NumberFormat.parse(bench.workbench._settings.text("values/format", "")) == NumberFormat("scientific", 2)
    assert NumberFormat.parse("nonsense") == NumberFormat()


def test_columns_fit_what_is_in_them(bench: Bench) -> None:
    table = open_table(bench, "v")
    narrow = table.columnWidth(0)
    open_table(bench, "w")
    wide = bench.page.values_pane.table.columnWidth(0)
    longest = max(len(text) for line in texts(bench, range(40), range(30)) for text in line)
    assert narrow < wide
    assert wide >= bench.page.values_pane.table.fontMetrics().horizontalAdvance("0" * longest)


def test_many_columns_are_read_only_where_one_looks(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    open_table(bench, "wide")
    model = bench.page.values_pane.model
    assert len(model._blocks) < 10
    bench.type(bench.page.read_out.field, "[1, 4321]", enter=True)
    assert bench.page.values_pane.table.columnAt(bench.page.values_pane.table.visualRect(
        model.index_of(1, 4321)).center().x()) == 4321  # fmt: skip
    assert np.float32(texts(bench, range(1, 2), range(4321, 4322))[0][0]) == tensors["wide"][1, 4321].numpy()


def test_rows_go_on_past_what_the_table_holds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values_model, "MOST", 16)
    table = open_table(bench, "w")
    model = bench.page.values_pane.model
    assert model.rowCount() == 16
    table.setFocus()
    bench.key(table, Qt.Key.Key_Down)
    bench.key(table, Qt.Key.Key_Down, CTRL)
    assert bench.page.selection.region == "[39, 0]"
    assert model.window.row == 24
    assert [index.row() + 24 for index in table.selectionModel().selectedIndexes()] == [39]
    bench.key(table, Qt.Key.Key_Up, CTRL | SHIFT)
    assert bench.page.selection.region == "[:, 0:1]"
    assert len(table.selectionModel().selectedIndexes()) == 16
    model.show_window(8, 0)
    table.verticalScrollBar().setValue(table.verticalScrollBar().maximum())
    before = model.window.row
    place = QPointF(20, 20)
    QApplication.sendEvent(table.viewport(), QWheelEvent(
        place, QPointF(table.viewport().mapToGlobal(place)), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton, NONE,
        Qt.ScrollPhase.NoScrollPhase, False))  # fmt: skip
    bench.wait()
    assert model.window.row > before
