"""Runs one edit after another on a large tensor, waiting before each, while test_memory watches from outside."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import numpy as np
import torch

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.core.progress import Progress
from weightedit.core.undo.spill import Spill

BUDGET = 8 << 20
ROWS, COLUMNS = 4096, 2048  # float32: 32 MB; `--deep` takes eight times the rows
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "scale": ("scale", {"factor": 0.5}),
    "scale rows": ("scale", {"factor": 0.5, "region": "[100:4000, :]"}),
    "scale every second column": ("scale", {"factor": 0.5, "region": "[:, ::2]"}),
    "scale one column": ("scale", {"factor": 0.5, "region": "[:, 7]"}),
    "scale a list of columns": ("scale", {"factor": 0.5, "region": "[:, [5, 2000, 3]]"}),
    "scale a union": ("scale", {"factor": 0.5, "region": ["[10:20, :]", "[::2, ::3]", "[:, 8:16]"]}),
    "add to rows": ("add", {"value": 1.0, "region": "[2000:4000, :]"}),
    "expression": ("expression", {"formula": "(w - mean(w, 0)) / std(w) * quantile(abs(w), 0.9)"}),
    "fill every fourth row": ("fill", {"value": 0.1, "region": "[::4, :]"}),
    "set a number": ("set", {"values": 3.0, "region": "[:, 100:1100]"}),
    "set a row": ("set", {"values": torch.arange(COLUMNS), "region": "[:4000, :]"}),
    "set a big array": ("set", {"values": "big"}),
    "set a big strided tensor": ("set", {"values": "strided"}),
    "cast to float16": ("cast", {"dtype": "float16"}),
    "cast to float64": ("cast", {"dtype": "float64"}),
    "transpose": ("transpose", {}),
    "slice rows": ("slice", {"region": "[::3, :]"}),
    "slice columns": ("slice", {"region": "[:, 5:2000]"}),
    "replace by a file's": ("replace", {"source": "other"}),
    "replace by one here": ("replace", {"source": "small"}),
    "requires_grad": ("requires_grad", {"value": True}),
    "rename": ("rename", {"to": "renamed"}),
    "normalize each row": ("normalize", {"per": "row", "region": "[100:1100, :]"}),
    "standardize each column": ("normalize", {"per": "column", "to": "mean and std", "region": "[::16, :]"}),
    "prune": ("prune", {"amount": 0.3, "region": "[::16, :]"}),
    "prune rows": ("prune", {"amount": 0.3, "by": "row", "region": "[100:1100, :]"}),
    "prune 2:4 of rows": ("prune", {"by": "n:m", "region": "[100:1100, :]"}),
    "initialize": ("initialize", {"method": "normal", "region": "[::16, :]"}),
    "flip rows": ("flip", {"dims": [0, 1], "region": "[100:1100, :]"}),
    "roll rows": ("roll", {"shifts": [5, -7], "dims": [0, 1], "region": "[100:1100, :]"}),
    "pad": ("pad", {"pad": [3, 2, 1, 1]}),
    "reshape": ("reshape", {"shape": [-1, 128, 64]}),
    "delete a row": ("delete_rows", {"rows": "3, 5:900:2"}),
}
SMALL_CASES = {name: case for name, case in CASES.items() if "big" not in name and "row" not in name}


def arguments(given: dict[str, object], folder: Path, rows: int) -> dict[str, object]:
    """Put large tensor arguments in place, mapped from a file: they are the caller's memory, not the editor's."""
    found = dict(given)
    mapped = np.memmap(folder / "big.bin", np.float32, "r+", shape=(rows, COLUMNS))
    if found.get("values") == "big":
        found["values"] = mapped
    if isinstance(found.get("values"), str):
        square = torch.from_numpy(np.memmap(folder / "big.bin", np.float32, "r+", shape=(COLUMNS, rows)))
        found["values"] = square.t()
    if found.get("source") == "other":
        found["source"] = (str(folder / "big.safetensors"), "weight")
    return found


def open_with_budget(source: object, folder: Path) -> Document:
    """Open with the memory the test allows."""
    spill = Spill(folder / "spill", in_memory=1 << 18)
    return open_document(source, spill=spill, memory=BUDGET, progress=Progress())


def run(document: Document, name: str, folder: Path, rows: int) -> None:
    """Apply (which preflights), undo and redo."""
    operation, given = CASES[name]
    target = "weight" if "weight" in document.tensors else next(iter(document.tensors))
    document.apply(operation, target, accept="all", **arguments(given, folder, rows))
    document.undo(accept="all")
    document.redo()
    document.undo(accept="all")


def wait(message: str) -> None:
    """Tell the test where we are, and let it look before going on."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    print(message, flush=True)
    sys.stdin.readline()


def main(folder: Path, rows: int) -> None:
    """Warm up on a small file, then run each case on the large one; a live tensor comes last."""
    with open_with_budget(folder / "small.safetensors", folder) as document:
        for name in SMALL_CASES:
            run(document, name, folder, rows)
    document = open_with_budget(folder / "big.safetensors", folder)
    wait("baseline")
    for _ in document.pin("weight").chunks(nbytes=1 << 20):
        pass
    wait("read")
    for name in CASES:
        run(document, name, folder, rows)
        wait(name)
    document.close()
    live = torch.from_file(str(folder / "live.bin"), shared=True, size=rows * COLUMNS).view(rows, COLUMNS)
    document = open_with_budget({"weight": live}, folder)
    wait("open live")
    for name in ("scale", "set a big array"):
        run(document, name, folder, rows)
        wait(f"live {name}")
    document = open_with_budget({"weight": live, "view": live[::2, 1:2000:3]}, folder)
    run(document, "scale rows", folder, rows)
    wait("live with a view over it")
    document = open_with_budget(folder / "big.safetensors", folder)
    for start in range(0, 4000, 20):  # 164 kB each, all of them kept for undo
        document.apply("scale", "weight", factor=2.0, region=f"[{start}:{start + 20}, :]")
    wait("200 small edits")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
