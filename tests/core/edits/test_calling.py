"""How the API is called: alternatives, other files' tensors, live tensors as targets, and what objects print as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit import ConfirmationNeeded, EditRefused


def test_an_alternative_of_a_hazard_is_applied_as_it_is():
    """The message names what would do, and the edits are beside it."""
    with weightedit.open({"w": torch.zeros(5, 2)}) as doc:
        with pytest.raises(EditRefused) as caught:
            doc.apply("set", "w", values=torch.ones(10, 2))
        hazard = caught.value.hazards[0]
        assert all(label in str(caught.value) for label in hazard.labels)
        assert len(hazard.labels) == len(hazard.alternatives) > 1
        doc.apply(hazard.alternatives[0])
        assert bool((doc.read("w") == 1).all())
        assert doc.preflight(hazard.alternatives[0]) == []
        with pytest.raises(EditRefused, match="A whole edit takes no targets"):
            doc.apply(hazard.alternatives[0], "w")


def test_a_tensor_of_another_file_is_given_as_file_and_name(tmp_path: Path):
    torch.save({"a": torch.full((3,), 7.0), "b": torch.zeros(3)}, tmp_path / "other.pt")
    with weightedit.open({"w": torch.zeros(3)}) as doc, weightedit.open(tmp_path / "other.pt") as other:
        doc.apply("set", "w", values=(tmp_path / "other.pt", "a"))
        assert doc.read("w").tolist() == [7, 7, 7]
        doc.apply("replace", "w", source=(str(tmp_path / "other.pt"), "b"))
        assert doc.read("w").tolist() == [0, 0, 0]
        for wrong in (other.tensors["a"], other.tensors):
            with pytest.raises(EditRefused, match=r'Give doc.read\("name"\), .* or \("file", "name"\)'):
                doc.apply("set", "w", values=wrong)


def test_a_live_tensor_is_a_target_and_another_is_named_by_its_type():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with weightedit.open(net) as doc:
        doc.apply("fill", net[1].weight, value=3.0)
        assert bool((net[1].weight == 3).all())
        assert not bool((net[0].weight == 3).all())
        with pytest.raises(EditRefused, match=r"No tensor of the document is this Parameter\. Give") as caught:
            doc.apply("fill", nn.Parameter(torch.zeros(9)), value=1.0)
        assert "0., 0." not in str(caught.value)


def test_objects_print_short(tmp_path: Path):
    torch.save({f"w{at}": torch.zeros(2) for at in range(6)}, tmp_path / "model.pt")
    with weightedit.open(tmp_path / "model.pt") as doc:
        doc.apply("fill", "w0", value=1.0)
        assert repr(doc) == "<Document model.pt: 6 tensors, 1 edit>"
        assert repr(doc.tensors) == "<6 tensors of model.pt: w0, w1, w2, w3, …>"
        assert repr(doc.snapshot("start", "w1")) == "<Snapshot start: 1 tensor>"


@pytest.mark.parametrize("accept", [{"nonsense"}, ["overflow", "nonsense"], "nonsense"], ids=["set", "list", "text"])
def test_a_kind_to_accept_that_there_is_not_is_refused(accept: Any):
    with weightedit.open({"w": torch.zeros(2)}) as doc:
        with pytest.raises(EditRefused, match="There is no kind of hazard 'nonsense' to accept"):
            doc.apply("fill", "w", value=1.0, accept=accept)
        doc.apply("fill", "w", value=1.0, accept={"overflow"})
        with pytest.raises(ConfirmationNeeded, match="1 becomes Inf"):
            doc.apply("cast", "w", dtype="float16") if doc.apply("fill", "w", region="[0]", value=1e9) else None


@pytest.mark.parametrize("region", ["where w > 9", "[0:0]"])
def test_a_write_that_selects_nothing_says_so(region: str):
    with weightedit.open({"w": torch.zeros(2)}) as doc:
        found = doc.preflight("fill", "w", region=region, value=1.0)
        assert [(one.level, one.title) for one in found] == [("notice", "Nothing is selected in w")]
        assert not doc.preflight("fill", "w", region="where w < 9", value=1.0)
