"""The tree: model, keyboard, filter, rename, and only what changed is told."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLineEdit

from tests.ui.conftest import wait_ready
from weightedit.ui.tree.model import BATCH, Column, TreeModel


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    tied = torch.ones(4, 3)
    names = [f"layers.{number}.{part}.weight" for number in range(3) for part in "qkv"]
    model = {name: torch.full((2, 3), float(number)) for number, name in enumerate(names)}
    torch.save({"model": {"embed.weight": tied, **model, "head.weight": tied}, "epoch": 3}, path)
    return path


def rows(model, parent=None):
    parent = parent or QModelIndex()
    return [model.index(row, 0, parent).data() for row in range(model.rowCount(parent))]


def visible(view):
    found, index = [], view.model().index(0, 0)
    while index.isValid():
        found.append(index.data())
        index = view.indexBelow(index)
    return found


def everything(model, parent=None):
    """Every row, fetching all of it."""
    parent = parent or QModelIndex()
    while model.canFetchMore(parent):
        model.fetchMore(parent)
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        yield index
        yield from everything(model, index)


def test_the_model_keeps_qts_rules(qtbot, open_window, checkpoint, tmp_path):
    window = open_window()
    model = window.tree.tree.rows
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    tester.setUseFetchMore(False)  # Qt's tester fetches inside a reset, which it then counts as a fault
    window.open([str(checkpoint)])
    wait_ready(qtbot, window)
    assert len(list(everything(model))) > 10
    torch.save({f"t.{number}": torch.zeros(1) for number in range(BATCH * 2)}, tmp_path / "long.pt")
    window.open([str(tmp_path / "long.pt")])
    wait_ready(qtbot, window)
    assert len(list(everything(model))) > BATCH * 2
    window.tree.filter.setText("layers.1")
    qtbot.waitUntil(lambda: window.tree.count.text().startswith("3 of"))
    list(everything(model))
    window.current.document.apply("rename", ["t.5"], to="renamed")
    qtbot.waitUntil(lambda: not window.tasks.active)
    window.tree.filter.clear()
    qtbot.waitUntil(lambda: window.tree.count.text().endswith("tensors"))
    window.documents.close(window.documents.all[0])
    assert "renamed" in [index.data() for index in everything(model)]
    tester.deleteLater()


def test_qtmodeltester_passes(qtmodeltester, open_window, checkpoint):
    window = open_window(checkpoint)
    model = TreeModel()
    opened = window.documents.all[0]
    model.set_roots([(opened, opened.outline)])
    qtmodeltester.check(model)
    model.deleteLater()


def test_columns_say_name_shape_dtype_size_group(open_window, checkpoint):
    window = open_window(checkpoint)
    model, opened = window.tree.tree.rows, window.documents.all[0]
    index = model.find(opened, "model.embed.weight")
    texts = [index.siblingAtColumn(column).data() for column in Column]
    assert texts == ["embed.weight", "4 × 3", "f32", "48 B", "S1", ""]
    assert "model.embed.weight" in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "48 bytes" in index.data(Qt.ItemDataRole.ToolTipRole)
    layers = model.index(1, 0, model.index(0, 0))
    assert [layers.data(), layers.siblingAtColumn(Column.SHAPE).data()] == ["layers", "3"]
    assert layers.siblingAtColumn(Column.SIZE).data() == "216 B"


def test_requires_grad_has_a_mark(qtbot, open_window):
    window = open_window()
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    window.documents.open_object(layer, None, "layer")
    wait_ready(qtbot, window)
    model, opened = window.tree.tree.rows, window.documents.all[0]
    assert model.find(opened, "0.weight").siblingAtColumn(Column.GRAD).data() == "∇"
    assert model.find(opened, "1.running_mean").siblingAtColumn(Column.GRAD).data() == ""
    assert not window.tree.tree.isColumnHidden(Column.GRAD)


def test_rows_come_in_batches(qtbot, open_window, tmp_path):
    torch.save({f"t.{number}": torch.zeros(1) for number in range(BATCH * 4)}, tmp_path / "long.pt")
    window = open_window()
    view, batches = window.tree.tree, []
    view.rows.rowsInserted.connect(lambda parent, first, last: batches.append(last - first + 1))
    window.open([str(tmp_path / "long.pt")])
    wait_ready(qtbot, window)
    group = view.rows.index(0, 0)
    view.expand(group)
    qtbot.waitUntil(lambda: view.rows.rowCount(group) == BATCH * 4)
    assert batches == [BATCH] * 4
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.currentIndex().data() == f"{BATCH * 4 - 1}"


def test_a_collapsed_level_is_not_fetched(open_window, tmp_path):
    names = [f"{letter}.{number}" for letter in "ab" for number in range(50)]
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "two.pt")
    window = open_window(tmp_path / "two.pt")
    model = window.tree.tree.rows
    window.tree.tree.levels.close_all()
    window.documents.outlined.emit(window.current)
    assert [model.rowCount(model.index(row, 0)) for row in (0, 1)].count(0) >= 1


def test_the_keyboard_reaches_a_tensor(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    view = window.tree.tree
    view.levels.close_all()
    view.setFocus()
    view.setCurrentIndex(view.rows.index(0, 0))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Down):
        qtbot.keyClick(view, key)
    assert view.currentIndex().data() == "0"
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.workbench.shown[1] == "model.layers.0.q.weight")
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert [name for _, name in view.selected_tensors()] == ["model.layers.0.q.weight", "model.layers.0.k.weight"]


def test_the_chevron_opens_and_closes_by_mouse(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    view = window.tree.tree
    view.levels.close_all()
    rect = view.visualRect(view.rows.index(0, 0))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(rect.x() + 13, rect.center().y()))
    assert view.isExpanded(view.rows.index(0, 0))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(rect.x() + 13, rect.center().y()))
    assert not view.isExpanded(view.rows.index(0, 0))


def test_a_click_shows_the_tensor(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    view = window.tree.tree
    index = view.rows.find(window.current, "model.layers.1.k.weight")
    view.expand(index.parent())
    view.scrollTo(index)
    rect = view.visualRect(index)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert window.workbench.shown[1] == "model.layers.1.k.weight"


def test_filtering_by_keyboard(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    panel = window.tree
    qtbot.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert panel.filter.hasFocus()
    qtbot.keyClicks(panel.filter, "*.k.*")
    qtbot.waitUntil(lambda: panel.count.text() == "3 of 11")
    assert visible(panel.tree) == ["model", "layers", "0", "k.weight", "1", "k.weight", "2", "k.weight"]
    qtbot.keyClick(panel.filter, Qt.Key.Key_Down)
    assert panel.tree.hasFocus()
    panel.filter.setFocus()
    qtbot.keyClick(panel.filter, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: panel.count.text() == "11 tensors")


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Down])
def test_enter_in_the_filter_goes_to_the_first_tensor_that_matches(qtbot, open_window, checkpoint, key):
    window = open_window(checkpoint)
    panel = window.tree
    panel.focus_filter()
    qtbot.keyClicks(panel.filter, "layers.?.k.*")  # no full name begins so
    qtbot.keyClick(panel.filter, key)  # before the tree is filtered
    qtbot.waitUntil(panel.tree.hasFocus)
    assert panel.count.text() == "3 of 11"
    assert [name for _, name in panel.tree.selected_tensors()] == ["model.layers.0.k.weight"]
    assert window.workbench.current()[1] == "model.layers.0.k.weight"


def test_a_filter_that_matches_nothing_offers_what_was_meant(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    panel = window.tree
    panel.filter.setText("*.wieght")
    qtbot.waitUntil(lambda: panel.stack.currentIndex() == 1)
    assert panel.nothing.text() == "Nothing matches *.wieght"
    assert panel.meant.text() == "Did you mean *.weight?"
    qtbot.mouseClick(panel.meant, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.stack.currentIndex() == 0)
    assert panel.count.text() == "11 of 11"


def test_the_filter_leaves_the_expanded_rows_as_they_were(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    panel = window.tree
    panel.tree.levels.close_all()
    panel.tree.expand(panel.tree.rows.index(0, 0))
    before = visible(panel.tree)
    panel.filter.setText("layers.2")
    qtbot.waitUntil(lambda: panel.count.text() == "3 of 11")
    panel.filter.clear()
    qtbot.waitUntil(lambda: panel.count.text() == "11 tensors")
    assert visible(panel.tree)[: len(before)] == before


def test_only_rows_that_changed_are_told(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    model = window.tree.tree.rows
    list(everything(model))
    told = []
    model.dataChanged.connect(lambda first, last: told.append(first.data()))
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("scale", ["model.layers.1.k.weight"], factor=2.0)
    assert set(told) <= {"1", "layers", "model", "k.weight"}
    assert "k.weight" in told
    index = model.find(window.current, "model.layers.1.k.weight")
    assert model.is_modified(model.node(index))
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", ["model.embed.weight"], value=0.0)
    other = model.find(window.current, "model.head.weight")
    assert model.is_modified(model.node(other))


def test_f2_renames_through_an_edit(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    view = window.tree.tree
    assert view.select(window.current, "model.layers.0.q.weight")
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_F2)
    editor = view.findChild(QLineEdit, "rename")
    assert editor.text() == "model.layers.0.q.weight"
    editor.setText("model.layers.0.query.weight")
    with qtbot.waitSignal(window.documents.outlined):
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert "model.layers.0.query.weight" in window.current.document.tensors
    assert view.rows.find(window.current, "model.layers.0.query.weight").isValid()
    assert window.current.document.history.steps[-1].edit.operation == "rename"


def test_a_refused_rename_is_said(qtbot, open_window, checkpoint, capsys):
    window = open_window(checkpoint)
    with qtbot.waitSignal(window.failed):
        window.steps.rename(window.current, "model.embed.weight", "model.head.weight")
    assert "model.embed.weight" in window.current.document.tensors
    assert window.errors.cards


def test_several_documents_are_several_roots(qtbot, open_window, checkpoint, tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "two.pt")
    window = open_window(checkpoint, tmp_path / "two.pt")
    assert rows(window.tree.tree.rows) == ["net.pt", "two.pt"]
    assert window.tree.count.text() == "12 tensors"
    window.documents.close(window.documents.all[0])
    assert len(window.documents) == 1


def test_deep_names_stay_in_sight(qtbot, open_window, tmp_path):
    prefix = ".".join(["d"] * 1000)
    torch.save({f"{prefix}.a": torch.zeros(1), f"{prefix}.b": torch.zeros(1)}, tmp_path / "deep.pt")
    window = open_window(tmp_path / "deep.pt")
    view = window.tree.tree
    assert view.select(window.current, f"{prefix}.b")
    index = view.currentIndex()
    assert view.viewport().rect().contains(view.visualRect(index).center())
    assert not view.grab().isNull()


def test_picked_rows_come_in_the_order_of_the_tree(qtbot, open_window, checkpoint):
    """Also rows below a closed one, and however they were picked."""
    window = open_window(checkpoint)
    tree = window.tree.tree
    tree.expandAll()
    whole = [index for index in everything(tree.rows) if tree.tensor_at(index) is not None]
    tree.clearSelection()
    for index in (whole[4], whole[1], whole[3]):
        tree.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select
                                     | QItemSelectionModel.SelectionFlag.Rows)  # fmt: skip
    wanted = [tree.tensor_at(whole[number]) for number in (1, 3, 4)]
    assert tree.selected_tensors() == wanted
    tree.collapseAll()
    assert tree.selected_tensors() in (wanted, [])
    assert tree.is_picked("tensor") == bool(tree.selected_tensors())
    tree.clearSelection()
    assert not any(tree.is_picked(what) for what in ("tensor", "entry", "group"))
