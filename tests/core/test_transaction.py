"""A destination holds the old bytes or the new ones, whatever fails and whenever."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from weightedit.core.errors import Cancelled, CheckpointError, SourceChanged
from weightedit.core.progress import Progress
from weightedit.core.source import SourceFile
from weightedit.core.transaction import MARK, FileSystem, Transaction

OLD, NEW = b"old" * 1000, b"new" * 700_000
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


class Failing(FileSystem):
    """Fails the `count`-th thing it is asked to do, and what comes after it too if `always`."""

    def __init__(self, count: int, *, always: bool = False, error: int = errno.EIO) -> None:
        self.left = count
        self.always = always
        self.error = error
        self.failed = ""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found

        def step(*args: Any) -> Any:
            self.left -= 1
            if self.left == 0 or (self.left < 0 and self.always):
                self.failed = self.failed or name
                raise OSError(self.error, os.strerror(self.error))
            return found(*args)

        return step


def write(paths: list[Path], system: FileSystem | None = None, data: bytes = NEW, *, source: SourceFile | None = None,
          progress: Progress | None = None) -> None:  # fmt: skip
    with Transaction(system) as transaction:
        transaction.guard([] if source is None else [source])
        for path in paths:
            pending = transaction.create(path, len(data))
            pending.write(data[:10])
            pending.write(data[10:])
            pending.write_at(data[:3], 0)
            (progress or Progress()).advance(1)
        transaction.commit()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_made_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write([path])
    assert path.read_bytes() == NEW
    write([path], data=OLD)
    assert path.read_bytes() == OLD
    assert names(tmp_path) == {"a.bin"}


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("exists", [False, True])
def test_each_step_fails_once_and_for_good(tmp_path, count, exists, always):
    """The oracle: every destination is wholly old or wholly new, and success means new."""
    paths = [tmp_path / f"{number}.bin" for number in range(count)]
    failed = []
    for step in range(1, 200):
        for path in paths:
            path.unlink(missing_ok=True)
            if exists:
                path.write_bytes(OLD)
        system = Failing(step, always=always)
        error = None
        try:
            write(paths, system)
        except CheckpointError as caught:
            error = caught
        states = [path.read_bytes() if path.exists() else None for path in paths]
        old = [OLD if exists else None] * count
        if error is None:
            assert states == [NEW] * count
        elif not always or system.failed not in ("replace", "sync_folder", "link"):
            assert states == old, system.failed
            assert "untouched" in str(error)
        else:  # nothing works any more: each file is whole all the same
            assert all(state in (OLD if exists else None, NEW) for state in states)
        if not always:
            assert {name for name in names(tmp_path) if MARK not in name} <= {path.name for path in paths}
        for left in tmp_path.glob(f".*{MARK}*"):
            assert always or system.failed == "remove"
            left.unlink()
        if not system.failed:
            break
        failed.append(system.failed)
    else:
        raise AssertionError("the steps do not end")
    assert {"create", "write", "seek", "sync", "close", "replace", "sync_folder", "free"} <= set(failed)


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path):
    class Full(FileSystem):
        def free(self, folder: Path) -> int:
            return 99

    with pytest.raises(CheckpointError, match=r"needs 100 bytes and the disk has 99 left"), Transaction(Full()) as t:
        t.create(tmp_path / "a", 100)
    assert names(tmp_path) == set()


def test_short_writes_are_continued(tmp_path):
    class Short(FileSystem):
        def write(self, handle: int, data: memoryview) -> int:
            return super().write(handle, data[:1000])

    write([tmp_path / "a"], Short())
    assert (tmp_path / "a").read_bytes() == NEW


def test_cancel_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        write([path], progress=Progress(cancel=stop))
    assert path.read_bytes() == OLD
    assert names(tmp_path) == {"a"}


@POSIX
class TestPlaces:
    def test_mode_bits_stay(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(OLD)
        path.chmod(0o640)
        write([path])
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_new_file_has_the_usual_mode(self, tmp_path):
        write([tmp_path / "a"])
        (tmp_path / "b").write_bytes(b"")
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode

    def test_links_stay(self, tmp_path):
        (tmp_path / "there").mkdir()
        path = tmp_path / "there" / "a"
        path.write_bytes(OLD)
        link, hard = tmp_path / "link", tmp_path / "hard"
        link.symlink_to("there/a")
        hard.hardlink_to(path)
        write([link])
        assert link.is_symlink()
        assert path.read_bytes() == NEW
        assert hard.read_bytes() == OLD
        assert names(tmp_path / "there") == {"a"}

    def test_a_folder_or_pipe_is_refused(self, tmp_path):
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        for name, word in (("folder", "a folder"), ("pipe", "pipe or device")):
            with pytest.raises(CheckpointError, match=word):
                write([tmp_path / name])
        with pytest.raises(CheckpointError, match="pipe or device"):
            write([Path("/dev/null")])

    @pytest.mark.parametrize("name", ["no/such/folder/a", "a" * 256, "b" * 5000, "loop", "a\0b"])
    def test_impossible_paths_are_refused(self, tmp_path, name):
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(CheckpointError) as caught:
            write([tmp_path / name])
        assert "\n" not in str(caught.value)
        assert names(tmp_path) == {"loop"}

    @pytest.mark.skipif(sys.platform == "darwin", reason="names there are text")
    def test_names_that_are_no_text_or_long_work(self, tmp_path):
        for raw in (b"\xff\xfe.pt", b"x" * 250):
            path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), raw)))  # noqa: PTH118  # bytes
            write([path])
            assert path.read_bytes() == NEW
        (tmp_path / os.fsdecode(b"\xff")).mkdir()
        with pytest.raises(CheckpointError) as caught:
            write([tmp_path / os.fsdecode(b"\xff")])
        str(caught.value).encode("utf-8")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_read_only_files_are_refused(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(OLD)
        path.chmod(0o444)
        with pytest.raises(CheckpointError, match="read-only"):
            write([path])


class TestSources:
    def test_a_destination_that_another_program_changed_is_left_alone(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(OLD)
        source = SourceFile(path)
        path.write_bytes(b"theirs")
        with pytest.raises(SourceChanged):
            write([path], source=source)
        assert path.read_bytes() == b"theirs"
        assert names(tmp_path) == {"a"}

    def test_after_a_failure_the_source_still_reads(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(OLD)
        source = SourceFile(path)

        class NoRename(FileSystem):
            def replace(self, path: Path, target: Path) -> None:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        with pytest.raises(CheckpointError, match="untouched"):
            write([path], NoRename(), source=source)
        assert source.read(0, 3) == b"old"

    def test_other_sources_do_not_matter(self, tmp_path):
        (tmp_path / "other").write_bytes(OLD)
        source = SourceFile(tmp_path / "other")
        (tmp_path / "other").write_bytes(b"theirs")
        write([tmp_path / "a"], source=source)
        assert (tmp_path / "a").read_bytes() == NEW


def test_files_appear_in_the_order_they_were_created(tmp_path):
    seen = []

    class Watching(FileSystem):
        def replace(self, path: Path, target: Path) -> None:
            seen.append(target.name)
            super().replace(path, target)

    write([tmp_path / "shard1", tmp_path / "shard2", tmp_path / "index"], Watching())
    assert seen == ["shard1", "shard2", "index"]
