"""What the actions that choose a view are seen to do when the palette runs them."""

from __future__ import annotations

import pytest
import torch

from tests.ui.palette_rows import Desk, row
from weightedit.ui.errors.faults import Fault


def shown(desk: Desk, name: str):
    desk.work.open_tensor(desk.document, "enc.weight")
    desk.wait()
    desk.do()
    desk.wait()
    assert desk.page.view_name == name
    assert desk.page.header.views.current == desk.window.actions_of.declared[desk.name].title
    assert desk.window.actions_of[desk.name].isChecked()
    return desk.page.views.analysis


@row("histogram")
def _(desk: Desk) -> None:
    pane = shown(desk, "histogram")
    assert pane.found[1][0].counts.sum() == 1198
    assert "1 NaN · 1 +Inf" in pane.totals.text()


@row("profiles")
def _(desk: Desk) -> None:
    pane = shown(desk, "profiles")
    weight = desk.values().nan_to_num(0, 0).double()
    assert pane.found.profile.l2 == pytest.approx(weight.norm(dim=1).numpy())


@row("spectrum")
def _(desk: Desk) -> None:
    desk.work.open_tensor(desk.document, "enc.weight")
    desk.wait()
    desk.apply("fill", "enc.weight", region="[4:6, :]", value=0.5)
    pane = shown(desk, "spectrum")
    assert pane.found.values == pytest.approx(torch.linalg.svdvals(desk.values().double()).numpy())


@row("faults")
def _faults(desk: Desk) -> None:
    desk.window.faults.take(Fault("ValueError: meant", "in the task Counting", "Traceback\n  in work"))
    desk.qtbot.waitUntil(lambda: desk.window.faults.dialog is not None)
    desk.window.faults.dialog.accept()
    assert desk.window.faults.dialog is None
    desk.do()
    dialog = desk.window.faults.dialog
    assert dialog is not None
    assert dialog.sentence.text() == "ValueError: meant"
    dialog.accept()
    desk.window.faults.all.clear()
