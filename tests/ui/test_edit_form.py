"""The form of an edit by hand: Tab, letters, the wheel, undo, what is staged for other tensors, what fields show."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from safetensors.torch import save_file

from tests.ui.conftest import wait_ready
from tests.ui.test_palette import current, open_palette
from weightedit.core.edit import Edit, TensorName
from weightedit.core.hazards import Hazard
from weightedit.ui.edit_panel.hazards_view import cost_text

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def window(open_window, tmp_path):
    values = torch.arange(24.0).reshape(4, 6)
    values[1, 2] = float("nan")
    torch.save({"model": {"a": values, "b": torch.ones(6, 6), "c": torch.ones(2, 4, 6)}}, tmp_path / "net.pt")
    save_file({"other": torch.full((4, 6), 2.0)}, tmp_path / "other.safetensors")
    return open_window(tmp_path / "net.pt", real=True)


def settle(qtbot, window):
    QTest.qWait(1)
    panel, page = window.workbench.edit_panel, window.workbench.page
    qtbot.waitUntil(lambda: not window.tasks.active and not panel._pause.isActive()
                    and not page.read_out._soon.isActive(), timeout=20_000)  # fmt: skip


def show(qtbot, window, name):
    window.show_tensor(window.current, name)
    settle(qtbot, window)
    return window.workbench.edit_panel.form


def choose(qtbot, window, name):
    palette = open_palette(qtbot, window, name)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    settle(qtbot, window)
    return window.workbench.edit_panel.form


def turn_wheel(widget):
    place = widget.mapTo(widget.window(), widget.rect().center())
    QTest.wheelEvent(widget.window().windowHandle(), QPointF(place), QPoint(0, -120))


def test_tab_comes_round_after_a_form_was_made_again(qtbot, window):
    show(qtbot, window, "model.a")
    choose(qtbot, window, "scale")
    show(qtbot, window, "model.b")
    form = choose(qtbot, window, "scale")
    assert form.fields[0].edit.hasFocus()
    QTest.keyClicks(form.fields[0].edit, "2")
    settle(qtbot, window)
    seen = []
    for _ in range(80):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    panel, work = window.workbench.edit_panel, window.workbench
    order = [form.target, panel.apply_button, panel.reset_button, panel.copy_button, work.history.search_button,
             window.tree.tree, work.tabs.strip, work.page.heatmap_pane.heatmap, work.page.read_out.field,
             form.operations, form.fields[0].edit, form.target]  # fmt: skip
    at = [0]
    for widget in order:
        at.append(seen.index(widget, at[-1]))
    assert len(set(seen)) > 30


def test_letters_in_an_open_list_are_no_shortcuts(qtbot, window):
    form = show(qtbot, window, "model.a")
    page = window.workbench.page
    page.heatmap_pane.heatmap.setFocus()
    form.operations.setFocus()
    form.operations.showPopup()
    view = form.operations.view()
    qtbot.waitUntil(view.hasFocus)
    for letter in ("n", "l", "t", "/"):
        QTest.keyClicks(view, letter)
    QTest.keyClicks(QApplication.focusWidget(), "m")
    settle(qtbot, window)
    assert page.selection.is_empty
    assert page.heatmap_pane.tiling is None
    assert form.operations.view().isVisible()
    form.operations.hidePopup()
    page.heatmap_pane.heatmap.setFocus()
    QTest.keyClicks(page.heatmap_pane.heatmap, "n")  # and there it is one
    settle(qtbot, window)
    assert page.selection.region == "[1, 2]"


def test_the_wheel_scrolls_the_form_and_changes_no_choice(qtbot, window):
    show(qtbot, window, "model.a")
    form = choose(qtbot, window, "initialize")
    form.operations.setFocus()
    combos = [form.operations, form.target, form.fields[0].combo, window.workbench.page.dims.levels]
    before = [combo.currentIndex() for combo in combos]
    bar = form.area.verticalScrollBar()
    assert bar.maximum() > 0
    for combo in combos:
        form.area.ensureWidgetVisible(combo)
        turn_wheel(combo)
    bar.setValue(0)
    turn_wheel(form.operations)
    assert [combo.currentIndex() for combo in combos] == before
    assert bar.value() > 0


def test_undo_after_apply_undoes_the_edit_and_not_the_typing(qtbot, window):
    show(qtbot, window, "model.b")
    form = choose(qtbot, window, "scale")
    field = form.fields[0].edit
    QTest.keyClicks(field, "3")
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert field.text() == ""  # not applied yet: the field's own
    QTest.keyClicks(field, "3")
    settle(qtbot, window)
    QTest.keyClick(field, Qt.Key.Key_Return, CTRL)
    settle(qtbot, window)
    document = window.current.document
    assert document.read("model.b")[0, 0] == 3
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    settle(qtbot, window)
    assert (field.text(), document.read("model.b")[0, 0]) == ("3", 1)
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL | SHIFT)
    settle(qtbot, window)
    assert (field.text(), document.read("model.b")[0, 0]) == ("3", 3)


def test_undo_in_the_region_field_after_apply(qtbot, window):
    show(qtbot, window, "model.b")
    form = choose(qtbot, window, "scale")
    QTest.keyClicks(form.fields[0].edit, "3")
    region = window.workbench.page.read_out.field
    region.setFocus()
    region.selectAll()
    QTest.keyClicks(region, "[0, 0]")
    settle(qtbot, window)
    QTest.keyClick(region, Qt.Key.Key_Return, CTRL)
    settle(qtbot, window)
    document = window.current.document
    assert document.read("model.b").sum() == 38
    QTest.keyClick(region, Qt.Key.Key_Z, CTRL)
    settle(qtbot, window)
    assert (region.text(), document.read("model.b").sum()) == ("[0, 0]", 36)


def test_select_where_works_from_the_tree(qtbot, window):
    show(qtbot, window, "model.a")
    window.tree.tree.setFocus()
    QTest.keyClick(window.tree.tree, Qt.Key.Key_F, CTRL | SHIFT)
    assert window.workbench.page.where.isVisible()


@pytest.mark.parametrize("name", ["replace_nonfinite", "low_rank", "zero_small"])
def test_the_palette_finds_operations_by_their_names(qtbot, window, name):
    show(qtbot, window, "model.a")
    palette = open_palette(qtbot, window, name)
    assert current(palette).key == f"operation:{name}"
    assert current(palette).detail.startswith(name)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert window.workbench.edit_panel.form.operations.currentData() == name


def test_what_is_staged_for_a_tensor_is_there_when_one_comes_back(qtbot, window, tmp_path):
    window.open([str(tmp_path / "other.safetensors")])
    wait_ready(qtbot, window)
    net, other = window.documents.all
    file = str(tmp_path / "other.safetensors")
    window.files.importing.fill(net, "model.a", TensorName("other", file), (4, 6))
    settle(qtbot, window)
    form = window.workbench.edit_panel.form
    staged = form.request()
    assert staged.operation == "replace"
    window.show_tensor(other, "other")
    settle(qtbot, window)
    choose(qtbot, window, "scale")
    window.show_tensor(net, "model.a")
    settle(qtbot, window)
    assert form.request() == staged
    QTest.keyClick(form.target, Qt.Key.Key_Return, CTRL)
    settle(qtbot, window)
    assert (net.document.read("model.a") == 2).all()
    window.show_tensor(other, "other")
    settle(qtbot, window)
    window.show_tensor(net, "model.a")  # what was applied is staged no longer
    settle(qtbot, window)
    assert form.request() is None


def test_values_that_cannot_fit_another_tensor_are_not_carried_to_it(qtbot, window):
    show(qtbot, window, "model.a")
    form = choose(qtbot, window, "set")
    QTest.keyClicks(form.fields[0].edit, "[1, 2, 3, 4, 5, 6]")
    settle(qtbot, window)
    show(qtbot, window, "model.b")
    assert form.fields[0].value() == [1, 2, 3, 4, 5, 6]  # six columns, too
    form.take(Edit("set", ("model.b",), None, {"values": [[1, 2, 3, 4, 5, 6]] * 6}))
    settle(qtbot, window)
    show(qtbot, window, "model.c")
    assert form.fields[0].is_empty
    show(qtbot, window, "model.b")
    assert form.fields[0].value() == [[1, 2, 3, 4, 5, 6]] * 6


def test_fields_side_by_side_stand_on_one_line(qtbot, window):
    show(qtbot, window, "model.a")
    form = choose(qtbot, window, "clamp")
    first, second = form.fields
    QTest.keyClicks(first.edit, "0.1")  # says under it how it is stored
    settle(qtbot, window)
    assert first.note.isVisible()
    assert not second.note.isVisible()
    place = [field.edit.mapTo(form, QPoint(0, 0)).y() for field in (first, second)]
    assert place[0] == place[1]


def test_fields_show_what_their_operation_takes(qtbot, window):
    form = show(qtbot, window, "model.a")
    wanted = {("reshape", 0): "64, -1", ("flip", 0): "0, 1", ("split", 0): "64, 64, 64", ("pad", 0): "1, 1",
              ("repeat", 0): "2, 1", ("permute_rows", 0): "2, 0, 1",
              ("split", 2): "q, k, v, or full names"}  # fmt: skip
    for (name, place), text in wanted.items():
        form.choose(name)
        assert form.fields[place].edit.placeholderText() == text


def test_short_names_of_parts_are_put_beside_the_tensor(qtbot, window):
    show(qtbot, window, "model.b")
    form = choose(qtbot, window, "split")
    QTest.keyClicks(form.fields[0].edit, "2, 4")
    QTest.keyClicks(form.fields[2].edit, "q, k")
    settle(qtbot, window)
    QTest.keyClick(form.fields[2].edit, Qt.Key.Key_Return, CTRL)
    wait_ready(qtbot, window)
    assert {"model.q", "model.k"} <= set(window.current.document.tensors)


def test_apply_names_every_kind_that_appears():
    kinds = {"Inf": "1,000 become Inf", "NaN": "1,000 become NaN", "Inf or NaN": "1,000 become Inf or NaN"}
    for kind, title in kinds.items():
        hazard = Hazard("overflow", "warning", f"Overflow: {title}", count=1000)
        assert cost_text([hazard]) == f"Apply with 1,000 {kind}"


def test_history_says_all_that_replaces_what_is_not_finite(qtbot, window):
    show(qtbot, window, "model.a")
    form = choose(qtbot, window, "replace_nonfinite")
    form.fields[1].edit.setFocus()
    QTest.keyClicks(form.fields[1].edit, "7")
    settle(qtbot, window)
    QTest.keyClick(form.fields[1].edit, Qt.Key.Key_Return, CTRL)
    settle(qtbot, window)
    assert window.current.document.history.steps[-1].label == "replace_nonfinite NaN by 0, +Inf by 7"


def test_notes_under_two_fields_do_not_widen_the_form(qtbot, window):
    """What is stored of a number takes more lines, not more width; a choice that does not fit ends in dots."""
    show(qtbot, window, "model.a")
    choose(qtbot, window, "clamp")
    form = window.workbench.edit_panel.form
    for made, text in zip(form.fields, ("-0.02", "0.02"), strict=True):
        made.edit.setText(text)
    settle(qtbot, window)
    assert form.fields[0].note.text() == "Stored as -0.019999999552965164 in float32"
    inner = form.area.widget()
    assert inner.width() <= form.area.viewport().width()
    edges = [made.mapTo(inner, made.rect().topRight()).x() for made in form.fields]
    assert max(edges) <= form.area.viewport().width()
    form.target.addItem("a choice of far too many words to be read in one line of the form")
    form.target.setCurrentIndex(form.target.count() - 1)
    assert form.target.shown_text.endswith("…")
    assert inner.width() <= form.area.viewport().width()
