"""Lists of the files that running saves make, where the next start looks for what dead processes left."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from weightedit.core.files.file_limits import check_file_size
from weightedit.core.files.file_lock import is_at, try_lock
from weightedit.core.files.folders import state_folder

SUFFIX = ".save"
_MOST = 64 << 20
_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def saves_folder() -> Path:
    """Return the folder of the lists."""
    return state_folder() / "saves"


class Registration:
    """The list of one save, locked while it goes on; without one (a state folder that cannot be written) saving works.

    A line is added before the file it names is made, so whatever a killed process left is in its list. The lock, not
    a process number, says that the process lives: the system drops it however the process ends.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._handle = -1
        for _ in range(3):  # a cleaning that is under way may come upon the list before it is locked
            try:
                if self._begin(saves_folder() / f"{secrets.token_hex(8)}{SUFFIX}"):
                    break
            except (OSError, ValueError):
                self._close()
                return

    def _begin(self, path: Path) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handle = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            locked = try_lock(self._handle)
        except OSError:
            path.unlink()
            raise
        if locked and is_at(self._handle, path):
            self.path = path
            return True
        self._close()
        return False

    def add(self, kind: str, path: Path, target: Path | None = None) -> None:
        """Add a file that is about to be made: a `temporary` or `rollback` with its target, or a `record`."""
        if self.path is None:
            return
        line = json.dumps({kind: str(path)} | ({} if target is None else {"target": str(target)})).encode("ascii")
        try:
            check_file_size(os.fstat(self._handle).st_size + len(line) + 1)
            os.write(self._handle, line + b"\n")
        except OSError:
            return  # what it names is found by its name when something is saved there again

    def end(self, *, keep: bool) -> None:
        """End the list; it stays for the next start where something could not be removed."""
        self._close()
        if self.path is not None and not keep:
            with suppress(OSError):  # the next start finds nothing of what it names, and removes it
                self.path.unlink(missing_ok=True)
        self.path = None

    def _close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


class DeadList:
    """A list whose process is gone, locked so that one cleaning at a time goes through it.

    Use it in `with`; it gives False where the process lives or another cleaning has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        self._handle = -1

    def __enter__(self) -> bool:
        self._handle = os.open(self.path, _FLAGS | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        if not try_lock(self._handle) or not is_at(self._handle, self.path):
            return False
        with open(self._handle, "rb", closefd=False) as file:
            file.seek(0)
            self.lines = list(_lines(file.read(_MOST)))
        return True

    @staticmethod
    def peek(path: Path) -> list[dict[str, Any]]:
        """Return the lines of a list that somebody else may have locked."""
        with path.open("rb") as file:
            return list(_lines(file.read(_MOST)))

    def remove(self) -> None:
        """Remove it: everything it names is gone. Windows does that once it is closed."""
        if os.name == "nt":  # pragma: no cover
            self.__exit__()
        self.path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.split(b"\n"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the last one may be cut short
        if isinstance(found, dict):
            yield found


def lists() -> list[Path]:
    """Return all lists there are; nothing where one cannot look."""
    try:
        with os.scandir(saves_folder()) as entries:
            return sorted(Path(entry.path) for entry in entries
                          if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False))  # fmt: skip
    except OSError:
        return []
