"""What the actions on shared tensors are seen to do when the palette runs them."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.palette_rows import CTRL, Desk, row
from weightedit.ui.edit_panel.form import SEVERAL


def open_tied(desk: Desk) -> None:
    """Open a checkpoint of two tied tensors, a copy of them, and another."""
    weight = torch.arange(6.0).reshape(2, 3)
    path = desk.path.with_name("tied.pt")
    torch.save({"wte": weight, "lm": weight, "like": weight.clone(), "other": torch.ones(2, 3)}, path)
    desk.window.open([str(path)])
    desk.wait()


def click(desk: Desk, *names: str) -> None:
    tree = desk.window.tree.tree
    for at, name in enumerate(names):
        place = tree.visualRect(tree.rows.find(desk.window.documents.all[1], name)).center()
        keys = CTRL if at else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, keys, place)
        desk.wait()


def settle(desk: Desk) -> None:
    panel = desk.work.edit_panel
    desk.qtbot.waitUntil(lambda: not panel._pause.isActive() and not desk.window.tasks.active, timeout=30_000)


@row("tie")
def _(desk: Desk) -> None:
    open_tied(desk)
    click(desk, "other")
    desk.do()
    panel = desk.work.edit_panel
    QTest.keyClicks(panel.form.fields[0].edit, "lm")
    settle(desk)
    assert panel.form.request().operation == "tie"
    assert [hazard.kind for hazard in panel.hazards.hazards] == ["alias"]
    assert "S1 is wte, lm, other" in panel.hazards.hazards[0].detail


@row("untie")
def _(desk: Desk) -> None:
    open_tied(desk)
    click(desk, "lm")
    desk.do()
    settle(desk)
    assert desk.work.current()[1] == "lm"
    assert [hazard.kind for hazard in desk.work.edit_panel.hazards.hazards] == ["unties"]


@row("retie")
def _(desk: Desk) -> None:
    open_tied(desk)
    click(desk, "like", "wte")
    desk.do()
    settle(desk)
    panel = desk.work.edit_panel
    assert panel.form.target.currentData() == SEVERAL
    QTest.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    settle(desk)
    document = desk.window.documents.all[1].document
    assert document.find("like").held is document.find("wte").held
