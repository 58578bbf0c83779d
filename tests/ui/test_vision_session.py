"""One afternoon's surgery on a vision model, by keyboard and mouse, down to running the enlarged model in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from torch import Tensor, nn

from tests.ui.test_whole_job import bits, button, export, named, settled, visible
from weightedit.ui.window import MainWindow

CTRL = Qt.KeyboardModifier.ControlModifier
DEAD, CLASSES, NEW = (3, 8, 21), 10, 3


class Block(nn.Module):
    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.down(x))


class ResNet(nn.Module):
    """A residual network as torchvision lays it out, small enough for a test."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 24, 7, 2, 3, bias=False), nn.BatchNorm2d(24)
        self.layer1, self.layer2 = Block(24, 24, 1), Block(24, 48, 2)
        self.fc = nn.Linear(48, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    model = ResNet(CLASSES)
    with torch.no_grad():
        model.conv1.weight[list(DEAD)] = 0
        model.fc.weight[2, 7], model.fc.weight[9, 40], model.fc.weight[5, 5] = 30.0, -25.0, 8.0
    torch.save({"state_dict": model.state_dict(), "config": {"arch": "resnet", "num_classes": CLASSES}, "epoch": 90},
               tmp_path / "vision.pt")  # fmt: skip
    return tmp_path / "vision.pt"


class Person:
    """What a person does in a window."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window = qtbot, window

    @property
    def document(self) -> Any:
        return self.window.current.document

    def rest(self) -> None:
        QTest.qWait(20)
        settled(self.qtbot, self.window)
        page = self.window.workbench.page
        panel = self.window.workbench.edit_panel
        self.qtbot.waitUntil(lambda: not panel._pause.isActive() and not self.window.tasks.active
                             and (page is None or not page.heatmap_pane.heatmap._settle.isActive()),
                             timeout=30_000)  # fmt: skip

    def key(self, key: Qt.Key, modifiers: Any = Qt.KeyboardModifier.NoModifier, on: QWidget | None = None) -> None:
        self.qtbot.keyClick(on or self.window, key, modifiers)
        self.rest()

    def go_to_tensor(self, typed: str, name: str) -> None:
        """Ctrl+P, part of the name, Enter."""
        self.key(Qt.Key.Key_P, CTRL)
        field = self.window.search.field
        self.qtbot.keyClicks(field, typed)
        self.rest()
        self.key(Qt.Key.Key_Return, on=field)
        self.qtbot.waitUntil(lambda: self.window.workbench.current()[1] == name, timeout=10_000)
        self.rest()

    def choose(self, combo: QComboBox, text: str) -> None:
        combo.setFocus()
        self.qtbot.keyClick(combo, Qt.Key.Key_Home)
        while combo.currentText() != text:
            before = combo.currentIndex()
            self.qtbot.keyClick(combo, Qt.Key.Key_Down)
            assert combo.currentIndex() != before, f"{text} is not offered"

    def edit(self, operation: str, **fields: str) -> None:
        """Fill in the form, look at the preview, press Apply."""
        self.choose(named(self.window, QComboBox, "Operation"), operation)
        for label, text in fields.items():
            self.rest()
            if visible(self.window, QComboBox, label) is not None:
                self.choose(named(self.window, QComboBox, label), text)
            else:
                field = named(self.window, QLineEdit, label)
                field.setFocus()
                field.selectAll()
                self.qtbot.keyClicks(field, text)
        self.rest()
        panel = self.window.workbench.edit_panel
        self.qtbot.waitUntil(lambda: panel.shown is not None and panel.apply_button.isEnabled(), timeout=20_000)
        done = self.document.history.position
        self.qtbot.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.document.history.position == done + 1, timeout=20_000)
        self.rest()

    def region(self, text: str) -> None:
        """Ctrl+G, the region, Enter."""
        self.key(Qt.Key.Key_G, CTRL)
        field = named(self.window, QLineEdit, "Region")
        field.selectAll()
        self.qtbot.keyClicks(field, text)
        self.key(Qt.Key.Key_Return, on=field)


def test_a_session_on_a_vision_model(qtbot: QtBot, open_window: Any, path: Path, tmp_path: Path) -> None:
    window = open_window(path, real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    person = Person(qtbot, window)
    original = torch.load(path)["state_dict"]

    # the dead filters of the first convolution, in tiles mode
    person.go_to_tensor("conv1.weight", "state_dict.conv1.weight")
    page = window.workbench.page
    if page.heatmap_pane.tiles.tiling is None:
        person.key(Qt.Key.Key_T, on=page.heatmap_pane.heatmap.graphics)
    qtbot.waitUntil(lambda: page.dims.dead.isVisible() and "dead" in page.dims.dead.text(), timeout=10_000)
    assert all(f"{number}" in page.dims.dead.text() for number in DEAD), page.dims.dead.text()
    qtbot.mouseClick(page.dims.pick_dead, Qt.MouseButton.LeftButton)
    person.rest()
    picked = window.workbench.page.selection.region
    mask = torch.zeros(24, 3, 7, 7, dtype=torch.bool)
    for region in [picked] if isinstance(picked, str) else picked:
        mask[eval(f"slice_{region}", {"slice_": Index()})] = True
    assert mask.flatten(1).all(1).nonzero().flatten().tolist() == list(DEAD)
    assert int(mask.sum()) == len(DEAD) * 3 * 49

    # fresh values for them alone
    person.edit("initialize", Method="kaiming_normal", Mode="fan_out", Nonlinearity="relu", Seed="11")
    conv = person.document.read("state_dict.conv1.weight")
    assert bits(conv[~mask]) == bits(original["conv1.weight"][~mask])
    assert (conv[list(DEAD)].flatten(1).std(1) > 0).all()
    wanted = (2 / (24 * 49)) ** 0.5  # He et al. 2015, by the fan out, as torch.nn.init.kaiming_normal_ has it
    assert abs(conv[list(DEAD)].std().item() / wanted - 1) < 0.15

    # outliers of the head, by a condition
    person.go_to_tensor("fc.weight", "state_dict.fc.weight")
    person.region("where abs(w) > 5")
    assert "3" in window.workbench.page.read_out.size_text.text()
    person.edit("clamp", Minimum="-0.5", Maximum="0.5")
    head = person.document.read("state_dict.fc.weight")
    outliers = original["fc.weight"].abs() > 5
    expected = torch.where(outliers, original["fc.weight"].clamp(-0.5, 0.5), original["fc.weight"])
    assert bits(head) == bits(expected)

    # three more classes
    person.key(Qt.Key.Key_Escape, on=window.workbench.page.heatmap_pane.heatmap.graphics)
    person.edit("insert_rows", Count=str(NEW), Method="kaiming_uniform", Seed="5")
    person.go_to_tensor("fc.bias", "state_dict.fc.bias")
    person.edit("insert_rows", Count=str(NEW), Method="zeros")
    grown = person.document.read("state_dict.fc.weight")
    assert grown.shape == (CLASSES + NEW, 48)
    assert bits(grown[:CLASSES]) == bits(expected)
    bound = (6 / 48) ** 0.5
    assert grown[CLASSES:].abs().max() <= bound
    assert grown[CLASSES:].abs().max() > bound * 0.8

    # the class count, in the tree
    tree = window.tree.tree
    row = find_row(tree, "config.num_classes")
    place = tree.visualRect(row).center()
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    person.key(Qt.Key.Key_Return, on=tree)
    editor = tree.findChild(QLineEdit, "rename")
    assert editor.text() == str(CLASSES)
    editor.selectAll()
    qtbot.keyClicks(editor, str(CLASSES + NEW))
    person.key(Qt.Key.Key_Return, on=editor)
    assert person.document.history.position == 5
    assert button(window, "Export").isEnabled()

    # out, and into torch
    export(qtbot, window, tmp_path / "enlarged.pt")
    checkpoint = torch.load(tmp_path / "enlarged.pt", weights_only=True)
    assert checkpoint["config"] == {"arch": "resnet", "num_classes": CLASSES + NEW}
    model = ResNet(checkpoint["config"]["num_classes"])
    model.load_state_dict(checkpoint["state_dict"], strict=True)
    with torch.no_grad():
        found = model.eval()(torch.randn(2, 3, 32, 32))
    assert found.shape == (2, CLASSES + NEW)
    assert torch.isfinite(found).all()

    # and all of it taken back
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    for left in range(4, -1, -1):
        qtbot.waitUntil(window.actions_of["undo"].isEnabled)
        person.key(Qt.Key.Key_Z, CTRL)
        qtbot.waitUntil(lambda left=left: person.document.history.position == left, timeout=10_000)
    assert {name: bits(person.document.read(f"state_dict.{name}")) for name in original} == {
        name: bits(value) for name, value in original.items()}  # fmt: skip


class Index:
    def __getitem__(self, index: object) -> object:
        return index


def find_row(tree: Any, name: str) -> Any:
    """Open the rows above an entry and return its index."""
    from PySide6.QtCore import QModelIndex

    stack = [QModelIndex()]
    while stack:
        parent = stack.pop()
        tree.rows.fetchMore(parent)
        for number in range(tree.rows.rowCount(parent)):
            index = tree.rows.index(number, 0, parent)
            node = tree.rows.node(index)
            if node.entry is not None and node.entry.name == name:
                tree.expand(parent)
                tree.scrollTo(index)
                return index
            stack.append(index)
    raise AssertionError(name)
