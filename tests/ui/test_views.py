"""Histogram, rows and columns, singular values and quantiles, by mouse and keyboard, compared with torch and numpy."""

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
from PySide6.QtWidgets import QComboBox, QLabel, QSlider
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.looking import profiles, spectrum
from weightedit.core.looking.quantiles import SHOWN
from weightedit.ui.plots.chart import Chart
from weightedit.ui.settings import Settings
from weightedit.ui.tensor_page.profile_model import ProfileModel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    w = torch.randn(60, 40)
    w[7], w[20], w[3, 5], w[4, 4] = 0.0, w[20] * 30, float("nan"), float("inf")
    return {"w": w, "even": torch.randn(30, 20), "conv": torch.randn(6, 5, 3, 3), "half": torch.randn(20, 10).half(),
            "low": torch.randn(40, 5) @ torch.randn(5, 30), "zero": torch.zeros(4, 4), "line": torch.randn(50),
            "nans": torch.full((3, 3), float("nan")), "one": torch.tensor(2.0), "ids": torch.arange(12).view(3, 4),
            "c": torch.randn(9, 7, dtype=torch.complex64), "none": torch.empty(0, 3)}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "views.pt", tensors) as made:
        yield made


def view(bench: Bench, name: str, title: str) -> Any:
    """Open a tensor and press the view's button in the header."""
    bench.open(name)
    bench.press(bench.page.header.views.buttons[title])
    return bench.page.views.analysis


def choose(bench: Bench, combo: QComboBox, text: str) -> None:
    """Choose an entry by keyboard."""
    combo.setFocus()
    place = combo.findText(text)
    while combo.currentIndex() != place:
        key = Qt.Key.Key_Down if combo.currentIndex() < place else Qt.Key.Key_Up
        QTest.keyClick(combo, key)
    bench.wait()


def stop(chart: Chart, at: int) -> QPoint:
    return chart.point_of(at).toPoint()


def press(bench: Bench, chart: Chart, first: int, last: int | None = None) -> None:
    """Press a stop of a chart, or drag from one to another."""
    end = stop(chart, first if last is None else last)
    QTest.mousePress(chart, LEFT, Qt.KeyboardModifier.NoModifier, stop(chart, first))
    QTest.mouseMove(chart, end)
    QTest.mouseRelease(chart, LEFT, Qt.KeyboardModifier.NoModifier, end)
    bench.wait()


def copied(bench: Bench, pane: Any) -> str:
    bench.press(pane.copy_button)
    return QGuiApplication.clipboard().text()


# ---- histogram


def test_the_histogram_counts_what_numpy_counts(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "w", "Histogram")
    counted = pane.found[1][0]
    values = tensors["w"].double().numpy()
    values = values[np.isfinite(values)]
    assert counted.counts.tolist() == np.histogram(values, counted.bins.edges)[0].tolist()
    assert pane.totals.text() == "2,400 values · 40 zeros · 1 NaN · 1 +Inf"
    choose(bench, pane.axis, "log |w|")
    counted = pane.found[1][0]
    sizes = np.abs(values[values != 0])
    assert counted.counts.tolist() == np.histogram(sizes, counted.bins.edges)[0].tolist()
    choose(bench, pane.range, "99.9 %")
    assert pane.found[1][0].above > 0
    assert "past the right end" in pane.totals.text()


def test_arrow_keys_move_from_bin_to_bin_and_the_read_out_says_its_count(bench: Bench) -> None:
    pane = view(bench, "half", "Histogram")
    assert pane.chart.hasFocus()
    bench.key(pane.chart, Qt.Key.Key_Home)
    bench.key(pane.chart, Qt.Key.Key_Right)
    assert pane.chart.cursor_at == 1
    count = int(pane.found[1][0].counts[1])
    assert f": {count} value" in pane.bin.text()
    assert pane.chart.accessibleDescription() == pane.bin.text()
    bench.key(pane.chart, Qt.Key.Key_End)
    assert pane.chart.cursor_at == pane.found[1][0].bins.count - 1
    QTest.mouseMove(pane.chart, stop(pane.chart, 40))
    bench.qtbot.waitUntil(lambda: pane.chart.cursor_at == 40)


def test_a_drag_over_bins_selects_their_values_and_counts_them_alone(
    bench: Bench, tensors: dict[str, torch.Tensor]
) -> None:
    pane = view(bench, "even", "Histogram")
    edges = pane.found[1][0].bins.edges
    press(bench, pane.chart, 100, 119)
    assert "where w >= " in bench.page.selection.region
    inside = (tensors["even"].double() >= edges[100]) & (tensors["even"].double() < edges[120])
    assert bench.page.lookup.total == int(inside.sum()) > 0
    bench.press(pane.scope.buttons["Selection"])
    assert pane.found[0][0].count == int(inside.sum())
    bench.do("leave")
    bench.wait()
    assert pane.found[0][0].count == 600


def test_several_selected_rectangles_are_counted_as_one(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "even", "Histogram")
    bench.press(pane.scope.buttons["Selection"])
    bench.type(bench.page.read_out.field, "[2, :]; [0:5, 3]", enter=True)
    values = np.concatenate([tensors["even"][2].numpy(), tensors["even"][[0, 1, 3, 4], 3].numpy()])
    assert pane.found[0][0].count == 24
    assert pane.found[0][0].mean == pytest.approx(values.mean())


def test_a_previewed_edit_lays_after_over_before(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "even", "Histogram")
    bench.fill_form("scale", "3")
    before, after = pane.found[1]
    values = tensors["even"].double().numpy()
    assert before.counts.tolist() == np.histogram(values, before.bins.edges)[0].tolist()
    assert after.counts.tolist() == np.histogram((tensors["even"] * 3).double().numpy(), before.bins.edges)[0].tolist()
    assert [(layer.token, layer.fill) for layer in pane.chart.content.layers] == [("line2", True), ("accent", False)]
    assert not pane.scope.isEnabled()
    bench.do("apply")
    bench.wait()
    assert len(pane.found[1]) == 1
    assert pane.found[0][0].maximum == pytest.approx(3 * values.max())


def test_the_ends_of_the_dtype_are_marked_where_they_are_seen(bench: Bench) -> None:
    pane = view(bench, "even", "Histogram")
    assert pane.chart.content.marks == ()
    choose(bench, pane.axis, "log |w|")
    bench.fill_form("cast", "float8_e4m3fn")
    assert [mark.text for mark in pane.chart.content.marks] == ["f8e4m3 smallest", "f8e4m3 normal"]
    assert pane.chart.content.marks[0].at == pytest.approx(np.log10(2.0**-9))


def test_the_histogram_is_copied_as_lines_of_tabs(bench: Bench) -> None:
    pane = view(bench, "w", "Histogram")
    lines = [line.split("\t") for line in copied(bench, pane).splitlines()]
    assert lines[0] == ["from", "to", "count"]
    assert sum(int(line[2]) for line in lines[1:201]) == 2398
    assert lines[-7:] == [["values", "", "2400"], ["zeros", "", "40"], ["nan", "", "1"], ["inf", "", "1"],
                          ["-inf", "", "0"], ["below", "", "0"], ["above", "", "0"]]  # fmt: skip


@pytest.mark.parametrize(("name", "sentence"), [("nans", "finite number"), ("zero", "no logarithm")])
def test_nothing_to_count_is_said(bench: Bench, name: str, sentence: str) -> None:
    pane = view(bench, name, "Histogram")
    choose(bench, pane.axis, "log |w|")
    assert pane.stack.currentWidget() is pane.said
    assert any(sentence in label.text() for label in pane.said.findChildren(QLabel))
    assert not pane.copy_button.isEnabled()


# ---- rows and columns


def test_rows_and_columns_are_measured_as_torch_does(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "even", "Rows and columns")
    wide = tensors["even"].double()
    assert pane.found.profile.l2 == pytest.approx(wide.norm(dim=1).numpy())
    bench.press(pane.axis.buttons["Columns"])
    choose(bench, pane.measure, "Std")
    assert pane.found.profile.std == pytest.approx(wide.std(dim=0, correction=0).numpy())
    assert pane.chart.content.layers[0].values == pytest.approx(wide.std(dim=0, correction=0).numpy())
    bench.press(pane.order.buttons["Sorted"])
    shown = pane.chart.content.layers[0].values
    assert shown.tolist() == sorted(shown.tolist(), reverse=True)


def test_dead_rows_and_outliers_are_counted_and_selected_by_a_press(bench: Bench) -> None:
    pane = view(bench, "w", "Rows and columns")
    assert pane.count.text() == "60 rows"
    assert pane.dead.text() == "✕ 1 dead"
    bench.press(pane.dead)
    assert bench.page.selection.region == "[7:8, :]"
    assert pane.outliers.text() == "△ 1 outlier"
    bench.press(pane.outliers)
    assert bench.page.selection.region == "[20:21, :]"
    assert bench.panel.form.region == "[20:21, :]"


def test_a_header_sorts_the_table_and_picked_rows_are_selected_in_the_tensor(
    bench: Bench, tensors: dict[str, torch.Tensor], qtmodeltester: ModelTester
) -> None:
    pane = view(bench, "even", "Rows and columns")
    header, table = pane.table.horizontalHeader(), pane.table
    at = QPoint(header.sectionViewportPosition(1) + 20, 10)
    QTest.mouseClick(header.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, at)
    bench.wait()
    norms = tensors["even"].double().norm(dim=1)
    assert pane.model.order.tolist() == norms.argsort(descending=True).tolist()
    assert pane.model.headerData(1, Qt.Orientation.Horizontal) == "▾ L2 norm"
    QTest.mouseClick(header.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, at)
    bench.wait()
    assert pane.model.order.tolist() == norms.argsort().tolist()
    first = table.visualRect(pane.model.index(0, 0)).center()
    third = table.visualRect(pane.model.index(2, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, first)
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, third)
    bench.wait()
    wanted = sorted([int(norms.argsort()[0]), int(norms.argsort()[2])])
    assert list(bench.page.selection.picks.boxes[0].axes[0]) == wanted
    qtmodeltester.check(pane.model)


def test_lines_are_selected_in_the_chart_too(bench: Bench) -> None:
    pane = view(bench, "even", "Rows and columns")
    press(bench, pane.chart, 4, 9)
    assert bench.page.selection.region == "[4:10, :]"
    assert [layer.shape for layer in pane.chart.content.layers[1:] if layer.shape == "ring"] == ["ring"]
    bench.key(pane.chart, Qt.Key.Key_Home)
    bench.key(pane.chart, Qt.Key.Key_Return)
    assert bench.page.selection.region == "[0:1, :]"
    assert pane.line_text.text().startswith("Row 0: L2 norm ")


def test_more_dimensions_are_taken_together_or_sliced(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "conv", "Rows and columns")
    assert pane.found.profile.l2 == pytest.approx(tensors["conv"].double().flatten(1).norm(dim=1).numpy())
    press(bench, pane.chart, 2)
    assert bench.page.selection.region == "[2:3, :, :, :]"
    choose(bench, pane.scope, "shown slice")
    assert pane.found.profile.l2 == pytest.approx(tensors["conv"][:, :, 0, 0].double().norm(dim=1).numpy())
    bench.key(bench.page.dims.findChild(QSlider), Qt.Key.Key_Right)
    fixed = bench.page.selection.view.fixed
    assert fixed != {2: 0, 3: 0}
    moved = tensors["conv"][:, :, fixed[2], fixed[3]].double()
    assert pane.found.profile.l2 == pytest.approx(moved.norm(dim=1).numpy())


def test_a_table_of_a_million_rows_makes_text_of_what_is_seen_only(qtbot: QtBot) -> None:
    found = profiles.Profile(1_000_000)
    model = ProfileModel()
    none = np.zeros(0, np.int64)
    model.show_profile(found, none, none, np.arange(1_000_000)[::-1])
    assert model.rowCount() == 1_000_000
    assert model.index(0, 0).data() == "999999"
    assert model.index(999_999, 1).data() == "0"


def test_rows_and_columns_are_copied_in_the_tables_order(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "even", "Rows and columns")
    lines = [line.split("\t") for line in copied(bench, pane).splitlines()]
    assert lines[0][:4] == ["index", "l2", "l1", "mean"]
    assert float(lines[1][1]) == pytest.approx(tensors["even"][0].double().norm().item(), rel=1e-12)
    assert len(lines) == 31


def test_too_many_lines_are_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MOST", 10)
    pane = view(bench, "even", "Rows and columns")
    assert pane.stack.currentWidget() is pane.said


# ---- singular values


def test_singular_values_and_ranks_are_those_of_torch(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "low", "Singular values")
    assert pane.found.values == pytest.approx(torch.linalg.svdvals(tensors["low"].double()).numpy(), abs=1e-9)
    assert pane.numbers.values["Numerical rank"].text() == "5"
    assert "Numerical rank: 5" in copied(bench, pane)
    bench.key(pane.chart, Qt.Key.Key_Home)
    assert pane.value_text.text().startswith("σ 1 = ")


def test_pressing_at_a_rank_proposes_low_rank_in_the_edit_panel(bench: Bench) -> None:
    pane = view(bench, "even", "Singular values")
    press(bench, pane.chart, 3)
    form = bench.panel.form
    assert form.operations.currentData() == "low_rank"
    assert form.request().arguments["rank"] == 4
    assert bench.panel.shown is not None
    rank = pane.found.rank_holding(0.9)
    press(bench, pane.chart, rank - 1)
    assert form.request().arguments["rank"] == rank
    bench.do("apply")
    bench.wait()
    assert torch.linalg.matrix_rank(bench.values("even")) == rank
    assert pane.numbers.values["Numerical rank"].text() == str(rank)


def test_a_slice_of_more_dimensions_is_proposed_as_that_slice(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    pane = view(bench, "conv", "Singular values")
    assert pane.found.values == pytest.approx(torch.linalg.svdvals(tensors["conv"][:, :, 0, 0].double()).numpy())
    press(bench, pane.chart, 1)
    assert bench.panel.form.request().region == "[:, :, 0, 0]"
    choose(bench, pane.scope, "dim 0 × the rest")
    assert pane.found.values == pytest.approx(torch.linalg.svdvals(tensors["conv"].double().flatten(1)).numpy())
    press(bench, pane.chart, 1)
    assert bench.panel.form.request().region is None


@pytest.mark.parametrize(("name", "sentence"), [("w", "NaN or Inf"), ("big", "up to 4,096")])
def test_what_has_no_singular_values_says_why(
    bench: Bench, tensors: dict[str, torch.Tensor], name: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "big":
        monkeypatch.setattr(spectrum, "MOST_NUMEL", 10)
    pane = view(bench, "w" if name == "w" else "even", "Singular values")
    assert pane.stack.currentWidget() is pane.said
    assert any(sentence in label.text() for label in pane.said.findChildren(QLabel))


def test_what_takes_long_is_computed_when_it_is_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "QUICK", 10)
    pane = view(bench, "even", "Singular values")
    assert pane.found is None
    bench.press(pane.go)
    assert len(pane.found.values) == 20
    assert pane.stack.currentWidget() is pane.body


# ---- all of them


@pytest.mark.parametrize("title", ["Histogram", "Rows and columns", "Singular values"])
def test_every_view_holds_for_every_kind_of_tensor(bench: Bench, title: str) -> None:
    for name in ("line", "one", "ids", "c", "zero"):
        pane = view(bench, name, title)
        assert pane.stack.currentWidget() is pane.body, name
    view(bench, "none", title)
    assert bench.page.nothing is not None


def test_a_new_tab_opens_in_the_last_view_and_each_keeps_its_own(bench: Bench) -> None:
    view(bench, "even", "Histogram")
    bench.open("even")
    bench.open("low")
    assert bench.page.view_name == "histogram"
    assert bench.workbench.how_shown() == "as a histogram"
    bench.press(bench.page.header.views.buttons["Singular values"])
    bench.open("even")
    assert bench.page.view_name == "histogram"
    bench.do("close-tab")
    bench.do("close-tab")
    bench.open("half")
    assert bench.page.view_name == "spectrum"


def test_undo_and_edits_refresh_a_view(bench: Bench) -> None:
    pane = view(bench, "even", "Rows and columns")
    before = pane.found.profile.l2.copy()
    bench.document.apply("scale", "even", factor=2)
    bench.wait()
    assert pane.found.profile.l2 == pytest.approx(2 * before)
    bench.document.undo()
    bench.wait()
    assert pane.found.profile.l2 == pytest.approx(before)


def test_the_switch_shows_icons_where_names_do_not_fit(bench: Bench) -> None:
    bench.open("even")
    switch = bench.page.header.views
    bench.workbench.resize(1500, 820)
    bench.wait()
    assert all(button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextOnly for button in switch.buttons.values())
    bench.workbench.resize(840, 700)
    bench.wait()
    styles = {title: button.toolButtonStyle() for title, button in switch.buttons.items()}
    assert styles.pop("Heatmap") == Qt.ToolButtonStyle.ToolButtonTextBesideIcon
    assert set(styles.values()) == {Qt.ToolButtonStyle.ToolButtonIconOnly}
    assert switch.buttons["Histogram"].accessibleName() == "Histogram"


# ---- quantiles


def test_quantiles_unfold_and_are_exact(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("even")
    section = bench.workbench.inspector.quantiles
    assert section.values["median"].isHidden()
    bench.press(section.fold)
    assert section.note.text() == "exact"
    expected = torch.quantile(tensors["even"].double(), torch.tensor(SHOWN, dtype=torch.float64)).tolist()
    shown = [float(section.values[name].toolTip().rsplit(": ", 1)[1]) for name in
             ("0.1 %", "1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "99.9 %")]  # fmt: skip
    assert shown == pytest.approx(expected, rel=1e-12)
    bench.open("half")
    assert section.note.text() == "exact"
    assert section.values["median"].text() != "–"
    bench.press(section.copy_button)
    assert "median: " in QGuiApplication.clipboard().text()


def test_folded_quantiles_stay_folded_and_unfolded_ones_are_remembered(
    qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor], settings: Settings
) -> None:
    for folds in (True, False):
        with bench_on(qtbot, tmp_path / "q.pt", tensors, settings) as made:
            made.open("half")
            section = made.workbench.inspector.quantiles
            assert section.values["median"].isHidden() is folds
            if folds:
                made.press(section.fold)
