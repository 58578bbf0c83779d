"""F1: a save or export is killed at a random moment; the destination holds the old file or the new one, whole."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.oracle import Oracle, digest
from tests.faults.saves import KINDS, MIB, Kind, files_of, make, put
from tests.faults.trials import Note, Outcome, Trial, Void
from tests.faults.warm import Ended, warm

FAMILY = "F1"
TITLE = "SIGKILL at a random moment of a save or export"
GROUPS = tuple(KINDS)
JOB = "tests.faults.saves:save"
DESTINATIONS = ("new", "existing", "link to an existing one", "the opened file")
WRITE_SHARE, COMMIT_SHARE = 0.10, 0.05
TABLE = {True: MIB // 8, False: 2 * MIB}
"""Bytes of a .csv: a gigabyte of printed numbers takes an hour, and they go the same way as other bytes."""
SLOW = {"write": 0.003, "sync": 0.06, "replace": 0.03}
SLOW_SMALL = {"write": 0.03, "sync": 0.02, "replace": 0.02}
SLOW_TABLE = {"write": 0.5, "sync": 0.15, "replace": 0.1}


@dataclass(slots=True)
class Scene:
    """A folder with an opened file, a destination and a bystander, put back before each trial.

    Attributes
    ----------
    kind, destination
        The format, and which of `DESTINATIONS`.
    folder
        Everything lies in it.
    pristine, other
        Files as opened, and those that lie at the destination beforehand; both beside `folder`.
    slow
        How the save is slowed; see `saves.watch`.
    wanted
        By file name, the hash that an undisturbed run wrote.
    lasts
        Seconds that run took from its begin.
    """

    kind: Kind
    destination: str
    folder: Path
    pristine: list[Path]
    other: list[Path]
    slow: dict[str, float]
    wanted: dict[str, str]
    lasts: float = 0.0

    @property
    def source(self) -> Path:
        """The opened file."""
        return self.folder / "opened" / self.kind.file

    @property
    def target(self) -> Path | None:
        """The destination as it is asked for; None for a save."""
        if self.destination == "the opened file":
            return None
        return self.folder / ("links" if self.destination.startswith("link") else "out") / self.kind.file

    def targets(self) -> list[Path]:
        """Every file that the save may change."""
        place = self.source.parent if self.target is None else self.folder / "out"
        return [place / file.name for file in self.pristine]

    def put_back(self) -> None:
        """Make everything as it was before the first trial, copying only what is not."""
        out, links = self.folder / "out", self.folder / "links"
        for folder, files in ((self.source.parent, self.pristine), (out, self.other)):
            folder.mkdir(parents=True, exist_ok=True)
            if folder == out and self.destination == "new":
                files = []
            put([file for file in files if digest(folder / file.name) != digest(file)], folder)
            for path in folder.iterdir():
                if path.name not in {file.name for file in files}:
                    path.unlink()
                else:
                    path.chmod(0o640)
        if self.destination.startswith("link"):
            links.mkdir(exist_ok=True)
            for file in self.other:
                (links / file.name).unlink(missing_ok=True)
                (links / file.name).symlink_to(Path("..") / "out" / file.name)
        (out / "notes.txt").write_text("of somebody else")

    def run(self, kill_after: float | None = None) -> tuple[Ended, Oracle]:
        """Do one trial from the start."""
        self.put_back()
        oracle = Oracle(self.folder, {path: self.wanted[path.name] for path in self.targets()})
        target = None if self.target is None else str(self.target)
        arguments = {"kind": self.kind.name, "source": str(self.source), "target": target,
                     "slow": self.slow}  # fmt: skip
        return warm().run(JOB, arguments, kill_after=kill_after), oracle


def scene(kind: Kind, destination: str, folder: Path, nbytes: int, slow: dict[str, float]) -> Scene:
    """Prepare a scene: an undisturbed run says what is to be written and how long it takes."""
    pristine, other = folder / "pristine", folder / "other"
    if not pristine.exists():
        make(kind, pristine, nbytes, 1)
        make(kind, other, nbytes, 2)
    own, place = files_of(pristine / kind.file), folder / destination.replace(" ", "-")
    made = Scene(kind, destination, place, own, files_of(other / kind.file), slow, {file.name: "" for file in own})
    ended, _ = made.run()
    if ended.status:
        raise RuntimeError(f"the undisturbed run did not save: {ended}")
    made.wanted, made.lasts = {path.name: digest(path) for path in made.targets()}, ended.phases[-1][1]
    return made


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
    few = GROUPS.index(kind.name) % 2  # a quick run has two of the destinations for each format
    chosen = DESTINATIONS if count >= 10 else DESTINATIONS[few::2]
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
