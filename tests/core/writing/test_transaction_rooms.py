"""A save looks before it writes: room for all its files together, folders, and others that save there."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.files.folder_locks import FolderBusy, FolderLocks
from weightedit.core.transaction import Transaction

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


class Small(FileSystem):
    """A disk with 100 bytes."""

    def free(self, folder: Path) -> int:
        return 100


def test_files_that_fit_each_alone_and_not_together_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="its 2 files need 120 bytes and the disk has 100 left"), \
            Transaction(Small()) as transaction:  # fmt: skip
        transaction.expect([(tmp_path / "a", 60), (tmp_path / "b", 60)])
    with Transaction(Small()) as transaction:
        transaction.create(tmp_path / "a", 60)
        with pytest.raises(CheckpointError, match="its 2 files need 120 bytes"):
            transaction.create(tmp_path / "b", 60)
    assert not list(tmp_path.iterdir())


def test_a_sharded_export_asks_for_all_of_its_files_at_once(tmp_path):
    import weightedit
    from tests.faults.failing import under
    from tests.faults.saves import KINDS, document_bytes, make

    made = make(KINDS["safetensors"], tmp_path, 4096, 0)
    asked = []

    class Watching(FileSystem):
        def free(self, folder: Path) -> int:
            asked.append(folder)
            return document_bytes(document) // 2

    with weightedit.open(made) as document, under(Watching()), pytest.raises(CheckpointError, match="8 files need"):
        document.export(tmp_path / "out.safetensors.index.json", shard_size=1)
    assert len(asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_folders_are_made_and_gone_again(tmp_path):
    with Transaction() as transaction:
        transaction.make_folder(tmp_path / "a" / "b")
        transaction.create(tmp_path / "a" / "b" / "c", 1)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="untouched"), Transaction() as transaction:
        transaction.make_folder(tmp_path / "file" / "b")


def test_two_names_of_one_file_are_refused(tmp_path):
    """Two shards that are links to one file: the second would replace the first."""
    (tmp_path / "a").write_bytes(b"old")
    try:
        (tmp_path / "b").symlink_to("a")
    except OSError:
        pytest.skip("no links here")
    with Transaction() as transaction:
        transaction.create(tmp_path / "a", 1)
        with pytest.raises(CheckpointError, match="written twice"):
            transaction.create(tmp_path / "b", 1)
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["write", "sync", "close"])
def test_what_failed_once_is_not_tried_again(tmp_path, name):
    """After a failed fsync the system may have dropped the bytes, and reports success the second time."""
    calls = []

    def fail(self: FileSystem, *arguments: object) -> None:
        calls.append(name)
        if name == "close":
            os.close(arguments[0])  # type: ignore[arg-type]
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Transaction(type("Broken", (FileSystem,), {name: fail})()) as transaction:
        pending = transaction.create(tmp_path / "a", 1)
        pending.write(b"x")
        for _ in range(2):
            with pytest.raises(CheckpointError, match="input/output error"):
                pending.finish()
        with pytest.raises(CheckpointError, match="input/output error"):
            transaction.commit()
    assert calls == [name]
    assert not (tmp_path / "a").exists()


@POSIX
class TestLocks:
    def test_one_exchange_at_a_time(self, tmp_path):
        with FolderLocks([tmp_path]) as first:
            assert first.held
            with pytest.raises(FolderBusy), FolderLocks([tmp_path], patience=0.05):
                pass
        with FolderLocks([tmp_path], patience=0.05) as second:
            assert second.held

    def test_a_folder_that_is_gone_is_not_held(self, tmp_path):
        with FolderLocks([tmp_path, tmp_path / "none"]) as locks:
            assert not locks.held

    def test_two_saves_of_several_files_do_not_mix(self, tmp_path):
        """Each file set is of one writer, however they race."""
        names = [f"part-{number}" for number in range(6)]

        def save(word: bytes) -> None:
            for _ in range(8):
                with Transaction() as transaction:
                    for name in names:
                        transaction.create(tmp_path / name, 3).write(word)
                    transaction.commit()
                done.append(word)

        done: list[bytes] = []
        threads = [threading.Thread(target=save, args=(word,)) for word in (b"one", b"two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({(tmp_path / name).read_bytes() for name in names}) == 1
        assert len(done) == 16
        assert sorted(path.name for path in tmp_path.iterdir()) == names


