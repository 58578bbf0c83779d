"""Files that another program changed are told apart by what happened, and edits are replayed on what is there now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from weightedit.assembly import open_document
from weightedit.core.errors import CheckpointError, EditRefused, SourceChanged
from weightedit.core.journals.reloading import changed_files, reload, unsaved_edits
from weightedit.core.progress import Progress


def write(path: Path, **tensors: torch.Tensor) -> Path:
    torch.save(tensors, path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "net.pt", a=torch.arange(12.0).reshape(3, 4), b=torch.zeros(2))


def rewrite(path: Path) -> None:
    """Write over the same file, a little later."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\0")
    os.utime(path, ns=(0, 10**18))


def replace_by_longer(path: Path) -> None:
    other = path.with_name("other")
    write(other, a=torch.ones(300, 4))
    other.replace(path)


def replace_by_shorter(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"short")
    other.replace(path)


@pytest.mark.parametrize(
    ("happens", "kind", "word"),
    [(rewrite, "rewritten", "was rewritten."), (replace_by_longer, "replaced", "was replaced, "),
     (replace_by_shorter, "replaced", "was replaced, "), (Path.unlink, "gone", "was moved or deleted."),
     (lambda path: os.truncate(path, 10), "cut short", "was cut short, from "),
     (lambda path: path.chmod(0o400), "touched", "rights or links")],
)  # fmt: skip
def test_what_happened_to_a_file_is_told_without_reading_it(path, happens, kind, word):
    with open_document(path) as document:
        assert changed_files(document.files) == []
        happens(path)
        (change,) = changed_files(document.files)
        assert (change.kind, change.path) == (kind, path)
        assert word in change.sentence
        with pytest.raises(SourceChanged):
            document.read("a")


def test_our_own_save_is_no_change(path):
    with open_document(path) as document:
        document.apply("scale", "a", factor=2.0)
        document.save()
        assert changed_files(document.files) == []


def test_edits_are_replayed_on_what_the_file_holds_now(path):
    with open_document(path) as document:
        document.apply("set", "a", region="[0, :]", values=[5.0, 6.0, 7.0, 8.0])
        document.apply("scale", "b", factor=3.0)
        write(path, a=torch.full((3, 4), -1.0), b=torch.ones(2))
        found = reload(document, open_document, replay=True, progress=Progress())
        assert found.left == ()
        assert [edit.operation for edit in found.applied] == ["set", "scale"]
    with found.document as fresh:  # the old one, and the values it was given, are closed
        expected = torch.full((3, 4), -1.0)
        expected[0] = torch.tensor([5.0, 6.0, 7.0, 8.0])
        assert torch.equal(fresh.read("a"), expected)
        assert torch.equal(fresh.read("b"), torch.full((2,), 3.0))
        assert fresh.is_modified
        fresh.go_to(0)
        assert torch.equal(fresh.read("b"), torch.ones(2))


def test_groups_stay_groups_and_the_journal_goes_on(path):
    """One undo takes back what it did before, and a crash after the reload gives the replayed edits back."""
    from tests.core.journals.crashing import crash
    from weightedit.assembly import recover
    from weightedit.core.journals.recovery import unfinished

    with open_document(path, journal=True) as document:
        name = next(iter(document.tensors))
        with document.grouped("typed"):
            document.apply("scale", name, factor=2.0)
            document.apply("scale", name, factor=3.0)
        os.utime(path, (1, 1))
        result = reload(document, lambda there: open_document(there, journal=True), replay=True, progress=Progress())
    shown = result.document.read(name)
    crash(result.document)
    with recover(unfinished()[0]) as again:
        assert torch.equal(again.read(name), shown)
        again.undo()
        assert again.history.position == 0


def test_what_does_not_fit_any_more_is_said_and_the_rest_applied(path):
    with open_document(path) as document:
        document.apply("fill", "a", region="[2, :]", value=1.0)
        document.apply("scale", "b", factor=2.0)
        document.apply("cast", "a", dtype="float16")
        write(path, a=torch.full((2, 2), 1e9), b=torch.ones(2))
        found = reload(document, open_document, replay=True, progress=Progress())
    with found.document as fresh:
        assert torch.equal(fresh.read("b"), torch.full((2,), 2.0))
        assert fresh.tensors["a"].dtype == torch.float32
        labels = [left.label for left in found.left]
        assert labels == ["fill 1.0, a [2, :]", "cast float16, a"]
        assert "[2, :]" in found.left[0].reason
        assert "become Inf" in found.left[1].reason  # a warning nobody accepted


def test_only_edits_since_the_save_are_replayed(path):
    with open_document(path) as document:
        document.apply("add", "b", value=1.0)
        document.save()
        document.apply("add", "b", value=10.0)
        assert [edit.arguments["value"] for edit in unsaved_edits(document)] == [10.0]
        found = reload(document, open_document, replay=True, progress=Progress())
        with found.document as fresh:
            assert torch.equal(fresh.read("b"), torch.full((2,), 11.0))
        document.undo()
        document.undo()
        assert unsaved_edits(document) == ()


def test_reload_without_edits_shows_the_file(path):
    with open_document(path) as document:
        document.memory = 1 << 20
        document.apply("scale", "a", factor=2.0)
        write(path, a=torch.ones(1))
        found = reload(document, open_document, replay=False, progress=Progress())
        with found.document as fresh:
            assert not fresh.is_modified
            assert torch.equal(fresh.read("a"), torch.ones(1))
            assert fresh.memory == 1 << 20


def test_a_file_that_cannot_be_opened_leaves_the_document_as_it_is(path):
    with open_document(path) as document:
        document.apply("fill", "b", value=4.0)
        path.write_bytes(b"no checkpoint")
        with pytest.raises(CheckpointError):
            reload(document, open_document, replay=True, progress=Progress())
        assert torch.equal(document.read("b"), torch.full((2,), 4.0))


def test_a_document_in_memory_has_no_file_to_open_again():
    with open_document({"a": torch.ones(2)}) as document, pytest.raises(EditRefused, match="has no file"):
        reload(document, open_document, replay=True, progress=Progress())
