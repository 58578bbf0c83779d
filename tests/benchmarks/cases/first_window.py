"""How long it takes until the first window is painted, from the start of the process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere, Round
from tests.benchmarks.data import Folder

ROOT = Path(__file__).resolve().parents[3]
SAY = "sys.stdout.write('painted\\n'); sys.stdout.flush(); os._exit(0)"
BARE = f"""
import os, sys
from PySide6.QtWidgets import QApplication, QMainWindow
class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        {SAY}
app = QApplication([])
window = Window()
window.resize(1400, 900)
window.show()
app.exec()
"""
OURS = f"""
import os, sys
from weightedit.cli import main
from weightedit.ui.running.collecting import paused
from weightedit.ui.running.module_sources import leave_unread
with paused():  # as main does it
    leave_unread()
    from weightedit.ui.shell.first_frame import FirstFrame
paint = FirstFrame.paintEvent
def painted(self, event):
    paint(self, event)
    {SAY}
FirstFrame.paintEvent = painted
main([])
"""


def _nothing(folder: Folder) -> Path:
    return folder.once("first-window", lambda path: path.mkdir())


def _shown(folder: Path, code: str) -> Round:
    """Start a process that ends once it has painted; the first, which writes compiled modules, is not counted."""
    if importlib.util.find_spec("PySide6") is None:
        raise NotHere("PySide6 is not installed")
    settings = folder / "settings.ini"
    settings.write_text("[General]\ntheme-last=dark\n", encoding="utf-8")  # as a run before leaves it
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "WEIGHTEDIT_SETTINGS": str(settings),
                   "PYTHONPATH": str(ROOT)}  # fmt: skip
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        environment.pop(name, None)

    def run(clock: Clock) -> None:
        with clock:
            done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                                  text=True, check=True)  # fmt: skip
        assert done.stdout == "painted\n"

    run(Clock())
    return run


def ours(folder: Path) -> Round:
    """The window of `weightedit` without a file."""
    return _shown(folder, OURS)


def everything_first(folder: Path) -> Round:
    """A window that imports torch and pyqtgraph before it is made."""
    return _shown(folder, f"import torch, pyqtgraph\n{BARE}")


def bare(folder: Path) -> Round:
    """A QMainWindow with nothing in it."""
    return _shown(folder, BARE)


CASES = (
    Case("first-window", "the first window painted, from the start of the process", _nothing,
         (Contender("weightedit", ours, measures_memory=False),
          Contender("torch, pyqtgraph first", everything_first, rounds=3, measures_memory=False),
          Contender("bare PySide6", bare, measures_memory=False)), (Goal(1.3),), rounds=9,
         note="modules are compiled before, as an installation has them"),
)  # fmt: skip
