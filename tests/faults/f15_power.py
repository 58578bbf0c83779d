"""F15: the power goes at each moment of a save; what the disk may hold then is made, and the next start cleans up."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.trials import Note, Outcome, Trial

if TYPE_CHECKING:
    from tests.faults.power import Disk, Moment, Recording

FAMILY = "F15"
TITLE = "power loss at each fsync of a save or a patch in place, of what was not yet on the disk any part lost"
GROUPS = ("torch zip", "safetensors", "npz", "shards, new", "shards, existing", "shards in two folders",
          "shards, a rename fails", "shards, the fsync of the folder fails", "safetensors, in place",
          "shards, in place", "torch zip, in place", "shards, in place, a write fails")  # fmt: skip
MOST = {True: 6, False: 400}
"""How many combinations of names that were not yet sure are tried for each moment."""
NBYTES = 8 << 10


@dataclass
class Run:
    """A recorded save.

    Attributes
    ----------
    root, lists
        The folder with everything in it, and the one of the lists of running saves.
    targets
        The files that the save is to replace.
    old, new
        By file, its hash before and after; None for none.
    others
        By path, the hash of what is not to change.
    moments
        When the power may go.
    in_place
        Whether it was a patch in place, after which a file may hold old and new bytes until the next start.
    """

    root: Path
    lists: Path
    targets: list[Path]
    old: dict[Path, str | None] = field(default_factory=dict)
    new: dict[Path, str | None] = field(default_factory=dict)
    others: dict[Path, str | None] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    in_place: bool = False

    def faults(self, disk: Disk, *, with_lists: bool) -> list[str]:
        """Make one state of the disk, do what the next start does, and say what does not hold."""
        from tests.faults.power import Unsynced
        from weightedit.core.writing.leftovers import clean, settle_folder
        from weightedit.core.writing.rolling_back import settle_file

        disk.build(self.root, self.lists if with_lists else None, self.targets if self.in_place else ())
        found = [] if self.in_place else self._whole("before cleaning")
        if with_lists:
            clean(system=Unsynced())
        elif self.in_place:
            for path in self.targets:
                settle_file(path, Unsynced())
        else:  # the state folder is gone: opening must not show files of two saves
            for folder in dict.fromkeys(path.parent for path in self.targets):
                settle_folder(folder, self.targets[-1], Unsynced())
        return found + self._whole("after") + self._after(disk.moment.reported, with_lists)

    def _states(self) -> dict[Path, str]:
        named = {}
        for path in self.targets:
            now = digest(path)
            named[path] = "same" if now == self.old[path] == self.new[path] else "old" if now == self.old[path] else (
                "new" if now == self.new[path] else "neither")  # fmt: skip
        return named

    def _whole(self, when: str) -> list[str]:
        return [f"O1 {when}: {path.name} is neither old nor new" for path, state in self._states().items()
                if state == "neither"]  # fmt: skip

    def _after(self, reported: str | None, with_lists: bool) -> list[str]:
        kinds = {state for state in self._states().values() if state != "same"}
        found = [f"O1: the files are of two saves: {self._states()}"] if len(kinds) > 1 else []
        if reported and kinds - {"new" if reported == "saved" else "old"}:
            found.append(f"O2: it was reported as {reported} and is {sorted(kinds)}")
        found += [f"O4: {path.name} changed" for path, value in self.others.items() if digest(path) != value]
        known = {*self.targets, *self.others}
        left = [path.name for path in self.root.rglob("*") if path.is_file() and path not in known]
        return found + [f"O4: {name} was left behind" for name in left if with_lists or ".weightedit-" not in name]


def digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def record(group: str, folder: Path, make_system: Callable[..., Recording]) -> Run:
    """Do one save and record it; `make_system` takes what `Recording` does."""
    import weightedit
    from tests.faults.failing import Failing, Fault, under
    from tests.faults.saves import KINDS, edit, files_of, make, put
    from weightedit.core.errors import CheckpointError
    from weightedit.core.writing.registration import saves_folder

    kind = KINDS["safetensors in shards" if group.startswith("shards") else group.removesuffix(", in place")]
    pristine = folder / "pristine"
    make(kind, pristine, NBYTES, 1)
    root, opened = folder / "root", folder / "opened"
    root.mkdir()
    put(files_of(pristine / kind.file), opened)
    if group == "shards in two folders":
        _divide(opened, kind.file)
    if not group.endswith("new"):
        shutil.copytree(opened, root, dirs_exist_ok=True)
    (root / "notes.txt").write_text("of somebody else")
    run = Run(root, saves_folder(), [], in_place=", in place" in group)
    opened = root if run.in_place else opened
    before = {path: digest(path) for path in root.rglob("*") if path.is_file()}
    fault = {"shards, a rename fails": Fault("replace", 3),
             "shards, the fsync of the folder fails": Fault("sync_folder", 2),
             "shards, in place, a write fails": Fault("write", 12)}  # fmt: skip
    with weightedit.open(opened / kind.file) as document:
        edit(document)
        if run.in_place:
            _undisturbed_patch(run, document, folder / "elsewhere" / kind.file, before)
        else:
            _undisturbed(run, document, root / kind.file, before)
        system = make_system(root, run.lists, Failing(fault.get(group)))
        try:
            with under(system), _another_boot():
                document.save(in_place=True) if run.in_place else document.export(root / kind.file)
        except CheckpointError:
            system.end("failed")
        else:
            system.end("saved")
    run.moments = system.moments
    return run


def _undisturbed(run: Run, document: object, path: Path, before: dict[Path, str | None]) -> None:
    """Save once to learn what is written, and put everything back."""
    kept = run.root.with_name("kept")
    shutil.copytree(run.root, kept)
    document.export(path)  # type: ignore[attr-defined]
    after = {path: digest(path) for path in run.root.rglob("*") if path.is_file()}
    run.targets = sorted(path for path in after if path.name != "notes.txt")
    run.old, run.new = {path: before.get(path) for path in run.targets}, after
    run.others = {path: value for path, value in before.items() if path not in run.targets}
    shutil.rmtree(run.root)
    shutil.copytree(kept, run.root)


def _undisturbed_patch(run: Run, document: object, elsewhere: Path, before: dict[Path, str | None]) -> None:
    """Export elsewhere to learn what is to be in the files that a patch changes."""
    elsewhere.parent.mkdir()
    document.export(elsewhere)  # type: ignore[attr-defined]
    after = {path: digest(elsewhere.with_name(path.name)) for path in before if path.name != "notes.txt"}
    run.targets = sorted(path for path, value in after.items() if value != before[path])
    run.old, run.new = {path: before[path] for path in run.targets}, after
    run.others = {path: value for path, value in before.items() if path not in run.targets}


@contextmanager
def _another_boot() -> Iterator[None]:
    """Let the system have been started anew between what is done inside and what comes after."""
    from weightedit.core.writing import rollback

    real = rollback.boot_id
    rollback.boot_id = lambda: "before the power went"
    try:
        yield
    finally:
        rollback.boot_id = real


def _divide(opened: Path, file: str) -> None:
    """Put half of the shards into a folder below."""
    import json

    index = json.loads((opened / file).read_text())
    moved = set(list(dict.fromkeys(index["weight_map"].values()))[2:])
    (opened / "more").mkdir()
    for name in moved:
        (opened / name).rename(opened / "more" / name)
    index["weight_map"] = {key: f"more/{name}" if name in moved else name for key, name in index["weight_map"].items()}
    (opened / file).write_text(json.dumps(index))


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Lose the power at each moment of one save."""
    from tests.faults.power import Recording, disks

    run = record(group, folder, Recording)
    tried = 0
    every = 4 if quick and len(run.moments) > 8 else 1
    for disk in islice(disks(run.moments, MOST[quick]), None, None, every):
        for with_lists in (True, False) if not quick or tried % 5 == 0 else (True,):
            found = run.faults(disk, with_lists=with_lists)
            where = "" if with_lists else ", the state folder lost too"
            yield Trial(FAMILY, f"{group}: {disk.title}{where}", not found, "; ".join(found))
        tried += 1
    yield Note(FAMILY, group, f"{tried} states of the disk at {len(run.moments)} moments")
    yield from again(group, run, 1 if quick else 40)


def again(group: str, run: Run, most: int) -> Iterator[Outcome]:
    """Lose the power a second time, while the next start puts things right."""
    from tests.faults.power import Recording, disks
    from weightedit.core.writing.leftovers import clean

    tried = 0
    for disk in disks(run.moments, 4, seed=1):
        disk.build(run.root, run.lists, run.targets if run.in_place else ())
        system = Recording(run.root, run.lists)
        cleaned = clean(system=system)
        if not (cleaned.completed or cleaned.taken_back) and tried * 2 > most:
            continue  # those that only removed files are enough by now
        system.end(disk.moment.reported or "")
        for moment in system.moments:
            moment.reported = disk.moment.reported
        for second in islice(disks(system.moments, 8, seed=2), 20 if most == 1 else None):
            found = run.faults(second, with_lists=True)
            yield Trial(FAMILY, f"{group}: {disk.title}; then again {second.title}", not found, "; ".join(found))
        tried += 1
        if tried >= most:
            return


