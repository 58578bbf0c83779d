"""The plan is shown before anything is written, and a patch in place says what it does not promise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

import weightedit
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.patch_dialog import PatchDialog

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are patched in place on POSIX systems only")


@pytest.fixture
def edited(qtbot, open_window, tmp_path):
    """A window on a safetensors file of which one row was edited."""
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"head": torch.ones(256, 256), "wte": torch.ones(256, 256)}, path)
    window = open_window(path)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "head", region="[3, :]", value=0.5)
    return window


def path_of(window) -> Path:
    path = window.current.document.path
    assert path is not None
    return path


def dialog_of(qtbot, window) -> PatchDialog:
    window.actions_of["patch"].trigger()
    (dialog,) = window.findChildren(PatchDialog)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=20_000)
    return dialog


def said(dialog) -> str:
    return "\n".join(f"{notice.title.text()}\n{notice.body.text()}" for notice in dialog.findChildren(Notice))


def press(button: QPushButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_dialog_says_what_is_written_and_what_is_not_promised(qtbot, edited):
    dialog = dialog_of(qtbot, edited)
    assert "Patch in place: 1.02 kB to write" in said(dialog)
    assert "1 tensor changed" in said(dialog)
    assert "old and new bytes mixed" in said(dialog)
    assert "weightedit recover FILE" in said(dialog)
    assert dialog.patch.text() == "Patch 1.02 kB in place"
    assert dialog.save.isDefault(), "Enter saves: the weaker way is chosen by name"
    before = path_of(edited).stat()
    press(dialog.cancel)
    assert path_of(edited).stat() == before


def test_pressing_it_patches_the_file_and_says_so(qtbot, edited):
    path = path_of(edited)
    inode = path.stat().st_ino
    dialog = dialog_of(qtbot, edited)
    with qtbot.waitSignal(edited.filing.said, timeout=20_000) as told:
        press(dialog.patch)
    assert told.args[0].startswith("Patched net.safetensors in place: 1.02 kB written and read back, 523 kB stay")
    assert path.stat().st_ino == inode
    assert (safetensors.torch.load_file(path)["head"][3] == 0.5).all()


def test_saving_instead_replaces_the_file(qtbot, edited):
    path = path_of(edited)
    inode = path.stat().st_ino
    dialog = dialog_of(qtbot, edited)
    with qtbot.waitSignal(edited.filing.said, timeout=20_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert path.stat().st_ino != inode
    assert (safetensors.torch.load_file(path)["head"][3] == 0.5).all()


def test_of_a_checkpoint_in_shards_it_names_the_shards(qtbot, open_window, tmp_path):
    """The index that was opened is not written, and who else reads the shard is who sees mixed bytes."""
    with weightedit.open({"a": torch.ones(64, 64), "b": torch.ones(64, 64), "c": torch.ones(64, 64)}) as made:
        made.export(tmp_path / "net.safetensors", shard_size=20_000)
    window = open_window(tmp_path / "net.safetensors.index.json")
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "b", region="[3, :]", value=0.5)
    assert "1 tensor changed in net-00002-of-00003.safetensors." in said(dialog_of(qtbot, window))


def test_what_cannot_be_patched_is_said_at_once(qtbot, edited):
    with qtbot.waitSignal(edited.documents.changed):
        edited.current.document.apply("cast", "wte", dtype="float16", accept="all")
    dialog = dialog_of(qtbot, edited)
    assert "net.safetensors cannot be patched in place" in said(dialog)
    assert not dialog.patch.isEnabled()
    press(dialog.cancel)


def test_a_second_opening_is_an_error_card_and_nothing_is_changed(qtbot, edited):
    """Somebody else has the file open: what the dialog could not know is said afterwards."""
    before = path_of(edited).read_bytes()
    dialog = dialog_of(qtbot, edited)
    with weightedit.open(path_of(edited)):
        with qtbot.waitSignal(edited.filing.refused, timeout=20_000) as told:
            press(dialog.patch)
        assert "open a second time" in str(told.args[1])
    assert path_of(edited).read_bytes() == before


def test_the_export_sheet_shows_the_plan(qtbot, edited, tmp_path):
    edited.actions_of["export"].trigger()
    (dialog,) = edited.findChildren(ExportDialog)
    qtbot.waitUntil(lambda: not edited.tasks.active and dialog.export.isEnabled(), timeout=20_000)
    plan = edited.current.document.export_plan(dialog.target)
    assert plan.text in said(dialog)
    assert "to write" in plan.text
    dialog.reject()
