"""The folder of a spill: locked while its process lives, so that the next start can tell what a dead one left."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from weightedit.core.files.file_lock import is_at, try_lock

PREFIX = "weightedit-spill-"
_LOCK = "lock"
"""The file that is locked on Windows, where folders cannot be."""
_INNER = re.compile(r"(model|captures|drift)-[0-9a-z_]{8}")
"""Folders that the doctor makes in it: of a model's process, and of what its modules take and give."""
_TRIES = 100


def make_folder(parent: Path | None) -> tuple[Path, int]:
    """Make a folder and lock it.

    Parameters
    ----------
    parent
        Where; it is made too. None is the system's folder for temporary files.

    Returns
    -------
    folder, handle
        Of the lock, which ends when it is closed, as it is when the process ends.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            handle = _open_lock(folder)
        except FileNotFoundError:  # somebody who cleans up was quicker than our lock
            continue
        with suppress(OSError):  # a file system without locks: nobody will take it for a dead one's
            if not try_lock(handle) or not _is_there(folder, handle):
                os.close(handle)
                continue
        return folder, handle
    raise OSError(f"no folder could be made in {parent or tempfile.gettempdir()}")


def _open_lock(folder: Path, *, make: bool = True) -> int:
    if os.name == "posix":
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    return os.open(folder / _LOCK, os.O_RDWR | (os.O_CREAT if make else 0))


def _is_there(folder: Path, handle: int) -> bool:
    return is_at(handle, folder if os.name == "posix" else folder / _LOCK)


def clean_spills(parents: Iterable[Path]) -> list[Path]:
    """Remove the folders that dead processes left in these, with the files and folders of ours in them.

    One whose process lives is locked, and is left alone; so is what is no folder of ours. Never raises.
    """
    gone = []
    for parent in dict.fromkeys(parents):
        with suppress(OSError):
            for folder in sorted(parent.glob(f"{PREFIX}*")):
                with suppress(OSError):
                    if _is_ours(folder) and _cleaned(folder):
                        gone.append(folder)
    return gone


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and (os.name != "posix" or status.st_uid == os.geteuid())


def _cleaned(folder: Path) -> bool:
    handle = _open_lock(folder, make=False)
    try:
        if not try_lock(handle) or not _is_there(folder, handle):
            return False
        for file in folder.iterdir():  # one, where the process died before it took its name away
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode) and file.name != _LOCK:
                file.unlink()
            elif stat.S_ISDIR(mode) and _INNER.fullmatch(file.name):
                shutil.rmtree(file)
        if os.name == "posix":
            folder.rmdir()
            return True
    finally:
        os.close(handle)
    (folder / _LOCK).unlink()  # which Windows does not do while it is open
    folder.rmdir()
    return True
