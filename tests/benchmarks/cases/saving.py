"""Writing a checkpoint of which one tensor changed: to another file, and over its own."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere, Round
from tests.benchmarks.data import llama_file, warm

CLONE_NEWNS = 0x00020000
"""Of linux/sched.h: mounts of its own."""
TENSOR = "model.layers.0.self_attn.o_proj.weight"
"""33.6 MB of the 6.18 GB."""


def _out(data: Path) -> Path:
    return data.with_name(f"out-{os.getpid()}.safetensors")


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def export(data: Path) -> Round:
    """Export, which reads back what it wrote."""
    import weightedit

    document, out = weightedit.open(data), _out(data)
    document.apply("scale", TENSOR, factor=0.5, accept="all")

    def run(clock: Clock) -> None:
        with clock:
            document.export(out)
        out.unlink()

    return run


def export_written(data: Path) -> Round:
    """Export, of which the time counts until everything is written and synced."""
    import weightedit

    document, out = weightedit.open(data), _out(data)
    document.apply("scale", TENSOR, factor=0.5, accept="all")

    def run(clock: Clock) -> None:
        counts = True

        def report(label: str, done: int, total: int) -> None:
            nonlocal counts
            if counts and label == "Verifying":
                counts = False
                clock.__exit__()

        clock.__enter__()
        document.export(out, progress=report)
        out.unlink()

    return run


def library(data: Path) -> Round:
    """Load with the library, which maps the file, change the tensor, write all of it and sync."""
    from safetensors.torch import load_file, save_file

    out = _out(data)

    def run(clock: Clock) -> None:
        with clock:
            tensors = load_file(data)
            tensors[TENSOR] = tensors[TENSOR] * 0.5
            save_file(tensors, out, {"format": "pt"})
            _synced(out)
        out.unlink()

    return run


def copy(data: Path) -> Round:
    """Copy the file byte by byte, and sync."""
    out = _out(data)

    def run(clock: Clock) -> None:
        with clock:
            subprocess.run(["cp", "--reflink=never", data, out], check=True)
            _synced(out)
        out.unlink()

    return run


def _copied(data: Path, path: Path) -> Path:
    """Copy the file, for as long as this process is there."""
    shutil.copyfile(data, path)
    atexit.register(path.unlink, missing_ok=True)
    return path


def _saves(path: Path, *, in_place: bool) -> Round:
    import weightedit

    warm(path)
    document, factors = weightedit.open(path), [0.5, 2.0]

    def run(clock: Clock) -> None:
        factors.append(factors.pop(0))
        document.apply("scale", TENSOR, factor=factors[0], accept="all")
        with clock:
            document.save(in_place=in_place)

    return run


def in_place(data: Path) -> Round:
    """Patch a copy of the file in place."""
    return _saves(_copied(data, data.with_name("patched.safetensors")), in_place=True)


def save(data: Path) -> Round:
    """Save over a copy of the file, on the disk that it lies on."""
    return _saves(_copied(data, data.with_name("saved.safetensors")), in_place=False)


def _on(kind: str, data: Path) -> Round:
    """Save over a copy of the file on a new file system of a kind, which nobody but this process sees."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which(f"mkfs.{kind}"):
        raise NotHere(f"mounting a new {kind} takes root, mkfs.{kind} and Linux")
    image, disk = data.with_name(f"disk.{kind}"), data.with_name(f"disk-{kind}")
    disk.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(int(data.stat().st_size * 1.3) + (600 << 20))
    options = ("-q", "-m", "reflink=1") if kind == "xfs" else ("-q",)
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):  # what is mounted from here on is gone with this process
        raise NotHere("no mounts of its own for a process")
    for command in (("mount", "--make-rprivate", "/"), (f"mkfs.{kind}", *options, str(image)),
                    ("mount", "-o", "loop", str(image), str(disk))):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotHere(f"{command[0]}: {done.stderr.strip()}")
    image.unlink()
    return _saves(_copied(data, disk / "saved.safetensors"), in_place=False)


def save_on_xfs(data: Path) -> Round:
    """Save over a copy of the file where blocks can be shared."""
    return _on("xfs", data)


def save_on_btrfs(data: Path) -> Round:
    """Save over a copy of the file where blocks can be shared."""
    return _on("btrfs", data)


COPY = Contender("cp and fsync", copy, measures_memory=False)
FULL = frozenset({"full"})
CASES = (
    Case("export-one-changed", "export 6.18 GB with one tensor of 33.6 MB changed", llama_file,
         (Contender("weightedit, read back", export), Contender("weightedit, written and synced", export_written),
          Contender("safetensors, not read back", library), COPY),
         (Goal(1.6, 32, of="weightedit, read back"), Goal(1.25, of="weightedit, written and synced"))),
    Case("save-in-place", "patch one tensor of 33.6 MB of 6.18 GB in place", llama_file,
         (Contender("weightedit", in_place), COPY), (Goal(0.02, 32),)),
    Case("save-on-xfs", "save one changed tensor of 33.6 MB over 6.18 GB on xfs, by reflink", llama_file,
         (Contender("weightedit", save_on_xfs), COPY), (Goal(0.02, 32),), is_for=FULL),
    Case("save-on-btrfs", "save one changed tensor of 33.6 MB over 6.18 GB on btrfs, by reflink", llama_file,
         (Contender("weightedit", save_on_btrfs), COPY), (Goal(0.02, 32),), is_for=FULL),
    Case("save-whole", "save one changed tensor of 33.6 MB over 6.18 GB where blocks cannot be shared", llama_file,
         (Contender("weightedit", save), COPY), (Goal(1.6, 32),)),
)  # fmt: skip
