"""The settings page: each choice is in force at once, also in what is open, and outlives the run."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from tests.ui.conftest import wait_ready
from weightedit.ui.preferences import SETTINGS
from weightedit.ui.theme import theme

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.randn(20, 30), "a.bias": torch.zeros(2)}, path)
    return path


def open_settings(qtbot, window):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Comma, CTRL)
    page = window.aside.current
    assert page.isVisible()
    return page


def choose(qtbot, menu, text):
    """Pick an entry by keyboard."""
    at = menu.findText(text)
    assert at >= 0, [menu.itemText(place) for place in range(menu.count())]
    menu.setFocus()
    while menu.currentIndex() != at:
        qtbot.keyClick(menu, Qt.Key.Key_Down if menu.currentIndex() < at else Qt.Key.Key_Up)


def test_ctrl_comma_opens_and_esc_leaves(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    page = open_settings(qtbot, window)
    assert window.pages.currentWidget() is page
    qtbot.keyClick(page.back, Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is window.workbench
    qtbot.mouseClick(window.rail.settings, Qt.MouseButton.LeftButton)
    assert page.isVisible()
    qtbot.mouseClick(window.rail.edit, Qt.MouseButton.LeftButton)
    assert not page.isVisible()
    open_settings(qtbot, window)
    window.show_tensor(window.current, "a.bias")  # going to a tensor leaves the page
    wait_ready(qtbot, window)
    assert not page.isVisible()


def test_the_theme_is_on_at_once(qtbot, open_window, settings):
    window = open_window()
    page = open_settings(qtbot, window)
    choose(qtbot, page.theme, "Light")
    assert theme.name == "light"
    assert settings.text("theme") == "light"
    window.choose_theme("dark")  # from elsewhere
    assert page.theme.currentText() == "Dark"


def test_budgets_reach_open_documents_and_those_of_the_next_run(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    document = window.current.document
    page = open_settings(qtbot, window)
    assert (page.undo.currentText(), page.memory.currentText()) == ("64 GiB", "64 MiB")
    assert document.history.budget == 64 << 30
    choose(qtbot, page.undo, "256 MiB")
    choose(qtbot, page.memory, "16 MiB")
    assert document.history.budget == 256 << 20
    assert document.memory == 16 << 20
    second = open_window(checkpoint)
    assert second.current.document.history.budget == 256 << 20
    assert second.current.document.memory == 16 << 20


def test_numbers_and_maps_change_in_what_is_open(qtbot, open_window, checkpoint, settings):
    window = open_window(checkpoint, real=True)
    shown = window.workbench.page
    page = open_settings(qtbot, window)
    choose(qtbot, page.numbers, "Hex bits")
    assert shown.values_pane.number_format.kind == "hex"
    choose(qtbot, page._maps["signed"], "viridis")
    assert shown.heatmap_pane.map_name == "viridis"
    assert settings.text("map/signed") == "viridis"
    window.show_tensor(window.current, "a.bias")
    wait_ready(qtbot, window)
    assert window.workbench.page.values_pane.number_format.kind == "hex"


def test_the_device_is_that_of_the_next_run(qtbot, open_window, checkpoint, settings):
    window = open_window(checkpoint, real=True)
    window.status.devices = ["cpu", "cpu:0"]
    page = open_settings(qtbot, window)
    page._offer_what_is_there()
    choose(qtbot, page.device, "CPU:0")
    assert settings.text("edit/device") == "cpu:0"
    assert window.status.device_button.text() == "CPU:0"
    second = open_window(checkpoint, real=True)  # a machine without it
    assert second.status.device == "cpu"


def test_what_undo_keeps_is_told_and_its_place_is_copied(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    page = open_settings(qtbot, window)
    assert page.kept.text().startswith("net.pt: 0 steps, 0 B for undo")
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("scale", "a.weight", factor=2.0)
    assert page.kept.text().startswith("net.pt: 1 step, 2.40 kB for undo; 2.40 kB in memory, 0 B on disk")
    qtbot.mouseClick(page.copy_folder, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == str(window.current.document.spill.place)


def test_reset_brings_back_what_the_window_begins_with(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    page = open_settings(qtbot, window)
    choose(qtbot, page.undo, "1 GiB")
    choose(qtbot, page.numbers, "Hex bits")
    choose(qtbot, page._maps["signed"], "grey")
    window.panels.toggle("history")
    qtbot.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert page.undo.currentText() == "64 GiB"
    assert window.current.document.history.budget == 64 << 30
    assert page.numbers.currentText() == "Shortest decimal"
    assert window.workbench.page.heatmap_pane.map_name == "Tide"
    assert window.panels.is_shown("history")


def test_settings_that_make_no_sense_are_passed_over(qtbot, open_window, checkpoint, settings):
    for key, value in {"undo/budget-mb": "lots", "memory/budget-mb": "-5", "edit/device": "gpu",
                       "values/format": "roman", "map/signed": "rainbow"}.items():  # fmt: skip
        settings.set(key, value)
    window = open_window(checkpoint, real=True)
    assert window.current.document.history.budget == 64 << 30
    assert window.current.document.memory == 1 << 20
    assert window.status.device == "cpu"
    assert window.workbench.page.values_pane.number_format.kind == "shortest"
    assert open_settings(qtbot, window).isVisible()


def test_the_palette_finds_each_row(qtbot, open_window, checkpoint):
    window = open_window(checkpoint, real=True)
    for name, title in SETTINGS:
        window.search.open("settings")
        qtbot.keyClicks(window.search.field, title)
        qtbot.keyClick(window.search.field, Qt.Key.Key_Return)
        page = window.aside.current
        assert page.isVisible()
        row = page.rows[name]
        focus = window.focusWidget()
        assert focus is row or row.isAncestorOf(focus), title
