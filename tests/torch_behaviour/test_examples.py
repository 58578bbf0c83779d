"""Every example of the hazard registry prints on the installed torch what the page says it prints."""

from __future__ import annotations

import ast
from pathlib import Path

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


def test_every_kind_is_shown_on_bare_torch_and_then_by_an_edit():
    """A test of this folder is called after it: `test_shape_mismatch` shows `shape-mismatch`."""
    files = [file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    tests = [node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    wanted = {one.kind: f"test_{one.kind.replace('-', '_')}" for one in SHOWN}
    assert [kind for kind, name in wanted.items() if not any(test.startswith(name) for test in tests)] == []
