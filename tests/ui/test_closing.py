"""Closing asks once about every unsaved edit: what was done is listed, each document is saved or discarded."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from tests.ui.conftest import wait_ready
from weightedit.ui.files.close_dialog import DISCARD, CloseDialog


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.pt" for name in ("one", "two", "three")]
    for path in paths:
        torch.save({"w": torch.ones(2, 2)}, path)
    return paths


@pytest.fixture
def edited(qtbot, open_window, files):
    """A window with three documents, each with edits."""
    window = open_window(*files)
    for number, found in enumerate(window.documents.all, 1):
        for _ in range(number):
            with qtbot.waitSignal(window.documents.changed):
                found.document.apply("scale", "w", factor=2.0)
    return window


def asked(window):
    window.close()
    (dialog,) = window.findChildren(CloseDialog)
    return dialog


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def on_disk(files):
    return [torch.load(path)["w"][0, 0].item() for path in files]


def test_every_document_is_listed_with_its_edits(qtbot, edited):
    dialog = asked(edited)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert [row.opened.title for row in dialog.rows] == ["one.pt", "two.pt", "three.pt"]
    assert texts.count("scale × 2.0") == 6
    assert any(text.startswith("Modified · 3 edits since last save · ") for text in texts)
    assert edited.close() is False
    assert len(edited.findChildren(CloseDialog)) == 1  # asking again shows the same one
    press(qtbot, dialog.keep_button)
    assert edited.isVisible()


def test_some_are_saved_and_some_discarded(qtbot, edited, files):
    dialog = asked(edited)
    assert not dialog.save_all_button.isVisible()
    assert dialog.save_button.text() == "&Save 3 files"
    press(qtbot, dialog.rows[1].choice.buttons[DISCARD])
    assert dialog.save_button.text() == "&Save 2, discard 1"
    assert dialog.save_button.property("kind") == "warning"
    assert dialog.save_all_button.isVisible()
    with qtbot.waitSignal(edited.closed, timeout=20_000):
        press(qtbot, dialog.save_button)
    assert on_disk(files) == [2.0, 1.0, 8.0]


def test_discard_all(qtbot, edited, files):
    dialog = asked(edited)
    with qtbot.waitSignal(edited.closed):
        press(qtbot, dialog.discard_button)
    assert on_disk(files) == [1.0, 1.0, 1.0]


def test_save_all_after_choosing_otherwise(qtbot, edited, files):
    dialog = asked(edited)
    for row in dialog.rows[:2]:
        press(qtbot, row.choice.buttons[DISCARD])
    with qtbot.waitSignal(edited.closed, timeout=20_000):
        press(qtbot, dialog.save_all_button)
    assert on_disk(files) == [2.0, 4.0, 8.0]


def test_a_save_that_goes_wrong_keeps_the_window_open(qtbot, edited, files):
    files[1].write_bytes(b"another program was here")
    dialog = asked(edited)
    with qtbot.waitSignal(edited.failed, timeout=20_000):
        press(qtbot, dialog.save_button)
    wait_ready(qtbot, edited)
    assert edited.isVisible()
    assert on_disk(files[:1]) == [2.0]
    assert [found.title for found in edited.documents.unsaved] == ["two.pt", "three.pt"]
    assert "two.pt" in edited.errors.cards[0].title.text()


def test_closing_one_document_asks_about_that_one_alone(qtbot, edited, files):
    edited.actions_of["close-file"].trigger()
    (dialog,) = edited.findChildren(CloseDialog)
    assert [row.opened.title for row in dialog.rows] == ["one.pt"]
    assert not dialog.rows[0].choice.isVisible()
    assert dialog.save_button.text() == "&Save one.pt"
    with qtbot.waitSignal(edited.documents.removed):
        press(qtbot, dialog.discard_button)
    assert len(edited.documents) == 2


def test_the_sheet_by_keyboard(qtbot, edited, files):
    dialog = asked(edited)
    button = dialog.rows[0].choice.buttons[DISCARD]
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not dialog.rows[0].saves
    with qtbot.waitSignal(edited.closed, timeout=20_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert on_disk(files) == [1.0, 4.0, 8.0]
