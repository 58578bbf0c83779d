"""Peak memory is a budget (invariant 6): every operation on a 32 MB tensor with 8 MB, watched from outside.

`--deep` takes 256 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.core.edits.memory_worker import BUDGET, COLUMNS, ROWS

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is Linux's")
ROOT = Path(__file__).resolve().parents[3]
RAN = "tests.core.edits.memory_worker"


def anonymous(pid: int) -> int:
    """Bytes of memory a process has that no file backs: what it allocated and touched."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    return 0


def write_files(folder: Path, big: int) -> None:
    """A large safetensors file of real values, a small one of the same names, and two files of plain bytes."""
    block = np.random.default_rng(0).normal(size=(256, COLUMNS)).astype(np.float32)
    for name, rows in (("big", big), ("small", 64)):
        size = rows * COLUMNS * 4
        header = json.dumps({
            "weight": {"dtype": "F32", "shape": [rows, COLUMNS], "data_offsets": [0, size]},
            "small": {"dtype": "F32", "shape": [4], "data_offsets": [size, size + 16]}}).encode()  # fmt: skip
        with (folder / f"{name}.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for start in range(0, rows, len(block)):
                file.write(block[: rows - start])
            file.write(bytes(16))
    for name in ("big.bin", "live.bin"):
        with (folder / name).open("wb") as file:
            for _ in range(big // len(block)):
                file.write(block)


class Watch:
    """The highest RssAnon of a process, looked at every 3 ms by a thread of this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.is_set():
            try:
                self.peak = max(self.peak, anonymous(self.pid))
            except (FileNotFoundError, ProcessLookupError):
                return
            time.sleep(0.003)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def peaks(folder: Path, rows: int) -> dict[str, int]:
    """Bytes above the baseline each case took at most."""
    command = [sys.executable, "-m", RAN, str(folder), str(rows)]
    # Arenas of threads keep what these had freed, more or less of it as they take turns: that is not ours.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2"}
    found = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
                          cwd=ROOT) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        watch = Watch(process.pid)
        baseline = 0
        for line in process.stdout:
            if line.strip() in ("baseline", "open live"):
                baseline = anonymous(process.pid)
            else:
                found[line.strip()] = watch.peak - baseline
            watch.peak = 0
            process.stdin.write("\n")
            process.stdin.flush()
        watch.stop()
    assert process.returncode == 0
    return found


@pytest.mark.slow
def test_every_operation_keeps_to_its_budget(tmp_path, is_deep):
    rows = 8 * ROWS if is_deep else ROWS
    write_files(tmp_path, rows)
    try:
        found = peaks(tmp_path, rows)
    finally:
        for file in tmp_path.glob("*.*"):
            file.unlink()
    print({name: f"{peak / 2**20:.1f} MB" for name, peak in found.items()})
    assert len(found) > 20
    # Undo of 33 MB in small pieces: what the allocator keeps between so many of them counts here too.
    limits = dict.fromkeys(found, BUDGET) | {"200 small edits": 2 * BUDGET}
    over = {name: f"{peak / 2**20:.1f} MB" for name, peak in found.items() if peak > limits[name]}
    assert not over
    assert not list(tmp_path.glob("spill/**/*.*")), "the spill left files behind"
