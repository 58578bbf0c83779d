"""Tensors that share memory: what bare torch does, then what weightedit says and does."""

from __future__ import annotations

import copy

import torch
from torch import nn

import weightedit
from tests.operations import oracle
from tests.torch_behaviour.saying import applied, said


def tied() -> nn.ModuleDict:
    made = nn.ModuleDict({"embed": nn.Embedding(7, 4), "head": nn.Linear(4, 7, bias=False)})
    made["head"].weight = made["embed"].weight
    return made


def views() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0)
    return {"whole": base.view(4, 6), "row": base[6:12], "alone": torch.ones(3)}


def test_shared_storage_of_a_live_nesting():
    """A write to a matrix changes a row that was taken of it; the editor says which cells."""
    bare = views()
    bare["whole"][1, 2:4] = -1
    assert bare["row"].tolist() == [6, 7, -1, -1, 10, 11]
    with weightedit.open(views()) as doc:
        hazard = said(doc, "shared-storage", "notice", "fill", "whole", value=-1, region="[1, 2:4]")
        assert (hazard.targets, hazard.count, hazard.places) == (("row",), 2, ("[2:4]",))
        between = applied(doc, hazard, "fill", "whole", value=-1, region="[1, 2:4]")
        assert oracle.same_bits(between["row"], bare["row"])
        assert not [one for one in doc.preflight("fill", "whole", value=-1, region="[0]") if one.kind == hazard.kind]


def test_shared_storage_of_a_file(tmp_path):
    """torch.save keeps views as views, and so do the bytes of an edit."""
    torch.save(views(), tmp_path / "a.pt")
    loaded = torch.load(tmp_path / "a.pt")
    loaded["whole"][1] = -1
    assert loaded["row"].tolist() == [-1] * 6
    with weightedit.open(tmp_path / "a.pt") as doc:
        hazard = said(doc, "shared-storage", "notice", "fill", "whole", value=-1, region="[1]")
        assert (hazard.targets, hazard.count, hazard.places) == (("row",), 6, ("[0:6]",))
        between = applied(doc, hazard, "fill", "whole", value=-1, region="[1]")
        assert oracle.same_bits(between["row"], loaded["row"])


def test_unties_in_a_live_module():
    """Another parameter in one of two tied modules leaves the old one in the other."""
    bare = tied()
    bare["head"].weight = nn.Parameter(bare["head"].weight.double())
    assert bare["embed"].weight.dtype == torch.float32
    assert bare["embed"].weight is not bare["head"].weight
    module = tied()
    old = module["embed"].weight
    with weightedit.open(module) as doc:
        hazard = said(doc, "unties", "notice", "cast", "head.weight", dtype="float64")
        assert set(hazard.targets) == {"embed.weight", "head.weight"}
        doc.apply("cast", "head.weight", dtype="float64")
        assert module["embed"].weight is module["head"].weight
        assert module["embed"].weight.dtype == torch.float64
        doc.undo()
        assert module["embed"].weight is module["head"].weight is old
        said(doc, "unties", "notice", "cast", "head.weight", dtype="float64", tied="untie")
        doc.apply("cast", "head.weight", dtype="float64", tied="untie")
        assert module["embed"].weight is old
        assert module["head"].weight.dtype == torch.float64
        doc.undo()
        assert module["head"].weight is old


def test_unties_in_a_file(tmp_path):
    """One storage in a file: another dtype for one name is another tensor for both, unless they are untied."""
    torch.save(tied().state_dict(), tmp_path / "a.pt")
    for how, dtype in (("all", torch.float64), ("untie", torch.float32)):
        with weightedit.open(tmp_path / "a.pt") as doc:
            said(doc, "unties", "notice", "cast", "head.weight", dtype="float64", tied=how)
            doc.apply("cast", "head.weight", dtype="float64", tied=how)
            assert doc.tensors["embed.weight"].dtype == dtype
            doc.export(tmp_path / "out.pt")
        back = torch.load(tmp_path / "out.pt")
        assert back["embed.weight"].dtype == dtype
        same = back["embed.weight"].untyped_storage()._cdata == back["head.weight"].untyped_storage()._cdata
        assert same == (how == "all")


def test_alias():
    """`state_dict()` is the live tensors; `deepcopy` is not; the editor shows which is which and says what changes."""
    module = nn.Linear(2, 2)
    state, apart = module.state_dict(), copy.deepcopy(module.state_dict())
    state["weight"].fill_(7)
    assert bool((module.weight == 7).all())
    assert not bool((apart["weight"] == 7).any())
    with weightedit.open({"m": module, "state": state, "apart": apart}) as doc:
        groups = {name: doc.tensors[f"{name}.weight"].storage_group for name in ("m", "state", "apart")}
        assert groups["m"] == groups["state"] is not None
        assert groups["apart"] is None
        hazard = said(doc, "alias", "warning", "tie", ["apart.weight"], to="state.weight")
        assert "apart.weight" in hazard.targets
        doc.apply("tie", ["apart.weight"], to="state.weight", accept="all")
        assert doc.tensors["apart.weight"].storage_group == groups["m"]
        doc.undo()
        assert doc.tensors["apart.weight"].storage_group is None
