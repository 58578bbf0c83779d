"""Copies of a checkpoint to save over, and new file systems that nobody but this process sees."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.case import NotHere

CLONE_NEWNS = 0x00020000
"""Of linux/sched.h: mounts of its own."""


def synced(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def removed(path: Path) -> None:
    """Remove a file, and wait until its blocks are free, so that nobody's next fsync has to."""
    path.unlink(missing_ok=True)
    synced(path.parent)


def copied(data: Path, path: Path) -> Path:
    """Copy a file, for as long as this process is there; the disk has all of it then."""
    shutil.copyfile(data, path)
    synced(path)
    atexit.register(path.unlink, missing_ok=True)
    return path


def mounted(kind: str, data: Path) -> Path:
    """Make a file system with room for a copy of `data` in a file beside it, and return where it is mounted.

    It is gone with this process. What is written to it goes straight to the disk, not through a second page cache.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which(f"mkfs.{kind}"):
        raise NotHere(f"mounting a new {kind} takes root, mkfs.{kind} and Linux")
    image, disk = data.with_name(f"disk-{os.getpid()}.{kind}"), data.with_name(f"disk-{os.getpid()}")
    disk.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(int(data.stat().st_size * 1.3) + (600 << 20))
    options = ("-q", "-m", "reflink=1") if kind == "xfs" else ("-q",)
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):  # what is mounted from here on is gone with this process
        raise NotHere("no mounts of its own for a process")
    try:
        _done("mount", "--make-rprivate", "/")
        _done(f"mkfs.{kind}", *options, str(image))
        loop = _done("losetup", "--direct-io=on", "--find", "--show", str(image))
        try:
            _done("mount", loop, str(disk))
        finally:
            _done("losetup", "--detach", loop)  # once it is not mounted any more
    finally:
        image.unlink()
    return disk


def _done(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
