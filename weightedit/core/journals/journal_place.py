"""Where a journal is on the disk: its folder, its lock, and records written after one another or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from weightedit.core.files.file_lock import hold
from weightedit.core.files.file_system import FileSystem
from weightedit.core.journal import JOURNAL, LOCK, check_of, encode
from weightedit.core.journals.recovery import NEW

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_AGAIN = _FLAGS & ~(os.O_CREAT | os.O_EXCL)
_CHUNK = 4 << 20


_SYSTEM = FileSystem()


def write(handle: int, data: memoryview) -> int:
    """Ask the system to write; tests make it fail."""
    return _SYSTEM.write(handle, data)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Write all of some bytes."""
    view = memoryview(data).cast("B")
    while view:
        view = view[write(handle, view[:_CHUNK]) :]


@dataclass(slots=True, eq=False)
class Place:
    """A journal that is on the disk: its folder, its handles, and how far it is written."""

    folder: Path
    lock: int
    handle: int
    pid: int = field(default_factory=os.getpid)
    end: int = 0
    check: int = 0
    count: int = 0
    first: int = 0
    unsynced: list[int] = field(default_factory=list)
    is_named: bool = False

    @classmethod
    def made(cls, parent: Path) -> Place:
        """Make the folder of a new journal; the lock is held before anybody can see a journal in it.

        Raises
        ------
        OSError
            If that does not work; nothing is left of it then.
        """
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = parent / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        lock = -1
        try:
            held = hold(folder / LOCK)
            if held is None:
                raise OSError("another process took its lock")
            lock = held
            return cls(folder, lock, os.open(folder / (JOURNAL + NEW), _FLAGS, 0o600))
        except BaseException:
            if lock >= 0:
                os.close(lock)
            with suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
            raise

    def show(self) -> None:
        """Give the journal its name: from now on it is one, with all that was put into it."""
        self.first = self.count - 1
        os.close(self.handle)  # Windows renames no open file
        self.handle = -1
        (self.folder / (JOURNAL + NEW)).replace(self.folder / JOURNAL)
        self.handle = os.open(self.folder / JOURNAL, _AGAIN)

    def put(self, records: Sequence[dict[str, Any]]) -> None:
        """Write records after the last one; if that does not work, the journal is what it was before.

        Raises
        ------
        OSError
            If the system does not take them.
        TooLong, TypeError, ValueError
            If one is not what a journal takes.
        """
        check, data = self.check, []
        for record in records:
            data.append(encode(record, check))
            check = check_of(data[-1])
        joined = b"".join(data)
        os.lseek(self.handle, self.end, os.SEEK_SET)
        try:
            write_all(self.handle, joined)
        except BaseException:
            with suppress(OSError):  # where it stays, the next record is written over it, and readers stop at it
                os.ftruncate(self.handle, self.end)
            raise
        self.end, self.check, self.count = self.end + len(joined), check, self.count + len(records)

    def keep(self, name: str, data: memoryview) -> None:
        """Write the bytes of a tensor argument beside the journal; raises `OSError` if that does not work."""
        path = self.folder / name
        if path.exists():
            return
        new = path.with_name(name + NEW)
        new.unlink(missing_ok=True)
        handle = os.open(new, _FLAGS, 0o600)
        try:
            try:
                write_all(handle, data)
            finally:
                os.close(handle)
            new.replace(path)
            self.unsynced.append(os.open(path, _AGAIN))
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise

    def sync(self, unsynced: Sequence[int], handle: int) -> None:
        """Wait until some handles are on the disk, the journal's own among them, and close them.

        Raises
        ------
        OSError
            If the disk did not take them, or the journal is no longer in its folder.
        """
        try:
            for one in (*unsynced, handle):
                _SYSTEM.sync(one)
            if unsynced or not self.is_named:  # the names are in the folders, which are not on the disk with the bytes
                _SYSTEM.sync_folder(self.folder)
                _SYSTEM.sync_folder(self.folder.parent)
                self.is_named = True
            if (self.folder / JOURNAL).stat().st_ino != os.fstat(handle).st_ino:
                raise OSError("another program removed it")
        finally:
            for one in (*unsynced, handle):
                os.close(one)

    def close(self) -> None:
        """Close the handles; the lock goes with them."""
        self._close_files()
        with suppress(OSError):
            os.close(self.lock)
        self.lock = -1

    def _close_files(self) -> None:
        for handle in (*self.unsynced, self.handle):
            with suppress(OSError):
                os.close(handle)
        self.unsynced, self.handle = [], -1

    def remove(self) -> None:
        """Take the journal off the disk; in a process that was forked off, leave it to its owner."""
        if self.pid != os.getpid():
            return
        self._close_files()  # Windows removes no open file
        with suppress(OSError):
            (self.folder / JOURNAL).unlink(missing_ok=True)  # without it the rest is nothing
        for name in _names(self.folder):
            if name != LOCK:
                with suppress(OSError):
                    (self.folder / name).unlink()
        self.close()
        with suppress(OSError):
            (self.folder / LOCK).unlink(missing_ok=True)
            self.folder.rmdir()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted
    except OSError:
        return []
