"""F6: destinations that cannot be written to, or are not what they seem; done as a person who is not root."""

from __future__ import annotations

import codecs
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.saves import KINDS, document_bytes, edit, files_of, make, put
from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F6"
TITLE = "destinations that are read-only, missing, removed, no file, too long, elsewhere or another person's"
GROUPS = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npz", "npy", "csv", "mounted over")
JOB = "tests.faults.f06_places:places"
NOBODY = 65534
REFUSED, SAVED = "refused", "saved"


@dataclass(frozen=True, slots=True)
class Case:
    """A destination.

    Attributes
    ----------
    name
        What it is.
    expected
        REFUSED or SAVED.
    path
        Where, made ready by `prepare`; relative to the folder of the case.
    prepare
        Makes the folder of the case ready; called by whoever began the trial, root where that is possible.
    during
        Called in the midst of the save, before the file is on the disk.
    words
        One of them is in the message.
    """

    name: str
    expected: str
    path: str
    prepare: Callable[[Path, list[Path]], None]
    during: Callable[[Path], None] | None = None
    words: tuple[str, ...] = ()


def _nothing(home: Path, files: list[Path]) -> None:
    (home / "out").mkdir()


def _with(mode: int, folder: int = 0o755) -> Callable[[Path, list[Path]], None]:
    def prepare(home: Path, files: list[Path]) -> None:
        put(files, home / "out")
        for path in (home / "out").iterdir():
            path.chmod(mode)
        (home / "out").chmod(folder)

    return prepare


def _others(mode: int, folder: int) -> Callable[[Path, list[Path]], None]:
    """Files and folder are root's; their group is the person's."""

    def prepare(home: Path, files: list[Path]) -> None:
        _with(mode)(home, files)
        for path in (home / "out", *(home / "out").iterdir()):
            os.chown(path, 0, NOBODY)
        (home / "out").chmod(folder)

    prepare.needs_root = True  # type: ignore[attr-defined]
    return prepare


def _instead(make_it: Callable[[Path], object]) -> Callable[[Path, list[Path]], None]:
    def prepare(home: Path, files: list[Path]) -> None:
        (home / "out").mkdir()
        for file in files:
            make_it(home / "out" / file.name)

    return prepare


def _socket(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # its address may not be long
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def _linked(home: Path, files: list[Path]) -> None:
    put(files, home / "out" / "there")  # shards are not looked for outside the folder of their index
    for file in files:
        (home / "out" / file.name).symlink_to(Path("there") / file.name)


def _linked_twice(home: Path, files: list[Path]) -> None:
    put(files, home / "out")
    (home / "other").mkdir()
    for file in files:
        (home / "other" / file.name).hardlink_to(home / "out" / file.name)


def _named(home: Path, files: list[Path]) -> None:
    (home / os.fsdecode(b"out\xff")).mkdir()


CASES = (
    Case("a read-only folder", REFUSED, "out/{}", _with(0o644, 0o555), None, ("ermission denied",)),
    Case("a read-only folder, a new file", REFUSED, "out/new-{}", _with(0o644, 0o555), None, ("ermission denied",)),
    Case("a read-only file", REFUSED, "out/{}", _with(0o444), None, ("is read-only",)),
    Case("a missing folder", REFUSED, "out/none/{}", _nothing, None, ("there is no folder",)),
    Case("a folder that is removed in the midst", REFUSED, "out/{}", _nothing,
         lambda home: shutil.rmtree(home / "out"), ("is not there",)),
    Case("a folder that is moved away in the midst", REFUSED, "out/{}", _nothing,
         lambda home: (home / "out").rename(home / "away"), ("is not there",)),
    Case("a folder at each name", REFUSED, "out/{}", _instead(Path.mkdir), None, ("a folder",)),
    Case("a pipe", REFUSED, "out/{}", _instead(os.mkfifo), None, ("pipe or device",)),
    Case("a socket", REFUSED, "out/{}", _instead(_socket), None, ("pipe or device",)),
    Case("a link to a device", REFUSED, "out/{}", _instead(lambda path: path.symlink_to("/dev/null")), None,
         ("pipe or device",)),
    Case("a link that goes round", REFUSED, "out/{}", _instead(lambda path: path.symlink_to(path.name)), None, ()),
    Case("a name of 256 bytes", REFUSED, "out/" + "n" * (256 - 30) + "{:a>30}", _nothing, None, ("name too long",)),
    Case("a path of 4,100 bytes", REFUSED, "out/" + "folder/" * 585 + "{}", _nothing, None,
         ("name too long", "there is no folder")),
    Case("a name that is no text", SAVED, "out\udcff/\udcfe{}", _named),
    Case("an index whose name is no text", REFUSED, "out\udcff/\udcfe{}", _named, None, ("is no text",)),
    Case("links to other files", SAVED, "out/{}", _linked),
    Case("other hard links of the files", SAVED, "out/{}", _linked_twice),
    Case("files of unusual rights", SAVED, "out/{}", _with(0o660)),
    Case("another person's files in a folder of the group", SAVED, "out/{}", _others(0o664, 0o775)),
    Case("another person's files in a folder where only owners replace", REFUSED, "out/{}", _others(0o664, 0o1775),
         None, ("another person's",)),
    Case("another person's files without the right to write", REFUSED, "out/{}", _others(0o644, 0o775), None,
         ("read-only",)),
)  # fmt: skip


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Save one format to each destination."""
    if os.name != "posix":
        yield NotRun(FAMILY, group, "the cases are POSIX's")
        return
    if group == "mounted over":
        yield from _mounted(folder)
        return
    from tests.faults.warm import warm

    place = Path(tempfile.mkdtemp(prefix="weightedit-f6-"))  # where a test's own folder is only its owner may go
    try:
        chosen = [case for case in CASES if _fits(case, group)]
        if quick:
            chosen = chosen[GROUPS.index(group) % 3 :: 3]
        is_root = _may_give_away(place)
        for case in [case for case in chosen if hasattr(case.prepare, "needs_root") and not is_root]:
            yield NotRun(FAMILY, f"{group}: {case.name}", "another person's files take root to prepare")
            chosen.remove(case)
        pristine = files_of(make(KINDS[group], place / "pristine", 16 << 10, 1))
        place.chmod(0o755)
        for number, case in enumerate(chosen):
            home = place / f"case-{number}"
            home.mkdir()
            put(pristine, home / "opened")
            case.prepare(home, pristine)
            if is_root:
                _give_away(home, case)
        ended = warm().run(JOB, {"kind": group, "place": str(place), "cases": [case.name for case in chosen],
                                 "user": NOBODY if is_root else None})  # fmt: skip
        if ended.status:
            yield Trial(FAMILY, f"{group}: all", False, f"the process ended with {ended.status}: {ended.error}")
            return
        for case, found in zip(chosen, ended.answer, strict=True):
            yield Trial(FAMILY, f"{group}: {case.name} ({case.expected})", not found, "; ".join(found))
    finally:
        for path in (place, *place.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(place)


def _fits(case: Case, group: str) -> bool:
    """Leave out a folder as the destination where it means a file in that folder, and what is of shards alone."""
    if case.path.startswith("out\udcff"):
        return (case.expected == REFUSED) == (group == "safetensors in shards")
    return group in ("npz", "npy", "csv") or not case.name.startswith("a folder at")


def _may_give_away(place: Path) -> bool:
    """Whether this is root, who may do so; in some containers it may not."""
    if os.geteuid() != 0:
        return False
    try:
        os.chown(place, NOBODY, NOBODY)
        os.chown(place, 0, 0)
    except OSError:
        return False
    return True


def _give_away(home: Path, case: Case) -> None:
    own = not hasattr(case.prepare, "needs_root")
    for path in (home, *home.rglob("*")):
        if own or not path.is_relative_to(home / "out"):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def places(arguments: dict[str, Any], report: Callable[[str], None]) -> list[list[str]]:
    """Do all cases of one format; return what does not hold, case by case."""
    place = Path(arguments["place"])
    if arguments["user"] is not None:
        _rehearse(KINDS[arguments["kind"]], place)
        os.setgroups([])
        os.setresgid(*[arguments["user"]] * 3)
        os.setresuid(*[arguments["user"]] * 3)
    os.umask(0o022)
    os.environ["WEIGHTEDIT_STATE"] = str(place / "no state")  # cannot be made there by others than its owner
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "case-0")
    named = _named_cases()
    return [_faults(named[name], KINDS[arguments["kind"]], place / f"case-{number}")
            for number, name in enumerate(arguments["cases"])]  # fmt: skip


def _named_cases() -> dict[str, Case]:
    return {case.name: case for case in CASES}


def _rehearse(kind: Any, place: Path) -> None:
    """Do a case that is refused and one that is not as root, so that all they import has been.

    Python and this checkout may lie where the other person cannot look.
    """
    codecs.lookup("unicode_escape")
    pristine = files_of(place / "pristine" / kind.file)
    for name in ("a missing folder", "files of unusual rights"):
        home = place / f"rehearsal of {name}"
        put(pristine, home / "opened")
        case = _named_cases()[name]
        case.prepare(home, pristine)
        os.environ["WEIGHTEDIT_STATE"] = str(place / "state of the rehearsal")
        if found := _faults(case, kind, home):
            raise AssertionError(f"{name}, as root: {found}")


def _faults(case: Case, kind: Any, home: Path) -> list[str]:
    import weightedit
    from tests.faults.failing import under
    from tests.faults.oracle import document_state, edits_kept, weightedit_state
    from weightedit.core.errors import CheckpointError
    from weightedit.core.files.file_system import FileSystem

    class Disturbed(FileSystem):
        def sync(self, handle: int) -> None:
            if case.during is not None and (home / "out").exists():
                case.during(home)
            super().sync(handle)

    target = home / case.path.format(kind.file)
    before, found, said = _looks(home), [], ""
    handles = _handles()
    with weightedit.open(home / "opened" / kind.file) as document:
        states = [document_state(document)]
        edit(document)
        document.undo()
        states.append(document_state(document))
        document.redo()
        states.append(document_state(document))
        try:
            with under(Disturbed()):
                size = document_bytes(document) // kind.shards + 1 if kind.shards else None
                document.export(target, kind.format, shard_size=size)
        except CheckpointError as error:
            said = str(error)
        if case.expected == REFUSED:
            (home / "elsewhere").mkdir()
            found += edits_kept(document, states, home / "elsewhere" / kind.file)
        elif not said and weightedit_state(target) != states[-1]:
            found.append("the saved file holds other values")
    if (case.expected == REFUSED) != bool(said):
        return [f"it should have been {case.expected}, and said: {said or 'nothing'}"]
    if _handles() > handles:
        found.append("handles stay open")
    return found + (_refused(case, said, before, home) if said else _saved(before, home))


def _handles() -> int:
    there = Path("/proc/self/fd")
    return len(list(there.iterdir())) if there.is_dir() else 0


def _refused(case: Case, said: str, before: dict[str, tuple[object, ...]], home: Path) -> list[str]:
    found = []
    if "\n" in said or not any(word in said for word in ("untouched", "nothing was")):
        found.append(f"the message does not say what is safe: {said}")
    if case.words and not any(word in said for word in case.words):
        found.append(f"the message does not say why: {said}")
    now = {name: look for name, look in _looks(home).items() if not name.startswith("elsewhere")}
    if case.during is None and now != before:
        found.append(f"changed: {sorted(set(now.items()) ^ set(before.items()), key=str)}")
    return found


def _saved(before: dict[str, tuple[object, ...]], home: Path) -> list[str]:
    """Nothing but bytes and owners may have changed, and the other names of replaced files keep the old bytes."""
    found, now = [], _looks(home)
    for name, (kind, mode, group, data) in before.items():
        if name not in now:
            found.append(f"{name!r} is gone")
        elif now[name][:3] != (kind, mode, group):
            found.append(f"{name!r} was {(kind, mode, group)} and is {now[name][:3]}")
        elif name.startswith("other") and now[name][3] != data:
            found.append(f"{name!r} holds new bytes, which was another name of the replaced file")
    return found + [f"{name!r} was left" for name in now if ".weightedit-" in name]


def _looks(home: Path) -> dict[str, tuple[object, ...]]:
    """By path below a folder: kind, mode bits, group, and a hash of the bytes of files or where links go."""
    from tests.faults.oracle import digest

    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(home.rglob("*")):
        status = path.lstat()
        data = str(path.readlink()) if path.is_symlink() else digest(path) if path.is_file() else ""
        found[str(path.relative_to(home))] = (status.st_mode >> 12, status.st_mode & 0o7777, status.st_gid, data)
    return found


def _mounted(folder: Path) -> Iterator[Outcome]:
    """A file that is mounted over by another, which no rename replaces; and a link to another disk, which works."""
    import weightedit
    from tests.faults.mounts import Refused, bound, tmpfs
    from tests.faults.oracle import Oracle, digest
    from weightedit.core.errors import CheckpointError

    for name in ("safetensors", "torch zip"):
        kind = KINDS[name]
        home = folder / name.replace(" ", "-")
        path = make(kind, home / "opened", 16 << 10, 1)
        put([path], home / "out")
        put([path], home / "from")
        with weightedit.open(path) as document:
            edit(document)
            document.export(home / kind.file, kind.format)
            wanted = digest(home / kind.file)
            try:
                with bound(home / "from" / kind.file, home / "out" / kind.file):
                    oracle, said = Oracle(home, {home / "out" / kind.file: wanted}), ""
                    try:
                        document.export(home / "out" / kind.file, kind.format)
                    except CheckpointError as error:
                        said = str(error)
                    found = oracle.faults(False) + ([] if "mounted" in said else [f"it said: {said}"])
                yield Trial(FAMILY, f"{name}: a file mounted over it", not found, "; ".join(found))
                with tmpfs(home / "disk", 1 << 20) as disk:
                    put([path], disk)
                    (home / "out" / kind.file).unlink()
                    (home / "out" / kind.file).symlink_to(disk / kind.file)
                    document.export(home / "out" / kind.file, kind.format)
                    good = digest(disk / kind.file) == wanted and (home / "out" / kind.file).is_symlink()
                    yield Trial(FAMILY, f"{name}: a link to another disk", good, "not written there")
            except Refused as error:
                yield NotRun(FAMILY, f"{name}: mounted over", str(error))
