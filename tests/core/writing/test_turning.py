"""A save whose document cannot turn to the new file: the file is whole, and the document goes on with every edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.errors import CheckpointError, SourceChanged
from weightedit.core.writing import registration, replacing, turning
from weightedit.core.writing.saving import Rebase
from weightedit.formats.safetensors import Safetensors
from weightedit.formats.torch_zip import TorchZip

STEPS: dict[str, tuple[Any, str]] = {
    "checking that it is ours": (turning, "check_ours"), "the walk": (turning, "file_inventory"),
    "what moves": (Rebase, "_moved"), "what is told to the format": (Safetensors, "adopt"),
    "the saved point": (turning, "saved_point"),
}  # fmt: skip


def failing(real: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.arange(6.0), "b": torch.ones(4), "c": torch.zeros(2)}, path)
    return path


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a fault"), KeyboardInterrupt()],
                         ids=lambda error: type(error).__name__)  # fmt: skip
@pytest.mark.parametrize("step", STEPS)
def test_the_file_is_saved_and_the_document_goes_on(step, error, path, tmp_path, monkeypatch):
    owner, name = STEPS[step]
    document = weightedit.open(path, journal=True)
    document.apply("scale", "a", factor=2.0)
    document.apply("cast", "b", dtype="float64")
    document.undo()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing(getattr(owner, name), error))
        with pytest.raises(CheckpointError if isinstance(error, Exception) else KeyboardInterrupt) as told:
            document.save()
    if isinstance(error, Exception):
        assert "a.safetensors was saved, whole and for good" in str(told.value)
    assert load_file(path)["a"].tolist() == [0, 2, 4, 6, 8, 10]
    goes_on(document, path, tmp_path)


def goes_on(document: weightedit.Document, path: Path, folder: Path) -> None:
    """Every value, undo and redo, another edit, an export, a save, and undo past that."""
    assert document.read("a").tolist() == [0, 2, 4, 6, 8, 10]
    assert document.read("c").tolist() == [0, 0]
    document.redo()
    assert document.read("b").dtype == torch.float64
    document.go_to(0)
    assert document.read("a").tolist() == list(range(6))
    document.go_to(1)
    document.apply("add", "c", value=1.0)
    document.export(folder / "beside.safetensors")
    assert load_file(folder / "beside.safetensors")["c"].tolist() == [1, 1]
    document.save()
    assert not document.is_modified
    assert load_file(path)["c"].tolist() == [1, 1]
    document.undo()
    document.undo()
    assert document.read("a").tolist() == list(range(6))
    document.close()
    assert not [one for one in path.parent.iterdir() if ".weightedit-" in one.name]


@pytest.mark.parametrize("step", ["the journal", "the list", "what is left of the way"])
def test_what_comes_after_is_no_reason_to_say_that_nothing_was_saved(step, path, tmp_path, monkeypatch):
    owner, name = {"the journal": (turning, "saved"), "the list": (registration.Registration, "end"),
                   "what is left of the way": (replacing.Replacing, "clear")}[step]  # fmt: skip
    document = weightedit.open(path, journal=True)
    document.apply("scale", "a", factor=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing(getattr(owner, name), MemoryError()))
        document.save()
    assert not document.is_modified
    assert load_file(path)["a"].tolist() == [0, 2, 4, 6, 8, 10]
    assert document.read("b").tolist() == [1] * 4
    document.undo()
    assert document.read("a").tolist() == list(range(6))
    document.close()


def test_an_interrupt_between_two_changes_takes_them_back(path, tmp_path, monkeypatch):
    """Half a document on the old file and half on the new one would read wrong bytes."""
    document = weightedit.open(path)
    document.apply("scale", "a", factor=2.0)
    real = turning.saved_point
    monkeypatch.setattr(turning, "saved_point", lambda *given: [*real(*given), (Stubborn(), "saved", 1)])
    with pytest.raises(MemoryError):
        turning._make(turning.saved_point(document, {}))
    assert document.is_modified
    monkeypatch.undo()
    document.apply("cast", "b", dtype="float64")
    document.undo()
    goes_on(document, path, tmp_path)


class Stubborn:
    saved = 0

    def __setattr__(self, name: str, value: object) -> None:
        if value == 1:
            raise MemoryError


def test_another_program_that_replaces_the_saved_file_is_not_written_over(path, tmp_path, monkeypatch):
    document = weightedit.open(path)
    document.apply("scale", "a", factor=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(turning, "file_inventory", failing(turning.file_inventory, MemoryError()))
        with pytest.raises(CheckpointError, match=r"was saved, whole and for good, but .*memory ran out"):
            document.save()
    save_file({"a": torch.full((6,), 7.0)}, tmp_path / "theirs.safetensors")
    (tmp_path / "theirs.safetensors").replace(path)
    with pytest.raises(SourceChanged, match="was replaced"):
        document.save()
    assert load_file(path)["a"].tolist() == [7.0] * 6
    assert document.read("c").tolist() == [0, 0]
    document.export(tmp_path / "mine.safetensors", only_readable=True)
    assert load_file(tmp_path / "mine.safetensors")["a"].tolist() == [0, 2, 4, 6, 8, 10]
    document.close()


def test_a_zip_too(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    torch.save({"a": torch.arange(6.0), "b": torch.ones(4)}, path)
    document = weightedit.open(path)
    document.apply("scale", "a", factor=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(TorchZip, "adopt", failing(TorchZip.adopt, MemoryError()))
        with pytest.raises(CheckpointError, match="was saved, whole and for good"):
            document.save()
    assert torch.load(path)["a"].tolist() == document.read("a").tolist() == [0, 2, 4, 6, 8, 10]
    document.undo()
    assert document.read("a").tolist() == list(range(6))
    document.save()
    assert torch.load(path)["a"].tolist() == list(range(6))
    document.close()
