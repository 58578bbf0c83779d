"""F1: a save, export or patch in place is killed at a random moment; then the file is the old or the new one, whole."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.oracle import weightedit_state
from tests.faults.saves import IN_PLACE, KINDS, MIB, Kind
from tests.faults.scenes import DESTINATIONS, PATCHED, forget_lists, scene
from tests.faults.trials import Note, NotRun, Outcome, Trial, Void
from tests.faults.warm import NO_FORK, Ended

FAMILY = "F1"
TITLE = "SIGKILL at a random moment of a save, an export or a patch in place"
GROUPS = (*KINDS, *(f"{kind}, in place" for kind in IN_PLACE))
WRITE_SHARE, COMMIT_SHARE, MIXED_SHARE = 0.10, 0.05, 0.10
TABLE = {True: MIB // 8, False: 2 * MIB}
"""Bytes of a .csv: a gigabyte of printed numbers takes an hour, and they go the same way as other bytes."""
SLOW = {"write": 0.003, "sync": 0.06, "replace": 0.03}
SLOW_SMALL = {"write": 0.03, "sync": 0.02, "replace": 0.02}
SLOW_TABLE = {"write": 0.5, "sync": 0.15, "replace": 0.1}


def landed(ended: Ended, files: int) -> str:
    """Name the part of the save in which a kill landed."""
    words = Counter(word for word, _ in ended.phases)
    if not ended.was_killed or ended.phase == "saved":
        return "after"
    if ended.phase == "write":
        return "write"
    if ended.phase in ("sync", "rename") or (ended.phase == "renamed" and words["renamed"] < files):
        return "fsync to rename"
    return "before" if ended.phase in ("", "begin") else "after"


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Kill saves of one format, at all destinations in turn."""
    if NO_FORK:
        yield NotRun(FAMILY, group, NO_FORK)
        return
    if group.endswith(", in place"):
        yield from _patches(KINDS[group.removesuffix(", in place")], quick, folder)
        return
    kind = KINDS[group]
    is_table = kind.name == "csv"
    nbytes = TABLE[quick] if is_table else MIB if quick else 64 * MIB
    slow = SLOW_TABLE if is_table else SLOW_SMALL if quick else SLOW
    yield from _kills(kind, folder / "slowed", nbytes, slow, 4 if quick else 200)
    if not quick and not is_table:
        shutil.rmtree(folder / "slowed")
        yield from _kills(kind, folder / "large", 1024 * MIB, {}, 10)


def _kills(kind: Kind, folder: Path, nbytes: int, slow: dict[str, float], count: int) -> Iterator[Outcome]:
    chance = random.Random(f"{kind.name} {nbytes}")
    places: Counter[str] = Counter()
    size = f"{nbytes // MIB} MiB" if nbytes >= MIB else f"{nbytes // 1024} KiB"
    first = list(KINDS).index(kind.name) % 2  # a short run has two of the destinations for each format
    chosen = DESTINATIONS if count >= 100 else DESTINATIONS[first::2]
    scenes = [scene(kind, destination, folder, nbytes, slow) for destination in chosen]
    for number in range(count):
        one = scenes[number % len(scenes)]
        after = one.lasts * (chance.uniform(0, 1.2) if count >= 10 else (number + 1) / count)
        ended, oracle = one.run(after)
        place = landed(ended, len(one.targets()))
        places[place] += 1
        faults = oracle.faults(True if ended.phase == "saved" else None)
        if ended.error:
            faults.append(f"the save ended with {ended.error}")
        case = f"{kind.name}, {size}, {one.destination}: kill {number + 1} of {count}, {after:.3f} of {one.lasts:.3f} s"
        yield Trial(FAMILY, f"{case}, in {place}", not faults, "; ".join(faults))
    yield Note(FAMILY, f"{kind.name}, {size}", ", ".join(
        f"{places[place]} {place}" for place in ("before", "write", "fsync to rename", "after")))  # fmt: skip
    if count >= 100 and (places["write"] < WRITE_SHARE * count or places["fsync to rename"] < COMMIT_SHARE * count):
        yield Void(FAMILY, f"{kind.name}, {size}", f"of {count} kills {places['write']} landed in the write and "
                                                   f"{places['fsync to rename']} from fsync to rename")  # fmt: skip


def _patches(kind: Kind, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Kill patches in place; the next start puts the old bytes back, or, for half of them, who opens the file."""
    nbytes, slow, count = (MIB, SLOW_SMALL, 2) if quick else (64 * MIB, SLOW, 100)
    chance = random.Random(f"{kind.name} in place")
    one = scene(kind, PATCHED, folder, nbytes, slow)
    places: Counter[str] = Counter()
    for number in range(count):
        after = one.lasts * (chance.uniform(0, 1.2) if not quick else (number + 1) / count)
        ended, oracle = one.run(after)
        place = "after" if ended.phase == "saved" else "half patched" if one.is_half_patched() else "else"
        places[place] += 1
        if place != "after" and number % 2:
            forget_lists()
            weightedit_state(one.source)
        faults = oracle.faults(True if place == "after" else None, patched=place != "after")
        if ended.error:
            faults.append(f"the patch ended with {ended.error}")
        case = f"{kind.name}, in place: kill {number + 1} of {count}, {after:.3f} of {one.lasts:.3f} s, {place}"
        yield Trial(FAMILY, case, not faults, "; ".join(faults))
    said = ", ".join(f"{places[place]} {place}" for place in ("else", "half patched", "after"))
    yield Note(FAMILY, f"{kind.name}, in place", said)
    if not quick and places["half patched"] < MIXED_SHARE * count:
        yield Void(FAMILY, f"{kind.name}, in place", f"of {count} kills only {places['half patched']} left a file half "
                                                     "patched")  # fmt: skip
