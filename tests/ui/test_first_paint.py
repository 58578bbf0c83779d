"""The window is painted before anything slow is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ui.conftest import HAS_WORKBENCH
from weightedit.resources import resource

PROBE = """
import sys
from weightedit.ui import app, window

slow = ("torch", "numpy", "pyqtgraph", "safetensors", "ml_dtypes")
paint = window.MainWindow.paintEvent

def first(self, event):
    print("painted with", [name for name in slow if name in sys.modules], flush=True)
    window.MainWindow.paintEvent = paint
    paint(self, event)

window.MainWindow.paintEvent = first
sys.exit(app.run(sys.argv[1:], smoke=True))
"""


def run(*arguments, code=None):
    command = [sys.executable, *(["-c", code] if code else ["-m", "weightedit"]), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.skipif(not HAS_WORKBENCH, reason="the area of tensors is not there")
def test_nothing_slow_is_imported_at_first_paint():
    done = run(resource("demo", "digits.pt"), code=PROBE)
    assert done.stdout.splitlines()[0] == "painted with []", done.stderr
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

    from tests.ui.stand_in import StandIn
    from weightedit.ui import window as shell

    may_start = threading.Event()
    monkeypatch.setattr(shell, "warm_up", lambda progress: (str(may_start.wait(30)), ["cpu"]))
    torch.save({"a": torch.zeros(2, 2), "b": torch.zeros(2, 2)}, tmp_path / "net.pt")
    window = shell.MainWindow(settings, StandIn)
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
