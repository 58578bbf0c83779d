"""After a crash: everything comes back as it was, from the very file it was done to, and from no other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests.core.journals.crashing import crash
from tests.faults.scripts import state_of
from weightedit import assembly
from weightedit.cli import main
from weightedit.core.document import Document
from weightedit.core.errors import Cancelled, CheckpointError, EditRefused, WeightEditError
from weightedit.core.journals.recovery import discard, journals_folder, unfinished
from weightedit.core.progress import Progress
from weightedit.formats import file_writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint that is longer than what its mark has the hash of."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(24.0).view(4, 6), "b": torch.arange(600_000.0).view(600, 1000)}, path)
    return path


def opened(path: Path) -> Document:
    """A document with a journal."""
    return weightedit.open(path, journal=True)


def test_everything_comes_back(path: Path):
    """Values, shapes, names, undone steps, groups, times and snapshots: the history goes on where it ended."""
    document = opened(path)
    document.apply("scale", "a", factor=0.5)
    document.apply("fill", "b", region="[:, 7]", value=3)
    document.snapshot("early", "a")
    with document.grouped("typed"):
        document.apply("cast", "a", dtype="float16")
        document.apply("set", "b", region="[0:2, 0:2]", values=torch.ones(2, 2))
    document.apply("rename", "a", to="weight")
    document.apply("initialize", "b", method="normal", seed=3)
    document.undo()
    states = [state_of(document)]
    steps = [(step.edit.to_json(), step.label, step.where, step.time) for step in document.history.steps]
    crash(document)
    (found,) = unfinished()
    assert (found.path, found.title, found.problem) == (path, "model.safetensors", None)
    assert [edit.undone for edit in found.edits] == [False] * 5 + [True]
    assert [edit.group for edit in found.edits] == [None, None, "typed", "typed", None, None]
    before = path.read_bytes()
    with assembly.recover(found) as again:
        assert again.recovered is not None
        assert (again.recovered.applied, again.recovered.left_out, again.recovered.reason) == (6, (), None)
        assert [state_of(again)] == states
        assert [(step.edit.to_json(), step.label, step.where, step.time) for step in again.history.steps] == steps
        assert again.is_modified
        assert set(again.snapshots) == {"early"}
        again.redo()
        assert again.history.position == 6
        again.undo()
        again.undo()
        again.undo()
        assert again.history.position == 2  # the group at once
        assert unfinished() == []
    assert list(journals_folder().iterdir()) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".npy", ".csv"])
def test_every_format(tmp_path: Path, suffix: str):
    """Each has its header at another end."""
    path = tmp_path / f"model{suffix}"
    values = torch.arange(120.0).view(10, 12)
    if suffix == ".pt":
        torch.save({"a": values, "tied": values, "step": 3}, path)
    elif suffix == ".npz":
        np.savez(path, a=values.numpy())
    elif suffix == ".npy":
        np.save(path, values.numpy())
    else:
        np.savetxt(path, values.numpy(), delimiter=",")
    document = opened(path)
    name = next(iter(document.tensors))
    document.apply("scale", name, factor=2)
    document.apply("fill", name, region="[2]", value=7)
    wanted = state_of(document)
    crash(document)
    with assembly.recover(unfinished()[0]) as again:
        assert state_of(again) == wanted


def test_a_crash_before_the_hashes_are_written_is_enough_on_the_very_file(path: Path):
    """The keeper comes after the edit; the file as it was says enough."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    wanted = state_of(document)
    crash(document, settled=False)
    with assembly.recover(unfinished()[0]) as again:
        assert state_of(again) == wanted


def test_edits_that_were_dropped_stay_dropped(path: Path):
    """What was undone and then written over by another edit is not offered."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("fill", "a", value=2)
    document.undo()
    document.apply("fill", "a", value=3)
    wanted = state_of(document)
    crash(document)
    (found,) = unfinished()
    assert [edit.label for edit in found.edits] == ["fill 1", "fill 3"]
    with assembly.recover(found) as again:
        assert state_of(again) == wanted


def test_a_batch_that_was_taken_back_leaves_what_had_been_undone(path: Path):
    """All or nothing puts back the steps that its edits dropped; so does recovery."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("fill", "a", value=2)
    document.undo()
    with suppress(ZeroDivisionError), document.all_or_nothing():
        document.apply("fill", "a", value=8)
        document.apply("fill", "a", value=9)
        raise ZeroDivisionError
    crash(document)
    with assembly.recover(unfinished()[0]) as again:
        assert [step.label for step in again.history.steps] == ["fill 1", "fill 2"]
        assert again.history.position == 1


def test_a_restore_from_a_state_that_was_left(path: Path):
    """Its snapshot was taken where no step leads any more; recovery goes there to take it again."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("fill", "a", value=2)
    document.snapshot("two")
    document.go_to(0)
    document.apply("fill", "a", value=3)
    document.restore("two", accept="all")
    assert document.read("a")[0, 0] == 2
    crash(document)
    with assembly.recover(unfinished()[0]) as again:
        assert again.recovered is not None
        assert again.recovered.reason is None
        assert again.read("a")[0, 0] == 2
        assert [step.label for step in again.history.steps] == ["fill 3", "restore two"]


def test_a_restore_from_a_state_that_came_of_a_restore(path: Path):
    """Snapshots of left states are taken again in their order, also where a name was used twice."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.snapshot("x")
    document.apply("fill", "a", value=2)
    document.restore("x", accept="all")
    document.apply("fill", "a", region="[0]", value=9)
    document.snapshot("y")
    document.drop_snapshot("x")
    document.go_to(0)
    document.apply("fill", "a", value=3)
    document.snapshot("x")
    document.restore("y", accept="all")
    wanted = state_of(document)
    crash(document)
    with assembly.recover(unfinished()[0]) as again:
        assert again.recovered is not None
        assert again.recovered.reason is None
        assert state_of(again) == wanted


def test_nothing_is_left_once_everything_is_saved(path: Path):
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.save()
    crash(document)
    assert unfinished() == []


def test_only_what_came_after_a_save(path: Path):
    """What was saved is in the file, and not done twice."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    document.save()
    document.apply("scale", "a", factor=10)
    crash(document)
    (found,) = unfinished()
    assert [edit.label for edit in found.edits] == ["scale × 10"]
    with assembly.recover(found) as again:
        assert torch.equal(again.read("a"), torch.arange(24.0).view(4, 6) * 20)


def test_redo_past_a_save_comes_back(path: Path):
    """Saved in the midst of the history: what lay ahead can be redone after the crash too."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("fill", "a", value=2)
    document.undo()
    document.save()
    document.redo()
    document.undo()
    crash(document)
    (found,) = unfinished()
    assert [edit.undone for edit in found.edits] == [True]
    with assembly.recover(found) as again:
        assert (again.history.position, len(again.history)) == (0, 1)
        again.redo()
        assert again.read("a")[0, 0] == 2


@pytest.mark.parametrize("committed", [True, False], ids=["after", "before"])
def test_a_crash_in_the_midst_of_a_save(path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool):
    """Between the new file and the new journal, the old journal must not be applied to the new file."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    wanted = state_of(document)

    class Stop(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stop

    monkeypatch.setattr(file_writer, "turn" if committed else "announce_save", stop)
    with pytest.raises(Stop):
        document.save()
    crash(document)
    found = unfinished()
    assert len(found) == len(list(journals_folder().iterdir())) == (0 if committed else 1)
    if found:
        with assembly.recover(found[0]) as again:
            assert state_of(again) == wanted
    with weightedit.open(path) as plain:
        assert (state_of(plain) == wanted) == committed


def test_undone_past_a_save(path: Path):
    """The file has what was undone, and recovery says so: it does not make up bytes that only the old file had."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    document.apply("scale", "a", factor=3)
    document.save()
    saved = state_of(document)
    document.undo()
    document.apply("fill", "b", region="[0, 0]", value=5)
    crash(document)
    (found,) = unfinished()
    assert [edit.label for edit in found.edits] == ["fill 5"]
    with assembly.recover(found) as again:
        assert state_of(again) == saved
        assert again.recovered is not None
        assert [edit.label for edit in again.recovered.left_out] == ["fill 5"]
        assert "as it was saved" in (again.recovered.reason or "")
    assert [one.key for one in unfinished()] == [found.key]  # what was left out stays, until it is discarded


def test_a_save_after_an_undo_past_a_save(path: Path):
    """The file is what was saved last, whatever lay before."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    document.save()
    document.undo()
    document.apply("fill", "a", value=5)
    document.save()
    document.apply("fill", "b", region="[0, 0]", value=6)
    wanted = state_of(document)
    crash(document)
    with assembly.recover(unfinished()[0]) as again:
        assert state_of(again) == wanted


def test_a_budget_that_lets_steps_go(path: Path):
    """Positions in the journal count the steps that undo let go of."""
    document = weightedit.open(path, journal=True)
    document.set_undo_budget(300)
    for number in range(6):
        document.apply("fill", "a", value=number)
    document.undo()
    assert document.history.forgotten
    wanted = state_of(document)
    crash(document)
    with assembly.recover(unfinished()[0], history_budget=300) as again:
        assert state_of(again) == wanted
    assert unfinished() == []


def test_a_smaller_budget_than_before(path: Path):
    """What had been undone is done and undone again, and must not push out of the history where that leads to."""
    document = opened(path)
    for value in range(6):
        document.apply("fill", "b", value=value)
    for _ in range(3):
        document.undo()
    state = state_of(document)
    crash(document)
    with assembly.recover(unfinished()[0], history_budget=document.history.steps[0].nbytes * 2) as again:
        assert state_of(again) == state
        assert again.recovered is not None
        assert again.recovered.left_out == ()
        assert again.history.nbytes <= again.history.budget
        again.redo()
        assert float(again.read("b")[0, 0]) == 3
    assert unfinished() == []


def test_a_tensor_of_another_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is found from another folder, and one that was written anew is noticed."""
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.full((4, 6), 9.0)}, other)
    monkeypatch.chdir(tmp_path)
    document = opened(path)
    document.apply("scale", "a", factor=2)
    document.apply("set", "a", values=("other.safetensors", "x"))
    wanted = state_of(document)
    crash(document)
    shutil.copytree(journals_folder(), tmp_path / "kept")
    monkeypatch.chdir("/")
    with assembly.recover(unfinished()[0]) as again:
        assert state_of(again) == wanted
    shutil.rmtree(journals_folder())
    shutil.copytree(tmp_path / "kept", journals_folder())
    save_file({"x": torch.full((4, 6), 8.0)}, other)
    with assembly.recover(unfinished()[0]) as again:
        assert again.recovered is not None
        assert again.recovered.applied == 1
        assert "gives other bytes than it did" in (again.recovered.reason or "")
        assert torch.equal(again.read("a"), torch.arange(24.0).view(4, 6) * 2)


def changed(path: Path, name: str, row: int) -> None:
    """Write the file with one more value changed."""
    tensors = {key: value.clone() for key, value in load_file(path).items()}
    tensors[name][row, 0] += 1
    save_file(tensors, path)


def test_a_file_that_was_changed_where_an_edit_was(path: Path):
    """The prefix comes back, what does not fit is left out with the reason, and the journal stays."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("scale", "b", region="[300]", factor=2)
    document.apply("fill", "a", value=3)
    crash(document)
    changed(path, "b", 300)
    before = path.read_bytes()
    (found,) = unfinished()
    with assembly.recover(found) as again:
        assert again.recovered is not None
        assert again.recovered.applied == 1
        assert [edit.label for edit in again.recovered.left_out] == ["scale × 2", "fill 3"]
        assert "Edit 2 of 3 (scale × 2, b [300]) and all after it was left out" in (again.recovered.reason or "")
        assert again.read("a")[0, 0] == 1
        assert again.history.position == 1
    assert path.read_bytes() == before
    assert [one.key for one in unfinished()] == [found.key]


def test_a_file_whose_first_edited_bytes_are_others_is_refused(path: Path):
    document = opened(path)
    document.apply("scale", "b", region="[300]", factor=2)
    crash(document)
    changed(path, "b", 300)
    (found,) = unfinished()
    with pytest.raises(CheckpointError, match="the file is another one"):
        assembly.recover(found)
    assert unfinished() == [found]


@pytest.mark.parametrize("replace", [lambda path: save_file({"a": torch.zeros(4, 6)}, path),
                                     lambda path: path.write_bytes(path.read_bytes() + b"x"), Path.unlink],
                         ids=["other", "longer", "gone"])  # fmt: skip
def test_another_file_is_refused(path: Path, replace: Callable[[Path], object]):
    """Nothing is applied to it, and the journal stays until it is discarded by name."""
    document = opened(path)
    document.apply("scale", "a", factor=2)
    crash(document)
    replace(path)
    (found,) = unfinished()
    with pytest.raises(CheckpointError):
        assembly.recover(found)
    assert unfinished() == [found]
    discard(found.key)
    assert unfinished() == []


def test_large_edits_are_hashed_in_part(path: Path, monkeypatch: pytest.MonkeyPatch):
    """That is enough on the very file; on a copy it would not be."""
    from weightedit.core.undo import touched

    monkeypatch.setattr(touched, "MOST_BYTES", 64 << 10)
    monkeypatch.setattr(touched, "_PIECE", 8 << 10)
    for is_copy in (False, True):
        document = opened(path)
        document.apply("scale", "b", factor=2)
        wanted = state_of(document)
        crash(document)
        (found,) = unfinished()
        if is_copy:
            path.write_bytes(path.read_bytes())
            with pytest.raises(CheckpointError, match="touched or copied"):
                assembly.recover(found)
        else:
            with assembly.recover(found) as again:
                assert state_of(again) == wanted


def test_recovering_goes_on_in_a_journal_of_its_own(path: Path):
    """A second crash, after the recovery, loses nothing either."""
    document = opened(path)
    document.apply("fill", "a", value=1)
    crash(document)
    (first,) = unfinished()
    again = assembly.recover(first)
    assert unfinished() == []
    again.apply("fill", "a", value=2)
    wanted = state_of(again)
    crash(again)
    (second,) = unfinished()
    assert second.key != first.key
    assert [edit.label for edit in second.edits] == ["fill 1", "fill 2"]
    with assembly.recover(second) as third:
        assert state_of(third) == wanted


def test_a_crash_within_the_recovery_changes_nothing(path: Path):
    """What it had written by then is ignored, and goes with the next try or with the journal."""
    document = opened(path)
    for number in range(5):
        document.apply("fill", "a", value=number)
    crash(document)
    found = unfinished()

    def cancel_at(label: str, done: int, total: int) -> None:
        if label == "Recovering" and done == 3:
            raise Cancelled("enough")

    close = Document.close

    def killed(document: Document) -> None:
        assert document.journal is not None
        document.journal.close_handles()
        document.journal = None
        close(document)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Document, "close", killed)
        with pytest.raises(Cancelled):
            assembly.recover(found[0], progress=Progress(cancel_at))
    assert len(list(journals_folder().iterdir())) == 2
    assert unfinished() == found
    with assembly.recover(found[0]) as again:
        assert again.read("a")[0, 0] == 4
        assert len(list(journals_folder().iterdir())) == 1


def test_cancel_leaves_the_journal(path: Path):
    document = opened(path)
    document.apply("fill", "a", value=1)
    crash(document)
    found = unfinished()
    flag = Event()
    flag.set()
    with pytest.raises(Cancelled):
        assembly.recover(found[0], progress=Progress(None, flag))
    assert unfinished() == found
    assert len(list(journals_folder().iterdir())) == 1


def test_a_full_disk_leaves_the_journal(path: Path):
    """Recovered edits have to be on record before the old record goes."""
    from tests.core.journals.test_journaling import Full

    document = opened(path)
    document.apply("fill", "a", value=1)
    crash(document)
    found = unfinished()
    full = Full(100)
    with pytest.raises(EditRefused, match="No space left"):
        assembly.recover(found[0])
    full.freed()
    assert unfinished() == found
    with assembly.recover(found[0]) as again:
        assert again.read("a")[0, 0] == 1


def test_what_another_window_has_is_not_taken(path: Path):
    """An open document's journal is neither listed nor recovered nor discarded."""
    with opened(path) as document:
        document.apply("fill", "a", value=1)
        assert unfinished() == []
        assert document.journal is not None
        assert document.journal.key is not None
        for use in (discard, assembly.recover):
            with pytest.raises(WeightEditError, match="open"):
                use(document.journal.key)
        assert document.journal.key in {folder.name for folder in journals_folder().iterdir()}


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "/", "none", "a/b"])
def test_only_a_journal_is_discarded(key: str, path: Path):
    """The key comes from a command line."""
    with opened(path) as document:
        document.apply("fill", "a", value=1)
        with pytest.raises(WeightEditError, match="no journal"):
            discard(key)


def test_the_newest_is_first_and_listing_is_quick(path: Path):
    for number in range(6):
        document = opened(path)
        for _ in range(3):
            document.apply("fill", "a", value=number)
        crash(document)
    began = time.process_time()
    found = unfinished()
    assert time.process_time() - began < 1
    assert [one.edits[0].label for one in found] == [f"fill {number}" for number in reversed(range(6))]


def test_the_command_line(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """List, look, write and discard; the journal stays until it is discarded."""
    assert main(["recover"]) == 0
    assert capsys.readouterr().out == "Nothing to recover.\n"
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("fill", "a", value=2)
    document.undo()
    crash(document)
    (found,) = unfinished()
    assert main(["recover"]) == 0
    assert found.key in (listed := capsys.readouterr().out)
    assert str(path) in listed
    assert main(["recover", found.key]) == 0
    assert "fill 2, a  (undone)" in capsys.readouterr().out
    assert main(["recover", found.key, str(tmp_path / "out.safetensors")]) == 0
    assert f"recover --discard {found.key}" in capsys.readouterr().err
    assert torch.equal(load_file(tmp_path / "out.safetensors")["a"], torch.ones(4, 6))
    assert unfinished() == [found]
    assert main(["recover", found.key, str(path)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["recover", found.key, str(path), "--overwrite"]) == 0
    assert torch.equal(load_file(path)["a"], torch.ones(4, 6))
    assert unfinished() == []
    assert main(["recover", "--discard", found.key]) == 2


def test_the_command_line_says_what_did_not_fit(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    document = opened(path)
    document.apply("fill", "a", value=1)
    document.apply("scale", "b", region="[300]", factor=2)
    crash(document)
    changed(path, "b", 300)
    (found,) = unfinished()
    assert main(["recover", found.key, str(tmp_path / "out.safetensors")]) == 1
    assert "Edit 2 of 2 (scale × 2, b [300]) was left out" in capsys.readouterr().err
    assert main(["recover", "--discard", found.key]) == 0
    assert unfinished() == []
