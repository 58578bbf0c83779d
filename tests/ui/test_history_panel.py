"""The history panel: groups that fold, a search, and comparisons of two points, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on

SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    torch.manual_seed(4)
    tensors = {"a": torch.randn(10, 10), "b": torch.ones(4), "c": torch.zeros(3)}
    with bench_on(qtbot, tmp_path / "bench.pt", tensors) as made:
        made.open("a")
        yield made


def type_cells(bench: Bench, *texts: str) -> None:
    """Type numbers down a column of the table."""
    bench.do("values")
    bench.wait()
    table = bench.page.values_pane.table
    for row, text in enumerate(texts):
        table.setFocus()
        table.setCurrentIndex(table.model().index(row, 0))
        QTest.keyClicks(table, text[:1])
        editor = QApplication.focusWidget()
        QTest.keyClicks(editor, text[1:])
        QTest.keyClick(editor, Qt.Key.Key_Return)
        bench.wait()


def panel(bench: Bench):
    return bench.workbench.history


def labels(bench: Bench) -> list[str]:
    return [row.label for row in panel(bench).model.rows]


def click(bench: Bench, row: int, modifiers=NONE, x: int = 90) -> None:
    view = panel(bench).list
    rectangle = view.visualRect(panel(bench).model.index(row, 0))
    point = rectangle.center()
    point.setX(x)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifiers, point)
    bench.wait()


def differences(bench: Bench) -> list[str]:
    listed = panel(bench).differences.list
    return [listed.item(at).text() for at in range(listed.count())]


def test_typed_cells_are_one_line_that_unfolds_and_one_undo(bench: Bench) -> None:
    before = bench.values("a")
    bench.document.apply("scale", "b", factor=2.0)
    type_cells(bench, "11", "12", "13")
    assert bench.document.history.position == 4
    assert labels(bench) == ["Typed into a", "scale × 2.0", "Opened"]
    head = panel(bench).model.rows[0]
    assert (head.count, head.where, head.position) == (3, "3 edits", 4)
    click(bench, 0, x=42)  # the arrow
    assert len(labels(bench)) == 6
    assert panel(bench).model.rows[0].is_open
    click(bench, 2)  # into the group
    assert bench.document.history.position == 3
    assert bench.values("a")[:3, 0].tolist() == [11.0, 12.0, before[2, 0].item()]
    bench.press(panel(bench).undo_button)  # its steps are listed: one at a time
    assert bench.document.history.position == 2
    click(bench, 0, x=42)
    assert panel(bench).model.rows[0].where == "1 of 3 edits"
    bench.press(panel(bench).redo_button)
    assert bench.document.history.position == 4
    bench.press(panel(bench).undo_button)
    assert bench.document.history.position == 1
    assert torch.equal(bench.values("a"), before)


def test_a_group_folds_by_keyboard_and_says_so(bench: Bench) -> None:
    with bench.document.grouped("Both"):
        bench.document.apply("scale", "a", factor=2.0)
        bench.document.apply("scale", "b", factor=2.0)
    bench.wait()
    view, model = panel(bench).list, panel(bench).model
    view.setFocus()
    view.setCurrentIndex(model.index(0, 0))
    bench.key(view, Qt.Key.Key_Right)
    assert len(model.rows) == 4
    assert "unfolded" in model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    bench.key(view, Qt.Key.Key_Left)
    assert len(model.rows) == 2
    bench.key(view, Qt.Key.Key_Down)
    bench.key(view, Qt.Key.Key_Return)
    assert bench.document.history.position == 0


def test_the_search_finds_steps_by_what_and_where(bench: Bench) -> None:
    for name, factor in (("a", 2.0), ("b", 3.0)):
        bench.document.apply("scale", name, factor=factor)
    bench.document.apply("add", "b", value=1.0)
    bench.wait()
    bench.press(panel(bench).search_button)
    bench.type(panel(bench).search, "scale b")
    assert [(row.label, row.where) for row in panel(bench).model.rows] == [("scale × 3.0", "b")]
    click(bench, 0)
    assert bench.document.history.position == 2
    bench.type(panel(bench).search, "nothing")
    assert panel(bench).empty.text() == "Nothing matches nothing."
    QTest.keyClick(panel(bench).search, Qt.Key.Key_Escape)
    bench.wait()
    assert not panel(bench).search.isVisible()
    assert len(labels(bench)) == 4


def test_shift_click_compares_with_the_present_and_a_press_opens_the_tensor(bench: Bench) -> None:
    bench.document.apply("fill", "b", region="[1:3]", value=4.0)
    bench.document.apply("add", "c", value=0.5)
    bench.wait()
    click(bench, 2, SHIFT)
    assert panel(bench).differences.isVisible()
    assert panel(bench).differences.between.text() == "Opened bench.pt → now"
    assert differences(bench) == ["b\n2 of 4 values, largest 3", "c\n3 of 3 values, largest 0.5"]
    assert bench.document.history.position == 2  # nothing was moved
    listed = panel(bench).differences.list
    QTest.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, NONE, listed.visualItemRect(listed.item(1)).center())
    bench.wait()
    assert bench.page.name == "c"
    bench.press(panel(bench).differences.back)
    assert panel(bench).list.isVisible()


def test_any_two_points_are_compared_from_the_menu(bench: Bench) -> None:
    for value in (1.0, 2.0, 3.0):
        bench.document.apply("fill", "b", value=value)
    bench.wait()
    view, model = panel(bench).list, panel(bench).model
    view.setCurrentIndex(model.index(0, 0))
    view.customContextMenuRequested.emit(view.visualRect(model.index(0, 0)).center())
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    entry = next(action for action in menu.actions() if action.text() == "Compare with…")
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, NONE, menu.actionGeometry(entry).center())
    assert panel(bench).asks.text() == "Pick the point to compare with fill 3.0."
    click(bench, 1)
    assert differences(bench) == ["b\n4 of 4 values, largest 1"]
    assert bench.document.history.position == 3
    bench.press(panel(bench).differences.back)
    view.setFocus()
    view.setCurrentIndex(model.index(0, 0))
    bench.key(view, Qt.Key.Key_Return, SHIFT)
    assert panel(bench).differences.says.text() == "The same at both points."


def test_a_comparison_is_left_when_the_document_is_another(bench: Bench) -> None:
    bench.document.apply("fill", "b", value=4.0)
    bench.wait()
    click(bench, 1, SHIFT)
    bench.workbench.set_document(None)
    assert not panel(bench).differences.isVisible()
    assert panel(bench).empty.isVisible()
