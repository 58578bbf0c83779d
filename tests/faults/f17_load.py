"""F17: a window that opens eight files and writes two is closed while Cancel is pressed at random."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.faults.oracle import Oracle, digest
from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F17"
TITLE = "Eight opens and two exports under way, Cancel at random, window closed"
GROUPS = ("load",)
ROOT = Path(__file__).resolve().parents[2]
WITHIN = 5.0
"""Seconds from closing the window to the end of the process."""
PATIENCE = 120.0
OPENED = 8
QUICK, FULL = 2, 100
QUICK_ROWS, FULL_ROWS = 1_024, 4_096
"""Rows of 256 float32 values in each of eight tensors: 8 MiB or 32 MiB a file."""


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do every trial in one folder, whose destinations are put back to what they were before each."""
    if find_spec("PySide6") is None:
        yield NotRun(FAMILY, group, "there is no Qt here")
        return
    rows = QUICK_ROWS if quick else FULL_ROWS
    sources, new = _files(folder, rows)
    chance = random.Random(17)
    latest = 2.5 if quick else 8.0
    for number in range(QUICK if quick else FULL):
        case = f"{number}: closed after a share of {(share := chance.random()):.3f}, seed {number}"
        _put_back(folder)
        one, two = new  # each export is a save of its own
        oracles = [Oracle(folder, {path: new[path]}, (folder / "state", other.parent))
                   for path, other in ((one, two), (two, one))]  # fmt: skip
        why, said = _run(folder, sources, number, share * latest)
        why += [fault for oracle in oracles for fault in oracle.faults(reopen=False)]
        yield Trial(FAMILY, f"{case}, {said}", not why, "; ".join(why))


def _files(folder: Path, rows: int) -> tuple[list[Path], dict[Path, str]]:
    """Write the sources, and what undisturbed exports of the first two make of them."""
    import torch
    from safetensors.torch import save_file

    from weightedit.assembly import open_document

    sources = []
    for number in range(OPENED):
        made = torch.Generator().manual_seed(number)
        tensors = {f"layers.{at}.weight": torch.randn(rows, 256, generator=made) for at in range(8)}
        path = folder / f"source-{number}.{'safetensors' if number % 2 else 'pt'}"
        save_file(tensors, path) if number % 2 else torch.save(tensors, path)
        sources.append(path)
    keep = folder / "keep"
    keep.mkdir()
    new = {}
    for source, name in zip(sources, DESTINATIONS, strict=False):
        with open_document(source) as document:
            document.export(keep / Path(name).name)
        new[folder / name] = digest(keep / Path(name).name)
        (keep / Path(name).name).unlink()
        (folder / name).parent.mkdir()
    (keep / "before").write_bytes(b"what was there before")
    return sources, new


DESTINATIONS = ("one/there.safetensors", "two/new.pt")
"""Of the two exports: one file that is there already, and one that is not."""


def _put_back(folder: Path) -> None:
    for name in DESTINATIONS:
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "keep" / "before", folder / DESTINATIONS[0])


def _run(folder: Path, sources: list[Path], seed: int, after: float) -> tuple[list[str], str]:
    """Run one window to its end; returns what was wrong, and in words what it had under way when it was closed."""
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen", "WEIGHTEDIT_STATE": str(folder / "state"), "OMP_NUM_THREADS": "1",
        "WEIGHTEDIT_SETTINGS": str(folder / "state" / "settings.ini"),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.ui.loaded_window", str(seed), str(after), *map(str, sources[:2]),
               *(str(folder / name) for name in DESTINATIONS), *map(str, sources)]  # fmt: skip
    started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)  # fmt: skip
    closing = None
    said = ""
    assert started.stdout is not None
    for line in started.stdout:
        if line.startswith("closing"):
            closing, said = time.monotonic(), line.strip()
    try:
        _, problems = started.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        started.kill()
        started.communicate()
        return [f"it did not end within {PATIENCE:.0f} s"], said
    why = []
    took = time.monotonic() - (closing or 0.0)
    if closing is None:
        why.append("it ended before it was closed")
    elif took > WITHIN:
        why.append(f"it ended {took:.1f} s after it was closed")
    if started.returncode != 0:
        why.append(f"it ended with {started.returncode}")
    if "Traceback" in problems or "Fatal" in problems:
        why.append(f"it said {problems[-800:]!r}")
    return why, f"{said}, ended {took:.1f} s later" if closing is not None else said
