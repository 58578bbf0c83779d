"""Opens every case in a process of its own, forked from one that is warm, and notes what came of it."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.corpus.case import Case, Expect, Opens
from tests.corpus.guards import MOST, Guards, limit_room
from tests.corpus.judge import Fault, examine

SECONDS = 5.0
PATIENCE = 60.0
"""A process that still computes after so many seconds of a busy machine is ended whatever its CPU time."""
_STEP = b"\n"
"""What a child tells at the beginning of each step."""


@dataclass
class Outcome:
    """What came of one case."""

    case: Case
    opens: bool = False
    faults: list[Fault] = field(default_factory=list)
    not_run: str | None = None
    seconds: float = 0.0
    grown: int = 0


def warm() -> None:
    """Import what opening, reading and writing imports late, so that no child does."""
    import ml_dtypes  # noqa: F401
    import torch

    import weightedit
    from tests import checkpoints
    from weightedit import core, formats, operations

    for room in (core, formats, operations):
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            importlib.import_module(module.name)
    with tempfile.TemporaryDirectory(prefix="weightedit-corpus-") as name:
        folder = Path(name)
        torch.save({"a": torch.zeros(2), "b": torch.nn.Parameter(torch.zeros(2))}, folder / "warm.pt")
        torch.save({"a": torch.zeros(2)}, folder / "old.pt", _use_new_zipfile_serialization=False)
        checkpoints.sharded(folder)
        (folder / "table.csv").write_text("1,2\n3,4\n")
        import numpy as np

        np.save(folder / "array.npy", np.zeros(3, ">f4"))
        np.savez_compressed(folder / "arrays.npz", a=np.zeros(3))
        for path in sorted(folder.iterdir()):
            if path.suffix not in (".pt", ".npy", ".npz", ".csv", ".json") or not path.is_file():
                continue
            if path.suffix == ".json" and not path.name.endswith(".index.json"):
                continue
            with weightedit.open(path) as document:
                for info in document.tensors:
                    document.read(info, raw=True)
                (folder / "out").mkdir(exist_ok=True)
                document.export(folder / "out" / path.name, format=document.format_name)
    gc.collect()
    gc.freeze()  # else each child would touch, and so copy, every object there is


def run(cases: Iterable[Case], open_file: Callable[[Path], Any] | None = None) -> Iterator[Outcome]:
    """Try cases one after the other."""
    import weightedit

    for case in cases:
        root = Path(tempfile.mkdtemp(prefix="weightedit-corpus-"))
        try:
            yield _run(case, root, open_file or weightedit.open)
        finally:
            _make_removable(root)
            shutil.rmtree(root, ignore_errors=True)


def _run(case: Case, root: Path, open_file: Callable[[Path], Any]) -> Outcome:
    outcome = Outcome(case, not_run=case.not_here())
    if outcome.not_run:
        return outcome
    root.chmod(0o755)
    folder, rooms = root / "file", {name: root / name for name in ("out", "state", "cwd")}
    for room in (folder, *rooms.values()):
        room.mkdir()
    made = case.make(folder)
    path, expect = made if isinstance(made, tuple) else (made, case.expect)
    assert expect is not None, f"{case.family}: {case.name} does not say what must come of it"
    outcome.opens = isinstance(expect, Opens)
    before = listing(folder)
    started = time.monotonic()
    reader = _as_nobody(open_file) if case.as_nobody and os.geteuid() == 0 else open_file
    told, status = _in_child(path, expect, rooms, reader)
    outcome.seconds = time.monotonic() - started
    if status == "hang":
        outcome.faults.append(("hang", f"no end after {outcome.seconds:.1f} s"))
    elif told is None:
        outcome.faults.append(("crash", f"the process ended with {status}"))
    else:
        outcome.faults += [(kind, text) for kind, text in told["faults"]]
        outcome.faults += [("code executed", trip) for trip in told["trips"]]
        outcome.grown = max(told["resident"], told["virtual"])
        if outcome.grown > MOST + _size(path):
            outcome.faults.append(("memory", f"{told['resident'] >> 20:,} MiB resident and {told['virtual'] >> 20:,} "
                                             "MiB of address space"))  # fmt: skip
    changed = sorted({str(one) for one in listing(folder).items() ^ before.items()})
    if changed or any(rooms["cwd"].iterdir()):
        outcome.faults.append(("code executed", f"files were made or changed: {changed[:3]}"))
    return outcome


def _as_nobody(open_file: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def open_as_nobody(path: Path) -> Any:
        os.setegid(65534)
        os.seteuid(65534)
        return open_file(path)

    return open_as_nobody


def _in_child(path: Path, expect: Expect, rooms: dict[str, Path],
              open_file: Callable[[Path], Any]) -> tuple[dict[str, Any] | None, str]:  # fmt: skip
    """Examine in a forked child; return what it told and how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            _child(path, expect, rooms, open_file, writing)
        finally:
            os._exit(3)
    os.close(writing)
    try:
        data, in_time = _collect(pid, reading)
    finally:
        os.close(reading)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not in_time:
        return None, "hang"
    code = os.waitstatus_to_exitcode(status)
    how = signal.Signals(-code).name if code < 0 else f"status {code}"
    return (json.loads(data) if data and code == 0 else None), how


def _child(path: Path, expect: Expect, rooms: dict[str, Path], open_file: Callable[[Path], Any], to: int) -> None:
    os.environ.update(WEIGHTEDIT_STATE=str(rooms["state"]), XDG_CACHE_HOME=str(rooms["state"]),
                      HOME=str(rooms["state"]), TMPDIR=str(rooms["state"]))  # fmt: skip
    tempfile.tempdir = str(rooms["state"])
    os.chdir(rooms["cwd"])
    limit_room()
    guards = Guards([rooms["state"], rooms["out"], Path("/dev/null")])
    try:
        faults = examine(path, expect, rooms["out"], open_file, lambda: os.write(to, _STEP))
    except BaseException:
        faults = [("raw exception", traceback.format_exc()[-400:])]
    trips = list(guards.trips)
    resident, virtual = guards.growth()
    told = {"faults": faults, "trips": trips, "resident": resident, "virtual": virtual}
    data = json.dumps(told).encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(to, data) :]
    os._exit(0)


def _collect(pid: int, reading: int) -> tuple[bytes, bool]:
    """Read what the child tells; False where one step of it took more time than it may."""
    data, started, idle, before, since = b"", time.monotonic(), 0.0, -1.0, 0.0
    while True:
        ready, _, _ = select.select([reading], [], [], 0.5)
        if ready:
            piece = os.read(reading, 1 << 16)
            if not piece:
                return data, True
            if piece.strip(_STEP) != piece:
                started, since = time.monotonic(), cpu_seconds(pid)
            data += piece
            continue
        now, used = time.monotonic() - started, cpu_seconds(pid) - since
        idle = idle + 0.5 if used == before else 0.0
        before = used
        # Waiting for a busy machine or disk is no hang: computing for 5 s is, and so is waiting for nothing.
        if used > SECONDS or now > PATIENCE or (now > SECONDS and idle > SECONDS / 2):
            return data, False


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every name below a folder with its mode and size."""
    found = {}
    for base, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(base, name))  # noqa: PTH118  # names of any bytes
            is_file = not os.path.isdir(os.path.join(base, name))  # noqa: PTH112, PTH118
            found[repr(os.path.join(base, name))] = (status.st_mode, status.st_size * is_file)  # noqa: PTH118
    return found


def _size(path: Path) -> int:
    """Return the honest needs of a checkpoint: its bytes, those of every file beside it included."""
    try:
        folder = path if path.is_dir() else path.parent
        return sum(one.stat().st_size for one in folder.iterdir() if one.is_file())
    except (OSError, ValueError):
        return 0


def _make_removable(root: Path) -> None:
    """Give back what an unreadable case took away."""
    for base, folders, _ in os.walk(root):
        for name in folders:
            path = Path(base, name)
            if not path.is_symlink():
                path.chmod(0o700)
