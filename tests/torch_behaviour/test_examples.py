"""Every example of the hazard registry prints on the installed torch what the page says it prints."""

from __future__ import annotations

import pytest

from tests.torch_behaviour.sessions import run
from weightedit.core.hazard_kinds import KINDS

SHOWN = [one for one in KINDS.values() if one.torch]


@pytest.mark.parametrize("one", SHOWN, ids=lambda one: one.kind)
def test_what_the_page_says_pytorch_does_is_what_it_does(one):
    assert run(one.kind, one.example) == ""


def test_a_session_that_lies_is_caught():
    assert "Expected" in run("a lie", ">>> torch.zeros(2).sum()\ntensor(1.)\n")
    assert "IndexError" in run("a lie", ">>> torch.zeros(2)[5]\n")


@pytest.mark.parametrize("one", KINDS.values(), ids=lambda one: one.kind)
def test_every_kind_is_described_in_full(one):
    assert one.title
    assert one.levels
    assert one.editor.endswith(".")
    assert bool(one.torch) == bool(one.example)
    assert not one.torch or one.torch.endswith(".")
