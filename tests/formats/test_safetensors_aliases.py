"""Tied weights in safetensors: what `save_model` leaves out is shown, edited, saved and loaded by `load_model`."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

import weightedit
from weightedit.assembly import open_document


class Tied(nn.Module):
    """A language model in small: one matrix under three names."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 4)
        self.mid = nn.Linear(4, 4)
        self.head = nn.Linear(4, 6, bias=False)
        self.again = nn.Linear(4, 6, bias=False)
        self.head.weight = self.again.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.mid(self.embed(tokens))) + self.again(self.embed(tokens))


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(2)
    model = Tied()
    save_model(model, str(tmp_path / "model.safetensors"), {"format": "pt", "author": "someone"})
    return model, tmp_path / "model.safetensors"


def metadata_of(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_what_save_model_leaves_out_is_a_slot_over_the_same_tensor(saved):
    model, path = saved
    assert len(load_file(path)) == 3, "the file holds three of five names"
    with open_document(path) as doc:
        assert set(doc.tensors) == set(model.state_dict())
        names = ("again.weight", "embed.weight", "head.weight")
        assert len({doc.find(name).held for name in names}) == 1
        assert [slot.name for slot in doc.group_members("S1")] == list(names)
        assert {doc.tensors[name].storage_group for name in names} == {"S1"}
        assert doc.tensors["mid.weight"].storage_group is None
        for name, tensor in model.state_dict().items():
            assert torch.equal(doc.read(name), tensor)


def test_saving_unchanged_gives_the_same_bytes_and_asks_nothing(saved, tmp_path):
    """The file says that they are aliases, so nothing is lost by writing them as aliases again."""
    _, path = saved
    with open_document(path) as doc:
        assert doc.export_hazards(tmp_path / "again.safetensors") == []
        doc.export(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_an_edit_of_an_alias_is_loaded_by_load_model(saved):
    model, path = saved
    want = copy.deepcopy(model)
    with torch.no_grad():
        want.embed.weight.mul_(0.5)
    with open_document(path) as doc:
        doc.apply("scale", "head.weight", factor=0.5)
        doc.save()
        doc.apply("fill", "mid.bias", value=3)
        doc.undo()
        doc.save()
    fresh = Tied()
    load_model(fresh, str(path))
    assert fresh.head.weight is fresh.embed.weight
    tokens = torch.tensor([0, 5, 2])
    assert torch.equal(fresh(tokens), want(tokens))
    assert metadata_of(path) == {"format": "pt", "author": "someone", "embed.weight": "again.weight",
                                 "head.weight": "again.weight"}  # fmt: skip


def test_an_untied_alias_is_a_tensor_of_its_own_and_its_note_goes(saved):
    model, path = saved
    with open_document(path) as doc:
        doc.apply("untie", "head.weight")
        doc.apply("fill", "head.weight", value=1)
        doc.save()
    assert metadata_of(path) == {"format": "pt", "author": "someone", "embed.weight": "again.weight"}
    found = load_file(path)
    assert torch.equal(found["head.weight"], torch.ones(6, 4))
    assert torch.equal(found["again.weight"], model.again.weight)
    with open_document(path) as doc:
        assert [slot.name for slot in doc.group_members("S1")] == ["again.weight", "embed.weight"]


def test_a_tie_made_here_asks_as_before_and_then_is_known(saved):
    _, path = saved
    with open_document(path) as doc:
        doc.apply("untie", "head.weight")
        doc.save()
        doc.apply("tie", "head.weight", to="embed.weight", accept="all")
        with pytest.raises(weightedit.EditRefused, match="share"):
            doc.save()
        doc.export(path, shared="alias")
        assert not doc.is_modified
        doc.apply("fill", "head.weight", value=2)
        doc.save()
    fresh = Tied()
    load_model(fresh, str(path))
    assert (fresh.again.weight == 2).all()


@pytest.mark.parametrize("target", ["out.safetensors", "out.pt"])
def test_copies_and_other_formats_take_every_name(saved, tmp_path, target):
    model, path = saved
    with open_document(path) as doc:
        doc.export(tmp_path / target, shared="copy" if target.endswith("safetensors") else None)
    if target.endswith("pt"):
        found = torch.load(tmp_path / target)
        assert found["head.weight"].data_ptr() == found["embed.weight"].data_ptr()
    else:
        found = load_file(tmp_path / target)
        assert "head.weight" not in (metadata_of(tmp_path / target) or {})
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in model.state_dict().items()}  # fmt: skip


def test_our_own_aliases_are_known_when_the_file_is_opened_again(tmp_path):
    torch.manual_seed(1)
    model = Tied()
    torch.save(model.state_dict(), tmp_path / "m.pt")
    with open_document(tmp_path / "m.pt") as doc:
        report = doc.export(tmp_path / "m.safetensors", shared="alias")
        assert (report.tensors, report.names) == (3, len(doc.tensors))
    with open_document(tmp_path / "m.safetensors") as doc:
        assert set(doc.tensors) == set(model.state_dict())
        assert doc.tensors["head.weight"].storage_group == doc.tensors["embed.weight"].storage_group == "S1"
    fresh = Tied()
    load_model(fresh, str(tmp_path / "m.safetensors"))
    assert torch.equal(fresh.head.weight, model.head.weight)


def test_other_texts_are_no_aliases(tmp_path):
    """Only a key that is no tensor, with the name of one as its text; and never `format`."""
    save_file({"pt": torch.ones(2), "a": torch.zeros(2)}, tmp_path / "x.safetensors",
              {"format": "pt", "a": "pt", "note": "see a", "more": "A"})  # fmt: skip
    with open_document(tmp_path / "x.safetensors") as doc:
        assert sorted(doc.tensors) == ["a", "pt"]


def test_aliases_across_shards(saved, tmp_path):
    """Each shard keeps the notes on its own tensors; saving writes only the shards that changed."""
    _, path = saved
    folder = tmp_path / "sharded"
    folder.mkdir()
    with open_document(path) as doc:
        doc.export(folder, shard_size=100)
    index = json.loads(next(folder.glob("*.index.json")).read_text())
    assert len(set(index["weight_map"].values())) > 1
    before = {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}
    with open_document(folder) as doc:
        assert {"head.weight", "embed.weight", "again.weight"} <= set(doc.tensors)
        doc.apply("fill", "mid.bias", value=4)
        doc.save()
    changed = [name for name, data in before.items() if (folder / name).read_bytes() != data]
    assert changed == [index["weight_map"]["mid.bias"]]
    with open_document(folder) as doc:
        assert torch.equal(doc.read("head.weight"), doc.read("again.weight"))
        assert doc.tensors["head.weight"].storage_group == "S1"
