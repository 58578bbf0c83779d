"""What a killed save left behind is gone once the next window is there, which names it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from weightedit.core.writing.leftovers import Cleaned, Kept
from weightedit.ui.files.tidying import lines_of, title_of
from weightedit.ui.recovery.recovery_notice import LeftoversNotice

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from weightedit.assembly import open_document
from weightedit.core.files.file_system import FileSystem
FileSystem.sync = lambda self, handle: os.kill(os.getpid(), signal.SIGKILL)
open_document(sys.argv[1]).export(sys.argv[2])
"""


def shown(window):
    return [one for one in window.files.strip.notices if isinstance(one, LeftoversNotice)]


def test_a_killed_export_is_cleaned_up_and_named(qtbot, open_window, tmp_path):
    source = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(64)}, source)
    done = subprocess.run([sys.executable, "-c", KILLED, str(source), str(tmp_path / "out.safetensors")], cwd=ROOT,
                          check=False)  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    (left,) = [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
    window = open_window()
    qtbot.waitUntil(lambda: bool(shown(window)))
    (notice,) = shown(window)
    assert notice.title.text().startswith("An earlier run was cut short: removed 1 temporary file")
    assert not left.exists()
    QTest.mouseClick(notice.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == f"removed: {left}"
    QTest.mouseClick(notice.dismiss_button, Qt.MouseButton.LeftButton)
    assert not shown(window)
    assert not shown(open_window())


def test_nothing_is_said_where_nothing_was_left(qtbot, open_window):
    assert not shown(open_window())


def test_what_needs_a_look_comes_first():
    cleaned = Cleaned((Path("/a/.x.tmp"),), (Path("/a/m1"), Path("/a/m2")), (Kept(Path("/a/.x.old"), "x is gone"),), 10)
    assert title_of(cleaned) == ("An earlier run was cut short: completed the save of 2 files, removed 1 temporary "
                                 "file (10 B) and left 1 file as it is")  # fmt: skip
    assert lines_of(cleaned)[0] == "/a/.x.old: x is gone"
