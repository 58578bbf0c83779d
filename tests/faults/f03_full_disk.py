"""F3: the disk of the destination is full before the save, or becomes so in the midst of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.saves import IN_PLACE, KINDS, MIB, Kind, document_bytes, edit, files_of, make, put
from tests.faults.scenes import PATCHED
from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F3"
TITLE = "ENOSPC: a disk of 32 MiB, an export of 64 MiB and less, free space of need - 1 byte, need / 2, and 0"
GROUPS = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npz", "npy", "the state folder")
DESTINATIONS = ("new", "existing", "the opened file")
NOTICED = ("noticed before", "noticed in the midst")


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Save on a disk that lacks room."""
    from tests.faults.mounts import Refused, tmpfs

    size = MIB if quick else 32 * MIB
    try:
        with tmpfs(folder / "disk", size) as disk:
            yield from _state(disk, folder) if group == "the state folder" else _saves(group, size, disk, folder, quick)
    except Refused as error:
        yield NotRun(FAMILY, group, str(error))


def _saves(group: str, size: int, disk: Path, folder: Path, quick: bool) -> Iterator[Outcome]:
    kind = KINDS[group]
    large = files_of(make(kind, folder / "large", 2 * size, 1))  # twice the disk
    for when in NOTICED:
        yield _try(kind, large, "new", None, when, disk, folder)
    small = files_of(make(kind, folder / "small", size // 4, 1))
    need = sum(file.stat().st_size for file in small)
    cases = [(destination, free, when) for destination in DESTINATIONS for free in (need - 1, need // 2, 0)
             for when in NOTICED]  # fmt: skip
    if group in IN_PLACE:  # the old bytes of what is changed need room too, which nobody can say beforehand to the byte
        cases += [(PATCHED, free, when) for free in (4096, 0) for when in NOTICED]
    for destination, free, when in cases[GROUPS.index(group) :: 6] if quick else cases:
        yield _try(kind, small, destination, free, when, disk, folder)


def _try(kind: Kind, pristine: list[Path], destination: str, free: int | None, when: str, disk: Path,
         folder: Path) -> Trial:  # fmt: skip
    import weightedit
    from tests.faults.mounts import leave_free
    from tests.faults.oracle import Oracle, digest, document_state, edits_kept
    from weightedit.core.errors import CheckpointError

    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    home = disk if destination in ("the opened file", PATCHED) else folder / f"opened-{pristine[0].parent.name}"
    put(pristine, home)
    if destination == "existing":
        put(pristine, disk)
    found, said = [], ""
    with weightedit.open(home / kind.file) as document:
        states = [document_state(document)]
        edit(document)
        document.undo()
        states.append(document_state(document))
        document.redo()
        states.append(document_state(document))
        wanted = _wanted(document, kind, folder, pristine)
        if free is not None:
            if destination == "the opened file":  # shards that did not change are not written
                free -= sum(file.stat().st_size for file in pristine if digest(file) == wanted[file.name])
            leave_free(disk, max(0, free))
        before = shutil.disk_usage(disk).free
        oracle = Oracle(disk, {disk / name: value for name, value in wanted.items()})
        try:
            with _blind(when):
                if destination == PATCHED:
                    document.save(in_place=True)
                else:
                    _save(document, kind, None if destination == "the opened file" else disk / kind.file)
        except CheckpointError as error:
            said = str(error)
        if shutil.disk_usage(disk).free != before:
            found.append(f"{before - shutil.disk_usage(disk).free:,} bytes were not given back")
        words = ("needs ", "need ") if when == NOTICED[0] else ("no space left",)
        if not any(word in said for word in words) or "untouched" not in said:
            found.append(f"it said: {said or 'nothing'}")
        found += oracle.faults(False, clean=False, reopen=False)
        found += edits_kept(document, states, folder / "elsewhere" / kind.file)
    room = "of its size" if free is None else f"{free:,} bytes free"
    return Trial(FAMILY, f"{kind.name}, {destination}, {room}, {when}", not found, "; ".join(found))


def _save(document: Any, kind: Kind, target: Path | None) -> None:
    if target is None:
        document.save()
    else:
        size = document_bytes(document) // kind.shards + 1 if kind.shards else None
        document.export(target, kind.format, shard_size=size)


def _wanted(document: Any, kind: Kind, folder: Path, pristine: list[Path]) -> dict[str, str]:
    from tests.faults.oracle import digest

    place = folder / "elsewhere"
    place.mkdir(exist_ok=True)
    _save(document, kind, place / kind.file)
    return {file.name: digest(place / file.name) for file in pristine}


@contextmanager
def _blind(when: str) -> Iterator[None]:
    """Let a save not see that there is no room, as where another program takes it in the meantime."""
    from tests.faults.failing import under
    from weightedit.core.files.file_system import FileSystem

    class Blind(FileSystem):
        def free(self, folder: Path) -> int:
            return 1 << 60

    with under(Blind() if when == NOTICED[1] else FileSystem()):
        yield


def _state(disk: Path, folder: Path) -> Iterator[Outcome]:
    """A save works where the lists of saves have no room, and leaves nothing."""
    import os

    import weightedit
    from tests.faults.mounts import leave_free
    from tests.faults.oracle import weightedit_state

    own = os.environ["WEIGHTEDIT_STATE"]
    os.environ["WEIGHTEDIT_STATE"] = str(disk / "state")
    try:
        leave_free(disk, 0)
        for name in ("safetensors", "safetensors in shards"):
            kind = KINDS[name]
            path = make(kind, folder / name.replace(" ", "-"), 64 << 10, 1)
            with weightedit.open(path) as document:
                edit(document)
                before = {name: document.read(name).sum().item() for name in document.tensors}
                document.save()
            with weightedit.open(path) as document:
                same = before == {name: document.read(name).sum().item() for name in document.tensors}
            left = [other.name for other in path.parent.iterdir() if ".weightedit-" in other.name]
            weightedit_state(path)
            yield Trial(FAMILY, f"{name}, no room for the list of the save", same and not left, f"{same}, {left}")
    finally:
        os.environ["WEIGHTEDIT_STATE"] = own
