"""Putting back is itself cut short, runs out of handles, or is another person's to do: no old byte is ever given up."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import struct
import zlib
from array import array
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.cli import main
from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.writing import patching
from weightedit.core.writing.rollback import LIVE, VOID, path_beside, read_rollback, state_of
from weightedit.core.writing.rolling_back import settle_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are patched in place on POSIX systems only")


class Killed(BaseException):
    """The process ends here."""


class Torn(FileSystem):
    """Ends the process in the midst of a write to one file, after some bytes of it.

    Parameters
    ----------
    path
        The file.
    share
        Of the write that is cut short.
    """

    def __init__(self, path: Path, share: float) -> None:
        self._path, self._share, self._cut = path, share, False

    def write(self, handle: int, data: memoryview) -> int:
        if not os.path.samestat(os.fstat(handle), self._path.stat()):
            return super().write(handle, data)
        if self._cut:
            raise Killed
        self._cut = True
        return super().write(handle, data[: int(len(data) * self._share)])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    random = torch.Generator().manual_seed(0)
    save_file({f"layers.{number}.weight": torch.randn(512, 512, generator=random) for number in range(3)}, path)
    return path


@pytest.fixture
def half_patched(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, bytes]:
    """A file whose patch was killed within its tenth piece; and its old bytes."""
    old = checkpoint.read_bytes()
    with monkeypatch.context() as within, weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", value=0.5)
        within.setattr(patching, "FileSystem", lambda: Torn(checkpoint, 0.6))
        within.setattr(patching.Patching, "_put_back", lambda self, error: None)
        with pytest.raises(Killed):
            document.save(in_place=True)
    assert checkpoint.read_bytes() != old
    return checkpoint, old


def test_a_rollback_file_of_before_xxhash_is_put_back(half_patched):
    """Its checksums are CRC-32, and it does not say so: a format on disk outlives the code that wrote it."""
    path, old = half_patched
    rollback = path_beside(path)
    found, whole = read_rollback(rollback), rollback.read_bytes()
    start = struct.unpack_from("<Q", whole, 32)[0]
    length = struct.unpack_from("<Q", whole, start)[0]
    said = json.loads(whole[start + 8 : start + 8 + length])
    del said["sums"]
    table = array("Q")
    for _, piece in found.placed():
        filled = struct.pack("<f", 0.5) * (piece.nbytes // 4)
        was = old[piece.start : piece.start + piece.nbytes]
        table.extend((piece.start, piece.nbytes, zlib.crc32(was), zlib.crc32(filled)))
    text = json.dumps(said).encode()
    packed = struct.pack("<Q", len(text)) + text + table.tobytes()
    rollback.write_bytes(whole[:start] + packed + hashlib.blake2b(packed, digest_size=16).digest())
    assert settle_file(path, asked=True) == [path]
    assert path.read_bytes() == old


def test_putting_back_may_be_killed_in_the_midst_of_a_write_too(half_patched):
    """Then two pieces are neither old nor new, which nobody else has done."""
    path, old = half_patched
    for share in (0.5, 0.3):
        with pytest.raises(Killed):
            settle_file(path, Torn(path, share))
        assert path.read_bytes() != old
    assert settle_file(path) == [path]
    assert path.read_bytes() == old


def test_a_kill_while_a_patch_is_taken_back_whose_end_did_not_reach_the_disk(checkpoint, monkeypatch):
    """The rollback file said by then that nothing is to be put back; it says so no more before the first old byte."""
    old = checkpoint.read_bytes()

    class Ends(Torn):
        voided = False

        def sync(self, handle: int) -> None:
            if os.pread(handle, len(VOID), 0) == VOID and not self.voided:
                self.voided = True
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().sync(handle)

        def write(self, handle: int, data: memoryview) -> int:
            return super().write(handle, data) if self.voided else FileSystem.write(self, handle, data)

    with monkeypatch.context() as within:
        within.setattr(patching, "FileSystem", lambda: Ends(checkpoint, 0.5))
        document = weightedit.open(checkpoint)
        document.apply("fill", "layers.1.weight", value=0.5)
        with pytest.raises(Killed):
            document.save(in_place=True)
        document.close()
    assert checkpoint.read_bytes() != old
    assert state_of(path_beside(checkpoint)) == LIVE
    weightedit.open(checkpoint).close()
    assert checkpoint.read_bytes() == old


def test_a_patch_that_does_not_read_back_is_taken_back(checkpoint, monkeypatch):
    """A disk may keep another byte than it was given; what the error says of the file is so."""
    old = checkpoint.read_bytes()

    class Flips(FileSystem):
        flipped = False

        def write(self, handle: int, data: memoryview) -> int:
            if not self.flipped and os.path.samestat(os.fstat(handle), checkpoint.stat()):
                self.flipped = True
                data = memoryview(bytes([data[0] ^ 1]) + bytes(data[1:]))
            return super().write(handle, data)

    monkeypatch.setattr(patching, "FileSystem", Flips)
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", value=0.5)
        with pytest.raises(CheckpointError) as caught:
            document.save(in_place=True)
        assert re.fullmatch(r"model\.safetensors was not patched: reading it back failed, bytes [\d,]+ to [\d,]+ "
                            r"differ; its old bytes are put back\.", str(caught.value))  # fmt: skip
        assert caught.value.file == str(checkpoint)
        assert document.is_modified
    assert checkpoint.read_bytes() == old
    assert not path_beside(checkpoint).exists()


def test_old_bytes_are_kept_where_the_system_cannot_tell_whether_they_are_needed(half_patched, monkeypatch):
    path, old = half_patched
    rollback = path_beside(path)
    opened = os.open

    def too_many(name: str | Path, *arguments: int, **more: int) -> int:
        if os.fspath(name) == os.fspath(rollback):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(name, *arguments, **more)

    with monkeypatch.context() as within:
        within.setattr(os, "open", too_many)
        with pytest.raises(CheckpointError, match="Too many open files"):
            weightedit.open(path)
    assert rollback.exists()
    weightedit.open(path).close()
    assert path.read_bytes() == old


def test_what_another_person_has_half_patched_is_not_shown_as_if_it_were_whole(half_patched, monkeypatch):
    """Only they can read the old bytes; mixed ones would be numbers that never were in any checkpoint."""
    path, old = half_patched
    opened, rollback = os.open, path_beside(path)

    def not_ours(name: str | Path, *arguments: int, **more: int) -> int:
        if os.fspath(name) == os.fspath(rollback):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(name, *arguments, **more)

    with monkeypatch.context() as within:
        within.setattr(os, "open", not_ours)
        with pytest.raises(CheckpointError, match="another person's"):
            weightedit.open(path)
    weightedit.open(path).close()
    assert path.read_bytes() == old


def test_a_rollback_file_of_somebody_else_keeps_nobody_from_a_file(checkpoint, monkeypatch):
    """In a folder that all may write to, anybody could lay one beside a file of others."""
    if os.geteuid() != 0:
        pytest.skip("only root gives a file to somebody else")
    rollback = path_beside(checkpoint)
    rollback.write_bytes(LIVE)
    os.chown(rollback, 12345, 12345)
    weightedit.open(checkpoint).close()
    os.chown(checkpoint, 12345, 12345)
    with pytest.raises(CheckpointError, match="another person's"):
        weightedit.open(checkpoint)


def test_a_half_patched_file_is_put_back_by_its_other_names_too(half_patched):
    """A hard link, which the rollback file does not name, shows the same mixed bytes."""
    path, old = half_patched
    other = path.with_name("other.safetensors")
    os.link(path, other)
    weightedit.open(other).close()
    assert path.read_bytes() == other.read_bytes() == old


def test_a_half_patched_file_that_was_renamed_says_which_name_it_wants(half_patched, capsys):
    path, old = half_patched
    moved = path.rename(path.with_name("moved.safetensors"))
    assert main(["recover", str(moved)]) == 2
    assert "Give it that name again" in capsys.readouterr().err
    moved.rename(path)
    assert main(["recover", str(path)]) == 0
    assert path.read_bytes() == old


def test_a_copy_of_a_half_patched_folder_is_put_back_by_name_alone(half_patched, tmp_path):
    """As after a rescue from a failing disk; what is only opened is never written to by such a rollback file."""
    path, old = half_patched
    folder = tmp_path / "rescued"
    folder.mkdir()
    for file in (path, path_beside(path)):
        shutil.copy2(file, folder)
    copy = folder / path.name
    with pytest.raises(CheckpointError, match=r"weightedit recover model\.safetensors"):
        weightedit.open(copy)
    assert main(["recover", str(copy)]) == 0
    assert copy.read_bytes() == old
    shutil.copy2(path, folder)
    (folder / path_beside(path).name).write_bytes(path_beside(path).read_bytes())
    with copy.open("r+b") as file:
        file.seek(3000)
        file.write(bytes(200))
    changed = copy.read_bytes()
    assert main(["recover", str(copy)]) == 2
    assert copy.read_bytes() == changed, "neither the one that was patched nor a copy of it"
