"""Whatever a person's code does, it does so in its own process: this one goes on, and says where it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
from weightedit.doctor.bringing.brought import START
from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.check import check_code
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.doctor.process import Process, Start

CODE = """
import ctypes, os, subprocess, sys, time
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
        if self.does == "interrupts":
            raise KeyboardInterrupt
        if self.does in ("loop", "holds"):
            with open("at.new", "w") as file:
                file.write(str(os.getpid()))
            os.replace("at.new", "at")
            if self.does == "holds":
                ctypes.PyDLL(None).pause()
            while True:
                pass
        if self.does == "closes":
            os.close(1); os.close(2); os.closerange(3, 60)
            while True:
                time.sleep(1)
        if self.does == "shouts":
            for number in range(3, 60):
                try:
                    while os.write(number, b"x" * (1 << 20)):
                        pass
                except OSError:
                    continue
        if self.does == "prints":
            print("hello", "x" * 100_000); os.write(1, b'{"trace": 1}\\n'); sys.stdin.read()
        if self.does == "closes and goes on":
            os.closerange(3, 100)
            self.kept = [open("kept", "a") for _ in range(60)]
        if self.does.startswith("starts"):
            subprocess.Popen(["sleep", "1234.5"])
            subprocess.Popen(["sleep", "1234.5"], start_new_session=True)
            subprocess.Popen(["sh", "-c", "setsid sleep 1234.5 & setsid sh -c 'sleep 1234.5 & sleep 1234.5' &"])
            time.sleep(1)  # until the last ones have lost their parent
        if self.does == "starts and ends":
            os._exit(0)
        if self.does == "starts and goes on":
            while True:
                time.sleep(1)
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
    assert not found.output, "stacks of threads and frames of ours are not what it printed"


@pytest.mark.parametrize(("does", "kind", "says"), [
    ("sys.exit", "error", "SystemExit: 4"), ("interrupts", "model", "The model was not run: KeyboardInterrupt, "),
])  # fmt: skip
def test_what_ends_other_programs_is_a_failure_like_any_other(code, does, kind, says):
    found = checked(code, does)
    assert [(one.kind, one.module) for one in found.findings] == [(kind, "")]
    assert says in found.findings[0].message


def test_an_order_that_is_not_read_holds_nobody_up(tmp_path):
    """More than a pipe takes, to a process that sleeps: the time is up, or the person cancels."""
    asleep = Start(["-c", "import time; time.sleep(60)"], str(tmp_path), dict(os.environ))
    began = time.monotonic()
    with Process(asleep, 1.0, Progress()) as process:
        process.tell(b"x" * (1 << 21))
        assert process.is_late
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    with Process(asleep, 60.0, Progress(None, cancel)) as process, pytest.raises(Cancelled):
        process.tell(b"x" * (1 << 21))
    assert time.monotonic() - began < 30


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
    assert "its code closed the pipe that its process answers through" in found.findings[0].message
    assert time.monotonic() - begun < 30


def test_code_that_closes_our_pipes_is_told_so_and_writes_nothing_of_ours_into_its_files(code):
    """What it opens then has the numbers that were ours."""
    found = checked(code, "closes and goes on")
    assert [one.message for one in found.findings] == [
        f"{code}:Net(does='closes and goes on') gave no answer in the model itself, after 2 calls of modules: its "
        "code closed the pipe that its process answers through."]  # fmt: skip
    assert not found.output
    assert not code.with_name("kept").read_bytes()


def test_an_answer_without_end_is_an_end(code):
    """Nobody waits for the end of a line, nor keeps all of it."""
    begun = time.monotonic()
    found = checked(code, "shouts", seconds=120.0)
    assert [one.kind for one in found.findings] == ["stopped"]
    assert found.findings[0].message == f"{code}:Net(does='shouts') gave an answer of more than 67.1 MB; nothing of " \
                                        "it is shown, and its process was ended."  # fmt: skip
    assert time.monotonic() - begun < 60


def test_what_it_prints_is_kept_apart(code):
    found = checked(code, "prints")
    assert found.is_healthy
    assert found.output.startswith("hello xxx")
    assert '{"trace": 1}' not in str(found.findings)
    assert len(found.output) <= 64 << 10


@pytest.mark.parametrize("does", ["starts", "starts and ends", "starts and goes on"])
def test_what_it_started_ends_with_it(code, does):
    """Also what began a session of its own, and what such started and left; on macOS and Windows those go on."""
    if sys.platform != "linux":
        pytest.skip("nothing there says what a process started")
    assert checked(code, does, seconds=20.0).is_healthy == (does == "starts")
    deadline = time.monotonic() + 5
    while (left := _running("1234.5")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


ORPHANED = """
import sys
from pathlib import Path
import weightedit
from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.check import check_code
from weightedit.doctor.checkup import Asked, Wanted

code = Path(sys.argv[1])
with weightedit.open(code.with_suffix(".pt")) as document:
    reference = parse_reference(f"{code}:Net(does={sys.argv[2]!r})", code.parent)
    check_code(document, reference, Wanted(parse_inputs("float32[2,4]")), Asked("cpu"), code.parent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("does", ["loop", "holds"])
def test_it_does_not_outlive_a_window_that_was_killed(code, does):
    """Neither in a loop of Python nor in one that lets no other thread of Python run."""
    where = {**os.environ, "TMPDIR": str(code.parent)}  # what a killed process leaves goes with the test
    with subprocess.Popen([sys.executable, "-c", ORPHANED, str(code), does], env=where) as window:
        deadline = time.monotonic() + 60
        while not (at := code.with_name("at")).is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(at.read_text("ascii"))
        os.kill(pid, 0)
        window.kill()
    deadline = time.monotonic() + 10
    while (alive := _is_alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if alive:
        os.kill(pid, signal.SIGKILL)
    assert not alive


def test_it_ends_where_nobody_gives_orders_any_more(code):
    """Also where the system does not tell it: it waits for its orders to end while the person's code runs."""
    page = code.with_name("page")
    page.write_bytes(bytes(4096))
    told = {"package": str(START.parents[3]), "folder": str(code.parent), "page": str(page), "title": "Net",
            "memory": 0}
    orders = [told, {"do": "bring", "reference": f"{code}:Net('loop')", "device": "cpu"},
              {"do": "run", "inputs": "float32[2,4]"}]  # fmt: skip
    with subprocess.Popen([sys.executable, str(START)], cwd=code.parent, stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, start_new_session=True) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"".join(json.dumps(one).encode("ascii") + b"\n" for one in orders))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not code.with_name("at").is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(10) == -signal.SIGKILL


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # one that ended stays until whoever took it over asks
    return not stat.is_file() or stat.read_text("utf-8").rpartition(")")[2].split()[0] != "Z"


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
