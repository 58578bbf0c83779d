"""What each action on selections and cells is seen to do when the palette runs it."""

from __future__ import annotations

import numpy as np
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from tests.ui.palette_rows import Desk, row
from weightedit.core.words.number_formats import KINDS


def on_tensor(desk: Desk, view: str = "heatmap") -> None:
    desk.work.open_tensor(desk.document, "enc.weight")
    desk.page.set_view(view)
    desk.wait()


@row("select-rows")
def _(desk: Desk) -> None:
    on_tensor(desk)
    desk.page.selection.pick(range(2, 4), range(1, 3))
    desk.do()
    assert desk.page.selection.region == "[2:4, :]"


@row("select-columns")
def _(desk: Desk) -> None:
    on_tensor(desk)
    desk.page.selection.pick(range(2, 4), range(1, 3))
    desk.do()
    assert desk.page.selection.region == "[:, 1:3]"


@row("invert-selection")
def _(desk: Desk) -> None:
    on_tensor(desk)
    desk.page.selection.pick(range(10), range(30))
    desk.do()
    assert desk.page.selection.region == "[10:40, :]"


@row("copy-region")
def _(desk: Desk) -> None:
    on_tensor(desk)
    desk.page.selection.pick(range(2, 4), range(1, 3))
    desk.do()
    assert QGuiApplication.clipboard().text() == "[2:4, 1:3]"


@row("select-where")
def _(desk: Desk) -> None:
    on_tensor(desk)
    desk.do()
    assert desk.page.where.isVisible()
    assert desk.page.where.field.hasFocus()
    desk.page.where.close_bar()
    desk.page.heatmap_pane.heatmap.setFocus()
    QTest.keyClick(desk.page.heatmap_pane.heatmap, Qt.Key.Key_Slash)
    assert desk.page.where.isVisible()
    QTest.keyClicks(desk.page.where.field, "w/2 > 1")
    assert desk.page.where.text == "w/2 > 1"


def selects(desk: Desk, expected: torch.Tensor) -> None:
    desk.do()
    desk.qtbot.waitUntil(lambda: desk.page.lookup.total is not None, timeout=10_000)
    assert desk.page.lookup.total == expected.sum()
    assert desk.page.where.isVisible()


@row("where-nonfinite")
def _(desk: Desk) -> None:
    on_tensor(desk)
    selects(desk, ~desk.values().isfinite())


@row("where-zero")
def _(desk: Desk) -> None:
    desk.apply("fill", value=0.0, region="[7, :]")
    on_tensor(desk)
    selects(desk, desk.values() == 0)


@row("where-outliers")
def _(desk: Desk) -> None:
    on_tensor(desk)
    values = desk.values().double()
    finite = values[values.isfinite()]
    selects(desk, (values - finite.mean()).abs() > 3 * finite.std())


@row("where-smallest")
def _(desk: Desk) -> None:
    desk.apply("fill", value=0.5, region=["[4, 5]", "[5, 1]"])
    on_tensor(desk)
    size = desk.values().double().abs()
    selects(desk, size <= size.quantile(0.01))


@row("where-largest")
def _(desk: Desk) -> None:
    desk.apply("fill", value=0.5, region=["[4, 5]", "[5, 1]"])
    on_tensor(desk)
    size = desk.values().double().abs()
    selects(desk, size >= size.quantile(0.99))


@row("copy-bits")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    desk.page.selection.pick(range(1), range(2))
    desk.do()
    desk.wait()
    bits = desk.values()[0, :2].view(torch.int32).numpy().view(np.uint32)
    assert QGuiApplication.clipboard().text() == "\t".join(f"0x{value:08X}" for value in bits)


@row("fill-down")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    before = desk.values()
    desk.page.selection.pick(range(10, 14), range(3, 5))
    with desk.qtbot.waitSignal(desk.window.documents.changed):
        desk.do()
    desk.wait()
    before[11:14, 3:5] = before[10, 3:5]
    assert torch.equal(desk.values().nan_to_num(), before.nan_to_num())


@row("fill-right")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    before = desk.values()
    desk.page.selection.pick(range(10, 12), range(3, 4))
    with desk.qtbot.waitSignal(desk.window.documents.changed):
        desk.do()
    desk.wait()
    before[10:12, 3] = before[10:12, 2]
    assert torch.equal(desk.values().nan_to_num(), before.nan_to_num())


@row("clear-cells")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    expected = desk.values()
    desk.page.selection.pick_text("[4, 3:8]; [9, 1]")
    with desk.qtbot.waitSignal(desk.window.documents.changed):
        desk.do()
    desk.wait()
    expected[4, 3:8] = expected[9, 1] = 0
    assert torch.equal(desk.values().nan_to_num(), expected.nan_to_num())


def shows(kind: str) -> None:
    @row(f"format-{kind}")
    def _(desk: Desk) -> None:
        on_tensor(desk, "values")
        if kind == "shortest":
            desk.do("format-hex")
        desk.do()
        desk.wait()
        assert desk.page.values_pane.formats.text().startswith(KINDS[kind])  # type: ignore[index]
        assert desk.window.actions_of[f"format-{kind}"].isChecked()


for _kind in KINDS:
    shows(_kind)


@row("more-digits")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    desk.do("format-fixed")
    before = desk.page.values_pane.number_format.digits
    desk.do()
    desk.wait()
    model = desk.page.values_pane.model
    desk.qtbot.waitUntil(lambda: "." in str(model.data(model.index(0, 0))))
    assert len(str(model.data(model.index(0, 0))).split(".")[1]) == before + 1


@row("fewer-digits")
def _(desk: Desk) -> None:
    on_tensor(desk, "values")
    desk.do("format-scientific")
    before = desk.page.values_pane.number_format.digits
    desk.do()
    assert desk.page.values_pane.number_format.digits == before - 1
    assert desk.page.values_pane.formats.text() == f"Scientific, {before - 1} digits"
