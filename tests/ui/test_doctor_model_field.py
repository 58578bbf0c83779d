"""The model is chosen by a dialog too, with the classes of its file, which does not run; a long path can be read."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import PATIENCE, opened, said, settled, type_into

TWO = """
from pathlib import Path
from torch import nn
Path(__file__).with_suffix(".ran").touch()

class Block(nn.Module):
    pass

class Whole(nn.Module):
    def __init__(self):
        self.block = Block()
"""


@pytest.fixture
def room_of(qtbot, open_window, tmp_path):
    return opened(qtbot, open_window, write_model(tmp_path).with_suffix(".pt"))


@pytest.fixture
def choose(monkeypatch, room_of):
    """Press the button by its key, with a dialog that answers at once."""

    def press(path):
        monkeypatch.setattr("weightedit.ui.doctor.browsing.ask_model_code", lambda *_: str(path))
        head = room_of[1].head
        head.model.edit.setFocus()
        QTest.keyClick(head.model.edit, Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is head.browse
        QTest.keyClick(head.browse, Qt.Key.Key_Space)

    return press


def test_of_several_classes_the_outermost_is_taken_and_the_others_are_offered(qtbot, room_of, choose, tmp_path):
    window, room = room_of
    file = tmp_path / "two.py"
    file.write_text(TWO, encoding="utf-8")
    choose(file)
    qtbot.waitUntil(lambda: room.head.model_text == f"{file}:Whole", timeout=PATIENCE)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [action.text() for action in menu.actions()] == ["Whole", "Block"]
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert room.head.model_text == f"{file}:Block"
    assert not file.with_suffix(".ran").exists()
    settled(qtbot, window)


def test_a_config_stands_for_its_folder(qtbot, room_of, choose, tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    choose(tmp_path / "config.json")
    assert room_of[1].head.model_text == str(tmp_path)


def test_a_file_that_does_not_read_is_told_of(qtbot, room_of, choose, tmp_path):
    window, room = room_of
    (tmp_path / "bad.py").write_text("class Net(:\n", encoding="utf-8")
    choose(tmp_path / "bad.py")
    qtbot.waitUntil(lambda: "does not read as Python, line 1" in said(room.told).replace("\u200b", ""),
                    timeout=PATIENCE)  # fmt: skip
    assert room.head.model_text == f"{tmp_path / 'bad.py'}:"
    settled(qtbot, window)


def test_a_long_path_shows_its_start_and_its_class(room_of):
    """And all of it while somebody types, and as the tooltip."""
    _, room = room_of
    edit = room.head.model.edit
    long = "/data/" + "very-long-folder/" * 20 + "modeling.py:AtlasModel"
    type_into(edit, long)
    assert edit.shown_text == long
    room.head.input.setFocus()
    assert edit.shown_text.startswith("/data/very")
    assert edit.shown_text.endswith(":AtlasModel")
    assert "…" in edit.shown_text
    assert room.head.model_text == long
