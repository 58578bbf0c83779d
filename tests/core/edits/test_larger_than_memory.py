"""Files larger than memory open and are edited: what is read is what was asked for, and no more."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA and VmHWM are Linux's")
SHAPES = {"embed": ("BF16", [16_000_000, 1024]), "head": ("F32", [4_000_000, 1024]),
          "square": ("F16", [65_536, 65_536]), "small": ("F32", [8])}  # fmt: skip
BYTES = {"BF16": 2, "F16": 2, "F32": 4}
MOST = 100 << 20
"""Bytes of memory for all of it, above what the libraries take; the largest tensor has 33 GB."""

WORK = """
import resource, sys
from pathlib import Path
import torch
import weightedit
from weightedit.core.described.outline import Outline
from weightedit.core.reduction import SliceView, preview, reduce
from weightedit.core.statistics import statistics

def most():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) << 10

with weightedit.open(sys.argv[2]) as warm:  # the modules that each step imports
    warm.apply("fill", "small", value=1.0)
    statistics(warm.pin("small"), "[0:4]")
    warm.undo()
held = most()
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
document = weightedit.open(sys.argv[1])
outline = Outline(document.entries)
print(outline.measure(outline.root))
last, row = 15_999_999, "[15999999, :]"
assert document.preflight("fill", "embed", region=row, value=2.0) == []
document.apply("fill", "embed", region=row, value=2.0)
document.apply("fill", "embed", region="[5000000:5002000, 7]", value=3.0)
document.apply("add", "head", region="[3000000:3000010, :]", value=1.0)
with_edits = [document.read("embed", row).sum().item(), document.read("embed", "[5001999, 5:9]").tolist(),
              document.read("head", "[3000009:3000011, 1023]").tolist()]
assert with_edits == [2048.0, [0.0, 0.0, 3.0, 0.0], [1.0, 0.0]], with_edits
found = statistics(document.pin("embed"), "[5000000:5010000, 0:16]")
assert (found.maximum, found.zeros, found.count) == (3.0, 158_000, 160_000), found
pinned, view = document.pin("embed"), SliceView(0, 1)
part = reduce(pinned, view, range(last - 999, last + 1), range(1024), 50, 50)
assert part.high[-1].tolist() == [2.0] * 50
assert preview(pinned, view, range(16_000_000), range(1024), 400, 400).high.shape[0] > 100
for _ in range(3):
    document.undo()
assert document.read("embed", row).any().item() is False
document.redo()
assert document.read("embed", row).sum().item() == 2048.0
assert len(document.preview_batch("scale", "*", factor=2.0).rows) == 4
document.preview("scale", "embed", region="[0:100, :]", factor=2.0)
document.close()
print(most() - held)
"""


def sparse(path: Path) -> int:
    """A file of zeros that takes no room; returns the bytes of its tensors."""
    header, at = {}, 0
    for name, (dtype, shape) in SHAPES.items():
        nbytes = BYTES[dtype] * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + nbytes]}
        at += nbytes
    raw = json.dumps(header).encode()
    try:
        with path.open("wb") as file:
            file.write(struct.pack("<Q", len(raw)) + raw)
            file.truncate(8 + len(raw) + at)
    except OSError as error:
        pytest.skip(f"no file of {at / 1e9:.0f} GB here: {error.strerror}")
    if path.stat().st_blocks * 512 > 1 << 20:
        path.unlink()
        pytest.skip("files are not sparse here")
    return at


def test_a_file_of_58_gigabytes_opens_and_its_33_gigabyte_tensor_is_edited(tmp_path):
    """Rows, a column, statistics and pictures of regions, undo and redo, under a limit of 2 GB."""
    nbytes = sparse(tmp_path / "huge.safetensors")
    raw = json.dumps({"small": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}).encode()
    (tmp_path / "small.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(32))
    done = subprocess.run([sys.executable, "-c", WORK, tmp_path / "huge.safetensors", tmp_path / "small.safetensors"],
                          capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
    (tmp_path / "huge.safetensors").unlink()
    assert done.returncode == 0, done.stderr
    measured, most = map(int, done.stdout.split())
    assert measured == nbytes > 57e9
    assert most < MOST
