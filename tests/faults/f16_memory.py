"""F16: memory runs out, by a limit of the system and by failing each allocation in turn, under everything one does."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.saves import Report
from tests.faults.trials import Note, NotRun, Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F16"
TITLE = "Memory at open size + 256 MiB, and each allocation failing in turn: a refusal, document and undo intact"
GROUPS = ("a limit on memory", "each allocation", "each allocation, live module")
MIB = 1 << 20
LARGE = {True: (6 * MIB, 3 * MIB), False: (1 << 30, 256 * MIB)}
"""Bytes of each of two tensors, and of memory beyond what opening took."""
SMALL = 1 << 20


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do everything under the limit; or fail the first allocation, the second and so on until none fails."""
    if group == GROUPS[0]:
        if sys.platform != "linux":
            yield NotRun(FAMILY, group, "limits on memory are met so on Linux")
            return
        for action in QUICK if quick else ACTIONS:
            tensor, room = LARGE[quick]
            ended = warm().run("tests.faults.f16_memory:limited", {
                "folder": str(folder), "action": action, "tensor": tensor, "room": room})  # fmt: skip
            said, wrong = ended.answer or ("", [])
            wrong = [*wrong, *([ended.error] if ended.error else [])]
            yield Trial(FAMILY, f"{group}, {action}", not wrong and not ended.status,
                        "; ".join(wrong) or f"status {ended.status}")  # fmt: skip
            yield Note(FAMILY, f"{group}, {action}", said[:120])
        return
    for action in ACTIONS:
        ended = warm().run("tests.faults.f16_memory:failing", {
            "folder": str(folder), "action": action, "live": "live" in group, "step": 5 if quick else 1})  # fmt: skip
        tried, wrong = ended.answer or (0, [])
        wrong = [*wrong, *([ended.error] if ended.error else [])]
        for number in range(max(1, tried)):
            found = [text for at, text in wrong if at == number] if ended.answer else [ended.error]
            yield Trial(FAMILY, f"{group}, {action}, allocation {number}", not found, "; ".join(found))


def limited(arguments: dict[str, Any], report: Report) -> tuple[str, list[str]]:
    """Do one thing with so much memory beyond what opening took."""
    import resource

    import torch
    from safetensors.torch import save_file

    folder = Path(arguments["folder"])
    path = folder / f"model-{arguments['tensor']}.safetensors"
    if not path.exists():
        rows = arguments["tensor"] // 1024
        save_file({"a": torch.ones(rows, 256), "b": torch.full((rows, 256), 2.0)}, path)
    document = opened(path, folder)
    before = hashed(document)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    now = int(status.split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (now + arguments["room"], resource.RLIM_INFINITY))
    said, wrong = attempted(ACTIONS[arguments["action"]], document, folder)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    after = hashed(document)  # reading may be refused at the limit too; here it is asked what is left
    wrong += intact(document, before, after, said)
    document.close()
    return said, wrong


def opened(path: Path, folder: Path) -> Any:
    """Open a file with two edits made and one undone, its results in files."""
    from weightedit.assembly import open_document
    from weightedit.core.undo.spill import Spill

    document = open_document(path, spill=Spill(folder / "spill", in_memory=64 << 10))
    document.snapshot("first")
    document.apply("scale", "a", factor=0.5)
    document.apply("fill", "b", value=1.0, region="[:10, :]")
    document.undo()
    return document


def hashed(document: Any) -> dict[str, str]:
    """Hash every tensor piece by piece."""
    found = {}
    for name in document.tensors:
        pinned, digest = document.pin(name), hashlib.sha256(str(document.tensors[name].dtype).encode())
        for _, values in pinned.chunks(nbytes=MIB):
            digest.update(values.tobytes())
        found[name] = digest.hexdigest()
    return found


def attempted(action: Callable[[Any, Path], object], document: Any, folder: Path) -> tuple[str, list[str]]:
    """Do something; return what was said, and what was wrong with that."""
    from weightedit.core.errors import WeightEditError

    try:
        action(document, folder)
    except WeightEditError as error:
        text = str(error)
        return f"refused: {text}", [f"more than a line: {text}"] if "\n" in text else []
    except BaseException as error:
        return "raised", [f"{type(error).__name__}: {error}"]
    return "done", []


def intact(document: Any, before: dict[str, str], after: dict[str, str], said: str) -> list[str]:
    """O5: what was refused changed nothing; everything is undone and redone; no file is left."""
    wrong = []
    if said != "done" and after != before:
        wrong.append("it was refused and values are others")
    position, length = document.history.position, len(document.history)
    here = hashed(document)
    document.go_to(0, accept="all")
    first = hashed(document)
    document.go_to(length, accept="all")
    document.go_to(0, accept="all")
    if hashed(document) != first:
        wrong.append("undoing everything twice came to different values")
    document.go_to(position, accept="all")
    if hashed(document) != here:
        wrong.append("undo and redo came to other values")
    return wrong


def _export(document: Any, folder: Path) -> None:
    target = folder / "out.safetensors"
    target.unlink(missing_ok=True)
    target.write_bytes(b"before")
    try:
        document.export(target)
    except Exception:
        if target.read_bytes() != b"before" or [one for one in folder.iterdir() if one.name.startswith(".out")]:
            raise AssertionError("a refused export left something behind") from None
        raise
    finally:
        target.unlink()


def _tiles(document: Any, folder: Path) -> None:
    from weightedit.core.reduction import SliceView, reduce
    from weightedit.core.values.devices import refused_for_memory

    shape = document.tensors["a"].shape
    with refused_for_memory("a heatmap"):
        reduce(document.pin("a"), SliceView.of(shape), range(shape[0]), range(shape[1]), 256, 256)


def _statistics(document: Any, folder: Path) -> None:
    from weightedit.core.statistics import statistics
    from weightedit.core.values.devices import refused_for_memory

    with refused_for_memory("statistics"):
        statistics(document.pin("a"))


ACTIONS: dict[str, Callable[[Any, Path], object]] = {
    "scale": lambda document, _: document.apply("scale", "*", factor=0.5, accept="all"),
    "fill a region": lambda document, _: document.apply("fill", "a", value=1.0, region="[:5, :]"),
    "where": lambda document, _: document.apply("fill", "a", value=1.0, region="where w > 0.4"),
    "cast": lambda document, _: document.apply("cast", "*", dtype="float64", accept="all"),
    "transpose": lambda document, _: document.apply("transpose", "a", accept="all"),
    "set": lambda document, _: document.apply("set", "a", values="b"),
    "normal": lambda document, _: document.apply("normal", "a", mean=0.0, std=1.0),
    "sort rows": lambda document, _: document.apply("roll", "a", shifts=3, dims=0),
    "rename": lambda document, _: document.apply("rename", "a", to="c"),
    "preflight": lambda document, _: document.preflight("cast", "*", dtype="float16"),
    "preview": lambda document, _: document.preview("scale", "a", factor=3.0),
    "undo": lambda document, _: document.undo(accept="all"),
    "redo": lambda document, _: document.redo(accept="all"),
    "read": lambda document, _: document.read("a"),
    "read raw": lambda document, _: document.read("a", raw=True),
    "export": _export,
    "export tensor": lambda document, folder: document.export_tensor("a", folder / "a.npy"),
    "statistics": _statistics,
    "tiles": _tiles,
    "snapshot": lambda document, _: document.snapshot("second"),
    "compare": lambda document, _: document.compare_snapshot("first"),
    "restore": lambda document, _: document.restore("first", "a", accept="all"),
}

QUICK = ("scale", "cast", "undo", "read", "export", "statistics", "tiles", "restore")


# ---------------------------------------------------------------- each allocation in turn


@contextmanager
def failing_at(number: int) -> Iterator[list[int]]:
    """Fail the allocation of this number, 0 for the first, and give the count of those that were made.

    Counted are what asks for memory by name: buffers of the spill, empty arrays of numpy and torch, and the contents
    that are made of them.
    """
    from unittest.mock import patch

    import numpy as np
    import torch

    from weightedit.core.undo.spill import Spill
    from weightedit.core.values.reading import ReadBuffer

    count = [0]
    errors = (MemoryError("no memory"), np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype("u1")),
              RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you "
                           "tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory)"))  # fmt: skip

    def counted(real: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] - 1 == number:
                raise error
            return real(*given, **named)

        return call

    with (
        patch.object(Spill, "_allocate_memory", counted(Spill._allocate_memory, errors[0])),
        patch.object(Spill, "_allocate_file", counted(Spill._allocate_file, OSError(12, "Cannot allocate memory"))),
        patch.object(ReadBuffer, "take", counted(ReadBuffer.take, errors[0])),
        patch.object(np, "empty", counted(np.empty, errors[1])),
        patch.object(np, "concatenate", counted(np.concatenate, errors[1])),
        patch.object(torch, "empty", counted(torch.empty, errors[2])),
        patch.object(torch, "empty_like", counted(torch.empty_like, errors[2])),
        patch.object(torch, "frombuffer", counted(torch.frombuffer, errors[2])),
    ):
        yield count


def failing(arguments: dict[str, Any], report: Report) -> tuple[int, list[tuple[int, str]]]:
    """Fail the first allocation of an action, the second and so on, until it is done without one that fails."""
    import torch
    from safetensors.torch import save_file

    folder, action = Path(arguments["folder"]), ACTIONS[arguments["action"]]
    folder.mkdir(exist_ok=True)
    path = folder / "small.safetensors"
    rows = 64
    tensors = {"a": torch.ones(rows, 256), "b": torch.full((rows, 256), 2.0)}
    save_file(tensors, path)
    wrong: list[tuple[int, str]] = []
    number = 0
    while True:
        document = opened({name: tensor.clone() for name, tensor in tensors.items()}  # type: ignore[arg-type]
                          if arguments["live"] else path, folder)  # fmt: skip
        if arguments["live"] and arguments["action"] in ("rename",):
            document.close()
            return number + 1, wrong
        before = hashed(document)
        position = document.history.position
        with failing_at(number) as count:
            said, found = attempted(action, document, folder)
        found += intact(document, before, hashed(document), said)
        if said != "done" and document.history.position != position:
            found.append("it was refused and the history moved")
        wrong += [(number, text) for text in found]
        document.close()
        if count[0] <= number:
            return number + 1, wrong
        number += arguments["step"]
