"""Whatever a person's code does, it does so in its own process: this one goes on, and says where it ended."""

from __future__ import annotations

import signal
import textwrap
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.check import check_code
from weightedit.doctor.checkup import Asked, Checkup, Wanted

CODE = """
import ctypes, os, sys, time
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, does="nothing"):
        super().__init__()
        self.does = does
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)
        if does == "memory":
            kept = []
            while True:
                kept.append(bytearray(1 << 26))

    def forward(self, x):
        x = self.first(x)
        if self.does == "crash":
            ctypes.string_at(0)
        if self.does == "exit":
            os._exit(3)
        if self.does == "sys.exit":
            sys.exit(4)
        if self.does == "loop":
            while True:
                pass
        if self.does == "closes":
            os.close(1); os.close(2); os.closerange(3, 60)
            while True:
                time.sleep(1)
        if self.does == "prints":
            print("hello", "x" * 100_000); os.write(1, b'{"trace": 1}\\n'); sys.stdin.read()
        if self.does == "starts":
            os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1234.5")
        return self.second(x)
"""


@pytest.fixture
def code(tmp_path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(textwrap.dedent(CODE), encoding="utf-8")
    net = nn.ModuleDict({"first": nn.Linear(4, 4), "second": nn.Linear(4, 2)})
    torch.save(net.state_dict(), tmp_path / "net.pt")
    return path


def checked(code: Path, does: str, progress: Progress | None = None, **asked: object) -> Checkup:
    with weightedit.open(code.with_suffix(".pt")) as document:
        reference = parse_reference(f"{code}:Net(does={does!r})", code.parent)
        spec, how = Wanted(parse_inputs("float32[2,4]")), Asked("fake", **asked)
        return check_code(document, reference, spec, how, code.parent, progress)


@pytest.mark.parametrize(("does", "says"), [
    ("crash", f"crashed with signal {int(signal.SIGSEGV)}. It was in forward, "),
    ("exit", "its code ended the process with status 3"),
])
def test_a_process_that_ends_is_a_finding(code, does, says):
    found = checked(code, does)
    assert [one.kind for one in found.findings] == ["stopped"]
    assert says in found.findings[0].message
    assert "after 2 calls of modules" in found.findings[0].message


def test_sys_exit_is_a_failure_like_any_other(code):
    found = checked(code, "sys.exit")
    assert [(one.kind, one.module) for one in found.findings] == [("error", "")]
    assert "SystemExit: 4" in found.findings[0].message


def test_a_loop_ends_when_its_time_is_up_and_when_somebody_cancels(code):
    found = checked(code, "loop", seconds=6.0)
    assert "took more than 6 s" in found.findings[0].message  # on a busy machine before it was in the loop
    stop = threading.Event()
    ran: list[float] = []

    def report(label: str, done: int, total: int) -> None:
        if label == "Running the model" and done == 2:
            ran.append(time.monotonic())
            stop.set()

    with pytest.raises(Cancelled):
        checked(code, "loop", Progress(report, stop))
    assert ran
    assert time.monotonic() - ran[0] < 5


def test_memory_that_is_not_there_is_said(code):
    found = checked(code, "memory", memory=3 << 30)
    assert [one.kind for one in found.findings] == ["model"]
    assert "MemoryError" in found.findings[0].message


def test_a_closed_pipe_is_an_end(code):
    """Nobody can hear it any more, so nobody waits for it."""
    begun = time.monotonic()
    found = checked(code, "closes", seconds=60.0)
    assert [one.kind for one in found.findings] == ["stopped"]
    assert time.monotonic() - begun < 30


def test_what_it_prints_is_kept_apart(code):
    found = checked(code, "prints")
    assert found.is_healthy
    assert found.output.startswith("hello xxx")
    assert '{"trace": 1}' not in str(found.findings)
    assert len(found.output) <= 64 << 10


def test_what_it_started_ends_with_it(code):
    assert checked(code, "starts").is_healthy
    deadline = time.monotonic() + 5
    while (left := _running("1234.5")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _running(word: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_nothing_is_left_of_it(code):
    with weightedit.open(code.with_suffix(".pt")) as document:
        reference = parse_reference(f"{code}:Net('exit')", code.parent)
        check_code(document, reference, Wanted(parse_inputs("float32[2,4]")), Asked("cpu"), code.parent)
        assert not list(document.spill.folder.iterdir())
    assert {path.name for path in code.parent.iterdir()} <= {"net.py", "net.pt", "__pycache__"}
