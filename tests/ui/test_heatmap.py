"""The heatmap: what it shows compared with torch, and what mouse and keys pick in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.ui.plots.axes import ticks
from weightedit.ui.plots.colormaps import NAMES, colored, table
from weightedit.ui.plots.levels import Levels
from weightedit.ui.plots.overlay import handles
from weightedit.ui.theme import theme


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(4)
    big = torch.randn(700, 900)
    big[100] *= 40
    odd = torch.randn(300, 400)
    odd[20, 30], odd[20, 390], odd[250, 10] = float("nan"), float("inf"), -float("inf")
    return {
        "small": torch.randn(12, 9).bfloat16(), "big": big, "odd": odd, "norm": torch.rand(64),
        "one": torch.tensor(2.5),
        "conv": torch.randn(6, 5, 3, 2), "empty": torch.empty(0, 4), "flags": torch.rand(8, 8) > 0.5,
        "ids": torch.arange(40), "turned": torch.randn(30, 20).t(), "all nan": torch.full((4, 4), float("nan")),
        "c": torch.randn(5, 6, dtype=torch.complex64), "f8": torch.randn(16, 16).to(torch.float8_e4m3fn),
        "huge values": torch.tensor([[1e38, -1e38], [float("inf"), 1.0]]),
    }  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "heat.pt", tensors) as made:
        yield made


def test_each_cell_is_a_pixel_where_there_is_room(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("small")
    assert bench.heatmap.reduced.is_cells
    assert np.array_equal(bench.shown(), tensors["small"].double().numpy())
    image = bench.heatmap.image.image
    assert image.shape == (12, 9, 4)
    wanted = colored(tensors["small"].double().numpy(), bench.heatmap.levels, table("Tide", "dark"))
    assert np.array_equal(image, wanted)


def test_row_0_is_on_top_and_column_0_at_the_left(bench: Bench) -> None:
    bench.open("small")
    first, below, right = (bench.heatmap.point_of(*at) for at in ((0, 0), (5, 0), (0, 5)))
    assert below.y() > first.y()
    assert right.x() > first.x()


def test_a_large_tensor_is_reduced_to_the_screen_and_keeps_its_outlier_row(
    bench: Bench, tensors: dict[str, torch.Tensor]
) -> None:
    bench.open("big")
    reduced = bench.heatmap.reduced
    assert reduced.exact
    assert reduced.height < 700
    assert reduced.low.min() == tensors["big"].min()
    assert reduced.high.max() == tensors["big"].max()
    pixel = max(i for i in range(reduced.height) if i * 700 // reduced.height <= 100)
    assert np.argmax(reduced.row_rms) == pixel
    picture = bench.heatmap.image.image[:, :, :3].astype(int)
    bright = np.abs(picture - table("Tide", "dark")[256, :3]).sum(axis=2).mean(axis=1)
    assert np.argmax(bright) == pixel


def test_levels_are_the_percentile_of_all_values(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("big")
    exact = torch.quantile(tensors["big"].abs().flatten(), 0.999).item()
    levels = bench.heatmap.levels
    assert levels.is_symmetric
    assert levels.high == pytest.approx(exact, rel=0.02)
    assert "99.9 %" in bench.page.dims.levels.currentText()
    found = bench.page.dims.levels.findData("minmax")
    bench.page.dims.levels.setCurrentIndex(found)
    bench.page.dims.levels.activated.emit(found)
    assert bench.heatmap.levels.low == pytest.approx(tensors["big"].min().item())
    assert bench.heatmap.levels.high == pytest.approx(tensors["big"].max().item())


@pytest.mark.parametrize(("name", "colors"), [("norm", "Dusk"), ("small", "Tide"), ("ids", "viridis"),
                                              ("flags", "two colours"), ("c", "Dusk"), ("f8", "Tide")])  # fmt: skip
def test_the_map_follows_the_kind_of_values(bench: Bench, name: str, colors: str) -> None:
    bench.open(name)
    assert bench.heatmap.map_name == colors


def test_a_map_is_kept_for_its_kind(bench: Bench) -> None:
    bench.open("small")
    maps = bench.page.dims.maps
    maps.setCurrentIndex(maps.findData("magma"))
    maps.activated.emit(maps.currentIndex())
    bench.open("big")
    assert bench.heatmap.map_name == "magma"
    bench.open("norm")
    assert bench.heatmap.map_name == "Dusk"


@pytest.mark.parametrize("name", ["one", "norm", "empty", "all nan", "huge values", "turned", "conv"])
def test_odd_tensors_show(bench: Bench, tensors: dict[str, torch.Tensor], name: str) -> None:
    bench.open(name)
    if name == "empty":
        assert bench.page.nothing is not None
        return
    assert np.isfinite([bench.heatmap.levels.low, bench.heatmap.levels.high]).all()
    tensor = tensors[name].double()
    slice_ = tensor.reshape(1, -1) if tensor.ndim < 2 else tensor[:, :, 0, 0] if tensor.ndim == 4 else tensor
    shown = bench.shown()
    finite = slice_.isfinite().numpy()
    assert np.array_equal(shown[finite], slice_.numpy()[finite])
    assert np.isnan(shown[~finite]).all()


def test_nonfinite_cells_get_markers_and_counts(bench: Bench) -> None:
    bench.open("odd")
    tokens = sorted(marker.token for marker, _ in bench.heatmap.overlay.markers)
    assert tokens == ["nan", "neginf", "posinf"]
    assert bench.heatmap.color_bar.counts == (1, 1, 1)
    for marker, place in bench.heatmap.overlay.markers:
        wanted = {"nan": (20, 30), "posinf": (20, 390), "neginf": (250, 10)}[marker.token]
        assert (place - bench.heatmap.point_of(wanted[0] + 0.5, wanted[1] + 0.5)).manhattanLength() < 4


def test_large_nonfinite_cells_are_coloured_themselves(bench: Bench) -> None:
    bench.open("huge values")
    assert bench.heatmap.overlay.markers == []
    color = theme.color("posinf")
    assert bench.heatmap.image.image[1, 0].tolist() == [color.red(), color.green(), color.blue(), 255]


def test_keys_step_through_nonfinite_cells(bench: Bench) -> None:
    bench.open("odd")
    regions = []
    for _ in range(4):
        bench.do("next-nonfinite")
        bench.wait()
        regions.append(bench.page.selection.region)
    assert regions == ["[20, 30]", "[20, 390]", "[250, 10]", "[20, 30]"]
    bench.do("previous-nonfinite")
    bench.wait()
    assert bench.page.selection.region == "[250, 10]"
    bench.open("small")
    bench.do("next-nonfinite")
    bench.wait()
    assert bench.said[-1] == "No NaN and no Inf here."


def test_a_drag_picks_whole_cells(bench: Bench) -> None:
    bench.open("small")
    bench.drag((2, 3), (7, 6))
    assert bench.page.selection.cells() == (range(2, 8), range(3, 7))
    assert bench.page.read_out.field.text() == "[2:8, 3:7]"
    assert bench.page.read_out.size_text.text() == "6 × 4 · 24 values"
    assert bench.heatmap.overlay.size_text == "6 × 4"


def test_a_drag_backwards_picks_the_same(bench: Bench) -> None:
    bench.open("small")
    bench.drag((7, 6), (2, 3))
    assert bench.page.selection.cells() == (range(2, 8), range(3, 7))


def test_handles_resize(bench: Bench) -> None:
    bench.open("small")
    bench.drag((2, 3), (7, 6))
    corner = handles(bench.heatmap.overlay.selection)[4].toPoint()
    bench.drag_points(corner, bench.place(9, 8))
    assert bench.page.selection.cells() == (range(2, 10), range(3, 9))


def test_click_and_shift_click(bench: Bench) -> None:
    bench.open("small")
    bench.click(4, 4)
    assert bench.page.selection.region == "[4, 4]"
    bench.click(6, 7, Qt.KeyboardModifier.ShiftModifier)
    assert bench.page.selection.cells() == (range(4, 7), range(4, 8))


def test_arrows_move_and_extend(bench: Bench) -> None:
    bench.open("small")
    bench.click(4, 4)
    bench.key(bench.heatmap, Qt.Key.Key_Down)
    bench.key(bench.heatmap, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    bench.key(bench.heatmap, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert bench.page.selection.cells() == (range(5, 7), range(4, 6))
    bench.key(bench.heatmap, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert bench.page.selection.cells() == (range(5, 7), range(9))
    bench.do("leave")
    assert bench.page.selection.is_empty


def test_hovering_says_index_value_and_bits(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("small")
    bench.hover(3, 5)
    out = bench.page.read_out
    assert out.index.text() == "[3, 5]"
    stored = tensors["small"][3, 5]
    assert torch.tensor(float(out.value.text())).bfloat16() == stored
    assert out.bits.text() == f"0x{stored.view(torch.uint16).item():04X}"
    assert bench.heatmap.overlay.hover.index == "[3, 5]"


def test_the_wheel_zooms_at_the_pointer_and_the_picture_follows(bench: Bench) -> None:
    bench.open("big")
    before = bench.heatmap.reduced
    target = bench.heatmap.graphics.viewport()
    place = QPointF(bench.place(350, 450))
    for _ in range(12):
        event = QWheelEvent(place, QPointF(target.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, 120),
                            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
                            False)  # fmt: skip
        QApplication.sendEvent(target, event)
    bench.wait()
    reduced = bench.heatmap.reduced
    assert len(reduced.rows) < len(before.rows) / 4
    assert 350 in reduced.rows
    assert 450 in reduced.columns
    assert reduced.is_cells
    bench.do("fit")
    bench.wait()
    assert len(bench.heatmap.reduced.rows) == 700


def test_the_middle_button_pans(bench: Bench) -> None:
    bench.open("big")
    for _ in range(4):
        bench.do("zoom-in")
    bench.wait()
    rows, columns = bench.heatmap.visible()
    middle = QPoint(int(bench.heatmap.overlay.frame.center().x()), int(bench.heatmap.overlay.frame.center().y()))
    bench.drag_points(middle, middle - QPoint(60, 40), Qt.MouseButton.MiddleButton)
    assert bench.heatmap.visible()[0].start > rows.start
    assert bench.heatmap.visible()[1].start > columns.start
    assert bench.page.selection.is_empty


def test_dims_choose_the_slice(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("conv")
    dims = bench.page.dims
    assert [slider.slider.maximum() for slider in dims._dims] == [2, 1]
    dims._dims[0].slider.setValue(2)
    bench.wait()
    assert np.array_equal(bench.shown(), tensors["conv"][:, :, 2, 0].double().numpy())
    dims.rows.setCurrentIndex(3)
    dims.rows.activated.emit(3)
    bench.wait()
    assert np.array_equal(bench.shown(), tensors["conv"][0, :, 2, :].t().double().numpy())
    bench.drag((0, 1), (1, 3))
    assert bench.page.selection.region == "[0, 1:4, 2, :]"


def test_a_typed_region_is_checked_and_picked(bench: Bench) -> None:
    bench.open("conv")
    out = bench.page.read_out
    bench.do("region")
    bench.type(out.field, "[1:4, 2, 1, 0]")
    assert bench.page.selection.cells() == (range(1, 4), range(2, 3))
    assert bench.page.selection.view.fixed == {2: 1, 3: 0}
    bench.type(out.field, "[9, :, 0, 0]")
    assert out.is_wrong
    assert "valid: -6 to 5" in out.problem.text()
    assert not bench.panel.apply_button.isEnabled()
    bench.type(out.field, "[:, ::2]", enter=True)
    assert not out.is_wrong
    assert bench.page.selection.region == "[:, 0:5:2, :, :]"
    assert bench.page.selection.cells() is None


def test_dragging_a_triangle_moves_both_symmetric_levels_and_a_double_click_resets(bench: Bench) -> None:
    bench.open("small")
    bar = bench.heatmap.color_bar
    before = bar.levels
    start = QPoint(28, round(bar._y(before.high)))
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(bar, start + QPoint(0, 60))
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + QPoint(0, 60))
    assert bench.heatmap.levels.is_symmetric
    assert bench.heatmap.levels.high < before.high
    assert "by hand" in bench.page.dims.levels.currentText()
    QTest.mouseDClick(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(40, 80))
    assert bench.heatmap.levels == before


def test_the_theme_recolours_the_picture(bench: Bench) -> None:
    bench.open("small")
    dark = bench.heatmap.image.image.copy()
    theme.switch("light")
    assert not np.array_equal(dark, bench.heatmap.image.image)


@pytest.mark.parametrize("name", NAMES)
def test_maps_have_their_ends(name: str) -> None:
    colors = table(name, "dark")
    picture = colored(np.array([[-5.0, -1.0, 1.0, 5.0, np.nan]]), Levels(-1.0, 1.0), colors)
    assert picture[0, 0].tolist() == picture[0, 1].tolist() == colors[0].tolist()
    assert picture[0, 2].tolist() == picture[0, 3].tolist() == colors[-1].tolist()
    assert picture[0, 4, 3] == 0


def test_tide_is_the_page_at_zero() -> None:
    assert table("Tide", "dark")[0, :3].tolist() == [0x9B, 0xDC, 0xFF]
    assert table("Tide", "light")[-1, :3].tolist() == [0x6E, 0x24, 0x00]
    middle = table("Tide", "dark")[255:257, :3].astype(int).mean(axis=0)
    assert np.abs(middle - [0x10, 0x14, 0x18]).max() < 4


def test_ticks_label_both_ends() -> None:
    assert ticks(4096, 0, 4096, 400, 52) == [0, 1024, 2048, 3072, 4096]
    assert ticks(1000, 0, 1000, 400, 52) == [0, 200, 400, 600, 800, 1000]
    assert ticks(10, 0, 10, 20, 52) == [0, 10]
