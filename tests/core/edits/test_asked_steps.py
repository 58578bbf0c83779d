"""Undo and redo that ask: how much is lost, and a yes that is good for the step it was given to and no other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edits.asked_steps import back_one, on_one, take


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


def test_a_yes_undoes_what_was_asked_about(net):
    before = net[0].weight.detach().clone()
    with weightedit.open(net) as document:
        document.apply("scale", ["0.weight"], factor=2)
        net[0].weight.detach()[0, :3].add_(1)
        asked = take(document, back_one(True))
        assert (asked.lost, asked.label, asked.kinds) == (3, "scale × 2", ("changed-elsewhere",))
        assert document.history.position == 1
        assert take(document, back_one(True), asked.kinds, asked.point) is None
        assert torch.equal(net[0].weight, before)
        net[0].weight.detach()[1, 1].add_(1)
        asked = take(document, on_one(True))
        assert asked.lost == 1
        assert take(document, on_one(True), asked.kinds, asked.point) is None
        assert torch.equal(net[0].weight, before * 2)


def test_a_yes_that_comes_after_another_edit_does_nothing(net):
    """The fill that came in between is not what was asked about, and what other code added to it stays."""
    with weightedit.open(net) as document:
        document.apply("scale", ["0.weight"], factor=2)
        net[0].weight.detach().add_(1)
        asked = take(document, back_one(True))
        document.apply("fill", ["1.weight"], value=7)
        net[1].weight.detach().add_(5)
        assert take(document, back_one(True), asked.kinds, asked.point) is None
        assert document.history.position == 2
        assert net[1].weight.unique().tolist() == [12.0]
