"""Models that the doctor's room is tried on, and what a person does in it."""

from __future__ import annotations

from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from torch import nn

from weightedit.ui.doctor.room import DoctorRoom
from weightedit.ui.window import MainWindow

PATIENCE = 60_000
CODE = """
import os, sys, warnings
from pathlib import Path
import torch
from torch import nn

Path(__file__).with_suffix(".ran").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.relu(self.conv1(x)).mean((2, 3)))

class Loop(Net):
    def forward(self, x):
        self.relu(x)
        while True:
            pass

class Leaves(Net):
    def forward(self, x):
        self.relu(x)
        os._exit(3)

class Talks(Net):
    def forward(self, x):
        print("the first line")
        print("the second line", file=sys.stderr)
        warnings.warn("the weights are old", stacklevel=1)
        return super().forward(x)

def half(output, target):
    return ((output - target) ** 2).mean() / 2

def slow_sgd(model):
    return torch.optim.SGD(model.parameters(), lr=1e-6)

def loader():
    pairs = [(torch.zeros(3, 8, 8), torch.zeros(2)) for _ in range(4)]
    return torch.utils.data.DataLoader(pairs, batch_size=2)
"""


def write_model(folder: Path, name: str = "net") -> Path:
    """Write the code, and a checkpoint of its class `Net` beside it."""
    path = folder / f"{name}.py"
    path.write_text(CODE, encoding="utf-8")
    torch.manual_seed(0)
    made = nn.ModuleDict({"conv1": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 2)})
    torch.save(made.state_dict(), folder / f"{name}.pt")
    return path


def enter(window: MainWindow) -> DoctorRoom:
    """Go to the doctor by the rail."""
    QTest.mouseClick(window.rail.doctor, Qt.MouseButton.LeftButton)
    room = window.aside.current
    assert isinstance(room, DoctorRoom)
    return room


def type_into(field: QWidget, text: str) -> None:
    """Type over what a field says."""
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, text)


def fill(room: DoctorRoom, model: object, inputs: str = "float32[1,3,8,8]") -> None:
    """Type model and input."""
    type_into(room.head.model.lineEdit(), str(model))
    type_into(room.head.input, inputs)


def has(room: QWidget, text: str) -> bool:
    """Whether a button begins with a text."""
    return any(one.isVisible() and one.text().startswith(text) for one in room.findChildren(QPushButton))


def press(room: QWidget, text: str) -> None:
    """Click the button that begins with a text."""
    found = next(one for one in room.findChildren(QPushButton) if one.isVisible() and one.text().startswith(text))
    QTest.mouseClick(found, Qt.MouseButton.LeftButton)


def show(room: DoctorRoom, part: str) -> None:
    """Click the card of a part."""
    QTest.mouseClick(room.parts.cards[part], Qt.MouseButton.LeftButton)


def agree(qtbot: QtBot, room: DoctorRoom) -> None:
    """Wait for the question and say yes."""
    qtbot.waitUntil(lambda: has(room, "Run this code"), timeout=PATIENCE)
    press(room, "Run this code")


def ended(qtbot: QtBot, window: MainWindow, room: DoctorRoom) -> None:
    """Wait until nothing runs any more."""
    qtbot.waitUntil(lambda: room.visit.task is None and not window.tasks.active, timeout=PATIENCE)


def run(qtbot: QtBot, window: MainWindow, room: DoctorRoom) -> None:
    """Press F5, agree, and wait for the end."""
    QTest.keyClick(window, Qt.Key.Key_F5)
    agree(qtbot, room)
    ended(qtbot, window, room)


def said(widget: QWidget) -> str:
    """Everything that labels of a widget say where they can be seen."""
    QApplication.processEvents()  # what was put into a layout is shown after that
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())
