"""The list of what a crash left says which files are gone or changed, and counts what was undone apart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from tests.core.journals.crashing import crash
from weightedit import assembly
from weightedit.cli import main
from weightedit.core.document import Document
from weightedit.core.errors import CheckpointError
from weightedit.core.journals.recovery import Unfinished, journals_folder, unfinished
from weightedit.formats import file_writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint whose session crashed with two edits and one that was undone."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(24.0).view(4, 6)}, path)
    document = weightedit.open(path, journal=True)
    for value in range(3):
        document.apply("fill", "a", value=value)
    document.undo()
    crash(document)
    return path


def left() -> Unfinished:
    (found,) = unfinished()
    return found


def test_undone_edits_are_counted_apart_and_the_size_is_the_journals(path, capsys):
    assert main(["recover"]) == 0
    heads, line = capsys.readouterr().out.splitlines()
    assert heads.split() == ["key", "last", "edit", "edits", "journal", "file"]
    assert "  2, 1 undone  " in line
    assert line.endswith(str(path))
    assert main(["recover", left().key]) == 0
    assert "edits not saved: 2, 1 undone." in capsys.readouterr().out


def test_a_file_that_is_gone_is_said_in_the_list_and_by_its_full_path(path, tmp_path, capsys):
    """Put back as it was it is recovered: nothing was lost meanwhile."""
    away = tmp_path / "away"
    path.rename(away)
    assert left().file_problem == "it is not there any more; put it back to recover"
    assert main(["recover"]) == 0
    assert f"{path} (it is not there any more" in capsys.readouterr().out
    assert main(["recover", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["file_problem"]
    assert main(["recover", left().key, str(tmp_path / "out.safetensors")]) == 2
    err = capsys.readouterr().err
    assert str(path) in err
    assert "is not there any more. The journal stays as it is" in err
    away.rename(path)
    assert left().file_problem is None
    assert main(["recover", left().key, str(tmp_path / "out.safetensors")]) == 0


def test_a_changed_file_is_said_in_the_list_and_a_touched_one_is_not(path, capsys):
    path.touch()
    assert left().file_problem is None
    save_file({"a": torch.ones(4, 6)}, path)
    assert left().file_problem == "it was changed since, by another program or by saving other edits of it"
    assert main(["recover", left().key]) == 0
    assert "The file: it was changed since, by another program or by" in capsys.readouterr().out


def test_other_edits_of_the_file_are_an_alternative_and_a_save_of_them_is_said(path, tmp_path, capsys):
    """It was weightedit that changed the file, and no other program; before that, each set can be written to a copy."""
    first = left()
    assert main(["recover"]) == 0
    assert "alternatives" not in capsys.readouterr().out
    other = weightedit.open(path, journal=True)
    other.apply("fill", "a", value=9)
    crash(other)
    assert main(["recover"]) == 0
    assert "weightedit recover KEY COPY writes a set to a copy" in capsys.readouterr().out
    (second,) = (one for one in unfinished() if one.key != first.key)
    with assembly.recover(second) as document:
        document.save()
    assert left().key == first.key
    assert left().file_problem == "it was changed since, by weightedit, which saved other edits of it"
    with pytest.raises(CheckpointError, match="since, by weightedit, which saved other edits of it; nothing was"):
        assembly.recover(first)
    save_file({"a": torch.ones(4, 6)}, path)
    assert left().file_problem == "it was changed since, by another program or by saving other edits of it"


def test_what_was_removed_is_named(path, monkeypatch, capsys, tmp_path):
    from weightedit.core.writing import leftovers

    for removed, said in (((path,), str(path)), ((path, path.with_name("b")), f"in {path.parent}")):
        monkeypatch.setattr(leftovers, "clean", lambda removed=removed: leftovers.Cleaned(removed, nbytes=3))
        assert main(["convert", str(path), str(tmp_path / "out.npz"), "--overwrite"]) == 0
        assert f", {said}." in capsys.readouterr().err


def test_recovered_edits_that_crash_again_were_made_when_they_were(path):
    """The journal of a recovery begins later than the edits in it were made: times must not run backwards."""
    first = left()
    assert first.begun <= first.edits[0].time <= first.last
    time.sleep(0.01)
    crash(assembly.recover(first))
    again = left()
    assert again.key != first.key
    assert (again.begun, again.last) == (again.edits[0].time, first.last)


def killed_after_the_rename(document: Document, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Save, and end the process before the journal hears that the file is there."""
    with monkeypatch.context() as patched:
        patched.setattr(file_writer, "turn", lambda *_: None)
        document.save()
    then()
    crash(document)


def test_a_journal_whose_edits_are_all_in_the_file_is_not_offered_once_that_is_gone(path, monkeypatch):
    """What a kill right after the rename leaves is told from unsaved edits while the file is there to tell."""
    document = assembly.recover(left())
    document.redo()
    killed_after_the_rename(document, monkeypatch, lambda: None)
    assert unfinished() == []
    path.unlink()
    assert unfinished() == []
    assert list(journals_folder().iterdir()) == []


@pytest.mark.parametrize("what", ["undone before", "undone after", "edited after", "another file"])
def test_a_journal_that_may_have_something_unsaved_stays(path, monkeypatch, what):
    """Undone edits can be redone, what was undone since is not what the file is, and another file says nothing."""
    document = assembly.recover(left())
    if what == "undone after":
        document.redo()
    after: dict[str, Callable[[], None]] = {
        "undone after": document.undo, "edited after": lambda: document.apply("fill", "a", value=7) and None,
        "another file": lambda: save_file({"a": torch.ones(4, 6)}, path)}  # fmt: skip
    killed_after_the_rename(document, monkeypatch, after.get(what, lambda: None))
    assert len(unfinished()) == (what != "undone after")
    assert len(list(journals_folder().iterdir())) == 1
