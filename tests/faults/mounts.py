"""File systems of a chosen size, mounted for the length of a trial where the machine allows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(Exception):
    """Nothing can be mounted here; the text says why."""


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refused(f"no {command[0]} here: {error.strerror}") from error
    if done.returncode:
        raise Refused(done.stderr.strip() or f"{command[0]} was refused")


@contextmanager
def tmpfs(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system in memory of `size` bytes at a new folder; raises `Refused`."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Refused("mounting takes root on Linux")
    folder.mkdir(parents=True)
    _call("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "weightedit-trial", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@contextmanager
def reflinked(folder: Path, kind: str, size: int = 320 << 20) -> Iterator[Path]:
    """Mount a new file system whose files can share blocks, `xfs` or `btrfs`, at a new folder; raises `Refused`."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Refused("mounting takes root on Linux")
    folder.mkdir(parents=True)
    image = folder.with_name(f"{folder.name}.{kind}")
    with image.open("wb") as file:
        file.truncate(size)
    try:
        _call(f"mkfs.{kind}", *(("-q", "-m", "reflink=1") if kind == "xfs" else ("-q",)), str(image))
        _call("mount", "-o", "loop", str(image), str(folder))
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
    finally:
        image.unlink()


@contextmanager
def bound(source: Path, target: Path) -> Iterator[None]:
    """Let a file be mounted over another; raises `Refused`."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Refused("mounting takes root on Linux")
    _call("mount", "--bind", str(source), str(target))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(target)], check=False, capture_output=True)


def leave_free(folder: Path, nbytes: int) -> None:
    """Fill a file system until at most `nbytes` bytes are free, as nearly as its blocks allow."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    with filler.open("wb") as file:
        want = shutil.disk_usage(folder).free - nbytes
        if want > 0:
            block = os.statvfs(folder).f_frsize
            os.posix_fallocate(file.fileno(), 0, -(-want // block) * block)
