"""Saving what the document's own file cannot hold as it is now: the sheet asks, and nothing ends in an error card."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from safetensors import safe_open

import weightedit
from weightedit.ui.close_dialog import CloseDialog
from weightedit.ui.export_dialog import ExportDialog

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def tied(qtbot, open_window, tmp_path):
    """A window on a safetensors file of two equal tensors that were tied since."""
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"head": torch.ones(2, 3), "wte": torch.ones(2, 3)}, path)
    window = open_window(path)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("tie", "head", to="wte")
    return window


def sheet(qtbot, window) -> ExportDialog:
    qtbot.waitUntil(lambda: bool(window.findChildren(ExportDialog)) and not window.tasks.active, timeout=20_000)
    (dialog,) = window.findChildren(ExportDialog)
    return dialog


def choose(qtbot, window, dialog: ExportDialog, text: str) -> None:
    dialog.sharing.setFocus()
    while dialog.sharing.currentText() != text:
        assert dialog.sharing.currentIndex() < dialog.sharing.count() - 1
        QTest.keyClick(dialog.sharing, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: not window.tasks.active and dialog.export.isEnabled(), timeout=20_000)


@pytest.mark.parametrize(("choice", "stored"), [("Write one, with aliases", 1), ("Write a copy of each", 2)])
def test_tied_tensors_are_asked_about_and_saved(qtbot, tied, choice, stored):
    path = tied.current.document.path
    before = path.read_bytes()
    QTest.keyClick(tied, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, tied)
    assert path.read_bytes() == before
    assert not tied.errors.cards
    assert dialog.windowTitle() == "Save net.safetensors"
    assert dialog.path.text() == str(path)
    assert not dialog.export.isEnabled()
    choose(qtbot, tied, dialog, choice)
    assert dialog.export.text().startswith("Save 2 tensors")
    with qtbot.waitSignal(tied.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert tied.status.message.text().startswith("Saved net.safetensors and read it back, ")
    assert ("1 tensor, " if stored == 1 else "2 tensors, ") in tied.status.message.text()
    assert not tied.current.document.is_modified
    with safe_open(path, "pt") as file:
        assert len(file.keys()) == stored
    with weightedit.open(path) as doc:
        assert torch.equal(doc.read("head"), torch.ones(2, 3))
        assert (doc.tensors["head"].storage_group is not None) == (stored == 1)


def test_esc_writes_nothing_and_keeps_every_edit(qtbot, tied):
    path = tied.current.document.path
    before = path.read_bytes()
    QTest.keyClick(tied, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, tied)
    with qtbot.waitSignal(dialog.finished):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert path.read_bytes() == before
    assert tied.current.document.is_modified
    assert tied.current.document.history.position == 1


def test_a_window_that_is_closed_goes_once_it_is_saved(qtbot, tied):
    path = tied.current.document.path
    tied.close()
    (asked,) = tied.findChildren(CloseDialog)
    QTest.keyClick(asked, Qt.Key.Key_Return)  # Save
    dialog = sheet(qtbot, tied)
    assert tied.isVisible()
    choose(qtbot, tied, dialog, "Write one, with aliases")
    with qtbot.waitSignal(tied.closed, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    with weightedit.open(path) as doc:
        assert doc.tensors["head"].storage_group is not None


def test_an_export_elsewhere_instead_leaves_the_window_and_its_edits(qtbot, tied, tmp_path):
    path, other = tied.current.document.path, tmp_path / "other.pt"
    before = path.read_bytes()
    tied.close()
    (asked,) = tied.findChildren(CloseDialog)
    QTest.keyClick(asked, Qt.Key.Key_Return)
    dialog = sheet(qtbot, tied)
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, str(other))
    qtbot.waitUntil(lambda: not dialog._pause.isActive() and not tied.tasks.active and dialog.export.isEnabled())
    with qtbot.waitSignal(tied.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert tied.isVisible()
    assert tied.current.document.is_modified
    assert path.read_bytes() == before
    found = torch.load(other)
    assert found["head"].data_ptr() == found["wte"].data_ptr()
