"""A cast in the window: its loss as a map, the cells, the numbers, what is left, and what a typed value becomes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.looking.magnitudes import Ends
from weightedit.ui.plots.colormaps import colored, table
from weightedit.ui.plots.levels import Levels
from weightedit.ui.theme import theme
from weightedit.ui.values.delegate import CellEditor

LOG = Levels(1e-4, 1.0, "relative", 1e-4)


def source() -> torch.Tensor:
    values = torch.randn(20, 30, generator=torch.Generator().manual_seed(2)) * 0.02
    values[3, 5], values[15, 20], values[7, 7] = 70144.0, -1e6, 1e-9
    return values


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    many = torch.zeros(10, 20)
    many.reshape(-1)[:160] = 1e6
    tensors = {"w": source(), "a.norm.weight": torch.rand(4), "a.steps": torch.tensor([2**40]), "many": many,
               "half": torch.zeros(3, 3).bfloat16(), "wide": torch.rand(30, 20)}  # fmt: skip
    with bench_on(qtbot, tmp_path / "cast.pt", tensors) as made:
        yield made


def press_side(bench: Bench, name: str) -> None:
    bench.press(bench.page.header.sides.buttons[name])


def relative(dtype: torch.dtype) -> np.ndarray:
    exact, stored = source().double(), source().to(dtype).double()
    found = ((exact - stored).abs() / exact.abs()).numpy()
    found[~np.isfinite(stored.numpy())] = np.inf
    return found


def test_the_loss_map_has_the_colour_of_every_loss_and_a_marker_where_a_value_overflows(bench: Bench) -> None:
    bench.open("w")
    plain = bench.shown()
    bench.fill_form("cast", "float16")
    header = bench.page.header
    assert header.sides.isVisible()
    assert not header.views.isVisible()
    assert header.sides.current == "Loss map"
    lost = relative(torch.float16)
    finite = np.isfinite(lost)
    assert np.allclose(bench.shown()[finite], lost[finite], rtol=1e-6)
    image = bench.heatmap.image.image
    wanted = colored(lost.astype(np.float32).astype(np.float64), LOG, table("Dusk", theme.name))
    assert np.array_equal(image[finite], wanted[finite])
    assert bench.heatmap.reduced.posinf.sum() == bench.heatmap.reduced.neginf.sum() == 1
    assert tuple(bench.heatmap.color_bar.counts) == (0, 1, 1)
    for place, token in (((3, 5), "posinf"), ((15, 20), "neginf")):
        infinite = theme.color(token)
        assert image[place].tolist() == [infinite.red(), infinite.green(), infinite.blue(), 255]
    press_side(bench, "Before")
    assert np.array_equal(bench.shown(), plain)
    press_side(bench, "After")
    after = source().half().double().numpy()
    assert np.array_equal(bench.shown()[np.isfinite(after)], after[np.isfinite(after)])
    bench.do("leave")
    bench.wait()
    assert not header.sides.isVisible()
    assert header.views.isVisible()
    assert np.array_equal(bench.shown(), plain)


def test_sides_are_turned_by_keys_and_other_views_stay_in_reach(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "bfloat16")
    header = bench.page.header
    header.sides.buttons["After"].setFocus()
    bench.key(header.sides.buttons["After"], Qt.Key.Key_Space)
    assert bench.page.heatmap_pane.sides.name == "After"
    values = next(action for action in header.more.menu().actions() if action.text().startswith("Values"))
    values.trigger()
    bench.wait()
    assert bench.page.view_name == "values"
    assert header.views.isVisible()
    bench.press(header.views.buttons["Heatmap"])
    assert header.sides.isVisible()
    assert header.sides.current == "After"


def test_the_card_says_what_a_value_becomes_and_why(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float16")
    for cell, note in (((3, 5), "past 65,504, the largest float16"), ((7, 7), "too small for float16, becomes 0"),
                       ((0, 0), f"relative error {relative(torch.float16)[0, 0]:.2g}")):  # fmt: skip
        bench.hover(*cell)
        overlay, index = bench.heatmap.overlay, str(list(cell))
        bench.qtbot.waitUntil(lambda o=overlay, i=index: o.hover is not None and o.hover.index == i, timeout=5_000)
        assert overlay.hover.note == note
        if cell == (3, 5):
            assert (overlay.hover.value, overlay.hover.token) == ("70144.0 → inf", "posinf")


def test_losses_have_levels_of_their_own(bench: Bench) -> None:
    bench.open("w")
    plain = bench.page.heatmap_pane.levels
    bench.fill_form("cast", "float16")
    dims, bars = bench.page.dims, bench.heatmap.color_bar._histogram
    assert dims.levels.currentText() == "Relative, log"
    dims.levels.setCurrentIndex(dims.levels.findData("absolute"))
    dims.levels.activated.emit(dims.levels.currentIndex())
    bench.wait()
    off = (source().double() - source().half().double()).abs().numpy()
    finite = np.isfinite(off)
    assert np.allclose(bench.shown()[finite], off[finite], rtol=1e-6)
    assert bench.page.heatmap_pane.levels.high == pytest.approx(off[finite].max(), rel=1e-6)
    dims.levels.setCurrentIndex(dims.levels.findData("relative"))
    dims.levels.activated.emit(dims.levels.currentIndex())
    bench.wait()
    assert np.array_equal(bench.heatmap.color_bar._histogram, bars)  # binned again for the levels that came back
    bench.do("leave")
    bench.wait()
    assert bench.page.heatmap_pane.levels == plain


def test_the_list_of_cells_goes_to_them_by_mouse_and_keys(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float16")
    where = bench.workbench.inspector.where
    assert where.isVisible()
    assert where.note.text() == "2 cells"
    rows = [where.list.item(row).text() for row in range(where.list.count())]
    assert rows == ["[3, 5] 70144.0 → inf", "[15, 20] -1000000.0 → -inf"]
    assert not where.more.isVisible()
    second = where.list.visualItemRect(where.list.item(1)).center()
    QTest.mouseClick(where.list.viewport(), Qt.MouseButton.LeftButton, pos=second)
    bench.wait()
    assert bench.page.selection.region == "[15, 20]"
    where.list.setFocus()
    where.list.setCurrentRow(0)
    bench.key(where.list, Qt.Key.Key_Return)
    assert bench.page.selection.region == "[3, 5]"
    bench.press(where.copy_button)
    assert QGuiApplication.clipboard().text() == "[3, 5]\t70144.0\tinf\n[15, 20]\t-1000000.0\t-inf"
    bench.do("leave")
    bench.wait()
    assert not where.isVisible()


def test_more_cells_come_on_request_to_the_last_one(bench: Bench) -> None:
    bench.open("many")
    bench.fill_form("cast", "float16")
    where = bench.workbench.inspector.where
    assert (where.note.text(), where.list.count(), where.more.text()) == ("160 cells", 6, "154 more")
    counts = []
    while where.more.isVisible():
        bench.press(where.more)
        counts.append(where.list.count())
        assert len(counts) < 9
    assert counts[-1] == 160
    assert where.list.item(159).text() == "[7, 19] 1000000.0 → inf"


def test_the_pane_says_how_many_change_and_by_how_much(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float16")
    pane = bench.panel.preview.cast
    assert pane.isVisible()
    exact, stored = source().double(), source().half().double()
    changed = int((exact != stored).sum())
    finite = stored.isfinite()
    assert pane.values["Changed"].text() == f"{changed} · {changed / 6:.2f} %".replace(".00 %", " %")
    assert pane.values["Largest relative error"].text() == "1.00"
    error = f"{float((exact - stored).abs()[finite].max()):.2e}".replace("e-0", "e−")
    assert pane.values["Largest error, finite"].text() == error
    assert pane.values["Size"].text() == "2.40 kB → 1.20 kB"
    ends = pane.magnitudes.ends
    assert ends == Ends(torch.finfo(torch.float16).smallest_normal / 2**10, 65504.0)
    assert sum(pane.magnitudes.before) == 600
    assert sum(pane.magnitudes.after) == 600 - 3  # two that are infinite, one that is 0
    assert 0 < pane.magnitudes.place(65504.0) < 1
    bench.fill_form("scale", "2")
    assert not pane.isVisible()


def test_what_becomes_of_values_past_the_range_is_a_choice(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float16")
    field = bench.panel.form.fields[1]
    assert (field.title.text(), field.combo.currentText()) == ("Values past ±65,504", "Become ±Inf")
    field.combo.setFocus()
    bench.key(field.combo, Qt.Key.Key_Down)
    assert field.combo.currentText() == "Clamp to ±65,504"
    assert bench.heatmap.reduced.posinf.sum() == 0
    assert "Inf" not in bench.panel.apply_button.text()
    bench.press(bench.panel.apply_button)
    stored = bench.values("w")
    assert stored.dtype == torch.float16
    assert bool((stored == source().clamp(-65504, 65504).half()).all())


@pytest.mark.parametrize(("dtype", "title", "choices"), [
    ("uint8", "Values past 0 … 255", ["Wrap around", "Clamp to the ends"]),
    ("float8_e4m3fnuz", "Values past ±240", ["Become NaN", "Clamp to ±240"]),
])  # fmt: skip
def test_the_choice_is_called_after_the_dtype(bench: Bench, dtype: str, title: str, choices: list[str]) -> None:
    bench.open("w")
    bench.fill_form("cast", dtype)
    field = bench.panel.form.fields[1]
    assert field.title.text() == title
    assert [field.combo.itemText(at) for at in range(2)] == choices


def test_chips_leave_norms_and_whole_numbers_in_one_step_and_in_the_saved_file(bench: Bench, tmp_path: Path) -> None:
    before = {name: bench.values(name) for name in bench.document.tensors}
    bench.open("w")
    form = bench.panel.form
    names = tuple(bench.document.tensors)
    form.set_selected(names, len(names))
    bench.fill_form("cast", "float64")
    assert not form.leave.isVisible()
    form.target.setCurrentIndex(form.target.findData("several"))
    form.target.activated.emit(form.target.currentIndex())
    bench.wait()
    assert form.leave.isVisible()
    form.area.ensureWidgetVisible(form.leave)
    QApplication.processEvents()
    assert [words for words, chip in form.leave.ready.items() if chip.isChecked()] == ["dtype:integer", "dtype:bool"]
    for chip in form.leave.ready.values():
        if chip.isChecked() == (chip.text() == "bool buffers"):
            form.area.ensureWidgetVisible(chip)
            bench.press(chip)
    bench.type(form.leave.edit, "dtype:float99", enter=True)
    assert "There is no dtype" in form.leave.note.text()
    bench.type(form.leave.edit, "dtype:bf16, wide", enter=True)
    assert form.leave.patterns() == ("*norm*", "dtype:integer", "dtype:bf16", "wide")
    bench.key(form.leave.edit, Qt.Key.Key_Backspace)
    assert form.leave.patterns()[-1] == "dtype:bf16"
    bench.press(bench.panel.apply_button)
    assert len(bench.document.history) == 1
    bench.document.export(tmp_path / "after.pt")
    after = torch.load(tmp_path / "after.pt", weights_only=True)
    for name, tensor in before.items():
        cast = name in ("w", "many", "wide")
        assert after[name].dtype == (torch.float64 if cast else tensor.dtype)
        assert torch.equal(after[name], tensor.double() if cast else tensor)
    bench.document.undo()
    bench.wait()
    assert {name: bench.values(name).dtype for name in before} == {name: one.dtype for name, one in before.items()}


def test_a_cell_says_what_is_stored_of_what_is_typed(bench: Bench) -> None:
    bench.open("half")
    bench.page.set_view("values")
    bench.wait()
    view = bench.page.values_pane.table
    bench.page.selection.point(1, 1)
    view.setFocus()
    QTest.keyClicks(view, "0")
    editor = view.findChild(CellEditor)
    assert editor is not None
    assert not editor.problem.isVisible()
    QTest.keyClicks(editor, ".1")
    assert editor.problem.isVisible()
    assert editor.problem.text() == "Stored as 0.10009765625 in bfloat16"
    editor.selectAll()
    QTest.keyClicks(editor, "1e39")
    assert editor.problem.text().startswith("Becomes inf: past ")
    assert editor.problem.property("kind") == "lost"
    editor.selectAll()
    QTest.keyClicks(editor, "0.5")
    assert not editor.problem.isVisible()
    editor.selectAll()
    QTest.keyClicks(editor, "0.3")
    bench.key(editor, Qt.Key.Key_Return)
    assert bench.values("half")[1, 1] == torch.tensor(0.3).bfloat16()
    assert any("Precision loss: 1 of 1" in text for text in bench.said)


def test_cells_are_picked_on_the_loss_map_as_on_the_tensor(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float16")
    bench.drag((2, 2), (4, 6))
    assert bench.page.selection.region == "[2:5, 2:7]"
    assert bench.page.header.sides.current == "Loss map"


def test_a_cast_that_stays_in_the_dtype_has_no_sides(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "float32")
    assert bench.panel.shown is not None
    assert not bench.page.header.sides.isVisible()
    assert not bench.workbench.inspector.where.isVisible()


def test_an_applied_cast_shows_the_tensor_again(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("cast", "bfloat16")
    bench.press(bench.panel.apply_button)
    assert not bench.page.header.sides.isVisible()
    assert np.array_equal(bench.shown(), source().bfloat16().double().numpy())


def test_of_several_tensors_the_open_one_is_shown_and_another_one_is_named(bench: Bench) -> None:
    """Numbers of different scope do not stand together unnamed: before, after, cells and map are of the open tensor."""
    bench.open("wide")
    form = bench.panel.form
    form.set_selected(("*",), len(bench.document.tensors))  # as a group is selected: a pattern, not names
    bench.fill_form("cast", "float16")
    form.target.setCurrentIndex(form.target.findData("several"))
    form.target.activated.emit(form.target.currentIndex())
    bench.wait()
    inspector, pane = bench.workbench.inspector, bench.panel.preview
    casts = [name for name, info in bench.document.tensors.items() if info.dtype.is_floating_point]  # others are left
    count = len(casts)
    assert bench.page.header.sides.isVisible()
    assert bench.heatmap.reduced.posinf.sum() == 0
    assert inspector.preview.note.text() == f"1 of {count} tensors"
    assert not inspector.preview.about.isVisible()
    assert inspector.preview.cells["max"][0].text() == inspector.statistics.values["max"].text()
    assert pane.about.text() == f"1 of {count} tensors: wide"
    assert inspector.where.note.toolTip().endswith("rounded")
    assert sum(pane.cast.magnitudes.before) <= 600
    total = sum(values.nbytes for values in map(bench.values, casts))
    assert pane.cast.values["Size"].text().startswith(f"{total / 1000:.2f} kB")
    form.leave.set_patterns(["wide"])
    form.changed.emit()
    bench.wait()
    assert inspector.preview.about.isVisible()
    assert inspector.preview.about.text() == bench.panel.shown.preview.shown[0] != "wide"
    assert not bench.page.header.sides.isVisible()


def test_long_values_stand_below_their_place(qtbot: QtBot, tmp_path: Path) -> None:
    """Place and values of complex numbers need two lines; short ones keep one."""
    tensors = {"w": source(), "complex": torch.randn(4, 4, dtype=torch.complex64)}
    with bench_on(qtbot, tmp_path / "long.pt", tensors) as bench:
        where = bench.workbench.inspector.where
        bench.open("w")
        bench.fill_form("cast", "float16")
        assert where.list.sizeHintForRow(0) == 24
        bench.open("complex")
        bench.fill_form("cast", "complex32")
        assert where.isVisible()
        assert where.list.sizeHintForRow(0) == 42
        assert where.list.height() == 42 * where.list.count()


def test_what_is_typed_to_keep_counts_without_enter_and_becomes_chips(bench: Bench) -> None:
    """Nothing typed is passed over by Apply, and nothing is glued to what is typed next."""
    before = {name: bench.values(name) for name in bench.document.tensors}
    bench.open("w")
    form, leave = bench.panel.form, bench.panel.form.leave
    form.set_selected(tuple(before), len(before))
    bench.fill_form("scale", "2")
    form.target.setCurrentIndex(form.target.findData("several"))
    form.target.activated.emit(form.target.currentIndex())
    bench.type(leave.edit, "wide,re:a{1,2}")
    assert (list(leave.typed), leave.edit.text()) == (["wide"], "re:a{1,2}")
    bench.type(leave.edit, "re:(")
    assert not bench.panel.apply_button.isEnabled()
    assert "does not read" in leave.note.text()
    bench.type(leave.edit, "*norm*, w")
    assert form.request().leave == ("*norm*", "dtype:integer", "dtype:bool", "wide", "w")
    bench.press(bench.panel.apply_button)
    assert (list(leave.typed), leave.edit.text()) == (["wide", "w"], "")
    assert leave.ready["*norm*"].isChecked()
    for name, tensor in before.items():
        assert torch.equal(bench.values(name), tensor * 2 if name in ("many", "half") else tensor), name


def test_an_edit_of_one_tensor_leaves_nothing_of_it(bench: Bench) -> None:
    """Whole numbers are left of several only; one that is named itself is meant."""
    bench.open("a.steps")
    bench.fill_form("cast", "int32")
    assert bench.panel.form.request().leave == ()
    assert bench.panel.form.request().targets == ("a.steps",)


def test_a_pattern_to_keep_that_matches_nothing_is_marked(bench: Bench) -> None:
    """Its chip says what is wrong; the ready chips say nothing where no tensor is of their kind."""
    bench.open("w")
    form, leave = bench.panel.form, bench.panel.form.leave
    form.set_selected(("w", "wide"), 2)
    bench.fill_form("scale", "2")
    form.target.setCurrentIndex(form.target.findData("several"))
    form.target.activated.emit(form.target.currentIndex())
    bench.wait()
    assert not [one for one in bench.panel.hazards.hazards if one.kind == "not-found"]
    bench.type(leave.edit, "many,", enter=True)
    assert leave.typed["many"].toolTip() == "many leaves none of the targets"
    bench.type(leave.edit, "mnay", enter=True)
    assert leave.typed["mnay"].property("wrong") == "true"
    assert "Nothing is called mnay" in leave.typed["mnay"].toolTip()
    assert not bench.panel.apply_button.isEnabled()
    bench.press(leave.typed["mnay"])
    assert bench.panel.apply_button.isEnabled()
