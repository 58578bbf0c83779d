"""Panels that are moved, hidden and sized, and come back so in the next run."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.ui.conftest import wait_ready
from weightedit.ui.panels.declared import PANELS
from weightedit.ui.settings import Settings

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.randn(20, 30), "a.bias": torch.zeros(2)}, path)
    return path


def contents(window):
    work = window.workbench
    return {"tree": window.tree, "inspector": work.inspector, "history": work.history, "edit": work.edit_panel}


def press(qtbot, window, key):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, key, CTRL)


def pick(qtbot, window, name, entry):
    """Press the button at the top of a panel and pick an entry of its menu."""
    panel = next(one for one in (*window.workbench.panels, *window.left.panels) if one.declared.name == name)
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    action = next(action for action in menu.actions() if action.text() == entry)
    with qtbot.waitSignal(window.panels.changed):
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def test_panels_begin_where_the_look_says(open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    assert all(widget.isVisible() for widget in contents(window).values())
    assert [window.panels.place_of(panel.name) for panel in PANELS] == ["left", "right", "bottom", "right"]
    work = window.workbench
    assert (window.tree.width(), work.body.side.width(), work.edit_panel.height()) == (400, 282, 252)
    assert work.inspector.mapTo(window, QPoint(0, 0)).y() < work.history.mapTo(window, QPoint(0, 0)).y()
    assert work.edit_panel.mapTo(window, QPoint(0, 0)).y() > work.tabs.mapTo(window, QPoint(0, 0)).y()


def test_a_panel_is_moved_and_hidden_from_its_own_menu(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    work = window.workbench
    pick(qtbot, window, "history", "Move below the tensor")
    assert work.places["bottom"].isAncestorOf(work.history)
    assert work.history.mapTo(work, QPoint(0, 0)).x() > work.edit_panel.mapTo(work, QPoint(0, 0)).x()
    assert work.edit_panel.height() == 252
    pick(qtbot, window, "history", "Hide")
    assert not work.history.isVisible()
    pick(qtbot, window, "edit", "Move above the tensor")
    assert work.edit_panel.mapTo(work, QPoint(0, 0)).y() == 0
    pick(qtbot, window, "inspector", "Hide")
    assert not work.body.side.isVisible()  # nothing is left in the column
    pick(qtbot, window, "edit", "Reset panels")
    assert all(widget.isVisible() for widget in contents(window).values())


def test_places_sizes_and_what_is_hidden_outlive_the_run(qtbot, open_window, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTEDIT_SETTINGS", str(tmp_path / "settings.ini"))
    first = open_window(checkpoint, real=True)
    first.panels.move("tree", "right")
    first.panels.move("inspector", "left")
    first.panels.toggle("edit")
    place = first.workbench.places["right"]
    handle = place.handle(1)
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(20, 0))
    QTest.mouseMove(handle, QPoint(20, 60))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(20, 60))
    sizes = place.sizes()
    with qtbot.waitSignal(first.closed):
        first.close()
    assert Settings.of_this_person().text("panels/tree/place") == "right"
    second = open_window(checkpoint, real=True)
    assert second.workbench.places["right"].isAncestorOf(second.tree)
    assert second.left.isAncestorOf(second.workbench.inspector)
    assert second.workbench.inspector.isVisible()
    assert not second.workbench.edit_panel.isVisible()
    assert second.workbench.places["right"].sizes() == pytest.approx(sizes, abs=2)
    assert not second.actions_of["panel-edit"].isChecked()


def test_settings_that_make_no_sense_are_passed_over(open_window, checkpoint, settings):
    odd = {"tree/place": "bottom", "edit/place": "nowhere", "right/sizes": "a:b,,", "history/shown": "perhaps"}
    for key, value in odd.items():
        settings.set(f"panels/{key}", value)
    window = open_window(checkpoint, real=True)
    assert [window.panels.place_of(panel.name) for panel in PANELS] == ["left", "right", "bottom", "right"]
    assert all(widget.isVisible() for widget in contents(window).values())


def test_a_hidden_panel_stays_hidden_when_tensors_come_and_go(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    window.panels.toggle("edit")
    window.actions_of["close-tab"].trigger()
    window.show_tensor(window.current, "a.bias")
    wait_ready(qtbot, window)
    assert not window.workbench.edit_panel.isVisible()
    assert window.workbench.inspector.isVisible()
    window.actions_of["close-tab"].trigger()
    assert not window.workbench.inspector.isVisible()
    assert window.workbench.history.isVisible()


def test_the_tree_is_out_of_sight_beside_the_start_page_wherever_it_stands(qtbot, open_window, checkpoint):
    window = open_window(real=True)
    assert not window.left.isVisible()
    window.open([str(checkpoint)])
    wait_ready(qtbot, window)
    assert window.left.isVisible()
    press(qtbot, window, Qt.Key.Key_B)
    assert not window.left.isVisible()
    press(qtbot, window, Qt.Key.Key_F)
    assert window.tree.isVisible()


def test_in_a_narrow_window_the_right_column_is_a_drawer(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    window.panels.move("tree", "right")
    window.resize(1024, 640)
    side = window.workbench.body.side
    qtbot.waitUntil(lambda: not side.isVisible())
    press(qtbot, window, Qt.Key.Key_I)
    assert side.isVisible()
    assert window.tree.isVisible()
    window.resize(1400, 900)
    qtbot.waitUntil(lambda: window.workbench.body.splitter.indexOf(side) == 1)
    assert side.isVisible()
