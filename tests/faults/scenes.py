"""A folder in which a save is disturbed, again and again: the opened file, a destination and a bystander."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.oracle import Oracle, digest
from tests.faults.saves import Kind, files_of, make, put
from tests.faults.warm import Ended, warm
from weightedit.core.writing.registration import lists
from weightedit.core.writing.rollback import LIVE, path_beside, state_of

JOB, RECOVER = "tests.faults.saves:save", "tests.faults.saves:recover"
DESTINATIONS = ("new", "existing", "link to an existing one", "the opened file")
PATCHED = "the opened file, in place"
"""A destination of its own, of the kinds in `IN_PLACE`; it promises less."""
MODE = 0o640
"""Of every file beforehand; not what a new file has."""


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
        if self.destination in ("the opened file", PATCHED):
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
                elif stat.S_IMODE(path.stat().st_mode) != MODE:
                    path.chmod(MODE)
        if self.destination.startswith("link"):
            links.mkdir(exist_ok=True)
            for file in self.other:
                (links / file.name).unlink(missing_ok=True)
                (links / file.name).symlink_to(Path("..") / "out" / file.name)
        (out / "notes.txt").write_text("of somebody else")

    def run(self, kill_after: float | None = None, **more: Any) -> tuple[Ended, Oracle]:
        """Do one trial from the start; `more` is for `saves.save`, and `trace` for the warm process."""
        self.put_back()
        oracle = Oracle(self.folder, {path: self.wanted[path.name] for path in self.targets()})
        target = None if self.target is None else str(self.target)
        trace = more.pop("trace", None)
        arguments = {"kind": self.kind.name, "source": str(self.source), "target": target, "slow": self.slow,
                     "in_place": self.destination == PATCHED, **more}  # fmt: skip
        return warm().run(JOB, arguments, kill_after=kill_after, trace=trace), oracle

    def is_half_patched(self) -> bool:
        """Whether the next start has to put old bytes back."""
        return any(state_of(path_beside(path)) == LIVE for path in self.targets())

    def recover(self, **more: Any) -> Ended:
        """Let a process do what the next start does; `more` is for `saves.recover`."""
        return warm().run(RECOVER, more)


def forget_lists() -> None:
    """Let no start know what a killed save left: then it is for who opens the file."""
    for path in lists():
        path.unlink()


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
