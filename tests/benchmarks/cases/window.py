"""The real window, driven by mouse and keyboard: how long an event waits at most, memory and times of each step."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere, Round
from tests.benchmarks.data import Folder, experts, llama_file, safetensors

ROOT = Path(__file__).resolve().parents[3]


def _many(folder: Folder) -> Path:
    count = folder.pick(2_000, 46_000)
    return folder.once("experts-window.safetensors", lambda path: safetensors(path, experts(count)))


def _script(data: Path, *options: str) -> Round:
    """Drive a window of a fresh process; its longest wait is the figure that matters, its steps are told besides."""
    if importlib.util.find_spec("PySide6") is None:
        raise NotHere("PySide6 is not installed")
    command = [sys.executable, "-m", "tests.benchmarks.window.script", str(data), "--json", *options]

    def run(clock: Clock) -> dict[str, float]:
        with tempfile.TemporaryDirectory(dir=data.parent) as folder, clock:
            out = ["--out", f"{folder}/out.safetensors"] if not options else []
            done = subprocess.run([*command, *out], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
                                  env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})  # fmt: skip
        steps = json.loads(done.stdout.splitlines()[-1])
        found = {"longest stall, ms": max(step["stall"] for step in steps) * 1e3,
                 "most anonymous memory, MB": max(step["anonymous"] for step in steps) / 1e6}  # fmt: skip
        for step in steps:
            found[f"{step['name']}: stall, ms"] = step["stall"] * 1e3
            found[f"{step['name']}: shown, ms"] = step["first"] * 1e3
            found[f"{step['name']}: anonymous memory, MB"] = step["anonymous"] / 1e6
            if step["frames"]:
                found[f"{step['name']}: per s"] = step["frames"]
        return found

    return run


def whole(data: Path) -> Round:
    """Open, filter, show the largest tensor, zoom to a cell, edit a row, undo, redo, export, close."""
    return _script(data)


def many(data: Path) -> Round:
    """What very many names are asked for: tree, filter, palette, an edit of all of them."""
    return _script(data, "--many")


def idle(data: Path) -> Round:
    """The same window, doing nothing for two seconds."""
    return _script(data, "--idle")


FULL = frozenset[Literal["small", "full"]]({"full"})
"""A window takes half a minute whatever the file's size."""
LONGEST = Goal(100, figure="longest stall, ms")
IDLE = Contender("idle window", idle, measures_memory=False)
CASES = (
    Case("window", "the window on 6.18 GB: open, filter, 1 GB shown, one cell, a row edited, undo, redo, export",
         llama_file, (Contender("weightedit", whole, measures_memory=False), IDLE), (LONGEST,), rounds=5, is_for=FULL,
         note="what counts is how long an event waits until it is handled, beside the same in an idle window"),
    Case("window-many", "the window on 46,000 tensors: tree, filter, palette, an edit of all of them", _many,
         (Contender("weightedit", many, measures_memory=False), IDLE), (LONGEST,), rounds=5, is_for=FULL),
)  # fmt: skip
