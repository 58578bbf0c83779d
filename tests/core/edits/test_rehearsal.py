"""Edits that build on one another are previewed in their order: what is said is what applying them one by one says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edit import Edit, TensorName
from weightedit.core.edits.rehearsal import rehearsed
from weightedit.core.errors import Cancelled


def state() -> dict[str, object]:
    torch.manual_seed(0)
    shared = torch.arange(12.0).reshape(3, 4)
    return {"net": {"a.weight": torch.randn(3, 4) * 1e5, "a.bias": torch.tensor([1.0, -2.0, 3.0])},
            "seen": [torch.ones(2), 3], "step": 7, "tied": shared, "also": shared, "view": shared[1]}  # fmt: skip


def add(to: str, *shape: int, dtype: str = "float32", value: float = 0) -> Edit:
    given = {"to": to, "shape": shape, "dtype": dtype, "value": value}
    return Edit("add_tensor", ("net",), None, given)


CASES = {
    "add, then initialize": [add("net.b", 5, 4), Edit("initialize", ("net.b",), None, {"method": "normal"})],
    "add, then a formula": [add("net.ids", 1, 6, dtype="int64"),
                            Edit("expression", ("net.ids",), None, {"formula": "index(1)"})],
    "copy, then tie": [Edit("duplicate", ("net.a.weight",), None, {"to": "net.head"}),
                       Edit("tie", ("net.head",), None, {"to": TensorName("net.a.weight")})],
    "rename, then cast": [Edit("rename", ("re:net\\.a\\.(.*)",), None, {"to": r"net.c.\1"}),
                          Edit("cast", ("net.c.weight", "net.c.bias"), None, {"dtype": "float16"})],
    "cast, slice, pad, transpose": [Edit("cast", ("net.a.weight",), None, {"dtype": "bfloat16"}),
                                    Edit("slice", ("net.a.weight",), "[0:2, :]"),
                                    Edit("pad", ("net.a.weight",), None, {"pad": (0, 0, 0, 3)}),
                                    Edit("transpose", ("net.a.weight",)),
                                    Edit("cast", ("net.a.weight",), None, {"dtype": "float16"})],
    "delete, then add anew": [Edit("delete", ("net.a.weight",)), add("net.a.weight", 2, 4)],
    "part of what others see": [Edit("fill", ("tied",), "[1, :]", {"value": 1e9}),
                                Edit("cast", ("view",), None, {"dtype": "float16"})],
    "one that is refused": [Edit("transpose", ("net.a.weight",)),
                            Edit("slice", ("net.a.weight",), "[0:4, 0:4]")],
    "one of what is gone": [Edit("delete", ("net.a.bias",)), Edit("cast", ("net.a.bias",), None, {"dtype": "int8"})],
    "whole, then one that shares": [Edit("scale", ("also",), None, {"factor": 1e9}),
                                    Edit("cast", ("view",), None, {"dtype": "float16"})],
}  # fmt: skip


def one_by_one(document: weightedit.Document, edits: list[Edit]) -> set[str]:
    """What preflight says of each edit where those before it were really applied."""
    said: set[str] = set()
    for edit in edits:
        found = document.preflight(edit)
        said |= {hazard.message for hazard in found}
        if any(hazard.level == "refusal" for hazard in found):
            break
        document.apply(edit, accept="all")
    return said


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_applying_one_by_one_says(tmp_path, name):
    path = tmp_path / "state.pt"
    torch.save(state(), path)
    edits = CASES[name]
    with weightedit.open(path) as document, weightedit.open(path) as other:
        said = rehearsed(document, edits).hazards
        assert {hazard.message for hazard in said} == one_by_one(other, edits)
        assert [hazard.level for hazard in said] == sorted((hazard.level for hazard in said),
                                                           key=["refusal", "warning", "notice"].index)  # fmt: skip
        assert any(hazard.level == "refusal" for hazard in said) == name.startswith("one ")


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_the_document_changes(tmp_path, name):
    path = tmp_path / "state.pt"
    torch.save(state(), path)
    with weightedit.open(path) as document:
        told: list[object] = []
        document.subscribe(told.append)
        before = {slot.name: (slot, slot.held, slot.held.described) for slot in document.slots}
        rehearsed(document, CASES[name])
        assert {slot.name: (slot, slot.held, slot.held.described) for slot in document.slots} == before
        assert (told, document.version, document.is_modified, len(document.history)) == ([], 0, False, 0)
        out = tmp_path / "out.pt"
        document.export(out)
    buffer = io.BytesIO()
    torch.save(torch.load(out, weights_only=True), buffer)
    assert torch.equal(torch.load(out, weights_only=True)["tied"], state()["tied"])


def test_what_would_be_made_takes_no_room(tmp_path, monkeypatch):
    """What a later edit of the same mend takes away again is never written anywhere."""
    path = tmp_path / "state.pt"
    torch.save({"a": torch.ones(2, 2)}, path)
    rows = 1 << 20
    edits = [Edit("pad", ("a",), None, {"pad": (0, 0, 0, rows)}), Edit("slice", ("a",), f"[{rows}:{rows + 1}, :]"),
             Edit("duplicate", ("a",), None, {"to": "b"}),
             Edit("cast", ("b",), None, {"dtype": "float16"})]  # fmt: skip
    with weightedit.open(path) as document:
        wanted: list[int] = []
        allocate = document.spill.allocate
        monkeypatch.setattr(document.spill, "allocate", lambda nbytes: wanted.append(nbytes) or allocate(nbytes))
        assert not [hazard for hazard in rehearsed(document, edits).hazards if hazard.level == "refusal"]
        assert wanted == []
        for edit in edits:
            document.apply(edit, accept="all")
        assert max(wanted) >= 8 * rows


CHANGES = {
    "add, then initialize": (0, ["net.b comes, 5 × 4 float32"]),
    "copy, then tie": (0, ["net.head comes, 3 × 4 float32"]),
    "rename, then cast": (0, ["net.a.weight becomes net.c.weight: float32 → float16",
                              "net.a.bias becomes net.c.bias: float32 → float16"]),
    "cast, slice, pad, transpose": (4, ["net.a.weight: 3 × 4 → 4 × 5, float32 → float16"]),
    "delete, then add anew": (12, ["net.a.weight goes", "net.a.weight comes, 2 × 4 float32"]),
    "one of what is gone": (3, ["net.a.bias goes"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_it_counts_what_is_lost_and_says_what_becomes_of_each(tmp_path, name):
    path = tmp_path / "state.pt"
    torch.save(state(), path)
    with weightedit.open(path) as document:
        found = rehearsed(document, CASES[name])
        assert (found.lost, list(found.lines)) == CHANGES[name]
        assert found.changed == len(found.lines)


def test_a_live_module_is_looked_at_first_as_it_is(tmp_path):
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    edits = [Edit("slice", ("0.weight",), "[0:2, :]"), Edit("slice", ("0.bias",), "[0:2]"),
             Edit("slice", ("1.weight",), "[:, 0:2]")]  # fmt: skip
    with weightedit.open(module) as document:
        said = rehearsed(document, edits).hazards
        assert not [hazard for hazard in said if hazard.level == "refusal"]
        assert {hazard.message for hazard in document.preflight(edits[0])} <= {hazard.message for hazard in said}
    assert module[0].weight.shape == (3, 4)


def test_a_state_dict_in_memory_is_left_alone():
    held = {"a": torch.randn(3, 3)}
    with weightedit.open(held) as document:
        edits = [Edit("duplicate", ("a",), None, {"to": "b"}), Edit("cast", ("b",), None, {"dtype": "float16"})]
        said = rehearsed(document, edits).hazards
        assert "precision-loss" in {hazard.kind for hazard in said}
    assert list(held) == ["a"]


def test_a_container_that_holds_itself_and_one_met_twice(tmp_path):
    inner = {"w": torch.ones(2)}
    path = tmp_path / "state.pt"
    torch.save({"one": inner, "two": inner, "rest": (torch.zeros(1),)}, path)
    edits = [Edit("rename", ("one.w",), None, {"to": "one.v"}), Edit("cast", ("one.v",), None, {"dtype": "float64"})]
    with weightedit.open(path) as document, weightedit.open(path) as other:
        assert {hazard.message for hazard in rehearsed(document, edits).hazards} == one_by_one(other, edits)


def test_it_stops_when_asked(tmp_path):
    class Set:
        def is_set(self) -> bool:
            return True

    path: Path = tmp_path / "state.pt"
    torch.save(state(), path)
    with weightedit.open(path) as document, pytest.raises(Cancelled):
        rehearsed(document, CASES["rename, then cast"], cancel=Set())
