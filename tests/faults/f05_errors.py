"""F5: each thing a save asks of the system fails, the first time, the second time, and so on until none does."""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.saves import IN_PLACE, KINDS, Kind, document_bytes, edit, files_of, make, put
from tests.faults.scenes import PATCHED
from tests.faults.trials import Note, Outcome, Trial

FAMILY = "F5"
TITLE = "EIO and its kin at each operation of a save or a patch in place, once and lastingly"
GROUPS = tuple(KINDS)
DESTINATIONS = ("new", "existing", "the opened file", PATCHED)
CODES = {"write": errno.ENOSPC, "create": errno.EACCES, "replace": errno.EXDEV, "set_mode": errno.EPERM,
         "close": errno.EDQUOT, "remove": errno.EBUSY}  # fmt: skip
"""What else than EIO an operation is likely to say."""
SAYS_SO = ("could not be put back",)
"""In the message of a failure that left files new: they are to be whole, and of one save after the next start."""
NBYTES = 16 << 10


@dataclass
class Scene:
    """A folder, a document opened from it that goes on from trial to trial, and what a save is to write."""

    kind: Kind
    destination: str
    folder: Path
    pristine: list[Path]
    wanted: dict[str, str] = field(default_factory=dict)
    document: Any = None
    states: list[Any] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def target(self) -> Path:
        place = self.home / ("opened" if self.destination in ("the opened file", PATCHED) else "out")
        return place / self.kind.file

    def targets(self) -> list[Path]:
        """What it writes; an existing destination is one that a save before wrote."""
        return [self.target.parent / file.name for file in self.pristine]

    def prepare(self) -> None:
        """Put the folder back, and open the document again where its file was replaced."""
        import weightedit
        from tests.faults.oracle import document_state

        opened = self.home / "opened"
        if self.document is None or not self._goes_on():
            if self.document is not None:
                self.document.close()
            put(self.pristine, opened)
            self.document = weightedit.open(opened / self.kind.file)
            self.states = [document_state(self.document)]
            edit(self.document)
            self.document.undo()
            self.states.append(document_state(self.document))
            self.document.redo()
            self.states.append(document_state(self.document))
        out = self.home / "out"
        if out.exists():
            shutil.rmtree(out)
        out.mkdir(mode=0o750)
        if self.destination == "existing":
            for file in self.pristine:
                shutil.copyfile(file, out / file.name)
                (out / file.name).chmod(0o640)
        (out / "notes.txt").write_text("of somebody else")

    def _goes_on(self) -> bool:
        """Whether the document can still be used: not where its file was saved, or a backup of it cleaned away."""
        from weightedit.core.errors import SourceChanged

        try:
            for file in self.document.files:
                file.check()
        except SourceChanged:
            return False
        return self.document.is_modified

    def save(self) -> None:
        """Do what is disturbed."""
        if self.destination in ("the opened file", PATCHED):
            self.document.save(in_place=self.destination == PATCHED)
        else:
            size = document_bytes(self.document) // self.kind.shards + 1 if self.kind.shards else None
            self.document.export(self.target, self.kind.format, shard_size=size)


def scene(kind: Kind, destination: str, folder: Path) -> tuple[Scene, Counter[str]]:
    """Prepare a scene, and count what an undisturbed run asks."""
    from tests.faults.failing import Failing, under
    from tests.faults.oracle import digest

    pristine = folder / "pristine"
    if not pristine.exists():
        make(kind, pristine, NBYTES, 1)
    made = Scene(kind, destination, folder / destination.replace(" ", "-"), files_of(pristine / kind.file))
    made.prepare()
    system = Failing()
    with under(system):
        made.save()
    made.wanted = {path.name: digest(path) for path in made.targets()}
    return made, system.asked


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Fail each operation of the saves of one format."""
    from tests.faults.failing import EVERYTHING, ITS_KIND, ONCE, Fault

    kind = KINDS[group]
    for place, destination in enumerate(DESTINATIONS if kind.name in IN_PLACE else DESTINATIONS[:-1]):
        one, asked = scene(kind, destination, folder)
        faults = [Fault(name, nth, lasting) for name, count in asked.items() for nth in range(1, count + 1)
                  for lasting in (ONCE, ITS_KIND, EVERYTHING)]  # fmt: skip
        faults += [Fault(name, nth, lasting, code) for name, code in CODES.items() for nth in range(1, asked[name] + 1)
                   for lasting in (ONCE, ITS_KIND)]  # fmt: skip
        if quick:
            faults = faults[place :: max(1, len(faults) // 8)]
        never = [Fault(name, count + 1) for name, count in asked.items()][: 1 if quick else None]
        told = 0
        for number, fault in enumerate((*faults, *never)):
            trial = _try(one, fault, thorough=not quick or number == len(faults) - 1, comes=fault in faults)
            told += trial.why.startswith("said")
            yield trial
        one.document.close()
        if told:
            yield Note(FAMILY, f"{kind.name}, {destination}", f"{told} failures said that files could not be put back; "
                                                              "the next start made them of one save")  # fmt: skip


def _try(one: Scene, fault: Any, *, thorough: bool, comes: bool) -> Trial:
    from tests.faults.failing import Failing, under
    from tests.faults.oracle import Oracle, edits_kept
    from weightedit.core.errors import CheckpointError

    one.prepare()
    before = _room(one.home)
    oracle = Oracle(one.home, {path: one.wanted[path.name] for path in one.targets()})
    system, said = Failing(fault), ""
    handles = _handles()
    found = []
    try:
        with under(system):
            one.save()
    except CheckpointError as error:
        said = str(error)
        found += _message(said, one)
    reported: bool | None = not said
    if said and any(words in said for words in SAYS_SO):
        reported = None
    if said and thorough and reported is not None:
        found += edits_kept(one.document, one.states, one.folder / f"elsewhere-{one.kind.file}")
    found += oracle.faults(reported, reopen=thorough, patched=one.destination == PATCHED and reported is None)
    if system.came != comes:
        found.append("the fault came though it was past the last" if system.came else "the fault did not come")
    if said and _handles() != handles:
        found.append(f"{_handles() - handles} handles stay open")
    if said and one.destination == "new" and reported is not None and _room(one.home) != before:
        found.append("space was not given back")
    case = f"{one.kind.name}, {one.destination}: {fault}"
    return Trial(FAMILY, case, not found, "; ".join(found) or ("said: " + said if reported is None else ""))


def _message(said: str, one: Scene) -> list[str]:
    """Say what a message lacks: the file, the cause and what is safe."""
    found = [] if any(path.name in said for path in one.targets()) else [f"the message names no file: {said}"]
    if not any(words in said for words in ("untouched", "nothing was", *SAYS_SO)):
        found.append(f"the message does not say what is safe: {said}")
    return [*found, *(["the message has several lines"] if "\n" in said else [])]


def _handles() -> int:
    there = Path("/proc/self/fd")
    return len(list(there.iterdir())) if there.is_dir() else 0


def _room(folder: Path) -> int:
    """Return the bytes of all files of a folder."""
    return sum(path.lstat().st_blocks for path in folder.rglob("*"))
