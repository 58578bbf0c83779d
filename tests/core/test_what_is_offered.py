"""What hazards offer can be done, and what they say is a sentence for people."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from weightedit import EditRefused, Hazard


def told(found: list[Hazard], kind: str, level: str = "") -> Hazard:
    [hazard] = [one for one in found if one.kind == kind and level in ("", one.level)]
    return hazard


@pytest.mark.parametrize(("source", "labels"), [("b.weight", ("Tie them instead",)), ("buffer", ())])
def test_tying_is_offered_only_where_tie_does_it(source, labels):
    net = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    net.register_buffer("buffer", torch.ones(3, 3))
    document = weightedit.open(net)
    found = document.preflight("replace", "a.weight", source=source)
    hazard = told(found, "alias")
    assert hazard.labels == labels
    assert len(hazard.alternatives) == len(labels)
    if not labels:
        with pytest.raises(EditRefused):
            document.apply("tie", "a.weight", to=source)


def test_a_row_that_fills_a_matrix_is_said_so():
    document = weightedit.open({"w": torch.zeros(10, 20)})
    hazard = told(document.preflight("set", "w", values=torch.ones(20)), "broadcast")
    assert hazard.title == "One row of 20 is repeated 10 times"
    assert "10 × 20" in hazard.detail


def test_a_restore_of_what_was_deleted_says_one_thing():
    document = weightedit.open({"a": torch.zeros(2), "b": torch.ones(2)})
    document.snapshot("before")
    document.apply("delete", "b", accept="all")
    with pytest.raises(EditRefused) as refused:
        document.restore("before", "b")
    assert [hazard.title for hazard in refused.value.hazards] == ["b was deleted since before was taken"]
