"""A tensor of another shape is pasted by keys, and made to fit by one click on what the hazard offers."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

CTRL = Qt.KeyboardModifier.ControlModifier
TURNED, SHORT = torch.arange(200.0).reshape(20, 10), torch.arange(100.0).reshape(5, 20)


@pytest.fixture
def window(open_window, tmp_path):
    torch.save({"w": torch.zeros(10, 20), "turned": TURNED, "short": SHORT}, tmp_path / "net.pt")
    return open_window(tmp_path / "net.pt", real=True)


def settle(qtbot, window):
    QTest.qWait(1)
    panel = window.workbench.edit_panel
    qtbot.waitUntil(lambda: not window.tasks.active and not panel._pause.isActive(), timeout=20_000)


def paste(qtbot, window, source):
    """Ctrl+C on one row of the tree, Ctrl+V on another."""
    tree = window.tree.tree
    window.show_tensor(window.current, "w")
    settle(qtbot, window)
    assert tree.select(window.current, source)
    tree.setFocus()
    settle(qtbot, window)
    QTest.keyClick(tree, Qt.Key.Key_C, CTRL)
    settle(qtbot, window)
    assert tree.select(window.current, "w")
    settle(qtbot, window)
    QTest.keyClick(tree, Qt.Key.Key_V, CTRL)
    settle(qtbot, window)


def press(qtbot, window, said):
    """Click a button or link as soon as it is there."""
    panel = window.workbench.edit_panel

    def found():
        return [one for one in panel.findChildren(QPushButton)
                if said in (one.accessibleName(), one.text()) and one.isVisible() and one.isEnabled()]  # fmt: skip

    qtbot.waitUntil(lambda: bool(found()), timeout=20_000)
    QTest.mouseClick(found()[0], Qt.MouseButton.LeftButton)
    settle(qtbot, window)


def test_a_pasted_tensor_is_turned_by_one_click(qtbot, window):
    paste(qtbot, window, "turned")
    press(qtbot, window, "Transpose the source")
    press(qtbot, window, "Apply")
    qtbot.waitUntil(lambda: torch.equal(window.current.document.read("w"), TURNED.T), timeout=20_000)


def test_a_smaller_pasted_tensor_is_written_into_the_first_rows(qtbot, window):
    """The offer copies values although the paste would replace: the choice of the paste does not take it back."""
    paste(qtbot, window, "short")
    press(qtbot, window, "Write into rows 0–4")
    assert window.workbench.page.selection.region == "[0:5, :]"
    press(qtbot, window, "Apply")
    expected = torch.zeros(10, 20)
    expected[:5] = SHORT
    qtbot.waitUntil(lambda: torch.equal(window.current.document.read("w"), expected), timeout=20_000)
