"""Files of every format that is written, and the saves that fault trials disturb: jobs for the warm process.

What a save asks of the system is watched and slowed in the child by patching `FileSystem`, so that the moments
between which a kill makes a difference are wide enough to be hit, and it is known where each kill landed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.warm import BEGIN, READY, settle

MIB = 1 << 20
SMALL = 1 << 10
"""Bytes that are worth a copy by the kernel in trials, whose files are small."""
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A format as these trials write it.

    Attributes
    ----------
    name
        As groups of trials are called.
    format
        As `export` takes it.
    file
        Name of the file that is opened and named as the destination.
    shard_size
        In how many parts tensors go, for a sharded one.
    """

    name: str
    format: str
    file: str
    shards: int = 0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("torch zip", "torch zip", "model.pt"),
        Kind("torch legacy", "torch legacy", "model.pt"),
        Kind("safetensors", "safetensors", "model.safetensors"),
        Kind("safetensors in shards", "safetensors", "model.safetensors.index.json", 4),
        Kind("npz", "npz", "model.npz"),
        Kind("npy", "npy", "model.npy"),
        Kind("csv", "csv", "table.csv"),
    )
}
IN_PLACE = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npy")
"""The kinds of which the edits of every trial move nothing, so that they can be patched in place."""
PARTS = 8
"""How many tensors a file has."""


def make(kind: Kind, folder: Path, nbytes: int, seed: int) -> Path:
    """Write a file of a format by the library it comes from, and return the path to open."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / kind.file
    random = torch.Generator().manual_seed(seed)
    rows = max(1, nbytes // PARTS // 1024)
    if kind.name in ("npy", "csv"):
        _make_array(kind, path, nbytes, seed)
        return path
    tensors = {f"layers.{part}.weight": torch.randn(rows, 256, generator=random) for part in range(PARTS)}
    if kind.name == "torch zip":
        torch.save(tensors, path)
    elif kind.name == "torch legacy":
        torch.save(tensors, path, _use_new_zipfile_serialization=False)
    elif kind.name == "safetensors":
        save_file(tensors, path, {"format": "pt"})
    elif kind.name == "npz":
        import numpy

        numpy.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        files = [f"model-{number + 1:05}-of-{kind.shards:05}.safetensors" for number in range(kind.shards)]
        place = {name: files[number * kind.shards // PARTS] for number, name in enumerate(tensors)}
        for file in files:
            save_file({name: tensors[name] for name in place if place[name] == file}, folder / file, {"format": "pt"})
        path.write_text(json.dumps({"metadata": {"total_size": rows * 1024 * PARTS}, "weight_map": place}))
    return path


def _make_array(kind: Kind, path: Path, nbytes: int, seed: int) -> None:
    import numpy

    random = numpy.random.default_rng(seed)
    if kind.name == "npy":
        numpy.save(path, random.standard_normal((max(1, nbytes // 1024), 256), dtype=numpy.float32))
    else:
        numpy.savetxt(path, random.standard_normal((max(1, nbytes // 600), 32)).astype("f4"), "%.9g", ",")


def files_of(path: Path) -> list[Path]:
    """Return every file of a destination: an index and its shards, or the one file."""
    if not path.name.endswith(".index.json"):
        return [path]
    names = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
    return [*(path.parent / name for name in sorted(set(names))), path]


def put(files: list[Path], folder: Path) -> None:
    """Copy files into a folder and have them on the disk, so that a later fsync is the save's own."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        copy = folder / file.name
        shutil.copyfile(file, copy)
        with copy.open("rb") as handle:
            os.fsync(handle.fileno())


def once(folder: Path) -> None:
    """Save one small file of each format, so that everything a save imports has been."""
    for kind in KINDS.values():
        source = make(kind, folder / kind.name, 4096, 0)
        save({"source": str(source), "target": None, "kind": kind.name}, lambda word: None, patch=False)


# ---------------------------------------------------------------- jobs


def save(arguments: dict[str, Any], report: Report, *, patch: bool = True,
         before: Callable[[], None] | None = None) -> list[str]:  # fmt: skip
    """Open a file, edit it and write it; return which operations of `FileSystem` that took.

    `source`, `target` and `kind` say what; a target of None is a save over the opened file, or a patch with
    `in_place`. `slow` is for `watch`,
    `end_at` for `count`, and with `traced` it waits for a tracer after it said "ready"; `before` is called just before
    it says "begin".
    """
    import weightedit
    from weightedit.core.writing import pending

    pending.FAR = SMALL
    kind = KINDS[arguments["kind"]]
    document = weightedit.open(arguments["source"])
    edit(document)
    if patch:
        watch(report, arguments.get("slow") or {})
    counted = count(arguments.get("end_at")) if patch else []
    if arguments.get("traced"):
        report(READY)
        settle()
    if before is not None:
        before()
    report(BEGIN)
    if arguments["target"] is None:
        document.save(in_place=bool(arguments.get("in_place")))
    else:
        shard_size = document_bytes(document) // kind.shards + 1 if kind.shards else None
        document.export(arguments["target"], kind.format, shard_size=shard_size)
    report("saved")
    return counted


def recover(arguments: dict[str, Any], report: Report) -> list[str]:
    """Do what the next start does about what a killed save left; `end_at` is for `count`."""
    from weightedit.core.writing.leftovers import clean

    counted = count(arguments.get("end_at"))
    report(BEGIN)
    clean()
    report("saved")
    return counted


def edit(document: Any) -> None:
    """Make the edits of every trial: one in the first tensor and one in the last."""
    names = list(document.tensors)
    document.apply("scale", names[0], factor=0.5, accept="all")
    document.apply("fill", names[-1], region="[0, :]", value=0.25, accept="all")


def document_bytes(document: Any) -> int:
    """Return the bytes of all tensors."""
    return sum(document.tensors[name].nbytes for name in document.tensors)


def watch(report: Report, slow: dict[str, float]) -> None:
    """Report what a save does to the disk from now on, and slow it.

    Parameters
    ----------
    report
        Told "write" at the first write and at the first after something else, "sync" before each fsync of a file,
        "rename" before and "renamed" after each replacement.
    slow
        Seconds to wait: `write` for each MiB written, `sync` and `replace` before each of these.
    """
    from weightedit.core.transaction import FileSystem

    write, copy, sync, replace = FileSystem.write, FileSystem.copy, FileSystem.sync, FileSystem.replace
    last = ""

    def say(word: str) -> None:
        nonlocal last
        if word != last:
            report(word)
        last = word

    def slowed_write(self: Any, handle: int, data: memoryview) -> int:
        say("write")
        piece = data[:MIB]
        if slow.get("write"):
            time.sleep(slow["write"] * len(piece) / MIB)
        return write(self, handle, piece)

    def slowed_copy(self: Any, source: int, offset: int, handle: int, nbytes: int) -> int:
        say("write")
        if slow.get("write"):
            time.sleep(slow["write"] * min(nbytes, MIB) / MIB)
        return copy(self, source, offset, handle, min(nbytes, MIB))

    def slowed_sync(self: Any, handle: int) -> None:
        say("sync")
        time.sleep(slow.get("sync", 0.0))
        sync(self, handle)

    def slowed_replace(self: Any, path: Path, target: Path) -> None:
        say("rename")
        time.sleep(slow.get("replace", 0.0))
        replace(self, path, target)
        say("renamed")

    FileSystem.write = slowed_write  # type: ignore[method-assign]
    FileSystem.copy = slowed_copy  # type: ignore[method-assign]
    FileSystem.sync = slowed_sync  # type: ignore[method-assign]
    FileSystem.replace = slowed_replace  # type: ignore[method-assign]


def count(end_at: tuple[int, str] | None = None) -> list[str]:
    """Note what a save asks of the system from now on, and end this process at one of these operations.

    Parameters
    ----------
    end_at
        Which operation, from 1, and whether "before", "after", or "within" it: a write or copy of half its bytes.

    Returns
    -------
    list of str
        Their names, which grow in number.
    """
    from weightedit.core.transaction import FileSystem

    number, side = end_at or (0, "")
    counted: list[str] = []

    def wrap(name: str, does: Callable[..., Any]) -> Callable[..., Any]:
        def operation(self: Any, *given: Any) -> Any:
            counted.append(name)
            is_it = len(counted) == number
            if is_it and side == "within" and name == "write":
                does(self, given[0], given[1][: len(given[1]) // 2])
            if is_it and side == "within" and name == "copy":
                does(self, *given[:3], given[3] // 2)
            if is_it and side != "after":
                os.kill(os.getpid(), signal.SIGKILL)
            found = does(self, *given)
            if is_it:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return operation

    for name, does in list(vars(FileSystem).items()):
        if callable(does) and not name.startswith("_"):
            setattr(FileSystem, name, wrap(name, does))
    return counted
