"""What the libraries themselves do under the same kills and the same limit, beside weightedit: README's baseline."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.faults import saves
from tests.faults.oracle import digest, next_start, reopening
from tests.faults.saves import KINDS, MIB, Report, files_of, make, put
from tests.faults.warm import Ended, warm

KILLS = 25
SIZE = 153 * MIB
"""160 MB."""
LIMIT = 50 * MIB
WRITERS = {"torch.save": "torch zip", "numpy.savez": "npz", "safetensors.save_file": "safetensors"}


@dataclass(slots=True)
class Row:
    """What came of one writer over an existing file.

    Attributes
    ----------
    writer
        Such as `torch.save`, or weightedit with the format it wrote.
    kills
        How many were sent at times uniform over how long the undisturbed write takes.
    old, new, destroyed
        How many of them left the old file, the new one, or neither.
    left
        After how many a temporary file lay there; `cleaned` of these are gone after the next start.
    limited
        What is there after a write under RLIMIT_FSIZE of 50 MiB.
    """

    writer: str
    kills: int = 0
    old: int = 0
    new: int = 0
    destroyed: int = 0
    left: int = 0
    cleaned: int = 0
    limited: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return asdict(self)


def rows(folder: Path, kills: int = KILLS, nbytes: int = SIZE) -> Iterator[Row]:
    """Do every writer, then weightedit in the same formats."""
    for job, names in (("library", WRITERS), ("ours", {f"weightedit, {kind}": kind for kind in WRITERS.values()})):
        for writer, kind in names.items():
            yield _row(writer, kind, job, folder / f"{job}-{kind.replace(' ', '-')}", kills, nbytes)


def _row(writer: str, kind: str, job: str, folder: Path, kills: int, nbytes: int) -> Row:
    """Kill one writer at random moments, and then let it run into the limit."""
    old = make(KINDS[kind], folder / "old", nbytes, 2)
    source = make(KINDS[kind], folder / "source", nbytes, 1)
    target = folder / "out" / old.name
    arguments = {"kind": kind, "source": str(source), "target": str(target)}

    def run(kill_after: float | None, **more: Any) -> Ended:
        for path in (folder / "out").glob("*"):
            if digest(path) != digest(old):
                path.unlink()
        if not target.exists():
            put(files_of(old), folder / "out")
        return warm().run(f"tests.faults.baseline:{job}", arguments | more, kill_after=kill_after)

    lasts = min(run(None).phases[-1][1] for _ in range(3))
    wanted, row, chance = digest(target), Row(writer), random.Random(writer)
    for _ in range(kills):
        run(chance.uniform(0, lasts))
        _judge(row, target, digest(old), wanted)
    ended = run(None, limit=LIMIT)
    state = digest(target)
    row.limited = "old file kept" if state == digest(old) else "new file" if state == wanted else "destroyed"
    row.limited += f", {ended.error.split(':')[0]}" if ended.error else ", no error" if not ended.status else ", killed"
    return row


def _judge(row: Row, target: Path, old: str, wanted: str) -> None:
    state = digest(target)
    counts: Counter[str] = Counter()
    counts["old" if state == old else "new" if state == wanted else "destroyed"] += 1
    if counts["destroyed"] and not reopening(target):
        counts = Counter(new=1)  # other bytes, such as the time in a zip archive, and whole all the same
    row.kills += 1
    row.old, row.new = row.old + counts["old"], row.new + counts["new"]
    row.destroyed += counts["destroyed"]
    others = [path for path in target.parent.iterdir() if path != target]
    row.left += bool(others)
    next_start()
    row.cleaned += bool(others) and not any(path.exists() for path in others)


# ---------------------------------------------------------------- jobs


def library(arguments: dict[str, Any], report: Report) -> None:
    """Read a file, change one tensor, and write it by the library's own function."""
    write = _prepared(arguments["kind"], arguments["source"], arguments["target"])
    _limit(arguments)
    report("begin")
    write()
    report("saved")


def _prepared(kind: str, source: str, target: str) -> Callable[[], None]:
    import numpy
    import torch
    from safetensors.torch import load_file, save_file

    if kind == "npz":
        arrays = dict(numpy.load(source).items())
        arrays[next(iter(arrays))] *= 0.5
        return lambda: numpy.savez(target, **arrays)
    tensors = torch.load(source, weights_only=True) if kind == "torch zip" else load_file(source)
    tensors[next(iter(tensors))].mul_(0.5)
    return lambda: torch.save(tensors, target) if kind == "torch zip" else save_file(tensors, target, {"format": "pt"})


def ours(arguments: dict[str, Any], report: Report) -> None:
    """Do the same in weightedit."""
    saves.save(arguments, report, patch=False, before=lambda: _limit(arguments))


def _limit(arguments: dict[str, Any]) -> None:
    if arguments.get("limit"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments["limit"],) * 2)


# ---------------------------------------------------------------- the table


def table(kept: list[dict[str, Any]]) -> list[str]:
    """Return the rows as a markdown table."""
    lines = ["| over an existing file of 160 MB | SIGKILLs | old file | new file | destroyed | file left behind "
             "| RLIMIT_FSIZE 50 MiB |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for one in kept:
        row = Row(**one)
        left = f"{row.left}" + (f", {'all' if row.left == row.cleaned else row.cleaned} gone at the next start"
                                if row.cleaned else "")  # fmt: skip
        destroyed = f"**{row.destroyed}**" if row.destroyed else "0"
        name, _, kind = row.writer.partition(", ")
        shown = f"{name}, {kind}" if kind else f"`{name}`"
        lines.append(f"| {shown} | {row.kills} | {row.old} | {row.new} | {destroyed} | {left} | {row.limited} |")
    return lines
