"""Openers that do what no opener may, so that the corpus itself is tried: `python -m tests.corpus.traps`."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import weightedit
from tests.corpus import runner
from tests.corpus.building import SEEN, TENSOR, safetensors, written
from tests.corpus.case import Case, Opens, Refused, raw
from weightedit.core.errors import CheckpointError


def _swallow(path: Path) -> Any:
    """Take address space only: filling this much takes a busy machine longer than a step of the trial may."""
    mmap.mmap(-1, 700 << 20)
    return weightedit.open(path)


def _touch(path: Path) -> Any:
    Path("tripped").write_text("")
    return weightedit.open(path)


def _import(path: Path) -> Any:
    import this_module_is_nowhere  # type: ignore[import-not-found]  # noqa: F401


def _caught(run: Any) -> Any:
    """Do something wrong and go on as if nothing was: only a guard can tell."""

    def open_file(path: Path) -> Any:
        with contextlib.suppress(BaseException):
            run(path)
        return weightedit.open(path)

    return open_file


def _raise(error: BaseException) -> Any:
    def open_file(path: Path) -> Any:
        raise error

    return open_file


def _sleep(path: Path) -> Any:
    time.sleep(60)


def _spin(path: Path) -> Any:
    while True:
        pass


OPENERS: dict[str, Any] = {
    "sound": weightedit.open,
    "system": _caught(lambda path: os.system("true")),
    "subprocess": _caught(lambda path: subprocess.run(["true"], check=False)),
    "exec": _caught(lambda path: exec("1 + 1")),
    "eval": _caught(lambda path: eval("1 + 1")),
    "import": _caught(_import),
    "beside": _caught(lambda path: (path.parent / "extracted").write_text("x")),
    "in the folder": _touch,
    "socket": _caught(lambda path: __import__("socket").socket()),
    "unpickle": _caught(lambda path: __import__("pickle").loads(b"cposix\ngetpid\n.")),
    "memory": _swallow,
    "kill": lambda path: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda path: os._exit(0),
    "sleep": _sleep,
    "spin": _spin,
    "KeyError": _raise(KeyError("a")),
    "no file": _raise(CheckpointError("model.safetensors is wrong.")),
    "no sentence": _raise(CheckpointError("struct.error in model.safetensors", file="model.safetensors")),
}
REFUSALS = "KeyError", "no file", "no sentence"
SOUND = written(safetensors({"a": TENSOR}))
CASES = {
    "opens": lambda folder: (SOUND(folder), Opens({"a": SEEN}, {})),
    "other values": lambda folder: (SOUND(folder), Opens({"a": raw("float32", (2,), bytes(8))}, {})),
    "other names": lambda folder: (SOUND(folder), Opens({"b": SEEN}, {})),
    "other metadata": lambda folder: (SOUND(folder), Opens({"a": SEEN}, {"a": "b"})),
}


def tried() -> dict[str, list[str]]:
    """Return what was counted for every opener, and for cases that promise something else."""
    found = {}
    for name, open_file in OPENERS.items():
        bad = name in REFUSALS
        case = Case(name, "traps", SOUND if bad else CASES["opens"], Refused("model") if bad else None)
        found[name] = _kinds(next(runner.run([case], open_file)))
    for name, make in CASES.items():
        found[name] = _kinds(next(runner.run([Case(name, "traps", make)])))
    wanted = {"must be refused": Refused("is wrong"), "must fail when read": Refused("is wrong", "read")}
    for name, expect in wanted.items():
        found[name] = _kinds(next(runner.run([Case(name, "traps", SOUND, expect)])))
    return found


def _kinds(outcome: runner.Outcome) -> list[str]:
    return sorted({kind for kind, _ in outcome.faults})


if __name__ == "__main__":
    runner.SECONDS = 1.0
    runner.warm()
    json.dump(tried(), sys.stdout)
