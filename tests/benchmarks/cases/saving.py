"""Writing a checkpoint of which one tensor changed: to another file, and over its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.case import Case, Clock, Contender, Goal, Round
from tests.benchmarks.cases.disks import copied, mounted, removed, synced
from tests.benchmarks.data import llama_file, warm

if TYPE_CHECKING:
    from weightedit.core.document import Document

TENSOR = "model.layers.0.self_attn.o_proj.weight"
"""33.6 MB of the 6.18 GB."""


def _out(data: Path) -> Path:
    return data.with_name(f"out-{os.getpid()}.safetensors")


def export(data: Path) -> Round:
    """Export, which reads back what it wrote."""
    import weightedit

    document, out = weightedit.open(data), _out(data)
    document.apply("scale", TENSOR, factor=0.5, accept="all")

    def run(clock: Clock) -> None:
        with clock:
            document.export(out)
        removed(out)

    return run


def export_written(data: Path) -> Round:
    """Export without reading back, which nobody but this can ask for: the time of writing and syncing alone."""
    from weightedit.core.transaction import Transaction
    from weightedit.formats import verify

    def written(kind: object, transaction: Transaction, *rest: object) -> None:
        for pending in transaction.pending:
            pending.write_out()

    verify.verify = written
    return export(data)


def library(data: Path) -> Round:
    """Load with the library, which maps the file, change the tensor, write all of it and sync."""
    from safetensors.torch import load_file, save_file

    out = _out(data)

    def run(clock: Clock) -> None:
        with clock:
            tensors = load_file(data)
            tensors[TENSOR] = tensors[TENSOR] * 0.5
            save_file(tensors, out, {"format": "pt"})
            synced(out)
        removed(out)

    return run


def copy(data: Path) -> Round:
    """Copy the file byte by byte, and sync."""
    out = _out(data)

    def run(clock: Clock) -> None:
        with clock:
            subprocess.run(["cp", "--reflink=never", data, out], check=True)
            synced(out)
        removed(out)

    return run


def _edited(path: Path) -> Document:
    """Open a file that the page cache has, and edit it once: what that imports is no part of a save."""
    import weightedit

    warm(path)
    document = weightedit.open(path)
    document.apply("scale", TENSOR, factor=0.5, accept="all")
    document.undo()
    return document


def _saves(path: Path, *, in_place: bool = False) -> Round:
    document, factors = _edited(path), [0.5, 2.0]

    def run(clock: Clock) -> None:
        factors.append(factors.pop(0))
        document.apply("scale", TENSOR, factor=factors[0], accept="all")
        with clock:
            document.save(in_place=in_place)

    return run


def _writes(path: Path, nbytes: int) -> Round:
    """Write as many bytes as a save changes into a file that is there, and sync: what the disk alone takes."""
    import numpy as np

    block = np.random.default_rng(0).bytes(nbytes)
    path.write_bytes(block)
    synced(path)

    def run(clock: Clock) -> None:
        handle = os.open(path, os.O_WRONLY)
        with clock:
            os.write(handle, block)
            os.fsync(handle)
        os.close(handle)

    return run


def _changed(data: Path) -> int:
    import weightedit

    with weightedit.open(data) as document:
        return document.slot(TENSOR).spec.nbytes


def in_place(data: Path) -> Round:
    """Patch a copy of the file in place."""
    return _saves(copied(data, data.with_name("patched.safetensors")), in_place=True)


def save(data: Path) -> Round:
    """Save over a copy of the file, on the disk that it lies on."""
    return _saves(copied(data, data.with_name("saved.safetensors")))


def rename(data: Path) -> Round:
    """Save over a copy of the file after a tensor got another name: a new header, and nothing else."""
    path = copied(data, data.with_name("renamed.safetensors"))
    document, names = _edited(path), [TENSOR, TENSOR + ".renamed"]

    def run(clock: Clock) -> None:
        document.apply("rename", names[0], to=names[1], accept="all")
        names.reverse()
        with clock:
            document.save()

    return run


def save_on_xfs(data: Path) -> Round:
    """Save over a copy of the file where blocks can be shared."""
    return _saves(copied(data, mounted("xfs", data) / "saved.safetensors"))


def save_on_btrfs(data: Path) -> Round:
    """Save over a copy of the file where blocks can be shared."""
    return _saves(copied(data, mounted("btrfs", data) / "saved.safetensors"))


def write(data: Path) -> Round:
    """Write as much as changes, where the file lies."""
    return _writes(data.with_name("written"), _changed(data))


def write_on_xfs(data: Path) -> Round:
    """Write as much as changes on another new file system of the kind."""
    return _writes(mounted("xfs", data) / "written", _changed(data))


def write_on_btrfs(data: Path) -> Round:
    """Write as much as changes on another new file system of the kind."""
    return _writes(mounted("btrfs", data) / "written", _changed(data))


COPY = Contender("cp and fsync", copy, measures_memory=False)
FULL = frozenset({"full"})
ONLY = "33.6 MB written and synced, nothing else"
CASES = (
    Case("export-one-changed", "export 6.18 GB with one tensor of 33.6 MB changed", llama_file,
         (Contender("weightedit, read back", export), Contender("weightedit, written and synced", export_written),
          Contender("safetensors, not read back", library), COPY),
         (Goal(1.6, 32, of="weightedit, read back"), Goal(1.25, of="weightedit, written and synced")), rounds=5),
    Case("save-in-place", "patch one tensor of 33.6 MB of 6.18 GB in place", llama_file,
         (Contender("weightedit", in_place), Contender(ONLY, write, measures_memory=False), COPY), (Goal(0.02, 32),),
         note="the old bytes are written and synced first, so that the disk takes twice 33.6 MB at least"),
    Case("save-on-xfs", "save one changed tensor of 33.6 MB over 6.18 GB on xfs, by reflink", llama_file,
         (Contender("weightedit", save_on_xfs), Contender(ONLY, write_on_xfs, measures_memory=False), COPY),
         (Goal(0.02, 32),), is_for=FULL),
    Case("save-on-btrfs", "save one changed tensor of 33.6 MB over 6.18 GB on btrfs, by reflink", llama_file,
         (Contender("weightedit", save_on_btrfs), Contender(ONLY, write_on_btrfs, measures_memory=False), COPY),
         (Goal(0.02, 32),), is_for=FULL),
    Case("save-whole", "save one changed tensor of 33.6 MB over 6.18 GB where blocks cannot be shared", llama_file,
         (Contender("weightedit", save), COPY), (Goal(1.6, 32),), rounds=5),
    Case("save-renamed", "save another name of a tensor over 6.18 GB where blocks cannot be shared", llama_file,
         (Contender("weightedit", rename), COPY), (Goal(1.6, 32),), rounds=5),
)  # fmt: skip
