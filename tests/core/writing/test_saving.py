"""Saving: the file is whole, what was not edited keeps its bytes, and undo goes past the save."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, load_model, save_file

import weightedit
from weightedit.core.errors import CheckpointError, EditRefused, SourceChanged
from weightedit.core.transaction import Transaction


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())


def make_safetensors(folder: Path) -> Path:
    torch.manual_seed(0)
    tensors = {f"layers.{i}.weight": torch.randn(64, 48) for i in range(4)}
    tensors["head"] = torch.randn(7).bfloat16()
    path = folder / "model.safetensors"
    save_file(tensors, path, {"note": "kept"})
    return path


def make_zip(folder: Path) -> Path:
    torch.manual_seed(0)
    tied = torch.nn.Parameter(torch.randn(32, 16))
    flat = torch.randn(300)
    path = folder / "model.pt"
    views = {"v0": flat[:100].view(10, 10), "v1": flat[100:], "t": torch.randn(8, 4).T}
    torch.save({"model": {"a": tied, "b": tied, **views}, "epoch": 3}, path)
    return path


MAKERS = pytest.mark.parametrize(("make", "name"), [(make_safetensors, "layers.1.weight"), (make_zip, "model.v0")])


@MAKERS
def test_undo_goes_past_a_save_and_redo_comes_back(make, name, tmp_path):
    path = make(tmp_path)
    document = weightedit.open(path)
    original = {key: bits(document.read(key)) for key in document.tensors}
    document.apply("scale", name, region="[2, :]", factor=2.0)
    document.apply("fill", name, value=0.25)
    document.apply("add", name, region="[:, 1]", value=1.0)
    edited = {key: bits(document.read(key)) for key in document.tensors}
    document.save()
    assert not document.is_modified
    assert not any(slot.is_modified for slot in document.slots)
    with weightedit.open(path) as again:
        assert {key: bits(again.read(key)) for key in again.tensors} == edited
    assert {key: bits(document.read(key)) for key in document.tensors} == edited
    while document.can_undo:
        document.undo()
    assert document.is_modified
    assert {key: bits(document.read(key)) for key in document.tensors} == original
    while document.can_redo:
        document.redo()
    assert not document.is_modified
    assert {key: bits(document.read(key)) for key in document.tensors} == edited
    document.undo()
    document.save()
    with weightedit.open(path) as again:
        assert {key: bits(again.read(key)) for key in again.tensors} == {
            key: bits(document.read(key)) for key in document.tensors
        }


@MAKERS
def test_undo_of_a_rebind_goes_past_a_save(make, name, tmp_path):
    document = weightedit.open(make(tmp_path))
    original = bits(document.read(name))
    document.apply("cast", name, dtype="float16", accept="all")
    document.apply("transpose", name)
    document.save()
    assert document.tensors[name].dtype == torch.float16
    assert torch.equal(weightedit.open(document.path).read(name), document.read(name))
    document.undo()
    document.undo()
    assert bits(document.read(name)) == original
    document.save()
    assert bits(weightedit.open(document.path).read(name)) == original


def test_the_saved_point_is_where_the_file_is(tmp_path):
    document = weightedit.open(make_safetensors(tmp_path))
    document.apply("fill", "head", value=1.0)
    document.save()
    document.undo()
    assert document.is_modified
    assert document.tensors["head"].is_modified
    document.redo()
    assert not document.is_modified
    assert not document.tensors["head"].is_modified


def test_export_elsewhere_is_not_a_save(tmp_path):
    document = weightedit.open(make_safetensors(tmp_path))
    document.apply("fill", "head", value=1.0)
    report = document.export(tmp_path / "out.safetensors")
    assert report.tensors == 5
    assert document.is_modified
    assert torch.equal(load_file(report.path)["head"], torch.ones(7).bfloat16())


@pytest.mark.parametrize("spelling", ["same", "dotted", "symlink", "descriptor"])
def test_export_to_the_opened_file_is_a_save(spelling, tmp_path):
    path = make_safetensors(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.safetensors").symlink_to(path)
    document = weightedit.open(path)
    document.apply("fill", "head", value=1.0)
    with path.open("rb") as held:
        if spelling == "descriptor" and not Path("/proc/self/fd").is_dir():
            pytest.skip("no /proc here")
        document.export({"same": path, "dotted": tmp_path / "sub" / ".." / path.name,
                         "symlink": tmp_path / "link.safetensors",
                         "descriptor": Path(f"/proc/self/fd/{held.fileno()}")}[spelling])  # fmt: skip
    assert not document.is_modified
    document.apply("fill", "head", value=2.0)
    document.undo()
    assert torch.equal(document.read("head"), torch.ones(7).bfloat16())
    assert torch.equal(load_file(path)["head"], torch.ones(7).bfloat16())


def test_a_hard_link_of_the_opened_file_is_another_name(tmp_path):
    """What is asked for is replaced, the opened file stays, and reading goes on although a link of it is gone."""
    path = make_safetensors(tmp_path)
    before = path.read_bytes()
    document = weightedit.open(path)
    other, tensor = tmp_path / "hard.safetensors", tmp_path / "hard.npy"
    document.apply("fill", "head", value=1.0)
    for target in (other, tensor):
        target.hardlink_to(path)
        for file in document.files:
            file.reopen()  # as after opening with the link there
        if target == other:
            document.export(target)
            assert torch.equal(load_file(other)["head"], torch.ones(7).bfloat16())
        else:
            document.export_tensor("layers.1.weight", target)
        assert path.read_bytes() == before
        assert document.is_modified
        torch.testing.assert_close(document.read("layers.1.weight"), load_file(path)["layers.1.weight"])
    document.undo()
    assert torch.equal(document.read("head"), load_file(path)["head"])
    document.redo()
    document.save()
    assert torch.equal(load_file(path)["head"], torch.ones(7).bfloat16())


def test_a_file_that_another_program_put_there_right_after_the_save_is_not_taken_for_ours(tmp_path, monkeypatch):
    """Between the exchange and opening the new file somebody else writes there: their values never show as ours."""
    path = make_safetensors(tmp_path)
    document = weightedit.open(path)
    document.apply("fill", "head", value=1.0)
    document.apply("fill", "layers.0.weight", value=3.0)
    theirs = {name: torch.full_like(tensor, 7) for name, tensor in load_file(path).items()}
    commit = Transaction.commit

    def raced(transaction: Transaction) -> list[Path]:
        done = commit(transaction)
        save_file(theirs, tmp_path / "new.safetensors", {"note": "kept"})
        (tmp_path / "new.safetensors").replace(path)
        return done

    monkeypatch.setattr(Transaction, "commit", raced)
    with pytest.raises(SourceChanged, match="another program"):
        document.save()
    monkeypatch.undo()
    assert torch.equal(document.read("head"), torch.ones(7).bfloat16())
    with pytest.raises(SourceChanged):
        document.read("layers.1.weight")
    document.export(tmp_path / "kept.safetensors", only_readable=True)
    kept = load_file(tmp_path / "kept.safetensors")
    assert torch.equal(kept["head"], torch.ones(7).bfloat16())
    assert not any(torch.equal(kept[name], theirs[name]) for name in kept)


def test_a_source_that_changed_is_not_exported(tmp_path):
    path = make_safetensors(tmp_path)
    document = weightedit.open(path)
    document.apply("fill", "head", value=1.0)
    save_file({"other": torch.zeros(3)}, path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"model\.safetensors was"):
        document.export(tmp_path / "out.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.safetensors was"):
        document.save()
    assert path.read_bytes() == before
    assert not (tmp_path / "out.safetensors").exists()
    assert torch.equal(document.read("head"), torch.ones(7).bfloat16())


def test_a_live_module_has_no_file_to_save_to(tmp_path):
    module = torch.nn.Linear(3, 2)
    document = weightedit.open(module)
    with pytest.raises(EditRefused, match="no file to save to"):
        document.save()
    document.export(tmp_path / "linear.pt")
    again = torch.nn.Linear(3, 2)
    again.load_state_dict(torch.load(tmp_path / "linear.pt", weights_only=True))
    assert torch.equal(again.weight, module.weight)


def make_shards(folder: Path) -> Path:
    parts = {f"model-0000{i + 1}-of-00003.safetensors": {f"l{i}.a": torch.randn(4, 4), f"l{i}.b": torch.randn(9)}
             for i in range(3)}  # fmt: skip
    for file, tensors in parts.items():
        save_file(tensors, folder / file, {"format": "pt"})
    weight_map = {name: file for file, tensors in parts.items() for name in tensors}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 300}, "weight_map": weight_map}))
    return folder


def test_saving_shards_rewrites_only_what_changed_again_and_again(tmp_path):
    folder = make_shards(tmp_path)
    files = sorted(folder.iterdir())
    document = weightedit.open(folder)
    original = {name: bits(document.read(name)) for name in document.tensors}

    def inodes() -> list[int]:
        return [file.stat().st_ino for file in files]

    first = inodes()
    document.apply("fill", "l1.a", value=1.0)
    document.save()
    second = inodes()
    assert [a != b for a, b in zip(first, second, strict=True)] == [False, True, False, False]
    document.apply("rename", "l2.a", to="l2.renamed")
    document.save()
    third = inodes()
    assert [a != b for a, b in zip(second, third, strict=True)] == [False, False, True, True]
    with weightedit.open(folder) as again:
        assert {slot.name: bits(again.read(slot.name)) for slot in again.slots} == {
            name: bits(document.read(name)) for name in document.tensors
        }
    document.go_to(0)
    assert {name: bits(document.read(name)) for name in document.tensors} == original
    document.save()
    with weightedit.open(folder) as again:
        assert {name: bits(again.read(name)) for name in again.tensors} == original


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wte = torch.nn.Embedding(6, 4)
        self.head = torch.nn.Linear(4, 6, bias=False)


@pytest.mark.parametrize("shared", ["alias", "copy"])
def test_a_save_takes_the_choice_for_tensors_that_were_tied(shared, tmp_path):
    """What `tie` makes can be saved to the file it was made in, and safetensors loads it into a tied module."""
    path = tmp_path / "model.safetensors"
    save_file(Tied().state_dict(), path)
    document = weightedit.open(path)
    document.apply("tie", "head.weight", to="wte.weight", accept="all")
    with pytest.raises(EditRefused, match=f'shared="{shared}"'):
        document.save()
    document.save(shared=shared)
    assert not document.is_modified
    model = Tied()
    if shared == "alias":  # load_model refuses a file with both names for a module that has one tensor for both
        model.head.weight = model.wte.weight
    load_model(model, path)
    assert torch.equal(model.wte.weight.detach(), document.read("wte.weight"))
    assert torch.equal(model.head.weight, model.wte.weight)
    document.undo()
    assert document.is_modified
    document.save()
    load_model(Tied(), path)


def test_a_file_that_was_saved_and_cannot_be_read_again_is_said_to_be_saved(tmp_path, monkeypatch):
    """A program that takes the file away just then, or handles that run out: the save is done all the same."""
    import torch
    from safetensors.torch import load_file, save_file

    import weightedit
    from weightedit.core.errors import CheckpointError
    from weightedit.formats.safetensors import Safetensors

    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    real = Safetensors.open

    def opening(self, where, progress):
        if where == path and load_file(path)["a"][0]:
            raise CheckpointError("a.safetensors cannot be read: too many open files.", file=path)
        return real(self, where, progress)

    with weightedit.open(path) as document:
        document.apply("fill", "a", value=1.0)
        monkeypatch.setattr(Safetensors, "open", opening)
        with pytest.raises(CheckpointError, match="was saved, whole and for good, but cannot be read again"):
            document.save()
    assert load_file(path)["a"].tolist() == [1.0] * 3
