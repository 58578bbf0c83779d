"""What a save does where the system has no call to share or copy blocks, or takes it back in the midst."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.errors import CheckpointError
from weightedit.core.files import kernel_copy, positioned
from weightedit.core.files.file_system import FileSystem
from weightedit.core.transaction import Transaction
from weightedit.core.writing import laying, pending
from weightedit.core.writing.saving import Saved

MIB = 1 << 20
CANNOT = ("EXDEV", "EOPNOTSUPP", "EINVAL", "ENOSYS", "EPERM", "ENOTTY")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the calls are those of Linux")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file({name: torch.rand(MIB // 8) for name in "abcdefgh"}, path)
    return path


def edited(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path) | {"c": torch.zeros(MIB // 8)}


def same(path: Path, wanted: dict[str, torch.Tensor]) -> bool:
    found = load_file(path)
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def refuses(code: int):
    def call(*given: object) -> int:
        raise OSError(code, os.strerror(code))

    return call


def saved(path: Path) -> Saved:
    with weightedit.open(path) as document:
        document.apply("fill", "c", value=0)
        return document.save()


# ---------------------------------------------------------------- copies


@ON_LINUX
@pytest.mark.parametrize("code", CANNOT)
def test_a_copy_that_the_system_refuses_is_made_by_ourselves(code, checkpoint, monkeypatch):
    wanted = edited(checkpoint)
    for name in ("copy_file_range", "sendfile"):
        monkeypatch.setattr(os, name, refuses(getattr(errno, code)))
    assert saved(checkpoint).plan.copied, "what is kept is long enough for a copy"
    assert same(checkpoint, wanted)


@pytest.mark.parametrize("missing", [("copy_file_range",), ("copy_file_range", "sendfile", "preadv")], ids=len)
def test_a_system_without_the_calls_saves_all_the_same(missing, checkpoint, monkeypatch):
    wanted = edited(checkpoint)
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    if "preadv" in missing:
        monkeypatch.setattr(positioned, "_READ_AT", None)
    saved(checkpoint)
    assert same(checkpoint, wanted)


@ON_LINUX
@pytest.mark.parametrize("code", ["EXDEV", "EIO"])
def test_a_copy_that_is_refused_in_the_midst_goes_on_from_there(code, checkpoint, monkeypatch):
    wanted, real, calls = edited(checkpoint), kernel_copy._by_range, []

    def half(source: int, offset: int, handle: int, nbytes: int) -> int:
        calls.append(offset)
        if len(calls) % 2 == 0:
            raise OSError(getattr(errno, code), "no more")
        return real(source, offset, handle, nbytes // 2)

    monkeypatch.setattr(kernel_copy, "_by_range", half)
    monkeypatch.setattr(kernel_copy, "_by_sendfile", refuses(getattr(errno, code)))
    saved(checkpoint)
    assert len(calls) > 1
    assert same(checkpoint, wanted)


def test_a_disk_that_fills_in_the_midst_of_a_copy_ends_the_save(checkpoint, monkeypatch):
    old = checkpoint.read_bytes()
    monkeypatch.setattr(FileSystem, "copy", refuses(errno.ENOSPC))
    with pytest.raises(CheckpointError, match=r"[Nn]o space left.*untouched"):
        saved(checkpoint)
    assert checkpoint.read_bytes() == old
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_other_systems_copy_through_a_buffer(tmp_path, monkeypatch):
    (tmp_path / "old").write_bytes(bytes(range(256)) * 64)
    with (tmp_path / "old").open("rb") as source, (tmp_path / "new").open("wb") as handle:
        for system in ("win32", "darwin"):
            with monkeypatch.context() as within:
                within.setattr(sys, "platform", system)
                assert kernel_copy.copy_some(source.fileno(), 10, handle.fileno(), 300) == 300
                assert not kernel_copy.write_out(handle.fileno(), 0, 300, wait=True)
    assert (tmp_path / "new").read_bytes() == (bytes(range(256)) * 64)[10:310] * 2


# ---------------------------------------------------------------- clones


@ON_LINUX
@pytest.mark.parametrize("code", CANNOT)
def test_a_clone_that_is_refused_against_what_was_said_is_written_whole(code, checkpoint, monkeypatch):
    wanted = edited(checkpoint)
    monkeypatch.setattr(FileSystem, "can_clone", lambda *given: True)
    monkeypatch.setattr(kernel_copy.fcntl, "ioctl", refuses(getattr(errno, code)))
    done = saved(checkpoint)
    assert (done.plan.method, done.plan.written) == ("whole", checkpoint.stat().st_size)
    assert same(checkpoint, wanted)


@ON_LINUX
def test_a_clone_for_which_the_disk_has_no_room_ends_the_save(checkpoint, monkeypatch):
    old = checkpoint.read_bytes()
    monkeypatch.setattr(FileSystem, "can_clone", lambda *given: True)
    monkeypatch.setattr(kernel_copy.fcntl, "ioctl", refuses(errno.ENOSPC))
    with pytest.raises(CheckpointError, match=r"[Nn]o space left.*untouched"):
        saved(checkpoint)
    assert checkpoint.read_bytes() == old
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_elsewhere_a_clone_is_made_by_its_name_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "old").write_bytes(b"bytes")
    answers: list[int] = []

    def clone(source: int, folder: int, path: bytes, flags: int) -> int:
        if answers:
            return -1
        Path(os.fsdecode(path)).write_bytes(os.pread(source, 100, 0))
        return 0

    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    monkeypatch.setattr(kernel_copy, "_library", lambda: SimpleNamespace(fclonefileat=clone))
    monkeypatch.setattr("ctypes.get_errno", lambda: answers[0])
    with (tmp_path / "old").open("rb") as source:
        with monkeypatch.context() as within:
            within.setattr(sys, "platform", "darwin")
            os.close(kernel_copy.clone(source.fileno(), tmp_path / "new", flags, 0o600))
            assert (tmp_path / "new").read_bytes() == b"bytes"
            answers.append(errno.ENOTSUP)
            with pytest.raises(kernel_copy.CannotClone):
                kernel_copy.clone(source.fileno(), tmp_path / "other", flags, 0o600)
            answers[0] = errno.ENOSPC
            with pytest.raises(OSError, match=r"[Nn]o space left"):
                kernel_copy.clone(source.fileno(), tmp_path / "other", flags, 0o600)
        with monkeypatch.context() as within:
            within.setattr(sys, "platform", "win32")
            with pytest.raises(kernel_copy.CannotClone):
                kernel_copy.clone(source.fileno(), tmp_path / "other", flags, 0o600)
            assert not kernel_copy.can_clone(source.fileno(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


# ---------------------------------------------------------------- keeping the disk busy


def test_where_no_ranges_are_known_one_wait_is_one_fsync(tmp_path, monkeypatch):
    """Each of them waits for all of the file: one for every few megabytes would take as long as the disk allows."""
    monkeypatch.setattr(laying, "SYNC_EVERY", MIB)
    monkeypatch.setattr(laying, "LAG", 4 * MIB)
    monkeypatch.setattr("weightedit.core.files.file_system.write_out", lambda *given, **more: False)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with Transaction() as transaction:
        one = transaction.create(tmp_path / "new", 32 * MIB)
        for _ in range(16):
            one.write(bytes(MIB))
        assert len(synced) == 3
        assert one.position == 16 * MIB


@pytest.mark.parametrize("threads", [1, 3])
def test_new_bytes_lie_at_their_places_however_many_threads_make_them(threads, tmp_path, monkeypatch):
    """A patch of many megabytes is cut and written in whatever order its pieces are ready."""
    monkeypatch.setattr("weightedit.core.values.side_by_side.most_threads", lambda: threads)
    monkeypatch.setattr(pending, "COPIED", MIB)
    path = tmp_path / "large.safetensors"
    save_file({"a": torch.rand(MIB), "b": torch.rand(9 * MIB), "c": torch.rand(1000)}, path)
    wanted = load_file(path)
    wanted["b"] = wanted["b"] * 2
    with weightedit.open(path) as document:
        document.apply("scale", "b", factor=2.0, accept="all")
        before = document.read("b")
        assert torch.equal(before, wanted["b"])
        document.save(in_place=os.name == "posix")
        assert same(path, wanted)
        document.undo()
        document.save()
    wanted["b"] = wanted["b"] / 2
    assert same(path, wanted)
