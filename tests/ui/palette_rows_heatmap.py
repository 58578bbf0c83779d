"""What the actions of the heatmap are seen to do when the palette runs them."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtTest import QTest

from tests.ui.palette_rows import Desk, row
from weightedit.ui.actions.heatmap import LEVELS, MAPS
from weightedit.ui.plots.colormaps import table


def pane(desk: Desk):
    return desk.page.heatmap_pane


@row("tiles")
def _(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert pane(desk).tiling.groups == 2
    assert desk.page.dims.tiles.isChecked()
    desk.do()
    assert pane(desk).tiling is None


@row("next-dead")
def _(desk: Desk) -> None:
    kill_head(desk)
    desk.do()
    assert desk.page.selection.region == "[0:20, :]"


@row("previous-dead")
def _(desk: Desk) -> None:
    kill_head(desk)
    desk.do()
    assert desk.page.selection.region == "[0:20, :]"


@row("select-dead")
def _(desk: Desk) -> None:
    kill_head(desk)
    desk.do()
    assert desk.page.selection.region == "[0:20, :]"


def kill_head(desk: Desk) -> None:
    desk.apply("fill", value=0.0, region="[0:20, :]")
    pane(desk).tiles.turn(True)
    desk.wait()
    assert desk.page.dims.dead.text() == "1 dead: head 0"


@row("crosshair")
def _(desk: Desk) -> None:
    heatmap = pane(desk).heatmap
    desk.do()
    QTest.mouseMove(heatmap.graphics.viewport(), heatmap.point_of(3.5, 7.5).toPoint())
    desk.wait()
    assert (heatmap.overlay.crosshair.row, heatmap.overlay.crosshair.column) == ("3", "7")
    desk.do()
    assert heatmap.overlay.crosshair is None


@row("phase")
def _(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert not pane(desk).leveling.is_phase  # enc.weight is not complex
    assert "Only complex" in desk.window.status.message.text()


def map_row(name: str) -> None:
    @row(f"map-{name}")
    def _(desk: Desk) -> None:
        desk.wait()
        if name == "Tide":
            pane(desk).choose_map("grey")
        desk.do()
        assert pane(desk).heatmap.map_name == name
        colors = {tuple(color) for color in pane(desk).heatmap.image.image.reshape(-1, 4).tolist()}
        assert len(colors & {tuple(color) for color in table(name, "dark").tolist()}) > 20


def levels_row(choice: str) -> None:
    @row(f"levels-{choice.replace(' ', '-')}")
    def _(desk: Desk) -> None:
        desk.wait()
        if choice == "symmetric":
            pane(desk).choose_levels("minmax")
        desk.do()
        desk.wait()
        assert desk.page.dims.levels.currentData() == choice
        finite = desk.values()[desk.values().isfinite()]
        low, high = pane(desk).levels.low, pane(desk).levels.high
        wanted = {"symmetric": finite.abs().quantile(0.999, interpolation="higher"), "minmax": finite.max(),
                  "log": finite.abs().max(), "row": 1.0, "tile": 1.0}.get(choice)  # fmt: skip
        if choice.startswith("percentile"):
            part = float(choice.split()[1]) / 100
            assert low == pytest.approx(float(torch.quantile(finite, part)), rel=0.02)
            wanted = torch.quantile(finite, 1 - part)
        assert high == pytest.approx(float(wanted), rel=0.02)


for _name in MAPS:
    map_row(_name)
for _choice in LEVELS:
    levels_row(_choice)


@row("go-to-index")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.page.go_to.field.hasFocus()
    QTest.keyClicks(desk.page.go_to.field, "31, 7\r")
    desk.wait()
    assert desk.page.selection.region == "[31, 7]"
    assert not desk.page.go_to.isVisible()


def extreme_row(name: str, pick) -> None:
    @row(name)
    def _(desk: Desk) -> None:
        values = desk.values()
        values[~values.isfinite()] = torch.nan
        order = pick(values.reshape(-1))
        order = order[~values.reshape(-1)[order].isnan()]
        for place in order[:2].tolist():
            desk.do()
            desk.wait()
            assert desk.page.selection.region == f"[{place // 30}, {place % 30}]"


extreme_row("largest", lambda flat: flat.nan_to_num(-99).argsort(descending=True, stable=True))
extreme_row("smallest", lambda flat: flat.nan_to_num(99).argsort(stable=True))
extreme_row("largest-magnitude", lambda flat: flat.abs().nan_to_num(-1).argsort(descending=True, stable=True))


def picked_row(name: str, wanted: list[tuple[int, int]]) -> None:
    @row(name)
    def _(desk: Desk) -> None:
        desk.page.selection.pick_text("[2:4, 5]; [7, 9]")
        for cell in wanted:
            desk.do()
            desk.wait()
            assert pane(desk).heatmap.dressing.cursor == cell
        assert desk.page.selection.text == "[2:4, 5]; [7, 9]"


picked_row("next-picked", [(2, 5), (3, 5), (7, 9), (2, 5)])
picked_row("previous-picked", [(3, 5), (2, 5), (7, 9), (3, 5)])


@row("thumbnails")
def _(desk: Desk) -> None:
    assert desk.window.tree.thumbnails.is_on
    desk.do()
    assert not desk.window.tree.thumbnails.is_on
    assert desk.window.settings.flag("thumbnails", True) is False
