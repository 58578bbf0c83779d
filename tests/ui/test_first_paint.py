"""The window is painted before anything slow is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ui.conftest import HAS_WORKBENCH
from weightedit.resources import resource

PROBE = """
import sys
from PySide6 import QtCore
from weightedit.cli import main
from weightedit.ui.shell import first_frame

paints = []

def first(self, event, paint=first_frame.FirstFrame.paintEvent):
    paint(self, event)
    paints.append(event.type())
    if len(paints) > 1:
        return
    heavy = "torch numpy pyqtgraph safetensors ml_dtypes logging.config decimal weightedit.assembly weightedit.formats"
    late = ("shell.furniture", "actions", "documents", "shell.top_bar")
    heavy = [*heavy.split(), *(f"weightedit.ui.{name}" for name in late)]
    print("painted with", [name for name in heavy if name in sys.modules], flush=True)
    ours = [name for name, found in sys.modules.items()
            if name.startswith("weightedit") and not hasattr(found, "__path__")]
    print("few of ours" if len(ours) <= 22 else ours, "Qt" in vars(QtCore), flush=True)

def under(self, hide=first_frame.FirstFrame.hide):
    print("under it", type(self.window().pages.currentWidget()).__name__, flush=True)
    hide(self)

first_frame.FirstFrame.paintEvent, first_frame.FirstFrame.hide = first, under
status = main(["--smoke", "--theme", "dark", *sys.argv[1:]])
import linecache
read = sum("/torch/" in name for name in linecache.cache)
print("few sources read" if read < 100 else read, flush=True)  # torch itself looks at some, PySide at 800
sys.exit(status)
"""


def run(*arguments, code=None):
    command = [sys.executable, *(["-c", code] if code else ["-m", "weightedit"]), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.skipif(not HAS_WORKBENCH, reason="the area of tensors is not there")
def test_nothing_slow_is_imported_at_first_paint():
    done = run(resource("demo", "digits.pt"), code=PROBE)
    said = done.stdout.splitlines()
    assert said[:2] == ["painted with []", "few of ours False"], (said, done.stderr)
    assert said.pop(2) == "under it EmptyState", "the start page flashed up before the file"
    assert said[2].startswith("weightedit 0.1.0 showed digits.pt"), "the parts came after it"
    assert said[3] == "few sources read", "PySide reads all that is imported, unless it is told not to"
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not HAS_WORKBENCH, reason="the area of tensors is not there")
def test_smoke_says_in_one_line_what_it_showed():
    done = run("--smoke", resource("demo", "digits.pt"))
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("weightedit 0.1.0 showed digits.pt: 63 tensors, ")
    assert "as a heatmap" in line


@pytest.mark.skipif(not HAS_WORKBENCH, reason="the area of tensors is not there")
def test_smoke_of_a_bad_file_is_one_sentence_and_2(tmp_path):
    bad = tmp_path / "notes.pt"
    bad.write_text("hello")
    done = run("--smoke", bad)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "notes.pt" in line]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_tensor_clicked_while_torch_starts_is_the_one_that_is_shown(qtbot, settings, tmp_path, monkeypatch):
    """The window opened the first tensor instead, as if nobody had clicked."""
    import threading

    import torch
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from tests.ui.stand_in import stand_in
    from weightedit.ui import window as shell

    may_start = threading.Event()
    monkeypatch.setattr(shell, "warm_up", lambda progress: (str(may_start.wait(30)), ["cpu"]))
    torch.save({"a": torch.zeros(2, 2), "b": torch.zeros(2, 2)}, tmp_path / "net.pt")
    window = shell.MainWindow(settings, stand_in)
    try:
        with qtbot.waitExposed(window):
            window.show()
        window.open([str(tmp_path / "net.pt")])
        view = window.tree.tree
        qtbot.waitUntil(lambda: view.rows.rowCount() == 2 and view.isVisible())
        place = view.visualRect(view.rows.index(1, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        may_start.set()
        qtbot.waitUntil(lambda: window.workbench is not None and not window.tasks.active)
        assert window.workbench.current()[1] == "b"
        assert [name for _, name in view.selected_tensors()] == ["b"]
    finally:
        may_start.set()
        window.tasks.shutdown()
        window.close()
        window.deleteLater()
