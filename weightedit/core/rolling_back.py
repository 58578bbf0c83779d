"""Puts a file back whose patch in place was cut short: at the next start, when it is opened, or when asked for it."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from weightedit.core.errors import CheckpointError
from weightedit.core.file_lock import try_lock
from weightedit.core.file_system import FileSystem, forget, write_all
from weightedit.core.folder_locks import FolderBusy, FolderLocks
from weightedit.core.paths import shown
from weightedit.core.registration import DeadList, lists
from weightedit.core.rollback import (
    LIVE,
    VOID,
    HandleReads,
    Piece,
    Rollback,
    boot_id,
    name_beside,
    path_beside,
    read_rollback,
    sample,
    set_state,
    state_of,
)
from weightedit.core.settling import Unsettled, sync_folders


def is_patched(path: Path) -> bool:
    """Whether a patch in place of a file goes on, or was cut short, or left its rollback file."""
    try:
        folder, name = os.path.split(os.path.realpath(path))
        return os.path.lexists(os.path.join(folder, name_beside(name)))  # noqa: PTH118  # asked at every opening
    except (OSError, ValueError):  # no name of any file
        return False


def half_patched() -> list[Path]:
    """Return the files that the lists of ended saves name as patched, and whose old bytes are to be put back."""
    found = []
    for path in lists():
        with suppress(OSError, ValueError):
            one = DeadList(path)
            with one as is_dead:
                named = [Path(line["rollback"]) for line in one.lines if isinstance(line.get("rollback"), str)]
            found += [read_rollback(name).target for name in named if is_dead and is_live(name)]
    return found


def is_live(path: Path) -> bool:
    """Whether a rollback file counts: it is the live leader, or that is."""
    return state_of(path) == LIVE or (state_of(path) is not None and state_of(read_rollback(path).leader) == LIVE)


def settle_file(path: Path, system: FileSystem | None = None) -> list[Path]:
    """See to it that a file is not half patched before it is opened; returns the files that were put back.

    Raises
    ------
    CheckpointError
        If it is being patched now, or cannot be put back: it may hold old and new bytes mixed.
    """
    if not is_patched(path):
        return []
    rollback = path_beside(Path(os.path.realpath(path)))
    try:
        return settle_rollback(rollback, system or FileSystem())
    except FolderBusy as error:
        raise CheckpointError(f"{shown(path)} is being patched in place by another program just now; open it again "
                              "in a moment.", file=path, place=rollback.name) from error  # fmt: skip
    except (OSError, Unsettled) as error:
        why = str(error) if isinstance(error, Unsettled) else f"the system says: {error.strerror or error}"
        raise CheckpointError(
            f"{shown(path)} may hold old and new bytes mixed: a patch in place was cut short, and the old bytes cannot "
            f"be put back: {why.rstrip('.')}. Nothing was changed; to open it as it is, delete {shown(rollback)} "
            "beside it.", file=path, place=rollback.name) from error  # fmt: skip


def settle_rollback(path: Path, system: FileSystem) -> list[Path]:
    """Bring a patch of which a rollback file is there to its end; returns the files that were put back.

    Raises
    ------
    FolderBusy
        If a living process is at it.
    Unsettled
        If the old bytes cannot be put back; nothing was changed.
    OSError
        If the system refuses; the next call goes on from there.
    """
    state = state_of(path)
    if state is None:
        return []  # none, or another person's
    first = _read(path) if state == LIVE else _read_unless_partial(path)
    if first is None or state_of(first.leader) != LIVE:
        _remove_idle(path, first, system)
        return []
    leader = first if first.path == first.leader else _read(first.leader)
    found = [leader, *(_read(member) for member in leader.members)]
    with FolderLocks({one.target.parent for one in found}, patience=2.0), _held(found, system) as handles:
        if state_of(leader.path) != LIVE:
            return []  # somebody else did it meanwhile
        for one, handle in zip(found, handles, strict=True):
            check(one, handle)
        for one, handle in zip(found, handles, strict=True):
            put_back(one, handle, system)
        finish(found, system)
    return [one.target for one in found]


def _read(path: Path) -> Rollback:
    try:
        return read_rollback(path)
    except ValueError as error:
        raise Unsettled(f"{path.name}, which keeps the old bytes, is not whole: {error}") from error
    except FileNotFoundError as error:
        raise Unsettled(f"{path.name}, which keeps old bytes of the same patch, is gone") from error


def _read_unless_partial(path: Path) -> Rollback | None:
    try:
        return read_rollback(path)
    except (OSError, ValueError):
        return None  # it was never whole, so nothing was changed


def _remove_idle(path: Path, rollback: Rollback | None, system: FileSystem) -> None:
    """Remove a rollback file with nothing to put back, unless who makes it is at it."""
    if state_of(path) == VOID:
        forget(system, path)
        return
    with suppress(FolderBusy, FileNotFoundError), ExitStack() as held:
        locks = held.enter_context(FolderLocks([path.parent], patience=0.0))
        if rollback is not None and not locks.held:  # a folder that cannot be locked does not tell who is at it
            held.enter_context(_held([rollback], system, must=False))
        forget(system, path)


@contextmanager
def _held(found: Sequence[Rollback], system: FileSystem, *, must: bool = True) -> Iterator[list[int]]:
    """Open and lock the targets, so that nobody reads or patches them meanwhile."""
    handles: list[int] = []
    try:
        for one in found:
            try:
                handles.append(system.open(one.target))
            except FileNotFoundError as error:
                if must:
                    raise Unsettled(f"{one.target.name} is not there any more; put it back, or delete "
                                    f"{one.path.name}") from error  # fmt: skip
                continue
            with suppress(OSError):  # where there are no locks, the state of the rollback file is all there is to go by
                if not try_lock(handles[-1]):
                    raise FolderBusy(f"{one.target.name} is open in another program of this kind")
        yield handles
    finally:
        for handle in handles:
            system.close(handle)


def check(rollback: Rollback, handle: int) -> None:
    """Raise `Unsettled` unless an open file is the one that was patched, and nobody else changed it since.

    While the system goes on only the piece that was being written can be neither old nor new; after a loss of power
    any may be. Everything outside of them is sampled.
    """
    status, name = os.fstat(handle), rollback.target.name
    if (status.st_ino, status.st_size) != (rollback.inode, rollback.size):
        raise Unsettled(f"{name} is another file by now than the one that was patched")
    if sample(HandleReads(handle), rollback.sampled, rollback.size) != rollback.samples:
        raise Unsettled(f"{name} was changed by another program since")
    states = [_state(piece, handle) for piece in rollback.pieces]
    if rollback.boot and rollback.boot == boot_id() and states.count("") > 1:
        raise Unsettled(f"{name} was changed by another program since, where it was being patched")


def _state(piece: Piece, handle: int) -> str:
    """Return whether a piece of a file is `old` or `new`; empty where it is neither."""
    crc = zlib.crc32(HandleReads(handle).read(piece.start, piece.nbytes))
    return "old" if crc == piece.old else "new" if crc == piece.new else ""


def put_back(rollback: Rollback, handle: int, system: FileSystem) -> None:
    """Write the old bytes, and wait until they are on the disk; what is old already is left as it is.

    Raises
    ------
    Unsettled
        If the old bytes that were kept are damaged, or do not read back.
    OSError
        If the system refuses.
    """
    kept = os.open(rollback.path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        pieces = [(at, piece) for at, piece in rollback.placed() if _state(piece, handle) != "old"]
        for at, piece in pieces:  # all of them, before the first is written
            if zlib.crc32(HandleReads(kept).read(at, piece.nbytes)) != piece.old:
                raise Unsettled(f"{rollback.path.name}, which keeps the old bytes, is damaged")
        for at, piece in pieces:
            system.seek(handle, piece.start, os.SEEK_SET)
            write_all(system, handle, HandleReads(kept).read(at, piece.nbytes))
    finally:
        os.close(kept)
    system.set_times(handle, rollback.times)
    system.sync(handle)
    if any(_state(piece, handle) != "old" for _, piece in pieces):
        raise Unsettled(f"{rollback.target.name} does not read back as it was")


def finish(found: Sequence[Rollback], system: FileSystem) -> None:
    """Say, on the disk, that nothing is to be put back any more, and remove the rollback files, the leader last."""
    leader, *members = (one.path for one in found)
    set_state(system, leader, VOID)
    for path in (*members, leader):
        forget(system, path)
    with suppress(OSError):  # a name that comes back is void, or one of a leader that is
        sync_folders([path.parent for path in (*members, leader)], system)
