"""F8: the opened file is overwritten in place, replaced, deleted, forbidden, or its file system goes away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.f07_truncated import over
from tests.faults.saves import KINDS, make
from tests.faults.trials import NotRun, Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F8"
TITLE = "The opened file is overwritten, replaced, deleted, chmod 000, unmounted: noticed, never mixed, rest exported"
FORMATS = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npz", "npy")
GROUPS = (*FORMATS, "umount -l")
FULL = 64 << 20
CHANGES = ("overwritten", "old time", "replaced", "deleted", "chmod 000")


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one format, or one after the other on a file system that goes away."""
    if group in FORMATS:
        yield from over(FAMILY, group, CHANGES, quick, folder, FULL)
        return
    for name in FORMATS[:1] if quick else FORMATS:
        yield from _unmounted(name, quick, folder / name.replace(" ", "-"))


def _unmounted(name: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    drive, out = folder / "drive", folder / "out"
    for place in (drive, out):
        place.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(drive)], capture_output=True,
                             check=False)  # fmt: skip
    if mounted.returncode:
        yield NotRun(FAMILY, f"{name}, umount -l", "this machine permits no mount")
        return
    try:
        source = make(KINDS[name], drive, 1 << 20 if quick else FULL, 1)
        ended = warm().run("tests.faults.changes:disturbed", {
            "source": str(source), "kind": name, "change": "unmounted", "during": "", "out": str(out)})  # fmt: skip
    finally:
        subprocess.run(["umount", "-l", str(drive)], capture_output=True, check=False)
    wrong = [*(ended.answer or []), *([ended.error] if ended.error else [])]
    yield Trial(FAMILY, f"{name}, umount -l", not wrong and not ended.status, "; ".join(wrong))
