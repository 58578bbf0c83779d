"""What is picked by mouse and keyboard, in heatmap, table, region field and condition line, against torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from tests.ui.pointer import CTRL, NONE, SHIFT, drag
from weightedit.core.reduction import SliceView
from weightedit.ui.values.model import PICKED


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    w = torch.randn(24, 16)
    w[3, 4], w[20, 1] = torch.nan, torch.inf
    w[10, :5] = 0
    return {"w": w, "conv": torch.randn(8, 6, 4), "tall": torch.randn(300, 3)}


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "net.pt", tensors) as made:
        yield made


def heat_drag(bench: Bench, first: tuple[int, int], last: tuple[int, int], keys: Any = NONE) -> None:
    drag(bench.heatmap.graphics.viewport(), bench.place(*first), bench.place(*last), keys)
    bench.wait()


def open_table(bench: Bench, name: str = "w") -> Any:
    bench.open(name)
    bench.page.set_view("values")
    bench.wait()
    return bench.page.values_pane.table


def cell_place(bench: Bench, row: int, column: int) -> QPoint:
    table = bench.page.values_pane.table
    return table.visualRect(bench.page.values_pane.model.index_of(row, column)).center()


def header_place(header: Any, section: int) -> QPoint:
    middle = header.sectionViewportPosition(section) + header.sectionSize(section) // 2
    return QPoint(middle, 8) if header.orientation() == Qt.Orientation.Horizontal else QPoint(8, middle)


def axis_place(bench: Bench, index: int, is_rows: bool) -> QPoint:
    heatmap = bench.heatmap
    inside = heatmap.point_of(index + 0.5, 0.5) if is_rows else heatmap.point_of(0.5, index + 0.5)
    frame = heatmap.overlay.frame
    return QPoint(int(frame.left()) - 10, int(inside.y())) if is_rows else QPoint(int(inside.x()), int(frame.top()) - 8)


def test_ctrl_drags_add_rectangles_and_ctrl_shift_takes_away(bench: Bench) -> None:
    bench.open("w")
    heat_drag(bench, (1, 1), (4, 3))
    heat_drag(bench, (8, 2), (9, 6), CTRL)
    assert bench.page.selection.region == ("[1:5, 1:4]", "[8:10, 2:7]")
    assert bench.page.read_out.size_text.text() == "22 selected"
    assert len(bench.heatmap.overlay.others) == 2
    bench.click(12, 12, CTRL)
    assert bench.page.selection.region[-1] == "[12, 12]"
    heat_drag(bench, (1, 1), (4, 1), CTRL | SHIFT)
    heat_drag(bench, (12, 12), (13, 13), CTRL | SHIFT)
    assert set(bench.page.selection.region) == {"[1:5, 2:4]", "[8:10, 2:7]"}
    assert bench.page.read_out.field.text() == "[1:5, 2:4]; [8:10, 2:7]"
    heat_drag(bench, (0, 0), (0, 1))
    assert bench.page.selection.region == "[0, 0:2]" or bench.page.selection.region == "[0:1, 0:2]"


def test_an_edit_takes_all_that_is_selected(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    heat_drag(bench, (1, 1), (4, 3))
    heat_drag(bench, (8, 2), (9, 6), CTRL)
    bench.document.apply("fill", "w", value=5, region=bench.page.selection.region)
    expected = tensors["w"].clone()
    expected[1:5, 1:4] = expected[8:10, 2:7] = 5
    assert torch.equal(bench.values("w").nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize("text", ["where abs(w) > 1", "[0:12, :] where w > 0.5", "[1:3, :]; [5, 2:4]"])
def test_the_edit_panel_edits_what_is_selected(bench: Bench, tensors: dict[str, torch.Tensor], text: str) -> None:
    bench.open("w")
    bench.type(bench.page.read_out.field, text, enter=True)
    bench.fill_form("fill", "9")
    bench.press(bench.panel.apply_button)
    w = tensors["w"]
    mask = torch.zeros(w.shape, dtype=torch.bool)
    if ";" in text:
        mask[1:3], mask[5, 2:4] = True, True
    else:
        mask[:] = w.abs() > 1 if "abs" in text else (w > 0.5) & (torch.arange(24)[:, None] < 12)
    assert torch.equal(bench.values("w").nan_to_num(), torch.where(mask, 9.0, w).nan_to_num())
    assert bench.page.selection.text == text


def test_rows_and_columns_are_picked_on_the_axes(bench: Bench) -> None:
    bench.open("w")
    target = bench.heatmap.graphics.viewport()
    QTest.mouseClick(target, Qt.MouseButton.LeftButton, NONE, axis_place(bench, 5, True))
    bench.wait()
    assert bench.page.selection.region == "[5:6, :]"
    QTest.mouseClick(target, Qt.MouseButton.LeftButton, SHIFT, axis_place(bench, 8, True))
    bench.wait()
    assert bench.page.selection.region == "[5:9, :]"
    QTest.mouseClick(target, Qt.MouseButton.LeftButton, CTRL, axis_place(bench, 12, True))
    bench.wait()
    assert set(bench.page.selection.region) == {"[5:9, :]", "[12:13, :]"}
    drag(target, axis_place(bench, 3, False), axis_place(bench, 7, False))
    bench.wait()
    assert bench.page.selection.region == "[:, 3:8]"


def test_rows_and_columns_are_picked_on_the_headers(bench: Bench) -> None:
    table = open_table(bench)
    rows, columns = table.rows_header, table.columns_header
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, NONE, header_place(rows, 2))
    assert bench.page.selection.region == "[2:3, :]"
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, CTRL, header_place(rows, 6))
    assert bench.page.selection.region == "[[2, 6], :]"
    assert rows.is_picked(6)
    assert not rows.is_picked(5)
    QTest.mouseClick(columns.viewport(), Qt.MouseButton.LeftButton, NONE, header_place(columns, 1))
    QTest.mouseClick(columns.viewport(), Qt.MouseButton.LeftButton, SHIFT, header_place(columns, 3))
    assert bench.page.selection.region == "[:, 1:4]"
    drag(rows.viewport(), header_place(rows, 1), header_place(rows, 4))
    assert bench.page.selection.region == "[1:5, :]"


def test_the_table_adds_and_takes_away(bench: Bench) -> None:
    table = open_table(bench)
    drag(table.viewport(), cell_place(bench, 1, 1), cell_place(bench, 3, 2))
    drag(table.viewport(), cell_place(bench, 6, 0), cell_place(bench, 7, 2), CTRL)
    assert bench.page.selection.region == ("[1:4, 1:3]", "[6:8, 0:3]")
    picked = {(index.row(), index.column()) for index in table.selectionModel().selectedIndexes()}
    assert picked == {(row, column) for row in range(1, 4) for column in (1, 2)} | {
        (row, column) for row in (6, 7) for column in range(3)}  # fmt: skip
    drag(table.viewport(), cell_place(bench, 1, 1), cell_place(bench, 3, 1), CTRL | SHIFT)
    assert set(bench.page.selection.region) == {"[1:4, 2:3]", "[6:8, 0:3]"}
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, NONE, cell_place(bench, 5, 0))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, SHIFT, cell_place(bench, 6, 3))
    assert bench.page.selection.region == "[5:7, 0:4]"


def test_keys_reach_the_ends_and_pages(bench: Bench) -> None:
    table = open_table(bench, "tall")
    table.setFocus()
    bench.key(table, Qt.Key.Key_Down)
    bench.key(table, Qt.Key.Key_End, CTRL)
    assert bench.page.selection.region == "[299, 2]"
    bench.key(table, Qt.Key.Key_Up, CTRL | SHIFT)
    assert bench.page.selection.region == "[:, 2:3]"
    bench.key(table, Qt.Key.Key_Home, CTRL)
    bench.key(table, Qt.Key.Key_PageDown)
    cells = bench.page.selection.cells()
    assert cells is not None
    assert 5 < cells[0].start < 100
    assert table.currentIndex().row() == cells[0].start
    bench.key(table, Qt.Key.Key_Space, SHIFT)
    assert bench.page.selection.region == f"[{cells[0].start}:{cells[0].stop}, :]"
    bench.key(table, Qt.Key.Key_Space, CTRL)
    assert bench.page.selection.region == "[:, :]"


def test_the_selection_stays_when_another_slice_is_shown(bench: Bench) -> None:
    bench.open("conv")
    selection = bench.page.selection
    selection.set_view(SliceView(0, 1, {2: 1}))
    bench.wait()
    heat_drag(bench, (1, 1), (3, 2))
    assert selection.region == "[1:4, 1:3, 1]"
    bench.page.dims._dims[0].slider.setValue(3)
    bench.wait()
    assert selection.region == "[1:4, 1:3, 1]"
    assert bench.heatmap.selection is None
    assert bench.page.read_out.size_text.text() == "3 × 2 · 6 values, 0 in this slice"
    heat_drag(bench, (5, 0), (5, 3), CTRL)
    assert selection.region == ("[1:4, 1:3, 1]", "[5:6, 0:4, 3]")
    assert bench.page.read_out.size_text.text() == "10 selected, 4 in this slice"
    bench.page.dims._dims[0].slider.setValue(1)
    bench.wait()
    assert bench.heatmap.selection == (range(1, 4), range(1, 3))


def test_a_condition_selects_counts_and_tints(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("conv")
    bench.page.selection.set_view(SliceView(0, 1, {2: 1}))
    bench.wait()
    bench.type(bench.page.read_out.field, "where abs(w) > 1", enter=True)
    mask = tensors["conv"].abs() > 1
    assert bench.page.selection.region == "where abs(w) > 1"
    assert bench.page.read_out.size_text.text() == f"{mask.sum()} selected, {mask[:, :, 1].sum()} in this slice"
    tint = bench.heatmap.overlay.tint[0]
    assert np.array_equal(tint.mask, mask[:, :, 1].numpy())
    bench.page.dims._dims[0].slider.setValue(2)
    bench.wait()
    assert np.array_equal(bench.heatmap.overlay.tint[0].mask, mask[:, :, 2].numpy())
    bench.page.set_view("values")
    bench.wait()
    pane = bench.page.values_pane
    pane.table.viewport().repaint()
    bench.wait()
    found = [[pane.model.data(pane.model.index_of(row, column), PICKED) for column in range(6)] for row in range(8)]
    assert np.array_equal(np.array(found), mask[:, :, 2].numpy())
    bench.page.selection.invert()
    bench.wait()
    assert bench.page.selection.region == "where not (abs(w) > 1)"
    assert bench.page.read_out.size_text.text().startswith(f"{(~mask).sum()} selected")


def test_a_condition_follows_edits(bench: Bench) -> None:
    bench.open("w")
    bench.type(bench.page.read_out.field, "where w == 0", enter=True)
    assert bench.page.read_out.size_text.text() == "5 selected"
    bench.document.apply("fill", "w", value=0, region="[0, :]")
    bench.wait()
    assert bench.page.read_out.size_text.text() == "21 selected"


@pytest.mark.parametrize(("text", "part"), [("where abs(w <", "column"), ("where w +", ""), ("where", "Nothing"),
                                            ("[0:2, :]; [99, :]", "out of range")])  # fmt: skip
def test_a_region_that_does_not_read_says_why(bench: Bench, text: str, part: str) -> None:
    bench.open("w")
    bench.type(bench.page.read_out.field, text)
    assert bench.page.read_out.is_wrong
    assert part in bench.page.read_out.problem.text()
    assert bench.page.selection.is_empty


def test_the_condition_line_selects_as_it_is_typed(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    heat_drag(bench, (0, 0), (11, 7))
    where = bench.page.where
    bench.press(bench.page.read_out.where)
    assert where.isVisible()
    assert where.within.text() == "Only in [0:12, 0:8]"
    bench.type(where.field, "abs(w) < 0.5")
    inside = (tensors["w"][:12, :8].abs() < 0.5).sum()
    assert bench.page.selection.region == "[0:12, 0:8] where abs(w) < 0.5"
    assert where.said.text() == f"{inside} selected"
    bench.press(where.within)
    assert bench.page.selection.region == "where abs(w) < 0.5"
    bench.type(where.field, "abs(w) < )")
    assert "column 10" in where.problem.text()
    QTest.keyClick(where.field, Qt.Key.Key_Return)
    assert where.isVisible()
    assert where.field.cursorPosition() == 9
    bench.key(where.field, Qt.Key.Key_Escape)
    assert not where.isVisible()
    assert bench.page.selection.region == "[0:12, 0:8]"
    bench.page.where.open()
    bench.type(where.field, "w == 0", enter=True)
    assert not where.isVisible()
    assert bench.page.selection.picks.condition == "w == 0"


@pytest.mark.parametrize("place", range(5))
def test_ready_made_conditions_select_what_they_say(bench: Bench, tensors: dict[str, torch.Tensor], place: int) -> None:
    bench.open("w")
    where = bench.page.where
    where.open()
    action = where.choices.menu().actions()[place]
    if place >= 3:  # a share of all values needs values that are all numbers
        bench.document.apply("fill", "w", value=0.25, region=["[3, 4]", "[20, 1]"])
        bench.wait()
    action.trigger()
    bench.wait()
    w = bench.values("w").double()
    finite = w[w.isfinite()]
    expected = {
        0: ~w.isfinite(), 1: w == 0, 2: (w - finite.mean()).abs() > 3 * finite.std(),
        3: w.abs() <= w.abs().quantile(0.01), 4: w.abs() >= w.abs().quantile(0.99),
    }[place]  # fmt: skip
    assert where.problem.text() == ""
    assert where.said.text() == f"{expected.sum()} selected"


def test_the_selection_is_inverted(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.page.selection.invert()
    assert bench.said[-1].startswith("Nothing is selected")
    heat_drag(bench, (0, 0), (23, 7))
    bench.page.selection.invert()
    bench.wait()
    assert bench.page.selection.region == "[:, 8:16]"
    heat_drag(bench, (5, 5), (6, 6))
    bench.page.selection.invert()
    bench.wait()
    assert bench.page.read_out.size_text.text() == f"{24 * 16 - 4} selected"


def test_the_region_is_copied_as_text_that_reads_back(bench: Bench) -> None:
    bench.open("w")
    heat_drag(bench, (1, 1), (4, 3))
    heat_drag(bench, (8, 2), (9, 6), CTRL)
    bench.page.blocks.copy_region()
    text = QGuiApplication.clipboard().text()
    region = bench.page.selection.region
    assert tuple(eval(text)) == region
    bench.page.selection.clear()
    bench.type(bench.page.read_out.field, text, enter=True)
    assert bench.page.selection.region == region
