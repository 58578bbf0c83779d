"""The record of an exchange of several files: what was about to take whose place, told so that it can be checked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = ".weightedit-"
"""Part of the name of every temporary file."""
FORWARD, BACK = ".commit", ".back"
"""How the name of a record ends: of one to be completed, and of one to be taken back."""
RECORD = re.compile(r"\..*\.weightedit-[0-9a-f]{8}\.(commit|back)", re.DOTALL)
TEMPORARY = re.compile(r"\..*\.weightedit-[0-9a-f]{8}\.tmp", re.DOTALL)
ROLLBACK = re.compile(r"\..*\.weightedit-[0-9a-f]{8}\.rollback", re.DOTALL)
_VERSION = 1
_END = 16 << 10
_MOST = 64 << 20
_FLAGS = (os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
          | getattr(os, "O_NOFOLLOW", 0))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells a state of one file from others: size, time of change, and a hash of its first and last 16 KiB."""

    size: int
    mtime_ns: int
    ends: str

    @classmethod
    def of(cls, path: Path) -> Mark | None:
        """Mark a file as it is now; None where there is none, or something that is no file."""
        try:
            handle = os.open(path, _FLAGS)
        except PermissionError:  # a file that may be replaced and not read
            status = path.lstat()
            return cls(status.st_size, status.st_mtime_ns, "") if stat.S_ISREG(status.st_mode) else None
        except OSError:
            if path.is_file() and not path.is_symlink():
                raise
            return None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            digest = hashlib.blake2b(digest_size=16)
            with open(handle, "rb", closefd=False) as file:
                digest.update(file.read(_END))
                file.seek(max(0, status.st_size - _END))
                digest.update(file.read(_END))
            return cls(status.st_size, status.st_mtime_ns, digest.hexdigest())
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One file that takes another's place.

    Attributes
    ----------
    temporary, target
        Where the new bytes are, and where they belong.
    old, new
        Marks of what was at the target before, or None, and of what belongs there.
    """

    temporary: Path
    target: Path
    old: Mark | None
    new: Mark

    @property
    def backup(self) -> Path:
        """The second name that the old file has during the exchange."""
        return self.temporary.with_suffix(".old")


def record_data(folder: Path, files: Sequence[Exchange]) -> bytes:
    """Return the bytes of a record that lies in `folder`; a checksum ends it."""
    rows = [[os.path.relpath(one.temporary, folder), os.path.relpath(one.target, folder), _row(one.old), _row(one.new)]
            for one in files]  # fmt: skip
    text = json.dumps({"weightedit-commit": _VERSION, "files": rows}).encode("ascii")
    return text + b"\n" + hashlib.blake2b(text, digest_size=16).hexdigest().encode("ascii") + b"\n"


def _row(mark: Mark | None) -> list[Any] | None:
    return None if mark is None else [mark.size, mark.mtime_ns, mark.ends]


def read_record(path: Path) -> list[Exchange]:
    """Read a record.

    Raises
    ------
    ValueError
        If it is none, is not whole, or is of a later version.
    OSError
        If it cannot be read.
    """
    handle = os.open(path, _FLAGS)
    with open(handle, "rb") as file:  # noqa: PTH123  # a handle
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST:
            raise ValueError("no record")
        text, _, rest = file.read(_MOST).partition(b"\n")
    if hashlib.blake2b(text, digest_size=16).hexdigest().encode("ascii") != rest.rstrip(b"\n"):
        raise ValueError("not whole")
    try:
        content = json.loads(text)
        if content["weightedit-commit"] != _VERSION:
            raise ValueError("of another version")
        return [_exchange(path.parent, row) for row in content["files"]]
    except (KeyError, TypeError, IndexError, RecursionError, AttributeError) as error:
        raise ValueError("no record") from error


def _exchange(folder: Path, row: list[Any]) -> Exchange:
    temporary, target, old, new = row
    if not isinstance(temporary, str) or not isinstance(target, str) or "\0" in temporary + target:
        raise ValueError("no record")
    marks = None if old is None else _mark(old), _mark(new)
    made = Exchange(_joined(folder, temporary), _joined(folder, target), *marks)
    if made.temporary.parent != made.target.parent or not TEMPORARY.fullmatch(made.temporary.name):
        raise ValueError("no record")
    return made


def _joined(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / name))


def _mark(row: list[Any]) -> Mark:
    size, mtime, ends = row
    if type(size) is not int or type(mtime) is not int or not isinstance(ends, str):
        raise ValueError("no record")
    return Mark(size, mtime, ends)


def records_in(folder: Path) -> Iterator[Path]:
    """Yield the records in a folder, those to be taken back first; nothing where one cannot look."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if MARK in entry.name and RECORD.fullmatch(entry.name)
                     and entry.is_file(follow_symlinks=False)]  # fmt: skip
    except OSError:
        return
    yield from (folder / name for name in sorted(names, key=lambda name: (name.endswith(FORWARD), name)))
