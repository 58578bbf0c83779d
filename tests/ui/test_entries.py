"""Entries edited in the tree by keyboard and mouse: values set, rows deleted, copied and moved, and taken back."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu

from tests.ui.conftest import wait_ready


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"model": {"a": torch.ones(2), "b": torch.zeros(3)}, "epoch": 3, "classes": ["cat", "dog"]}, path)
    window = open_window(path)
    wait_ready(qtbot, window)
    window.tree.tree.setFocus()
    return window


def go_to(window, name):
    view, stack = window.tree.tree, [QModelIndex()]
    while stack:
        parent = stack.pop()
        view.rows.fetchMore(parent)
        for row in range(view.rows.rowCount(parent)):
            index = view.rows.index(row, 0, parent)
            node = view.rows.node(index)
            if node.entry is not None and node.entry.name == name:
                view.expand(parent)
                flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
                view.selectionModel().setCurrentIndex(index, flags)
                return index
            stack.append(index)
    raise AssertionError(name)


def names(window):
    return [entry.name for entry in window.current.document.entries]


def value(window, name):
    return next(entry.value for entry in window.current.document.entries if entry.name == name)


def press(qtbot, window, action, key, modifier):
    """Press the key of an action, in the tree, once the window has turned it on."""
    qtbot.waitUntil(lambda: window.actions_of[action].isEnabled() and not window.tasks.active)
    window.activateWindow()
    window.tree.tree.setFocus()
    qtbot.waitUntil(window.tree.tree.hasFocus)
    qtbot.keyClick(window.tree.tree, key, modifier)


def type_into_row(qtbot, window, text):
    editor = window.tree.tree.findChild(QLineEdit, "rename")
    assert editor is not None
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)


@pytest.mark.parametrize(("name", "shown", "typed", "meant"), [
    ("epoch", "3", "7", 7), ("classes.0", "cat", "'7'", "7"), ("classes.1", "dog", "a [dog]", "a [dog]"),
    ("classes", "['cat', 'dog']", "[1, None]", [1, None]),
])  # fmt: skip
def test_enter_sets_a_value_and_undo_takes_it_back(qtbot, window, name, shown, typed, meant):
    before = value(window, name)
    go_to(window, name)
    window.actions_of["set-value"].trigger() if name == "classes" else qtbot.keyClick(
        window.tree.tree, Qt.Key.Key_Return)  # fmt: skip
    editor = window.tree.tree.findChild(QLineEdit, "rename")
    assert editor.text() == shown
    type_into_row(qtbot, window, typed)
    qtbot.waitUntil(lambda: value(window, name) == meant)
    assert type(value(window, name)) is type(meant)
    press(qtbot, window, "undo", Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: value(window, name) == before)


def test_a_value_is_edited_by_a_double_click(qtbot, window):
    index = go_to(window, "epoch")
    place = window.tree.tree.visualRect(index).center()
    qtbot.mouseDClick(window.tree.tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, place.y()))
    type_into_row(qtbot, window, "11")
    qtbot.waitUntil(lambda: value(window, "epoch") == 11)


def test_what_does_not_read_is_said_and_nothing_changes(qtbot, window):
    go_to(window, "epoch")
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_Return)
    with qtbot.waitSignal(window.failed):
        type_into_row(qtbot, window, "[1, ")
    assert value(window, "epoch") == 3
    assert not window.current.document.is_modified


def test_delete_takes_selected_rows_out_and_undo_brings_them_back(qtbot, window):
    before = names(window)
    go_to(window, "classes")
    window.tree.tree.selectionModel().select(
        window.tree.tree.currentIndex(), window.tree.tree.selectionModel().SelectionFlag.Select)
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: "classes" not in names(window))
    go_to(window, "model.b")
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: "model.b" not in names(window))
    for left in (1, 0):
        press(qtbot, window, "undo", Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda left=left: window.current.document.history.position == left)
    qtbot.waitUntil(lambda: names(window) == before)
    assert not window.current.document.is_modified


def test_a_row_moves_and_keeps_its_selection(qtbot, window):
    go_to(window, "model.b")
    press(qtbot, window, "move-entry-up", Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: names(window)[1:3] == ["model.b", "model.a"])
    go_to(window, "model.b")
    press(qtbot, window, "move-entry-up", Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)  # it is the first already
    press(qtbot, window, "move-entry-down", Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: names(window)[1:3] == ["model.a", "model.b"])
    assert window.current.document.history.position == 2


def test_a_copy_is_named_in_its_row(qtbot, window):
    go_to(window, "model.a")
    window.actions_of["duplicate-entry"].trigger()
    qtbot.waitUntil(lambda: window.tree.tree.findChild(QLineEdit, "rename") is not None)
    assert window.tree.tree.findChild(QLineEdit, "rename").text() == "model.a_copy"
    type_into_row(qtbot, window, "model.ema")
    qtbot.waitUntil(lambda: names(window)[1:4] == ["model.a", "model.ema", "model.b"])
    assert window.current.document.read("model.ema").tolist() == [1, 1]


def test_the_menu_of_a_row_offers_its_edits(qtbot, window):
    view = window.tree.tree
    place = view.visualRect(go_to(window, "epoch")).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    titles = [action.text().replace("&", "") for action in menu.actions() if action.isEnabled()]
    assert {"Set value…", "Rename…", "Duplicate", "Delete from the checkpoint"} <= set(titles)
    menu.close()


def test_a_typo_that_makes_a_text_of_a_number_is_asked_about_and_enter_confirms(qtbot, window):
    """`1x` typed for a number became the text '1x' without a word."""
    go_to(window, "epoch")
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_Return)
    editor = window.tree.tree.findChild(QLineEdit, "rename")
    editor.selectAll()
    qtbot.keyClicks(editor, "1x")
    assert editor.findChild(QLabel).text() == "a text"
    with qtbot.waitSignal(window.failed):
        type_into_row(qtbot, window, "1x")
    assert value(window, "epoch") == 3
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None
                    and getattr(QApplication.focusWidget(), "text", str)() == "Set it all the same")  # fmt: skip
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: value(window, "epoch") == "1x")
    assert window.current.document.history.steps[-1].edit.accepted == ("type-changes",)
