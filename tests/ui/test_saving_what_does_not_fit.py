"""Saving what the document's own file cannot hold as it is now: the sheet asks, and nothing ends in an error card."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from safetensors import safe_open

import weightedit
from tests.formats.torch_files import tar_file
from weightedit.ui.files.close_dialog import CloseDialog
from weightedit.ui.files.export_dialog import ExportDialog

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


def sheet_at_close(qtbot, window) -> ExportDialog:
    """Close the window and press Save."""
    window.close()
    (asked,) = window.findChildren(CloseDialog)
    QTest.keyClick(asked, Qt.Key.Key_Return)
    return sheet(qtbot, window)


def type_path(dialog: ExportDialog, path: Path) -> None:
    dialog.path.setFocus()
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, str(path))


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
    assert dialog.sharing.hasFocus(), "the next key answers, and does not name another file"
    assert not dialog.format.isVisible()
    assert not dialog.shard_size.isVisible()
    choose(qtbot, tied, dialog, choice)
    assert dialog.export.text().startswith("Save 2 tensors")
    with qtbot.waitSignal(tied.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert tied.status.message.text().startswith("Saved net.safetensors and read it back, ")
    assert ("1 tensor under 2 names, " if stored == 1 else "2 tensors, ") in tied.status.message.text()
    assert not tied.current.document.is_modified
    with safe_open(path, "pt") as file:
        assert len(file.keys()) == stored
    with weightedit.open(path) as doc:
        assert torch.equal(doc.read("head"), torch.ones(2, 3))
        assert (doc.tensors["head"].storage_group is not None) == (stored == 1)


def test_npz_offers_what_it_can_do(qtbot, open_window, tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, a=np.ones((2, 3), np.float32), b=np.ones((2, 3), np.float32))
    window = open_window(path)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("tie", "a", to="b")
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, window)
    assert [dialog.sharing.itemText(place) for place in range(dialog.sharing.count())] == \
        ["Keep as in torch", "Write a copy of each"]  # fmt: skip
    choose(qtbot, window, dialog, "Write a copy of each")
    with qtbot.waitSignal(window.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert sorted(np.load(path)) == ["a", "b"]


@pytest.mark.parametrize(("name", "others"), [("pytorch_model.bin", 0), ("weights.data", 0),
                                              ("many.safetensors", 5100)])  # fmt: skip
def test_the_answer_is_there_whatever_the_file_is_called_and_wherever_the_tie_is(qtbot, open_window, tmp_path, name,
                                                                                 others):  # fmt: skip
    """The document's own format is written, not what the suffix means; ties are looked for in the last tensors too."""
    path = tmp_path / name
    tensors = {f"t{number:05}": torch.zeros(1) for number in range(others)}
    safetensors.torch.save_file({**tensors, "y": torch.ones(2), "z": torch.ones(2)}, path)
    window = open_window(path)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("tie", "z", to="y")
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, window)
    choose(qtbot, window, dialog, "Write one, with aliases")
    with qtbot.waitSignal(window.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert not window.errors.cards
    with safe_open(path, "pt") as file:
        assert len(file.keys()) == others + 1


def test_a_format_that_is_read_only_is_refused_on_the_sheet(qtbot, open_window, tmp_path):
    window = open_window(tar_file(tmp_path / "old.pt"))
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "strided", value=50.0)
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, window)
    assert not window.errors.cards
    assert not dialog.export.isEnabled()
    assert any("read and not written" in notice.title.text() for notice in dialog._notices)


def test_a_link_to_the_own_file_saves_it_too(qtbot, tied, tmp_path):
    """What is meant counts, not how it is spelled: the window that waits for the save goes."""
    path, link = tied.current.document.path, tmp_path / "link.safetensors"
    link.symlink_to(path)
    dialog = sheet_at_close(qtbot, tied)
    type_path(dialog, link)
    qtbot.waitUntil(lambda: not dialog._pause.isActive() and not tied.tasks.active)
    choose(qtbot, tied, dialog, "Write a copy of each")
    assert dialog.export.text().startswith("Save ")
    with qtbot.waitSignal(tied.closed, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert link.is_symlink()
    assert sorted(safetensors.torch.load_file(path)) == ["head", "wte"]


def test_two_documents_are_asked_about_one_after_the_other(qtbot, tied, tmp_path):
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2), "b": torch.ones(2)}, other)
    tied.open([str(other)])
    qtbot.waitUntil(lambda: len(tied.documents.all) == 2 and not tied.tasks.active, timeout=20_000)
    with qtbot.waitSignal(tied.documents.changed):
        tied.documents.all[1].document.apply("tie", "a", to="b")
    first = sheet_at_close(qtbot, tied)
    tied.close()  # once more, while it is asked
    assert len(tied.findChildren(CloseDialog)) <= 1, "no second question stands over the first"
    choose(qtbot, tied, first, "Write a copy of each")
    QTest.keyClick(first, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(tied.findChildren(ExportDialog)) and sheet(qtbot, tied) is not first, timeout=20_000)
    second = sheet(qtbot, tied)
    choose(qtbot, tied, second, "Write a copy of each")
    with qtbot.waitSignal(tied.closed, timeout=20_000):
        QTest.keyClick(second, Qt.Key.Key_Return)


def test_a_refusal_for_a_document_that_is_gone_asks_nothing(qtbot, tied, monkeypatch):
    """The save fails while the document closes: there is nothing left to ask about."""
    document, refused = tied.current, threading.Event()
    plan = type(document.document).save_plan

    def told(*args, **keywords):
        try:
            return plan(*args, **keywords)
        finally:
            refused.set()

    monkeypatch.setattr(type(document.document), "save_plan", told)
    QTest.keyClick(tied, Qt.Key.Key_S, CTRL)
    assert refused.wait(20)  # no event was handled since, so the window has not heard of it
    tied.documents.close(document)
    qtbot.waitUntil(lambda: not tied.tasks.active, timeout=20_000)
    assert not tied.findChildren(ExportDialog)


def test_a_document_closed_by_something_else_takes_its_sheet_along(qtbot, tied):
    QTest.keyClick(tied, Qt.Key.Key_S, CTRL)
    dialog = sheet(qtbot, tied)
    with qtbot.waitSignal(dialog.finished):
        tied.documents.close(tied.current)
    assert not tied.errors.cards


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
    dialog = sheet_at_close(qtbot, tied)
    assert tied.isVisible()
    choose(qtbot, tied, dialog, "Write one, with aliases")
    with qtbot.waitSignal(tied.closed, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    with weightedit.open(path) as doc:
        assert doc.tensors["head"].storage_group is not None


def test_an_export_elsewhere_instead_leaves_the_window_and_its_edits(qtbot, tied, tmp_path):
    path, other = tied.current.document.path, tmp_path / "other.pt"
    before = path.read_bytes()
    dialog = sheet_at_close(qtbot, tied)
    type_path(dialog, other)
    qtbot.waitUntil(lambda: not dialog._pause.isActive() and not tied.tasks.active and dialog.export.isEnabled())
    with qtbot.waitSignal(tied.filing.saved, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert tied.isVisible()
    assert tied.current.document.is_modified
    assert path.read_bytes() == before
    found = torch.load(other)
    assert found["head"].data_ptr() == found["wte"].data_ptr()
