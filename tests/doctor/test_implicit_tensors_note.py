"""A note on copying tensors that a model makes on the way, example by example, through the public API.

`weightedit.detached_copy` copies what a forward pass gave; a capture writes it to a file that opens like any other. The
doctor says where code copies in a way that torch refuses.
"""

from __future__ import annotations

import copy
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from weightedit.checking import capturing
from weightedit.doctor.checkup import Asked

CODE = """
import torch

class SimpleModel(torch.nn.Module):
    def __init__(self, input_dim=10, output_dim=5):
        super().__init__()
        self.linear = torch.nn.Linear(input_dim, output_dim)

    def forward(self, x):
        return self.linear(x)

class ComplexModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = torch.nn.Linear(10, 5)
        self.linear2 = torch.nn.Linear(5, 2)

    def forward(self, x):
        x = self.linear1(x)
        x = torch.relu(x)
        x = self.linear2(x)
        return x
"""
NAMES: dict[str, type[nn.Module]] = {}
exec(CODE, NAMES)
SimpleModel, ComplexModel = NAMES["SimpleModel"], NAMES["ComplexModel"]
REFUSED = "Only Tensors created explicitly by the user"


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(1, 10)


def captured(model: nn.Module, x: torch.Tensor, to: Path, modules: tuple[str, ...] = ("*",)) -> weightedit.Document:
    """Capture what a live module makes, and open the file."""
    with weightedit.open(model) as document:
        return weightedit.open(capturing(document, model, x, Asked()).capture(modules, to))


# ---- 1: deepcopy of an output

def test_1_deepcopy_of_an_output_raises_and_detached_copy_does_not(x):
    """The note says that it may work for simple models; of any output with a graph it raises."""
    output = SimpleModel(10, 5)(x)
    with pytest.raises(RuntimeError, match=REFUSED):
        copy.deepcopy(output)
    copied = weightedit.detached_copy(output)
    assert torch.equal(copied, output)
    assert copied.grad_fn is None
    assert copied.data_ptr() != output.data_ptr()
    assert output.grad_fn is not None


def test_1_the_output_as_a_file(x, tmp_path):
    model = SimpleModel(10, 5)
    output = model(x)
    with captured(model, x, tmp_path / "a.safetensors") as document:
        for name in ("linear.output", "output"):
            assert torch.equal(document.read(name), output)
        assert torch.equal(document.read("linear.input"), x)
    assert model.linear.weight.grad_fn is None
    assert not model.linear._forward_hooks


class Copying(nn.Module):
    """Keeps a copy of what it made, as the first example makes it."""

    def __init__(self, how):
        super().__init__()
        self.linear1, self.linear2, self.how = nn.Linear(10, 5), nn.Linear(5, 2), how

    def forward(self, x):
        x = torch.relu(self.linear1(x))
        self.kept = self.how(x)
        return self.linear2(x)


def test_1_the_doctor_says_where_a_model_copies_so():
    """It runs, since nothing has a graph there, and its training stops; without values deepcopy raises in any case."""
    model = Copying(copy.deepcopy)
    assert weightedit.check(model, model, "float32[1,10]")["ok"]
    found = weightedit.check(model, model, "float32[1,10]", target="float32[1,2]", loss="MSELoss")
    (one,) = [one for one in found["findings"] if one["level"] != "notice"]
    assert one["message"].startswith("Copying stops: `deepcopy` came upon a tensor that was computed and belongs "
                                     "to a graph; called from Copying.forward, test_implicit_tensors_")  # fmt: skip
    assert REFUSED in one["torch_says"]


@pytest.mark.parametrize("how", [weightedit.detached_copy, lambda x: copy.deepcopy(x.detach()),
                                 lambda x: x.detach().clone()])  # fmt: skip
def test_1_a_model_that_copies_what_is_detached_is_healthy(how):
    model = Copying(how)
    found = weightedit.check(model, model, "float32[1,10]", target="float32[1,2]", loss="MSELoss", device="cpu")
    assert found["ok"], found["findings"]


# ---- 2: detach, then deepcopy

def test_2_detach_shares_its_memory_and_a_detached_copy_does_not(x):
    output = SimpleModel(10, 5)(x)
    detached, copied = output.detach(), weightedit.detached_copy(output)
    before = copied.clone()
    assert detached.data_ptr() == output.data_ptr()
    with torch.no_grad():
        output.fill_(7)
    assert (detached == 7).all()
    assert torch.equal(copied, before)
    assert torch.equal(copy.deepcopy(detached), output)


def test_2_what_was_captured_stays_when_the_model_changes(x, tmp_path):
    model = SimpleModel(10, 5)
    before = model(x).detach().clone()
    with captured(model, x, tmp_path / "a.safetensors") as document:
        with torch.no_grad():
            model.linear.weight.zero_()
            x.zero_()
        assert torch.equal(document.read("output"), before)


# ---- 3: what is nested

Pair = namedtuple("Pair", ["hidden", "final"])


@dataclass
class Both:
    hidden: torch.Tensor
    final: torch.Tensor


class Nested(ComplexModel):
    """The third example with an output that has a form."""

    def forward(self, x):
        hidden = self.linear1(x)
        final = self.linear2(torch.relu(hidden))
        return {"pair": Pair(hidden, [final]), "both": Both(hidden, final), "n": 3}


def test_3_nested_outputs_keep_their_form(x):
    """The note's recursive copy makes lists of named tuples, and deepcopy of the dataclass raises in it."""
    output = Nested()(x)
    with pytest.raises(RuntimeError, match=REFUSED):
        copy.deepcopy(output["both"])
    copied = weightedit.detached_copy(output)
    assert (type(copied), type(copied["pair"]), type(copied["pair"].final), type(copied["both"])) == \
        (dict, Pair, list, Both)  # fmt: skip
    assert copied["n"] == 3
    assert copied["pair"].hidden is copied["both"].hidden, "what was one tensor stays one"
    for mine, theirs in ((copied["pair"].hidden, output["pair"].hidden), (copied["both"].final, output["both"].final)):
        assert torch.equal(mine, theirs)
        assert mine.grad_fn is None
        assert mine.data_ptr() != theirs.data_ptr()


def test_3_nested_outputs_as_a_file(x, tmp_path):
    model = Nested()
    output = model(x)
    with captured(model, x, tmp_path / "a.safetensors") as document:
        assert torch.equal(document.read("output.pair.final.0"), output["both"].final)
        assert torch.equal(document.read("output.both.hidden"), output["both"].hidden)


def test_3_what_relu_made_by_code_beside_a_file(x, tmp_path):
    """The note's implicit tensor belongs to no module, and the next layer is given it; with the weights of the file."""
    model = ComplexModel()
    (tmp_path / "note.py").write_text(CODE, encoding="utf-8")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    with weightedit.open(tmp_path / "model.pt") as document:
        took = capturing(document, "note.py:ComplexModel", x, Asked(), folder=tmp_path)
        path = took.capture(["linear2"], tmp_path / "a.safetensors")
    with weightedit.open(path) as document:
        assert {"linear2.input", "linear2.output"} <= set(document.tensors)
        assert "linear1.output" not in document.tensors
        assert torch.equal(document.read("linear2.input"), torch.relu(model.linear1(x)))
        assert torch.equal(document.read("linear2.output"), model(x))
