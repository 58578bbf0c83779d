"""What dead saves left is removed, completed or taken back at the next start; nothing else is touched, ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.progress import Progress
from weightedit.core.transaction import Transaction
from weightedit.core.writing.commit_record import Exchange, Mark, record_data
from weightedit.core.writing.leftovers import Cleaned, clean, remove_stale, settle_folder
from weightedit.core.writing.registration import Registration, saves_folder

ROOT = Path(__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
KILLED = """
import os, signal, sys
from pathlib import Path
from weightedit.core.files.file_system import FileSystem
from weightedit.core.transaction import Transaction
class Until(FileSystem):
    def replace(self, path, target):
        if target.name == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)
        super().replace(path, target)
with Transaction(Until()) as transaction:
    for name in sys.argv[3:]:
        transaction.create(Path(sys.argv[1]) / name, 9).write(b"new " + name.encode())
    transaction.commit()
"""


def killed_before(target: str, folder: Path, *names: str) -> None:
    """Write files in a process that is killed before it renames one of them."""
    done = subprocess.run([sys.executable, "-c", KILLED, folder, target, *names], cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    assert done.returncode == -9


def old_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"old " + name.encode())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def whole(word: bytes, *names: str) -> dict[str, bytes]:
    return {name: word + b" " + name.encode() for name in sorted(names)}


NAMES = ("one", "two", "index")


@POSIX
class TestKilled:
    """By a real SIGKILL in the midst of a save."""

    def test_one_file(self, tmp_path):
        old_files(tmp_path, "one")
        killed_before("one", tmp_path, "one")
        assert len(contents(tmp_path)) == 3, "a temporary file and the backup are left"
        done = clean()
        assert contents(tmp_path) == whole(b"old", "one")
        assert (len(done.removed), done.nbytes, done.completed, done.kept) == (2, len(b"new one"), (), ())
        assert not list(saves_folder().iterdir())
        assert not clean()

    @pytest.mark.parametrize(("target", "word"), [("one", b"old"), ("two", b"new"), ("index", b"new")])
    def test_several_files_are_of_one_save(self, tmp_path, target, word):
        """Before the first rename nothing was done; after it, the rest is."""
        old_files(tmp_path, *NAMES)
        killed_before(target, tmp_path, *NAMES)
        done = clean()
        assert contents(tmp_path) == whole(word, *NAMES)
        assert bool(done.completed) == (word == b"new")

    def test_a_file_that_was_changed_meanwhile_is_kept(self, tmp_path):
        """The person's change is worth more than the rest of a save: what was renamed is taken back."""
        old_files(tmp_path, *NAMES)
        killed_before("two", tmp_path, *NAMES)
        (tmp_path / "index").write_bytes(b"changed by hand")
        done = clean()
        assert contents(tmp_path) == {"one": b"old one", "two": b"old two", "index": b"changed by hand"}
        assert len(done.taken_back) == 3

    def test_what_cannot_be_put_right_is_kept_and_said(self, tmp_path):
        old_files(tmp_path, *NAMES)
        killed_before("two", tmp_path, *NAMES)
        (tmp_path / "index").write_bytes(b"changed by hand")
        for backup in tmp_path.glob(".one*.old"):
            backup.unlink()
        before = contents(tmp_path)
        done = clean()
        assert contents(tmp_path) == before
        assert "one is of the new save" in done.kept[0].why
        with pytest.raises(CheckpointError, match=r"interrupted and cannot be completed.*delete \.index"):
            settle_folder(tmp_path, tmp_path / "index")

    @pytest.mark.parametrize("state_is_gone", [False, True])
    def test_opening_completes_it(self, tmp_path, state_is_gone):
        """Without the next start, and without the state folder: what is opened is never of two saves."""
        old_files(tmp_path, *NAMES)
        killed_before("two", tmp_path, *NAMES)
        if state_is_gone:
            for path in saves_folder().iterdir():
                path.unlink()
        settle_folder(tmp_path, tmp_path / "index")
        assert contents(tmp_path) == whole(b"new", *NAMES)
        clean()
        assert contents(tmp_path) == whole(b"new", *NAMES)

    def test_the_next_save_completes_it_first(self, tmp_path):
        old_files(tmp_path, *NAMES)
        killed_before("two", tmp_path, *NAMES)
        with Transaction() as transaction:
            transaction.create(tmp_path / "other", 1).write(b"x")
            assert contents(tmp_path)["index"] == b"new index"

    def test_two_at_once(self, tmp_path):
        old_files(tmp_path, *NAMES)
        for _ in range(3):
            killed_before("two", tmp_path, *NAMES)
        done: list[Cleaned] = []
        threads = [threading.Thread(target=lambda: done.append(clean())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clean()
        assert contents(tmp_path) == whole(b"new", *NAMES)
        assert not any(one.kept for one in done)

    def test_a_disk_that_refuses_is_tried_again(self, tmp_path):
        old_files(tmp_path, *NAMES)
        killed_before("two", tmp_path, *NAMES)

        class Refusing(FileSystem):
            def replace(self, path: Path, target: Path) -> None:
                raise OSError(5, "Input/output error")

        clean(system=Refusing())
        assert clean().completed
        assert contents(tmp_path) == whole(b"new", *NAMES)

    def test_a_backup_is_kept_where_its_file_is_gone(self, tmp_path):
        old_files(tmp_path, "one")
        killed_before("one", tmp_path, "one")
        (tmp_path / "one").unlink()
        done = clean()
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old one"]
        assert "this holds what was in it" in done.kept[0].why


class TestNothingElse:
    def test_a_living_save_is_left_alone(self, tmp_path):
        with Transaction() as transaction:
            pending = transaction.create(tmp_path / "a", 1)
            pending.write(b"new")
            assert not clean()
            transaction.commit()
        assert contents(tmp_path) == {"a": b"new"}

    @pytest.mark.parametrize("data", [
        b"", b"garbage\n", b"[1]\n", b'{"temporary": 5}\n', b'{"temporary": "x", "target": null}\n', b"[" * 100_000,
        b'{"record": "/etc/passwd"}\n', b'{"temporary": "a\\u0000b", "target": "c"}\n', b"\xff\xfe\n" * 1000,
    ])  # fmt: skip
    def test_lists_that_are_none(self, data):
        saves_folder().mkdir(parents=True)
        (saves_folder() / "x.save").write_bytes(data)
        assert not clean().removed

    def test_files_that_are_not_ours(self, tmp_path):
        """A list that names other files, folders and links, as somebody may have made it."""
        good = tmp_path / ".a.weightedit-00000000.tmp"
        (tmp_path / "thesis.txt").write_text("years of work")
        (tmp_path / ".folder.weightedit-00000000.tmp").mkdir()
        (tmp_path / ".link.weightedit-00000000.tmp").symlink_to("thesis.txt")
        (tmp_path / ".a.weightedit-0.tmp").write_text("another name")
        good.write_bytes(b"ours")
        before = contents_of_all(tmp_path)
        saves_folder().mkdir(parents=True)
        lines = [{"temporary": str(path), "target": str(tmp_path / "a")} for path in tmp_path.iterdir()]
        lines += [{"record": str(tmp_path / "thesis.txt")}, {"temporary": str(tmp_path / "sub" / good.name),
                                                            "target": str(tmp_path / "a")}]  # fmt: skip
        (saves_folder() / "x.save").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        assert clean().removed == (good,)
        assert contents_of_all(tmp_path) == before - {good}

    def test_the_state_folder_may_be_missing_or_no_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path / "none"))
        assert not clean()
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path / "file"))
        assert not clean()
        with Transaction() as transaction:
            transaction.create(tmp_path / "a", 1).write(b"new")
            transaction.commit()
        assert (tmp_path / "a").read_bytes() == b"new"

    def test_it_stops_when_asked(self):
        stop = threading.Event()
        stop.set()
        assert not clean(Progress(cancel=stop))

    def test_a_list_of_a_disk_that_is_away_is_kept_for_a_month(self, tmp_path):
        saves_folder().mkdir(parents=True)
        one = saves_folder() / "x.save"
        place = tmp_path / "away"
        one.write_text(json.dumps({"temporary": str(place / ".a.weightedit-00000000.tmp"), "target": str(place / "a")}))
        clean()
        assert one.exists()
        os.utime(one, (time.time() - 40 * 86_400,) * 2)
        clean()
        assert not one.exists()


def contents_of_all(folder: Path) -> set[Path]:
    return set(folder.iterdir())


def a_record(folder: Path, target: str, name: str = ".x.weightedit-00000000.commit") -> Path:
    """Make a record and its temporaries as a stranger could, with a second target elsewhere."""
    files = []
    for number, place in enumerate(("inside", target)):
        path = Path(os.path.normpath(folder / place))
        temporary = path.with_name(f".x.weightedit-0000000{number}.tmp")
        temporary.write_bytes(b"evil")
        mark = Mark.of(temporary)
        assert mark is not None
        files.append(Exchange(temporary, path, None, mark))
    (folder / "inside").write_bytes(b"evil")
    os.utime(folder / "inside", ns=(files[0].new.mtime_ns,) * 2)
    record = folder / name
    record.write_bytes(record_data(folder, files))
    return record


@POSIX
class TestFoldersOfStrangers:
    def test_nothing_outside_the_folder_is_touched(self, tmp_path):
        """A downloaded folder with a record in it that would put a file beside the folder."""
        folder = tmp_path / "downloaded"
        folder.mkdir()
        a_record(folder, "../autostart")
        with pytest.raises(CheckpointError, match="names files elsewhere"):
            settle_folder(folder, folder / "inside")
        assert not (tmp_path / "autostart").exists()

    def test_nor_through_a_link(self, tmp_path):
        folder = tmp_path / "downloaded"
        folder.mkdir()
        (tmp_path / "home").mkdir()
        (folder / "link").symlink_to("../home")
        a_record(folder, "link/autostart")
        with pytest.raises(CheckpointError, match="names files elsewhere"):
            settle_folder(folder, folder / "inside")
        assert not (tmp_path / "home" / "autostart").exists()

    def test_a_list_of_ours_does_not_do_what_a_changed_record_says(self, tmp_path):
        """Someone else may write in a shared folder: only what our list names is done."""
        folder = tmp_path / "shared"
        folder.mkdir()
        record = a_record(folder, "../autostart")
        one = Registration()
        one.add("temporary", folder / ".x.weightedit-00000000.tmp", folder / "inside")
        one.add("record", record)
        one.end(keep=True)
        done = clean()
        assert not (tmp_path / "autostart").exists()
        assert "names files elsewhere" in done.kept[0].why

    @pytest.mark.parametrize("cut", [0, 1, 40, -5])
    def test_a_record_that_is_not_whole_means_nothing(self, tmp_path, cut):
        record = a_record(tmp_path, "second")
        record.write_bytes(record.read_bytes()[:cut])
        before = contents(tmp_path)
        settle_folder(tmp_path, tmp_path)
        assert contents(tmp_path) == before

    def test_one_of_a_later_version_is_said(self, tmp_path):
        record = a_record(tmp_path, "second")
        text = record.read_bytes().partition(b"\n")[0].replace(b'commit": 1', b'commit": 9')
        import hashlib

        record.write_bytes(text + b"\n" + hashlib.blake2b(text, digest_size=16).hexdigest().encode())
        with pytest.raises(CheckpointError, match="version"):
            settle_folder(tmp_path, tmp_path / "inside")


class TestStale:
    def test_old_ones_no_list_names_go(self, tmp_path):
        """After the state folder was deleted: by name, age and owner, where something is saved again."""
        for name in (".a.weightedit-00000000.tmp", ".gone.weightedit-00000001.old", ".a.weightedit-00000002.old",
                     "a", ".a.weightedit-.tmp"):  # fmt: skip
            (tmp_path / name).write_bytes(b"x")
        assert not remove_stale(tmp_path, FileSystem())
        gone = remove_stale(tmp_path, FileSystem(), older_than=-1)
        assert {path.name for path in gone} == {".a.weightedit-00000000.tmp", ".a.weightedit-00000002.old"}
        assert (tmp_path / ".gone.weightedit-00000001.old").exists(), "it may be all there is of that file"

    def test_those_of_a_living_save_stay(self, tmp_path):
        with Transaction() as transaction:
            pending = transaction.create(tmp_path / "a", 1)
            assert not remove_stale(tmp_path, FileSystem(), older_than=-1)
            assert pending.temporary.exists()
