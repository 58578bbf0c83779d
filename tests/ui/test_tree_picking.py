"""Several tensors picked in the tree by mouse and keyboard stay picked while the last of them opens."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready

NONE, CTRL, SHIFT = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier,
                     Qt.KeyboardModifier.ShiftModifier)  # fmt: skip


def test_ctrl_and_shift_pick_several_and_the_form_offers_them(qtbot, open_window, tmp_path):
    torch.save({f"t{number}": torch.ones(2, 2) for number in range(4)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt", real=True)
    wait_ready(qtbot, window)
    view, target = window.tree.tree, window.workbench.edit_panel.form.target

    def click(row, keys):
        place = view.visualRect(view.rows.index(row, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, keys, place)
        return [name for _, name in view.selected_tensors()]

    click(0, NONE)
    assert click(2, CTRL) == ["t0", "t2"]
    assert click(3, CTRL) == ["t0", "t2", "t3"]
    assert window.workbench.current()[1] == "t3"
    assert target.findText("Selected (3)") >= 0
    assert click(2, CTRL) == ["t0", "t3"]
    click(0, NONE)
    assert click(2, SHIFT) == ["t0", "t1", "t2"]
    click(0, NONE)
    qtbot.keyClick(view, Qt.Key.Key_Down, SHIFT)
    assert [name for _, name in view.selected_tensors()] == ["t0", "t1"]
