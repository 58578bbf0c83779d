"""What torch does when an output of a model is copied, example by example, and that captures are what was wanted.

The examples are those of a note on copying "tensors created implicitly within a model": a plain deepcopy, a deepcopy
after `detach`, and a recursive copy of what is nested.
"""

from __future__ import annotations

import copy
import gc
import weakref
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import weightedit
from weightedit.doctor.inside.capturing.captures import capture


class OneLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(10, 5)

    def forward(self, x):
        return self.linear(x)


class TwoLinears(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = nn.Linear(10, 5)
        self.linear2 = nn.Linear(5, 2)

    def forward(self, x):
        return self.linear2(torch.relu(self.linear1(x)))


def deep_detach_copy(value):
    """The note's recursive copy, as it stands there."""
    if isinstance(value, torch.Tensor):
        return copy.deepcopy(value.detach())
    if isinstance(value, (list, tuple)):
        return [deep_detach_copy(item) for item in value]
    if isinstance(value, dict):
        return {k: deep_detach_copy(v) for k, v in value.items()}
    return copy.deepcopy(value)


def test_example_1_a_deepcopy_of_an_output_raises():
    """The note says it may work and print False; it raises, since the output is no leaf, and prints nothing."""
    output = OneLinear()(torch.randn(1, 10))
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(output)
    with torch.no_grad():  # without a graph it does work
        output = OneLinear()(torch.randn(1, 10))
    assert copy.deepcopy(output).data_ptr() != output.data_ptr()


def test_example_1_what_is_captured(tmp_path, device):
    """Where deepcopy raises, a capture has the values, without a graph."""
    model, x = OneLinear().to(device), torch.randn(1, 10, device=device)
    output = model(x)
    with capture(model, (x,), folder=tmp_path, grad=True) as captures:
        for found in (captures.read("output"), captures.read("linear.output"), captures.output()):
            assert torch.equal(found, output.detach().cpu())
            assert found.grad_fn is None
            assert not found.requires_grad
        assert torch.equal(captures.read("input"), x.cpu())
    assert output.grad_fn is not None


def test_example_2_detach_shares_and_deepcopy_of_it_does_not():
    """As the note says: the copy is independent. `detach` alone shares its memory with the output."""
    output = OneLinear()(torch.randn(1, 10))
    detached = output.detach()
    copied = copy.deepcopy(detached)
    assert detached.data_ptr() == output.data_ptr()
    assert copied.data_ptr() != output.data_ptr()
    assert copied.grad_fn is None
    with torch.no_grad():
        output.fill_(7)
    assert (detached == 7).all()
    assert not (copied == 7).any()


def test_example_2_what_is_captured_stays_when_the_model_and_the_tensors_change(tmp_path):
    model, x = OneLinear(), torch.randn(1, 10)
    before = model(x).detach().clone()
    with capture(model, (x,), folder=tmp_path) as captures:
        with torch.no_grad():
            model.linear.weight.zero_()
            x.zero_()
        first, second = captures.read("output"), captures.read("output")
        assert torch.equal(first, before)
        first.zero_()
        assert torch.equal(second, before)
        assert torch.equal(captures.read("output"), before)


@dataclass
class Both:
    hidden: torch.Tensor
    final: torch.Tensor


Pair = namedtuple("Pair", ["hidden", "final"])


class Nested(TwoLinears):
    def forward(self, x):
        hidden = self.linear1(x)
        final = self.linear2(torch.relu(hidden))
        return {"tuple": (hidden, [final]), "pair": Pair(hidden, final), "both": Both(hidden, final), "n": 3}


def test_example_3_the_copy_of_the_note_loses_the_nesting():
    """It makes lists of tuples and named tuples, and of a dataclass nothing at all: that deepcopy raises."""
    output = Nested()(torch.randn(1, 10))
    both = output.pop("both")
    copied = deep_detach_copy(output)
    assert type(copied["tuple"]) is list
    assert type(copied["pair"]) is list
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        deep_detach_copy(both)


def test_example_3_what_is_captured_keeps_the_nesting(tmp_path):
    model, x = Nested(), torch.randn(1, 10)
    output = model(x)
    with capture(model, (x,), folder=tmp_path) as captures:
        found = captures.output()
        assert {key: type(value) for key, value in found.items()} == {"tuple": tuple, "pair": Pair, "both": Both,
                                                                      "n": int}  # fmt: skip
        assert type(found["tuple"][1]) is list
        places = (lambda one: one["tuple"][0], lambda one: one["tuple"][1][0], lambda one: one["pair"].hidden,
                  lambda one: one["both"].final)  # fmt: skip
        for mine, theirs in ((place(found), place(output)) for place in places):
            assert torch.equal(mine, theirs)
            assert mine.data_ptr() != theirs.data_ptr()
        assert found["n"] == 3
        captures.export(tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        assert {"output.tuple.0", "output.tuple.1.0", "output.pair.hidden", "output.both.final",
                "linear1.input", "linear1.output", "linear2.output"} <= set(document.tensors)  # fmt: skip
        assert torch.equal(document.read("output.pair.final"), output["pair"].final)


def test_example_3_what_relu_made_is_seen_as_what_the_next_layer_is_given(tmp_path):
    """The note's "implicit tensor creation": no module gives it back, the next one is given it."""
    model, x = TwoLinears(), torch.randn(4, 10)
    with capture(model, (x,), folder=tmp_path) as captures:
        assert torch.equal(captures.read("linear2.input"), torch.relu(model.linear1(x)))


@pytest.mark.parametrize("raises", [False, True])
def test_nothing_keeps_the_graph_alive(tmp_path, raises):
    """A run with a graph lets go of every tensor of it, and so of its memory; also one that ends in an exception."""
    made = []

    class Watched(TwoLinears):
        def forward(self, x):
            hidden = self.linear1(x)
            made.append(weakref.ref(hidden))
            result = self.linear2(input=hidden.T if raises else hidden.relu())
            made.append(weakref.ref(result))
            return result

    gc.disable()  # so that only what is held by nobody is gone
    try:
        with capture(Watched(), (torch.randn(3, 10),), folder=tmp_path, grad=True) as captures:
            assert [ref() for ref in made] == [None] * (1 if raises else 2)
            assert (captures.run.failure is not None) == raises
            assert all(captures.read(name).grad_fn is None for name in captures.names)
    finally:
        gc.enable()
