"""On file systems that know no second names a failed save tells what is where, and the next start does the rest."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.transaction import Transaction
from weightedit.core.writing.leftovers import clean

NAMES = ("one", "two", "index")


class WithoutLinks(FileSystem):
    """An exFAT stick whose `fails` goes wrong the `nth` time."""

    def __init__(self, fails: str, nth: int) -> None:
        self.fails, self.left = fails, nth

    def link(self, path: Path, copy: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def replace(self, path: Path, target: Path) -> None:
        self._step("replace")
        super().replace(path, target)

    def sync_folder(self, path: Path) -> None:
        self._step("sync_folder")
        super().sync_folder(path)

    def _step(self, name: str) -> None:
        self.left -= name == self.fails
        if name == self.fails and self.left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def save(folder: Path, system: FileSystem, *names: str) -> str:
    for name in names:
        (folder / name).write_bytes(b"old")
    with pytest.raises(CheckpointError) as caught, Transaction(system) as transaction:  # noqa: PT012
        for name in names:
            transaction.create(folder / name, 3).write(b"new")
        transaction.commit()
    return str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_file_is_new_and_that_is_said(tmp_path):
    said = save(tmp_path, WithoutLinks("sync_folder", 1), "one")
    assert said.startswith("one could not be saved for certain: input/output error; it holds the new bytes, whole")
    assert contents(tmp_path) == {"one": b"new"}
    assert not clean()


def test_one_file_whose_rename_fails_is_old(tmp_path):
    assert "untouched" in save(tmp_path, WithoutLinks("replace", 1), "one")
    assert contents(tmp_path) == {"one": b"old"}


@pytest.mark.parametrize(("fails", "nth", "stuck"), [("replace", 2, 1), ("replace", 3, 2), ("sync_folder", 2, 3)])
def test_several_files_are_made_of_one_save_by_the_next_start(tmp_path, fails, nth, stuck):
    said = save(tmp_path, WithoutLinks(fails, nth), *NAMES)
    assert f"of 3 files {stuck} could not be put back" in said
    assert "the next start of weightedit" in said
    clean()
    assert contents(tmp_path) == dict.fromkeys(NAMES, b"new")


def test_nothing_is_stuck_before_the_first_rename(tmp_path):
    assert "untouched" in save(tmp_path, WithoutLinks("sync_folder", 1), *NAMES)
    assert contents(tmp_path) == dict.fromkeys(NAMES, b"old")
    assert not clean()


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
class TestFoldersThatAreNotSynced:
    def save(self, folder: Path) -> None:
        with Transaction() as transaction:
            transaction.create(folder / "a", 1).write(b"x")
            transaction.commit()
        assert (folder / "a").read_bytes() == b"x"

    @pytest.mark.parametrize(("code", "works"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
    def test_a_file_system_without_fsync_of_folders(self, tmp_path, monkeypatch, code, works):
        real = os.fsync

        def fsync(handle: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112
                raise OSError(code, os.strerror(code))
            real(handle)

        if not Path("/proc/self/fd").is_dir():
            pytest.skip("no /proc here")
        monkeypatch.setattr(os, "fsync", fsync)
        if works:
            self.save(tmp_path)
        else:
            with pytest.raises(CheckpointError, match="untouched"):
                self.save(tmp_path)

    def test_a_folder_one_may_not_look_into(self, tmp_path, monkeypatch):
        """A drop box: the names in it are brought to the disk with everything else."""
        calls = []
        real = os.open

        def refusing(path: object, flags: int, *more: int, **named: int) -> int:
            if str(path) == str(tmp_path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return real(path, flags, *more, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", refusing)
        monkeypatch.setattr(os, "sync", lambda: calls.append("sync"))
        self.save(tmp_path)
        assert calls
