"""Tiles on the heatmap, driven by mouse and keyboard: what is drawn, picked, read, marked as dead and gone to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from tests.ui.gui_thread import in_a_worker
from weightedit.core.progress import Progress
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.plots.colormaps import colored, table
from weightedit.ui.theme import theme

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    first = torch.randn(16, 3, 5, 5)
    for dead, size in ((7, 0.0), (12, 1e-6)):
        first[dead] *= size
    first[3, 1] = 0
    conv = torch.randn(8, 6, 3, 2)
    deep = torch.randn(4, 5, 3, 3, 2)
    deep[2, 1, 2, 0, 1] = 40.0
    heads = torch.randn(24, 10)
    heads[8:16] = 0
    wave = torch.polar(torch.ones(12, 9), torch.linspace(-3, 3, 108).reshape(12, 9))
    return {"conv1.weight": first, "conv2.weight": conv, "deep": deep, "q_proj.weight": heads, "wave": wave,
            "bias": torch.randn(9)}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "conv.pt", tensors) as made:
        yield made


def tiled(bench: Bench, name: str) -> Bench:
    bench.open(name)
    bench.press(bench.page.dims.tiles)
    bench.wait()
    return bench


def tile(bench: Bench, group: int, number: int = 0) -> QPoint:
    """Where the middle of a tile is."""
    rows, columns = bench.page.heatmap_pane.tiling.place(group, number)
    point = bench.heatmap.point_of((rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2)
    return point.toPoint()


def click(bench: Bench, place: QPoint, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mouseClick(bench.heatmap.graphics.viewport(), Qt.MouseButton.LeftButton, modifiers, place)
    bench.wait()


def test_kernels_stand_side_by_side_with_separators_and_names(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "conv2.weight")
    wanted = tensors["conv2.weight"].numpy().transpose(0, 2, 1, 3).reshape(24, 12)
    assert np.array_equal(bench.shown(), wanted.astype(np.float64))
    assert np.array_equal(bench.heatmap.image.image, colored(wanted.astype(np.float64), bench.heatmap.levels,
                                                             table("Tide", "dark")))  # fmt: skip
    assert [text for _, text in bench.heatmap.rows_axis.labels(400.0)] == [f"out {at}" for at in range(8)]
    assert [text for _, text in bench.heatmap.columns_axis.labels(600.0)] == [f"in {at}" for at in range(6)]
    image = bench.heatmap.grab().toImage()
    border = bench.heatmap.point_of(3, 5).toPoint()  # between out 0 and out 1
    assert theme.color("window").name() in {image.pixelColor(border + QPoint(0, off)).name() for off in (-1, 0, 1)}


def test_a_first_convolution_wraps_into_lines_that_fill_the_room(bench: Bench) -> None:
    tiled(bench, "conv1.weight")
    tiling = bench.page.heatmap_pane.tiling
    assert tiling.per_line > 1
    height, width = bench.heatmap.cell_size()
    assert 0.5 < height / width < 2
    label = bench.heatmap.rows_axis.labels(400.0)[1][1]
    assert label == f"out {tiling.per_line}"


def test_a_click_picks_a_tile_and_ctrl_picks_more(bench: Bench) -> None:
    tiled(bench, "conv2.weight")
    click(bench, tile(bench, 5, 2))
    assert bench.page.selection.region == "[5, 2, :, :]"
    assert bench.heatmap.overlay.size_text == "1 tile"
    assert "slice" not in bench.page.read_out.size_text.text()
    click(bench, tile(bench, 1, 4), CTRL)
    assert list(bench.page.selection.region) == ["[5, 2, :, :]", "[1, 4, :, :]"]
    assert len(bench.heatmap.overlay.others) == 2
    click(bench, tile(bench, 5, 2), CTRL | SHIFT)
    assert bench.page.selection.region == "[1, 4, :, :]"
    bench.drag_points(tile(bench, 2, 1), tile(bench, 4, 3))
    assert bench.page.selection.region == "[2:5, 1:4, :, :]"
    assert bench.heatmap.selection == (range(6, 15), range(2, 8))


def test_arrows_move_between_tiles_and_shift_extends(bench: Bench) -> None:
    tiled(bench, "conv2.weight")
    click(bench, tile(bench, 5, 2))
    bench.key(bench.heatmap, Qt.Key.Key_Down)
    bench.key(bench.heatmap, Qt.Key.Key_Left)
    assert bench.page.selection.region == "[6, 1, :, :]"
    bench.key(bench.heatmap, Qt.Key.Key_Up, SHIFT)
    bench.key(bench.heatmap, Qt.Key.Key_Right, SHIFT)
    assert bench.page.selection.region == "[5:7, 1:3, :, :]"
    bench.key(bench.heatmap, Qt.Key.Key_Space, SHIFT)
    assert bench.page.selection.region == "[5:7, :, :, :]"


def test_hovering_names_the_tile_and_reads_the_value(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "conv2.weight")
    bench.hover(3 * 5 + 1, 2 * 4 + 1)
    hover = bench.heatmap.overlay.hover
    assert hover.index == "[5, 4, 1, 1]"
    assert hover.note.startswith("out 5 · in 4")
    assert float(hover.value) == pytest.approx(tensors["conv2.weight"][5, 4, 1, 1].item())


def test_dead_tiles_are_marked_named_and_gone_to(bench: Bench) -> None:
    tiled(bench, "conv1.weight")
    assert bench.page.dims.dead.text() == "2 dead: out 7, 12, 1 dead tile more"
    assert len(bench.heatmap.overlay.dead) == 7
    regions = []
    for _ in range(4):
        bench.press(bench.page.dims.next_dead)
        regions.append(bench.page.selection.region)
    assert regions == ["[3, 1, :, :]", "[7, 0, :, :]", "[7, 1, :, :]", "[7, 2, :, :]"]
    bench.press(bench.page.dims.pick_dead)
    assert sorted(bench.page.selection.region) == ["[3, 1, :, :]", "[[7, 12], :, :, :]"]
    bench.fill_form("fill", "2")
    bench.press(bench.panel.apply_button)
    assert bench.page.dims.dead.text() == "No dead tiles"
    assert not bench.page.dims.pick_dead.isVisible()
    assert bool((bench.values("conv1.weight")[[7, 12]] == 2).all())


def test_a_matrix_falls_into_heads_of_the_number_typed(bench: Bench) -> None:
    tiled(bench, "q_proj.weight")
    line = bench.page.dims.tiles_line
    bench.type(line.heads, "3")
    assert bench.page.heatmap_pane.tiling.heads == 3
    assert bench.page.dims.dead.text() == "1 dead: head 1"
    click(bench, tile(bench, 2))
    assert bench.page.selection.region == "[16:24, :]"
    bench.type(line.heads, "7")
    assert "divides into 1, 2, 3, 4, 6, 8, 12, 24 heads" in line.problem.text()
    assert bench.page.heatmap_pane.tiling.heads == 3


def test_other_dimensions_are_tiled_and_the_rest_slide(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "deep")
    dims = bench.page.dims
    assert [slider.slider.maximum() for slider in dims._dims] == [2]
    dims._dims[0].slider.setValue(2)
    bench.wait()
    third = tensors["deep"][:, :, 2].double().numpy()
    assert np.array_equal(bench.shown(), third.transpose(0, 2, 1, 3).reshape(12, 10))
    across = dims.tiles_line.combos["across"]
    across.setCurrentIndex(across.findData(4))
    across.activated.emit(across.currentIndex())
    bench.wait()
    tiling = bench.page.heatmap_pane.tiling
    assert (tiling.down, tiling.across, tiling.rows_dim, tiling.columns_dim) == (0, 4, 3, 1)
    assert bench.shown()[tiling.cell((3, 4, 2, 1, 0))] == third[3, 4, 1, 0]


def test_going_to_a_value_makes_the_tiles_follow(bench: Bench) -> None:
    tiled(bench, "deep")
    bench.page.heatmap_pane.going.to_extreme("largest", bench.said.append)
    bench.wait()
    assert bench.page.selection.region == "[2, 1, 2, 0, 1]"
    assert bench.page.heatmap_pane.tiling.fixed == {2: 2}
    rows, columns = bench.heatmap.selection
    assert (len(rows), len(columns)) == (1, 1)


def test_each_row_or_tile_on_its_own_scale(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "conv1.weight")
    levels = bench.page.dims.levels
    for choice, text in (("tile", "per tile"), ("row", "per row")):
        place = levels.findData(choice)
        assert levels.itemText(place) == text
        levels.setCurrentIndex(place)
        levels.activated.emit(place)
        bench.wait()
        assert bench.heatmap.color_bar.note == text
        assert np.nanmax(np.abs(bench.shown())) == 1
        assert bench.heatmap.levels.high == 1
    rows, columns = bench.page.heatmap_pane.tiling.place(12, 0)
    assert np.abs(bench.shown()[np.ix_(rows, columns)]).max() < 1e-4  # a row goes through other filters too


def test_log_levels_are_labelled_at_their_decades(bench: Bench) -> None:
    bench.open("conv1.weight")
    bench.page.heatmap_pane.choose_levels("log")
    bench.wait()
    levels = bench.heatmap.levels
    labels = levels.labels(40)
    assert labels[0] == -levels.high
    assert 0.0 in labels
    assert levels.threshold in labels
    assert 10 * levels.threshold in labels
    for value in labels:
        assert levels.value(levels.share(value)) == pytest.approx(value, abs=1e-12)
    decade = levels.share(10 * levels.threshold) - levels.share(levels.threshold)
    assert levels.share(100 * levels.threshold) - levels.share(10 * levels.threshold) == pytest.approx(decade)
    assert bench.heatmap.color_bar.note.startswith("log ≥ ")


def test_complex_values_show_their_phase(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("wave")
    parts = bench.page.dims.parts
    assert parts.isVisible()
    parts.setCurrentIndex(1)
    parts.activated.emit(1)
    bench.wait()
    assert np.allclose(bench.shown(), tensors["wave"].angle().numpy(), atol=1e-6)
    assert bench.heatmap.map_name == "cycle"
    assert bench.heatmap.levels.high == pytest.approx(np.pi)
    assert np.abs(table("cycle", "dark")[0].astype(int) - table("cycle", "dark")[-1]).max() <= 2
    bench.open("conv1.weight")
    assert not bench.page.dims.parts.isVisible()


def test_an_index_is_typed_checked_and_gone_to(bench: Bench) -> None:
    bench.open("conv1.weight")
    bench.page.go_to.ask()
    field, note = bench.page.go_to.field, bench.page.go_to.note
    assert note.text() == "0–15, 0–2, 0–4, 0–4"
    bench.type(field, "3, 1, 9, 0")
    assert "out of range for dimension 2" in note.text()
    bench.type(field, "3, 1", enter=True)
    assert note.text() == "An index of this tensor has 4 numbers, one for each dimension, not 2."
    bench.type(field, "3, 1, 2, -1", enter=True)
    assert bench.page.selection.region == "[3, 1, 2, 4]"
    assert bench.page.selection.view.fixed == {1: 1, 3: 4}
    assert min(bench.heatmap.cell_size()) >= 10
    bench.page.go_to.ask()
    bench.key(field, Qt.Key.Key_Escape)
    assert not bench.page.go_to.isVisible()
    assert bench.page.selection.region == "[3, 1, 2, 4]"


def test_the_crosshair_follows_the_pointer_and_the_keyboard(bench: Bench) -> None:
    bench.open("q_proj.weight")
    bench.press(bench.page.dims.crosshair)
    bench.hover(5, 3)
    cross = bench.heatmap.overlay.crosshair
    assert (cross.row, cross.column) == ("5", "3")
    bench.heatmap._leave()
    bench.click(7, 2)
    bench.heatmap._leave()
    bench.key(bench.heatmap, Qt.Key.Key_Down)
    cross = bench.heatmap.overlay.crosshair
    assert (cross.row, cross.column) == ("8", "2")
    assert bench.page.read_out.index.text() == "[8, 2]"


def test_one_row_of_values_has_no_tiles(bench: Bench) -> None:
    bench.open("bias")
    assert not bench.page.dims.tiles.isEnabled()


def test_the_picture_has_its_axes_and_the_pixels_are_the_values(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "conv2.weight")
    pane = bench.page.heatmap_pane
    shown = pane.picture()
    assert (shown.width(), shown.height()) == (bench.heatmap.width(), bench.heatmap.height())
    work = pane.pixels()
    made = in_a_worker(lambda: work(Progress()))
    assert (made.height(), made.width()) == (24, 12)
    wanted = colored(tensors["conv2.weight"].numpy().transpose(0, 2, 1, 3).reshape(24, 12).astype(np.float64),
                     pane.levels, table("Tide", "dark"))  # fmt: skip
    for row, column in ((0, 0), (23, 11), (7, 3)):
        color = made.pixelColor(column, row)
        assert [color.red(), color.green(), color.blue()] == wanted[row, column, :3].tolist()


def test_a_condition_tints_its_cells_among_the_tiles(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    tiled(bench, "conv2.weight")
    bench.page.selection.pick_text("where w > 1.5")
    bench.wait()
    mask = bench.heatmap.dressing.tint.mask
    wanted = tensors["conv2.weight"].numpy().transpose(0, 2, 1, 3).reshape(24, 12) > 1.5
    assert np.array_equal(mask, wanted)
    assert bench.heatmap.dressing.others == []


def test_only_what_is_shown_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled(bench, "conv2.weight")
    read: list[int] = []
    chunks = PinnedTensor.chunks

    def counted(self: PinnedTensor, *arguments: object, **named: object) -> Iterator[object]:
        for part, array in chunks(self, *arguments, **named):
            read.append(array.size)
            yield part, array

    monkeypatch.setattr(PinnedTensor, "chunks", counted)
    bench.heatmap.canvas.setRange(xRange=(2, 6), yRange=(3, 9), padding=0)
    bench.wait()
    assert bench.heatmap.reduced.rows == range(3, 9)
    assert 0 < sum(read) <= 4 * 3 * 2 * 2


def test_the_table_names_its_own_dims_while_tiles_are_on(qtbot, tmp_path):
    """The bar of the values said the rows and columns of a tile, and the table had those of the slice."""
    with bench_on(qtbot, tmp_path / "a.pt", {"w": torch.arange(1152.0).reshape(16, 8, 3, 3)}) as bench:
        bench.open("w")
        bench.press(bench.page.dims.tiles)
        bench.press(bench.page.header.views.buttons["Values"])
        dims, model = bench.page.dims, bench.page.values_pane.model
        assert (dims.rows.currentText(), dims.columns.currentText()) == ("0 · 16", "1 · 8")
        assert (model.rowCount(), model.columnCount()) == (16, 8)
        dims.rows.setCurrentIndex(2)
        dims.rows.activated.emit(2)
        bench.wait()
        assert (model.rowCount(), model.columnCount()) == (3, 8)
        bench.press(bench.page.header.views.buttons["Heatmap"])
        assert bench.page.heatmap_pane.tiling is not None
        assert (dims.rows.isHidden(), dims.tiles_line.isHidden()) == (True, False)
