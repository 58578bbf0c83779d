"""Rows that stand for a dotted prefix, such as `stem` above `stem.weight`: renamed, deleted and copied as a whole."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu

from tests.ui.conftest import wait_ready

NAMES = ["stem.weight", "stem.bias", "stem.scale", "head.weight", "head.bias"]


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    path = tmp_path / "net.pt"
    values = {"stem.weight": torch.ones(2, 2), "stem.bias": torch.zeros(2), "stem.scale": 0.5}
    torch.save(values | {"head.weight": torch.ones(3), "head.bias": torch.zeros(3)}, path)
    window = open_window(path)
    wait_ready(qtbot, window)
    return window


def click_row(window, label):
    view = window.tree.tree
    for row in range(view.rows.rowCount(QModelIndex())):
        index = view.rows.index(row, 0)
        if index.data() == label:
            place = view.visualRect(index).center() + QPoint(20, 0)
            QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
            return place
    raise AssertionError(label)


def names(window):
    return [entry.name for entry in window.current.document.entries]


def type_name(qtbot, window, text):
    editor = window.tree.tree.findChild(QLineEdit, "rename")
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)


def test_f2_renames_everything_below_a_group_in_one_step(qtbot, window):
    click_row(window, "stem")
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_F2)
    assert window.tree.tree.findChild(QLineEdit, "rename").text() == "stem"
    type_name(qtbot, window, "trunk.0")
    qtbot.waitUntil(lambda: names(window) == ["trunk.0.weight", "trunk.0.bias", "trunk.0.scale", *NAMES[3:]])
    document = window.current.document
    assert document.read("trunk.0.weight").tolist() == [[1, 1], [1, 1]]
    assert len(document.history) == 1
    document.undo()
    assert names(window) == NAMES
    assert not document.is_modified


def test_del_takes_a_group_out_in_one_step(qtbot, window):
    click_row(window, "stem")
    qtbot.keyClick(window.tree.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: names(window) == NAMES[3:])
    assert len(window.current.document.history) == 1
    window.current.document.undo()
    assert names(window) == NAMES


def test_the_menu_of_a_group_copies_it_and_asks_for_its_name(qtbot, window):
    view = window.tree.tree
    place = click_row(window, "head")
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    titles = {action.text().replace("&", ""): action for action in menu.actions() if action.isEnabled()}
    assert {"Rename…", "Duplicate", "Delete from the checkpoint", "Copy name"} <= set(titles)
    titles["Duplicate"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: view.findChild(QLineEdit, "rename") is not None)
    assert view.findChild(QLineEdit, "rename").text() == "head_copy"
    type_name(qtbot, window, "head2")
    qtbot.waitUntil(lambda: {"head.weight", "head2.weight", "head2.bias"} <= set(names(window)))
