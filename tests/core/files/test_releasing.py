"""Nobody waits until the system has a large file's blocks back, but who lacks the room."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.edits import room
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.files import releasing
from weightedit.core.files.file_lock import try_lock
from weightedit.core.files.file_system import FileSystem
from weightedit.core.undo.spill import Spill, SpillFull


class Slow:
    """Closes handles once it is let; `closed` says how many."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.closed = 0

    def __call__(self, handle: int) -> None:
        assert self.go.wait(60)
        os.close(handle)
        self.closed += 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr(releasing, "_close", made)
    yield made
    made.go.set()
    releasing.wait_for_released()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(3 << 20), "b": torch.zeros(64)}, path)
    return path


def is_open(handle: int) -> bool:
    try:
        os.fstat(handle)
    except OSError:
        return False
    return True


def test_small_files_are_closed_at_once(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    handle = os.open(tmp_path / "small", os.O_RDONLY)
    releasing.release(handle, 1)
    assert not is_open(handle)
    assert not releasing.wait_for_released()


def test_a_save_does_not_wait_for_the_blocks_of_the_file_it_replaced(checkpoint: Path, slow: Slow) -> None:
    """Giving back 1 GB took as long as writing it."""
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "b", value=1.0)
        document.save()
        assert slow.closed == 0
        slow.go.set()
        assert releasing.wait_for_released()
        assert slow.closed == 1
        document.undo()
        assert document.read("b").sum() == 0
    assert load_file(checkpoint)["b"].sum() == 64


@pytest.mark.skipif(os.name != "posix", reason="files are patched in place on POSIX systems only")
def test_a_patch_does_not_wait_for_the_blocks_of_its_rollback_file(checkpoint: Path, slow: Slow) -> None:
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "a", value=2.0)
        document.save(in_place=True)
        assert slow.closed == 0
        assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]
        slow.go.set()
        releasing.wait_for_released()
        other = os.open(checkpoint, os.O_RDONLY)
        assert not try_lock(other)  # the document's new handle has its lock: the old one had let go of it by then
        os.close(other)
    assert load_file(checkpoint)["a"].sum() == 2 * (3 << 20)


@pytest.mark.parametrize("comes_back", [True, False])
def test_who_lacks_the_room_waits_for_it(checkpoint: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch,
                                         comes_back: bool) -> None:  # fmt: skip
    """A second save, or an edit, on a nearly full disk must not be refused because the first is still ending."""
    free = 1 << 40 if comes_back else 0
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "b", value=1.0)
        document.save()
        monkeypatch.setattr(FileSystem, "free", lambda *_: free if slow.closed else 0)
        monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=free if slow.closed else 0))
        monkeypatch.setattr(document.spill, "in_memory", 0)
        threading.Timer(0.2, slow.go.set).start()
        if comes_back:
            document.apply("fill", "b", value=3.0)
            assert slow.closed == 1
            document.save()
            assert load_file(checkpoint)["b"].sum() == 192
        else:
            with pytest.raises(EditRefused, match="no room"):
                document.apply("fill", "b", value=3.0)
            document.spill.in_memory = 1 << 30
            document.apply("fill", "b", value=3.0)
            with pytest.raises(CheckpointError, match="the disk has 0 left"):
                document.save()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the disk's blocks are taken otherwise here")
def test_the_spill_waits_for_what_it_gave_back(slow: Slow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An edit may need the very blocks that results of an undone one are just giving back."""
    taken = os.posix_fallocate

    def take(handle: int, start: int, nbytes: int) -> None:
        if not slow.closed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken(handle, start, nbytes)

    spill = Spill(tmp_path, in_memory=0)
    spill.allocate(16 << 20)
    assert slow.closed == 0
    monkeypatch.setattr(os, "posix_fallocate", take)
    threading.Timer(0.2, slow.go.set).start()
    assert spill.allocate(16 << 20).nbytes == 16 << 20
    releasing.wait_for_released()
    slow.closed = 0
    with pytest.raises(SpillFull, match="No space left"):
        spill.allocate(16 << 20)
    spill.close()
