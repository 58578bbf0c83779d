"""F7: the opened file is cut short, and then scrolled through, plotted, edited and exported."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.faults.saves import KINDS, files_of, make, put
from tests.faults.trials import Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F7"
TITLE = "The opened file is truncated: scroll, plot, statistics, edit, export, save, undo; no SIGBUS"
GROUPS = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npz", "npy")
QUICK, FULL = 256 << 10, 1 << 30
CHANGES = ("truncated", "emptied")


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one format: 1 GiB in the full run."""
    yield from over(FAMILY, group, CHANGES, quick, folder, FULL)


def over(family: str, group: str, changes: tuple[str, ...], quick: bool, folder: Path,
         full: int) -> Iterator[Outcome]:  # fmt: skip
    """Do changes to files of one format: before everything, and in the midst of writing and of verifying an export."""
    kind = KINDS[group]
    pristine = make(kind, folder / "pristine", QUICK if quick else full, 1)
    for change in changes:
        for during in ("",) if group == "npy" or (quick and change != changes[0]) else ("", "Writing", "Verifying"):
            place, out = folder / "home" / "opened", folder / "home" / "out"
            out.mkdir(parents=True)
            put(files_of(pristine), place)
            ended = warm().run("tests.faults.changes:disturbed", {
                "source": str(place / pristine.name), "kind": group, "change": change, "during": during,
                "out": str(out)})  # fmt: skip
            wrong = [*(ended.answer or []), *([ended.error] if ended.error else []),
                     *([f"it ended with {ended.status} after {ended.phase}"] if ended.status else [])]  # fmt: skip
            case = f"{group}, {change}{f', while {during.lower()}' if during else ''}"
            yield Trial(family, case, not wrong, "; ".join(wrong))
            shutil.rmtree(folder / "home")
    shutil.rmtree(folder / "pristine")
