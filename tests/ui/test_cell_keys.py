"""Keys that a spreadsheet has: Del and Backspace clear what is selected, and what is typed goes into the cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_ready
from weightedit.ui.values.delegate import CellEditor

NAME = "enc.weight"


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randn(12, 9)


@pytest.fixture
def window(open_window: Callable[..., Any], qtbot: QtBot, tmp_path: Path, weight: torch.Tensor) -> Any:
    torch.save({NAME: weight}, tmp_path / "net.pt")
    made = open_window(tmp_path / "net.pt", real=True)
    made.workbench.open_tensor(made.current.document, NAME)
    wait_ready(qtbot, made)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def view(window: Any, name: str) -> QWidget:
    """Show a view of cells and put the keys on it."""
    page = window.workbench.page
    page.set_view(name)
    shown: QWidget = page.values_pane.table if name == "values" else page.heatmap_pane.heatmap
    shown.setFocus()
    return shown


def press(window: Any, qtbot: QtBot, widget: QWidget, key: Qt.Key) -> None:
    QTest.keyClick(widget, key)
    wait_ready(qtbot, window)


@pytest.mark.parametrize("name", ["values", "heatmap"])
def test_del_and_backspace_clear_what_is_selected_in_one_step(
    window: Any, qtbot: QtBot, weight: torch.Tensor, name: str
) -> None:
    shown, page, document = view(window, name), window.workbench.page, window.current.document
    said: list[str] = []
    page.status.connect(said.append)
    page.selection.pick(range(2, 5), range(1, 4))
    press(window, qtbot, shown, Qt.Key.Key_Delete)
    expected = weight.clone()
    expected[2:5, 1:4] = 0
    assert torch.equal(document.read(NAME), expected)
    assert said == [f"Set 9 values of {NAME} to 0."]
    page.selection.pick_text("[0, 0]; [7, :]")
    press(window, qtbot, shown, Qt.Key.Key_Backspace)
    expected[0, 0] = expected[7] = 0
    assert torch.equal(document.read(NAME), expected)
    assert len(document.history) == 2
    page.selection.clear()
    press(window, qtbot, shown, Qt.Key.Key_Delete)
    assert len(document.history) == 2
    assert "No cells are selected" in said[-1]


def test_del_elsewhere_clears_no_cells(window: Any, qtbot: QtBot, weight: torch.Tensor) -> None:
    view(window, "values")
    window.workbench.page.selection.pick(range(2), range(2))
    form, header = window.workbench.edit_panel.form, window.workbench.page.header
    for other in (form.operations, form.target, header.views.buttons["Values"]):
        other.setFocus()
        assert other.hasFocus()
        for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            press(window, qtbot, other, key)
    assert torch.equal(window.current.document.read(NAME), weight)


def test_what_is_typed_goes_into_the_cell_slash_too(window: Any, qtbot: QtBot, weight: torch.Tensor) -> None:
    table, page = view(window, "values"), window.workbench.page
    wait_ready(qtbot, window)
    page.selection.point(1, 1)
    QTest.keyClicks(table, "/")
    assert not page.where.isVisible()
    editor = table.findChild(CellEditor)
    assert editor is not None
    QTest.keyClicks(editor, "2")
    assert editor.text() == "/2"
    QTest.keyClick(editor, Qt.Key.Key_Backspace)
    QTest.keyClick(editor, Qt.Key.Key_Backspace)
    assert editor.text() == ""
    QTest.keyClicks(editor, "=w/2")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    wait_ready(qtbot, window)
    assert window.current.document.read(NAME)[1, 1] == weight[1, 1] / 2
