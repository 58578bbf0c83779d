"""What each action is seen to do when the palette runs it; other files of rows lie beside this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.palette.items import Item
from weightedit.ui.theme import theme
from weightedit.ui.window import MainWindow

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Desk:
    """A window on a small checkpoint of `enc.weight` (40 × 30, one NaN, one Inf), `enc.bias` and `head.weight`."""

    def __init__(self, qtbot: QtBot, window: MainWindow, path: Path, name: str,
                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
        self.qtbot, self.window, self.path, self.name, self.monkeypatch = qtbot, window, path, name, monkeypatch

    @property
    def work(self) -> Any:
        return self.window.workbench

    @property
    def page(self) -> Any:
        return self.work.page

    @property
    def document(self) -> Any:
        assert self.window.current is not None
        return self.window.current.document

    def wait(self) -> None:
        """Wait until everything that was asked for is shown."""
        QTest.qWait(1)
        self.qtbot.waitUntil(lambda: not self.window.tasks.active, timeout=30_000)
        QApplication.processEvents()

    def apply(self, operation: str = "scale", names: str = "enc.weight", **arguments: Any) -> None:
        """Edit the document, as the form would."""
        with self.qtbot.waitSignal(self.window.documents.changed):
            self.document.apply(operation, names, accept="all", **(arguments or {"factor": 2.0}))
        self.wait()

    def do(self, name: str = "") -> None:
        """Type the action's title into the palette and press Enter."""
        name = name or self.name
        title = self.window.actions_of.declared[name].title.removesuffix("…")
        self.window.activateWindow()
        self.qtbot.waitUntil(self.window.isActiveWindow)
        QTest.keyClick(self.window, Qt.Key.Key_P, CTRL | SHIFT)
        palette = self.window.search
        assert palette.isVisible()
        QTest.keyClicks(palette.field, title)
        self.qtbot.waitUntil(lambda: not palette._is_searching)
        listed = [line for line in palette.model.lines if isinstance(line, Item)]
        place = next(at for at, line in enumerate(listed) if line.key == name)
        assert listed[place].off == "", listed[place].off
        for _ in range(place):
            QTest.keyClick(palette.field, Qt.Key.Key_Down)
        QTest.keyClick(palette.field, Qt.Key.Key_Return)
        if name not in ("palette", "go-to-tensor"):
            assert not palette.isVisible()

    def values(self, name: str = "enc.weight") -> torch.Tensor:
        return self.document.read(name)


Row = Callable[[Desk], None]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Take a function in as the row of an action."""

    def take(function: Row) -> Row:
        assert name not in ROWS, f"{name} has a row already"
        ROWS[name] = function
        return function

    return take


# ---- file


@row("open-file")
def _(desk: Desk) -> None:
    other = desk.path.with_name("other.pt")
    torch.save({"x": torch.zeros(2, 2)}, other)
    desk.monkeypatch.setattr("weightedit.ui.actions.file.ask_files", lambda *_: [str(other)])
    desk.do()
    desk.wait()
    assert [found.title for found in desk.window.documents.all] == ["net.pt", "other.pt"]


@row("open-folder")
def _(desk: Desk) -> None:
    from safetensors.torch import save_file

    folder = desk.path.with_name("shards")
    folder.mkdir()
    save_file({"x": torch.zeros(2, 2)}, folder / "model.safetensors")
    desk.monkeypatch.setattr("weightedit.ui.actions.file.ask_folder", lambda *_: str(folder))
    desk.do()
    desk.wait()
    assert len(desk.window.documents) == 2


@row("open-demo")
def _(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert desk.window.current is not None
    assert desk.window.current.title == "digits.pt"


@row("save")
def _(desk: Desk) -> None:
    before = torch.load(desk.path)["head.weight"]
    desk.apply(names="head.weight")
    desk.do()
    desk.wait()
    assert torch.equal(torch.load(desk.path)["head.weight"], before * 2)


@row("export")
def _(desk: Desk) -> None:
    desk.do()
    dialog = desk.window.findChild(ExportDialog)
    assert dialog is not None
    assert dialog.isVisible()
    dialog.reject()


@row("close-tab")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.page is None


@row("close-file")
def _(desk: Desk) -> None:
    desk.do()
    assert len(desk.window.documents) == 0
    assert desk.window.pages.currentWidget() is desk.window.start


@row("quit")
def _(desk: Desk) -> None:
    with desk.qtbot.waitSignal(desk.window.closed):
        desk.do()


# ---- edit


@row("undo")
def _(desk: Desk) -> None:
    before = desk.values("head.weight")
    desk.apply(names="head.weight")
    desk.do()
    desk.wait()
    assert torch.equal(desk.values("head.weight"), before)


@row("redo")
def _(desk: Desk) -> None:
    before = desk.values("head.weight")
    desk.apply(names="head.weight")
    desk.do("undo")
    desk.wait()
    desk.do()
    desk.wait()
    assert torch.equal(desk.values("head.weight"), before * 2)


@row("search-history")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.work.history.search.hasFocus()


@row("compare-opened")
def _(desk: Desk) -> None:
    desk.apply(names="head.weight")
    desk.do()
    desk.wait()
    assert desk.work.history.differences.list.item(0).text().startswith("head.weight\n12 of 12 values, largest ")


@row("apply")
def _(desk: Desk) -> None:
    before = desk.values()
    desk.work.choose_operation("scale")
    field = desk.work.edit_panel.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "3")
    desk.qtbot.waitUntil(lambda: desk.work.edit_panel.apply_button.isEnabled(), timeout=20_000)
    desk.do()
    desk.wait()
    assert torch.equal(desk.values()[:4], before[:4] * 3)


@row("leave")
def _(desk: Desk) -> None:
    desk.page.selection.pick_text("[1:3, :]")
    desk.do()
    assert desk.page.selection.is_empty


@row("copy")
def _(desk: Desk) -> None:
    desk.page.selection.pick_text("[1, 2:4]")
    desk.do()
    desk.wait()
    copied = [float(text) for text in QGuiApplication.clipboard().text().split()]
    assert torch.equal(torch.tensor(copied, dtype=torch.float64).float(), desk.values()[1, 2:4])


@row("paste")
def _(desk: Desk) -> None:
    desk.page.selection.pick_text("[1, 2:4]")
    QGuiApplication.clipboard().setText("7\t8")
    desk.do()
    desk.wait()
    assert desk.values()[1, 2:4].tolist() == [7, 8]


@row("copy-pytorch")
def _(desk: Desk) -> None:
    desk.work.choose_operation("scale")
    field = desk.work.edit_panel.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "3")
    desk.wait()
    desk.do()
    desk.wait()
    assert "enc.weight" in QGuiApplication.clipboard().text()


@row("rename")
def _(desk: Desk) -> None:
    tree = desk.window.tree.tree
    tree.select(desk.window.current, "enc.weight")
    desk.do()
    desk.qtbot.waitUntil(lambda: tree.state() == tree.State.EditingState)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)


# ---- select


@row("select-all")
def _(desk: Desk) -> None:
    desk.page.selection.pick_text("[1, 2:4]")
    desk.do()
    assert desk.page.selection.region is None


@row("region")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.page.read_out.field.hasFocus()


# ---- view


@row("heatmap")
def _(desk: Desk) -> None:
    desk.page.set_view("values")
    desk.do()
    assert desk.page.view_name == "heatmap"
    assert desk.window.actions_of["heatmap"].isChecked()


@row("values")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.page.view_name == "values"
    assert desk.window.actions_of["values"].isChecked()


def shown_cells(desk: Desk) -> float:
    """How many rows the heatmap has room for."""
    rectangle = desk.page.heatmap_pane.heatmap.canvas.viewRect()
    return float(rectangle.height())


@row("zoom-in")
def _(desk: Desk) -> None:
    before = shown_cells(desk)
    desk.do()
    assert shown_cells(desk) < before


@row("zoom-out")
def _(desk: Desk) -> None:
    desk.do("zoom-in")
    before = shown_cells(desk)
    desk.do()
    assert shown_cells(desk) > before


@row("fit")
def _(desk: Desk) -> None:
    before = shown_cells(desk)
    desk.do("zoom-in")
    desk.do()
    assert shown_cells(desk) == pytest.approx(before)


@row("next-nonfinite")
def _(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert desk.page.selection.region in ("[4, 5]", "[4:5, 5:6]")


@row("previous-nonfinite")
def _(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert desk.page.selection.region in ("[5, 1]", "[5:6, 1:2]")


@row("filter")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.tree.filter.hasFocus()


@row("inspector")
def _(desk: Desk) -> None:
    desk.do()
    assert not desk.work.inspector.isVisible()
    assert not desk.work.history.isVisible()


@row("next-tab")
def _(desk: Desk) -> None:
    desk.work.tabs.keep(desk.page)
    desk.work.open_tensor(desk.document, "head.weight")
    desk.wait()
    desk.do()
    assert desk.page.name == "enc.weight"


@row("theme")
def _(desk: Desk) -> None:
    desk.do()
    assert theme.name == "light"


# ---- find and help


@row("palette")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.search.isVisible()
    assert desk.window.search.scopes.current == "all"


@row("go-to-tensor")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.search.isVisible()
    assert desk.window.search.scopes.current == "tensors"


@row("keys")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("keys")


@row("settings")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("settings")


@row("about")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("about")


@row("operations-help")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("operations")


@row("silently")
def _(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("silently")
    assert "torch.zeros(10, 20)" in desk.window.aside.current.text.toPlainText()
