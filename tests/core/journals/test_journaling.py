"""Every edit is on record before it is done; one that cannot be recorded is refused; a closed document leaves none."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.core.document import Document
from weightedit.core.errors import EditRefused
from weightedit.core.files.file_lock import hold, is_held
from weightedit.core.journal import decode
from weightedit.core.journals import journal_place
from weightedit.core.journals.keeper import keeper
from weightedit.core.journals.recovery import journals_folder, tidy

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint of two tensors."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(24.0).view(4, 6), "b": torch.ones(200, 300)}, path)
    return path


def records(document: Document) -> list[dict]:
    """What is written of a document's edits by now, but for hashes."""
    assert document.journal is not None
    assert document.journal.key is not None
    data = (journals_folder() / document.journal.key / "journal").read_bytes()
    return [record for record in decode(data) if record.get("is") != "digest"]


class Full:
    """A disk that takes `room` more bytes."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(journal_place, "write", self.write)

    def write(self, handle: int, data: memoryview) -> int:
        """Take what there is room for."""
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = os.write(handle, data[: self.room])
        self.room -= taken
        return taken

    def freed(self) -> None:
        """Take everything again."""
        self.patch.undo()


def test_a_document_that_is_only_looked_at_leaves_nothing(path: Path):
    """Looking, previews and refused edits need no journal."""
    with weightedit.open(path, journal=True) as document:
        document.read("a")
        document.preflight("scale", "a", factor=2)
        document.snapshot("one")
        with pytest.raises(EditRefused):
            document.apply("scale", "nothing", factor=2)
        assert not journals_folder().exists()


def test_without_asking_there_is_no_journal(path: Path):
    with weightedit.open(path) as document:
        document.apply("scale", "a", factor=2)
        assert document.journal is None
        assert not journals_folder().exists()


def test_a_live_document_has_no_journal():
    with weightedit.open(torch.nn.Linear(2, 2), journal=True) as document:
        document.apply("scale", "weight", factor=2)
        assert document.journal is None


def test_the_record_is_there_before_the_edit(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A crash in the midst of an edit has it on record."""
    from weightedit.core import document as module

    seen = []
    with weightedit.open(path, journal=True) as document:
        whole = module.do_all
        monkeypatch.setattr(module, "do_all", lambda commands: (seen.append(len(records(document))), whole(commands)))
        document.apply("scale", "a", factor=2)
        document.apply("scale", "a", factor=2)
    assert seen == [2, 3]


def test_records_say_what_was_done(path: Path):
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "*", factor=2)
        document.undo()
        document.redo()
        with document.grouped("typed"):
            document.apply("fill", "a", region="[0]", value=1)
        document.snapshot("one")
        first, edit, undo, redo, grouped, snapshot = records(document)
    assert (first["weightedit_journal"], first["path"], first["program"]) == (1, str(path), weightedit.__version__)
    assert (edit["at"], edit["label"], edit["names"], edit["named"]) == (0, "scale × 2", ["a", "b"], 2)
    assert edit["edit"]["operation"] == "scale"
    assert (undo, redo) == ({"is": "move", "to": 0}, {"is": "move", "to": 1})
    assert (grouped["at"], grouped["group_label"]) == (1, "typed")
    assert snapshot == {"is": "snapshot", "name": "one", "tensors": "*"}


def test_closing_removes_it(path: Path):
    with weightedit.open(path, journal=True) as document:
        document.apply("set", "a", values=torch.zeros(4, 6))
        assert len(list(journals_folder().iterdir())) == 1
    assert list(journals_folder().iterdir()) == []


def test_a_document_nobody_holds_any_more_removes_it(path: Path):
    document = weightedit.open(path, journal=True)
    document.apply("scale", "a", factor=2)
    assert keeper().settle()
    del document
    gc.collect()
    assert list(journals_folder().iterdir()) == []


ENDS = {"document.close()": 0, "pass": 1, "sys.exit(3)": 1, "raise ValueError": 1, "os._exit(0)": 1,
        "os.kill(os.getpid(), 9)": 1,
        "os.fork() or sys.exit(0); os.wait(); os._exit(0)": 1,
        "os.fork() or (document.apply('fill', 'a', value=4), time.sleep(60)); os._exit(0)": 1}  # fmt: skip
SCRIPT = """
import os, sys, time, weightedit
from weightedit.core.journals.recovery import discard, unfinished
sys.stderr = open(os.devnull, "w")
with weightedit.open(sys.argv[1], journal=True) as document:
    document.apply("fill", "a", value=1)  # what is imported once
from weightedit.core.journals import keeper; keeper.keeper().settle()
found = []
for how in eval(sys.argv[2]):
    if os.fork() == 0:
        document = weightedit.open(sys.argv[1], journal=True)
        document.apply("fill", "a", value=3)
        exec(how)
        sys.exit(0)
    os.wait()
    found.append([len(one.edits) for one in unfinished()])
    for one in unfinished():
        discard(one.key)
print(found)
os.killpg(0, 9)
"""


def test_only_a_close_removes_it(path: Path):
    """A program that an error ended lost its edits as a killed one did; a forked child has none of its parent's."""
    command = [sys.executable, "-W", "ignore", "-u", "-c", SCRIPT, str(path), repr(list(ENDS))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, start_new_session=True)
    assert eval(done.stdout) == [[1] * left for left in ENDS.values()], done.stderr


def test_an_edit_that_cannot_be_recorded_is_refused(path: Path):
    """The document is as it was, what is recorded stays, and it goes on once there is room."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        before, written = document.read("a"), records(document)
        full = Full(30)
        for arguments in ({"value": 3}, {"value": 4}):
            with pytest.raises(EditRefused, match="No space left on device") as refused:
                document.apply("fill", "a", **arguments)
            assert refused.value.hazards[0].kind == "unrecordable"
            full.room = 30
        assert torch.equal(document.read("a"), before)
        assert (len(document.history), document.history.position) == (1, 1)
        assert records(document) == written
        full.freed()
        document.apply("fill", "a", value=5)
        assert [record["label"] for record in records(document)[1:]] == ["scale × 2", "fill 5"]


def test_an_argument_that_cannot_be_kept_refuses_its_edit(path: Path):
    """A record without the values it was given would be of no use."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        full = Full(10)
        with pytest.raises(EditRefused, match="No space left"):
            document.apply("set", "a", values=torch.zeros(4, 6))
        full.freed()
        assert len(document.history) == 1
        assert document.journal is not None
        assert document.journal.key is not None
        assert sorted(path.name for path in (journals_folder() / document.journal.key).iterdir()) == ["journal", "lock"]


def test_no_folder_for_it_refuses_the_edit(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A state folder that cannot be made is an everyday case; the message says what to do."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path / "file" / "state"))
    with weightedit.open(path, journal=True) as document:
        with pytest.raises(EditRefused, match="WEIGHTEDIT_STATE"):
            document.apply("scale", "a", factor=2)
        assert torch.equal(document.read("a"), torch.arange(24.0).view(4, 6))
        monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path / "state"))
        document.apply("scale", "a", factor=2)
        assert len(records(document)) == 2


def test_undo_works_while_nothing_can_be_written(path: Path):
    """A full disk must not keep anybody from taking back what they did; it is written down with the next record."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        document.apply("scale", "a", factor=3)
        full = Full()
        document.undo()
        document.undo()
        document.redo()
        assert document.journal is not None
        assert "No space left" in (document.journal.trouble or "")
        assert len(records(document)) == 3
        with pytest.raises(EditRefused):
            document.apply("fill", "a", value=1)
        full.freed()
        document.apply("fill", "a", value=2)
        assert document.journal.trouble is None
        assert [record["to"] for record in records(document)[1:] if record["is"] == "move"] == [1, 0, 1]
        assert records(document)[-1]["at"] == 1


def test_an_edit_that_fails_is_taken_off_the_record(path: Path, monkeypatch: pytest.MonkeyPatch):
    from weightedit.core import document as module

    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)

        def fail(commands: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(module, "do_all", fail)
            with pytest.raises(RuntimeError):
                document.apply("fill", "a", value=1)
        edit, failed = records(document)[2:]
        assert (edit["is"], failed["is"]) == ("edit", "back")


def test_a_journal_that_was_removed_is_written_again(path: Path):
    """Somebody empties the state folder while the window is open: the next edit brings all of it back."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        document.apply("scale", "a", factor=3)
        document.undo()
        assert document.journal is not None
        assert document.journal.key is not None
        old = journals_folder() / document.journal.key
        (old / "journal").unlink()
        keeper().sync_soon(document.journal)
        assert keeper().settle()
        assert "another program removed it" in (document.journal.trouble or "") or \
            "No such file" in (document.journal.trouble or "")  # fmt: skip
        document.apply("fill", "a", value=1)
        assert document.journal.trouble is None
        assert [record.get("label", record.get("to")) for record in records(document)[1:]] == [
            "scale × 2", "scale × 3", 1, None, "fill 1"]  # fmt: skip


def test_a_disk_that_does_not_keep_it_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch):
    """fsync fails once and the bytes may be gone: nothing more is put behind them."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        assert keeper().settle()
        assert document.journal is not None
        key = document.journal.key

        def fail(handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(journal_place.os, "fsync", fail)
            keeper().sync_soon(document.journal)
            assert keeper().settle()
        assert "Input/output error" in (document.journal.trouble or "")
        document.apply("fill", "a", value=1)
        assert document.journal.key != key
        labels = [record["label"] for record in records(document)[1:] if record["is"] == "edit"]
        assert labels == ["scale × 2", "fill 1"]


def test_it_is_on_the_disk_within_the_second(path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the system was only told would be gone after a power cut."""
    synced = []
    whole = os.fsync
    monkeypatch.setattr(journal_place.os, "fsync", lambda handle: (synced.append(handle), whole(handle)))
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        import time

        until = time.monotonic() + 5
        while not synced and time.monotonic() < until:
            time.sleep(0.01)
    assert synced
    assert time.monotonic() - until + 5 < 2


def test_a_save_begins_it_anew(path: Path):
    """What is in the file needs no journal."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        document.apply("set", "a", values=torch.zeros(4, 6))
        document.save()
        assert list(journals_folder().iterdir()) == []
        document.apply("scale", "a", factor=2)
        first, edit = records(document)
        assert (first["base"], edit["at"]) == (2, 2)


def test_positions_count_what_undo_let_go(path: Path):
    with weightedit.open(path, journal=True) as document:
        document.set_undo_budget(100)
        for number in range(4):
            document.apply("fill", "a", value=number)
        document.undo()
        assert document.history.forgotten == 3
        assert [record.get("at", record.get("to")) for record in records(document)[1:]] == [0, 1, 2, 3, 3]


def test_what_stands_for_nothing_is_tidied_away(path: Path):
    """Folders that a kill left before there was a journal in them do not pile up; what is alive is left alone."""
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        old, new = journals_folder() / "old", journals_folder() / "new"
        for folder in (old, new):
            folder.mkdir()
            (folder / "lock").write_bytes(b"")
        os.utime(old, (1, 1))
        tidy()
        assert not old.exists()
        assert new.exists()
        assert len(records(document)) == 2


def test_a_lock_is_told_from_outside(tmp_path: Path):
    """Within one process and between several."""
    path = tmp_path / "lock"
    handle = hold(path)
    assert handle is not None
    assert is_held(path)
    assert hold(path) is None
    code = f"import pathlib, weightedit.core.files.file_lock as lock; print(lock.is_held(pathlib.Path({str(path)!r})))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True).stdout == "True\n"  # fmt: skip
    os.close(handle)
    assert not is_held(path)
    assert not is_held(tmp_path / "none")
