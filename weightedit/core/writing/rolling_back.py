"""Puts a file back whose patch in place was cut short: at the next start, when it is opened, or when asked for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_lock import try_lock
from weightedit.core.files.file_system import FileSystem, forget, write_all
from weightedit.core.files.folder_locks import FolderBusy, FolderLocks
from weightedit.core.words.paths import shown
from weightedit.core.writing.registration import DeadList, lists
from weightedit.core.writing.rollback import (
    LIVE,
    VOID,
    HandleReads,
    Piece,
    Rollback,
    boot_id,
    is_of_its_owner,
    name_beside,
    path_beside,
    read_rollback,
    sample,
    set_state,
    state_of,
)
from weightedit.core.writing.settling import Unsettled, sync_folders


def is_patched(path: Path, *, is_link: bool = True) -> bool:
    """Whether a patch in place of a file goes on, or was cut short, or left its rollback file.

    Parameters
    ----------
    path
        The file.
    is_link
        False where its path is known to be no link that leads to the file.
    """
    try:  # asked at every opening, so without making paths or following folders that are links, as the system does
        text = os.fspath(path)
        if is_link or os.name != "posix":
            text = os.path.realpath(text)
        at = max(text.rfind("/"), text.rfind(os.sep)) + 1
        return os.access(text[:at] + name_beside(text[at:]), os.F_OK)
    except (OSError, ValueError):  # no name of any file
        return False


def half_patched() -> list[Path]:
    """Return the files that the lists of ended saves name as patched, and whose old bytes are to be put back."""
    return [one.target for one in _listed()]


def _listed() -> list[Rollback]:
    found = []
    for path in lists():
        with suppress(OSError, ValueError):
            one = DeadList(path)
            with one as is_dead:
                named = [Path(line["rollback"]) for line in one.lines if isinstance(line.get("rollback"), str)]
            found += [read_rollback(name) for name in named if is_dead and is_live(name)]
    return found


def patched_as(path: Path) -> Path | None:
    """Return under which other name a file was half patched: it has two, or was renamed; None where it was not."""
    for one in _listed():
        with suppress(OSError):
            status = path.stat()
            if (status.st_dev, status.st_ino, status.st_size) == (one.path.stat().st_dev, one.inode, one.size):
                return one.target
    return None


def is_live(path: Path) -> bool:
    """Whether a rollback file counts: it is the live leader, or that is."""
    return state_of(path) == LIVE or (state_of(path) is not None and state_of(read_rollback(path).leader) == LIVE)


def settle_file(path: Path, system: FileSystem | None = None, *, asked: bool = False) -> list[Path]:
    """See to it that a file is not half patched before it is opened; returns the files that were put back.

    Parameters
    ----------
    path
        The file.
    system
        What is asked of the system.
    asked
        Whether a person has named this file to be put back: then it may be a copy of the one that was patched.

    Raises
    ------
    CheckpointError
        If it is being patched now, or cannot be put back: it may hold old and new bytes mixed.
    """
    if not is_patched(path):
        return _settle_other_name(path, system)
    target = Path(os.path.realpath(path))
    rollback = path_beside(target)
    try:
        if state_of(rollback) is None and is_of_its_owner(rollback, target):
            raise Unsettled("they are another person's, who is about to patch it or puts them back by opening it")
        return settle_rollback(rollback, system or FileSystem(), asked=asked)
    except FolderBusy as error:
        raise CheckpointError(f"{shown(path)} is being patched in place by another program just now; open it again "
                              "in a moment.", file=path, place=rollback.name) from error  # fmt: skip
    except (OSError, Unsettled) as error:
        why = str(error) if isinstance(error, Unsettled) else f"the system says: {error.strerror or error}"
        raise CheckpointError(
            f"{shown(path)} may hold old and new bytes mixed: a patch in place was cut short, and the old bytes cannot "
            f"be put back: {why.rstrip('.')}. Nothing was changed; to open it as it is, delete {shown(rollback)} "
            "beside it.", file=path, place=rollback.name) from error  # fmt: skip


def _settle_other_name(path: Path, system: FileSystem | None) -> list[Path]:
    """Put a file back that was half patched under another name, as far as the lists of saves know."""
    other = patched_as(path)
    if other is None:
        return []
    if other.exists():
        return settle_file(other, system)
    raise CheckpointError(f"{shown(path)} may hold old and new bytes mixed: a patch in place was cut short while it "
                          f"was called {shown(other)}. Give it that name again, and open it.", file=path)  # fmt: skip


def settle_rollback(path: Path, system: FileSystem, *, asked: bool = False) -> list[Path]:
    """Bring a patch of which a rollback file is there to its end; returns the files that were put back.

    Parameters
    ----------
    path, system
        Of the rollback file; what is asked of the system.
    asked
        As for `settle_file`.

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
            check(one, handle, asked=asked)
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


def check(rollback: Rollback, handle: int, *, asked: bool = False) -> None:
    """Raise `Unsettled` unless an open file is the one that was patched, and nobody else changed it since.

    While the system goes on only two pieces can be neither old nor new: the one that was being written, and the first
    that is not old, where putting back was cut short in turn. After a loss of power any may be. Everything outside of
    them is sampled.
    """
    status, name = os.fstat(handle), rollback.target.name
    if status.st_size != rollback.size:
        raise Unsettled(f"{name} is another file by now than the one that was patched")
    if status.st_ino != rollback.inode and not asked:
        raise Unsettled(f"{name} is another file by now than the one that was patched; if it is a copy of that one, "
                        f"weightedit recover {name} puts them back")  # fmt: skip
    if sample(HandleReads(handle), rollback.sampled, rollback.size) != rollback.samples:
        raise Unsettled(f"{name} was changed by another program since")
    states = [_state(rollback, piece, handle) for piece in rollback.pieces]
    torn = states.count("") - (next((state for state in states if state != "old"), "old") == "")
    if rollback.boot and rollback.boot == boot_id() and torn > 1:
        raise Unsettled(f"{name} was changed by another program since, where it was being patched")


def _state(rollback: Rollback, piece: Piece, handle: int) -> str:
    """Return whether a piece of a file is `old` or `new`; empty where it is neither."""
    found = rollback.sum_of(HandleReads(handle).read(piece.start, piece.nbytes))
    return "old" if found == piece.old else "new" if found == piece.new else ""


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
        pieces = [(at, piece) for at, piece in rollback.placed() if _state(rollback, piece, handle) != "old"]
        for at, piece in pieces:  # all of them, before the first is written
            if rollback.sum_of(HandleReads(kept).read(at, piece.nbytes)) != piece.old:
                raise Unsettled(f"{rollback.path.name}, which keeps the old bytes, is damaged")
        for at, piece in pieces:
            system.seek(handle, piece.start, os.SEEK_SET)
            write_all(system, handle, HandleReads(kept).read(at, piece.nbytes))
    finally:
        os.close(kept)
    system.set_times(handle, rollback.times)
    system.sync(handle)
    if any(_state(rollback, piece, handle) != "old" for _, piece in pieces):
        raise Unsettled(f"{rollback.target.name} does not read back as it was")


def finish(found: Sequence[Rollback], system: FileSystem) -> None:
    """Say, on the disk, that nothing is to be put back any more, and remove the rollback files, the leader last."""
    leader, *members = (one.path for one in found)
    set_state(system, leader, VOID)
    for path in (*members, leader):
        forget(system, path)
    with suppress(OSError):  # a name that comes back is void, or one of a leader that is
        sync_folders([path.parent for path in (*members, leader)], system)
