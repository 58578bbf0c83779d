"""Locks tell who is alive on a disk that can only be read, too, and never wait for what is no file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from weightedit.core.files import file_lock
from weightedit.core.files.file_lock import hold, is_at, is_held


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that the system gave to reading alone, as Linux does after errors."""
    whole = os.open

    def refuse(path, flags, *mode, **more):
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return whole(path, flags, *mode, **more)

    monkeypatch.setattr(file_lock.os, "open", refuse)


@pytest.mark.skipif(os.name != "posix", reason="Windows locks only what it may write")
def test_a_disk_that_can_only_be_read(tmp_path: Path, request: pytest.FixtureRequest):
    """What a crash left there can be listed, taken and recovered all the same."""
    path = tmp_path / "lock"
    path.write_bytes(b"")
    request.getfixturevalue("read_only")
    assert not is_held(path)
    handle = hold(path)
    assert handle is not None
    assert is_held(path)
    assert hold(path) is None
    os.close(handle)
    assert not is_held(path)
    with pytest.raises(FileNotFoundError):
        hold(tmp_path / "another")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path, request: pytest.FixtureRequest):
    path = tmp_path / "lock"
    os.mkfifo(path)
    request.getfixturevalue("read_only")
    assert not is_held(path)


def test_a_file_that_was_replaced_is_another(tmp_path: Path):
    """Who locks it just as somebody removes it has nothing."""
    path = tmp_path / "lock"
    handle = hold(path)
    assert handle is not None
    assert is_at(handle, path)
    if os.name == "posix":
        path.unlink()
        assert not is_at(handle, path)
        path.write_bytes(b"")
        assert not is_at(handle, path)
    os.close(handle)
