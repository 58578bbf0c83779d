"""The thread that brings journals to the disk goes on whatever the state folder holds and whatever runs out."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from tests.core.journals.crashing import crash
from weightedit.core.document import Document
from weightedit.core.files.file_system import FileSystem
from weightedit.core.journal import encode
from weightedit.core.journals import journaling
from weightedit.core.journals import keeper as keeping
from weightedit.core.journals.keeper import Keeper, keeper
from weightedit.core.journals.recovery import journals_folder, tidy, unfinished


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint of one tensor."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(24.0).view(4, 6)}, path)
    return path


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """A keeper whose thread has not begun, as that of a process that just started."""
    made = Keeper()
    monkeypatch.setattr(keeping, "_KEEPER", made)
    return made


def key_of(document: Document) -> str:
    """The name of a document's journal."""
    assert document.journal is not None
    assert document.journal.key is not None
    return document.journal.key


def left_behind(path: Path, count: int) -> None:
    """Journals of dead processes, each with an edit that `unfinished` lists."""
    for _ in range(count):
        document = weightedit.open(path, journal=True)
        document.apply("scale", "a", factor=2)
        crash(document)


def test_old_journals_do_not_hold_up_new_ones(path: Path, monkeypatch: pytest.MonkeyPatch, fresh: Keeper):
    """However many there are to go through at the start, an edit is on the disk within its second."""
    left_behind(path, 3)
    synced = threading.Event()
    whole = FileSystem.sync
    monkeypatch.setattr(FileSystem, "sync", lambda self, handle: (whole(self, handle), synced.set()))
    monkeypatch.setattr(keeping, "SYNC_AFTER", 0.0)
    held = []

    def slow(between):
        held.append(1)
        tidy(lambda: (between(), held.append(2)))
        until = time.monotonic() + 5
        while not synced.is_set() and time.monotonic() < until:
            between()
        held.append(3 if synced.is_set() else 4)

    monkeypatch.setattr(keeping, "tidy", slow)
    with weightedit.open(path, journal=True) as document:
        synced.clear()
        fresh2 = Keeper()
        monkeypatch.setattr(keeping, "_KEEPER", fresh2)
        document.apply("scale", "a", factor=2)
        assert synced.wait(5)
        assert fresh2.settle()
    assert held[0] == 1
    assert held.count(2) >= 6, "it is asked between the records of every journal"
    assert held[-1] == 3


def test_a_journal_that_makes_no_sense_does_not_stop_it(path: Path, fresh: Keeper):
    """Its checksums are right and what it says is not: it is listed or left alone, and our own is kept."""
    folder = journals_folder() / "strange"
    folder.mkdir(parents=True)
    header = {"weightedit_journal": 1, "recovers": [{}], "files": [], "base": 0, "path": [], "title": 7, "time": {}}
    (folder / "journal").write_bytes(encode(header))
    (folder / "lock").write_bytes(b"")
    assert isinstance(unfinished(), list)
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        assert fresh.settle(10)


def test_an_error_in_tidying_does_not_stop_it(path: Path, monkeypatch: pytest.MonkeyPatch, fresh: Keeper):
    def fail(between):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(keeping, "tidy", fail)
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        assert fresh.settle(10)


def test_no_handle_left_is_noticed_and_mended(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the limit of open files is reached nothing is waited for: it is said, and the next edit begins anew."""
    with weightedit.open(path, journal=True) as document:
        document.apply("set", "a", values=torch.zeros(4, 6))
        assert keeper().settle()
        journal, key = document.journal, key_of(document)
        assert journal is not None

        def none(handle: int) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(journaling.os, "dup", none)
            journal.sync()
        assert "Too many open files" in (journal.trouble or "")
        document.apply("scale", "a", factor=2)
        assert journal.trouble is None
        assert key_of(document) != key


def test_names_are_brought_to_the_disk_too(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A power cut takes names that no fsync of their folder followed: of the journal, and of a tensor beside it."""
    synced: list[str] = []
    whole = FileSystem.sync_folder

    def sync(self: FileSystem, folder: Path) -> None:
        synced.append(folder.name)
        whole(self, folder)

    monkeypatch.setattr(FileSystem, "sync_folder", sync)
    with weightedit.open(path, journal=True) as document:
        document.apply("scale", "a", factor=2)
        assert keeper().settle()
        here = [key_of(document), "journals"]
        assert synced == here
        document.apply("scale", "a", factor=2)
        assert keeper().settle()
        assert synced == here
        document.apply("set", "a", values=torch.zeros(4, 6))
        assert keeper().settle()
        assert synced == here * 2


def test_an_edit_that_ends_after_the_close_leaves_nothing(path: Path):
    """A window is closed while another thread is at an edit: what was thrown away is not offered at the next start."""
    document = weightedit.open(path, journal=True)
    document.apply("scale", "a", factor=2)
    step, journal = document.history.steps[0], document.journal
    assert journal is not None
    document.close()
    journal.edit(step, None)
    journal.snapshot("one", ["a"])
    journal.move(0)
    assert list(journals_folder().iterdir()) == []
