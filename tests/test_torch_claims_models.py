"""The claims on copies inside a model and a CUDA tensor in a weight; tests/test_torch_claims.py lists all claims."""

from __future__ import annotations

import copy
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import weightedit
from tests.torch_behaviour.saying import said
from weightedit import ConfirmationNeeded, EditRefused


class CustomLayer(nn.Module):
    """Parameters that belong to no layer of torch's."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 10, device=device))
        self.bias = nn.Parameter(torch.zeros(5, device=device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T + self.bias


# ---------------------------------------------------------------- copies of tensors made inside a model


def test_deepcopy_of_an_output():
    output = nn.Linear(10, 5)(torch.randn(1, 10))
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(output)
    copied = weightedit.detached_copy(output)
    assert torch.equal(copied, output.detach())
    assert copied.data_ptr() != output.data_ptr()
    assert copied.is_leaf
    assert copied.grad_fn is None
    with weightedit.open({"output": output}) as doc:
        doc.snapshot("before")
        doc.apply("fill", "output", value=0)
        doc.restore("before")
        assert torch.equal(output.detach(), copied)


def test_deepcopy_leaves_ties_to_the_graph():
    model = nn.Linear(3, 2)
    model(torch.ones(1, 3)).sum().backward()
    for copied in (copy.deepcopy(model), weightedit.detached_copy(model)):
        before = model.weight.detach().clone()
        copied.weight.detach().fill_(7)
        assert copied.weight.is_leaf
        assert torch.equal(model.weight.detach(), before)


def test_detach_shares_memory():
    output = nn.Linear(3, 2)(torch.ones(1, 3))
    detached, shallow, deep = output.detach(), copy.copy(output), copy.deepcopy(output.detach())
    assert detached.data_ptr() == shallow.data_ptr() == output.data_ptr() != deep.data_ptr()
    with weightedit.open({"output": output, "detached": detached, "deep": deep}) as doc:
        assert said(doc, "shared-storage", "notice", "fill", "detached", value=5).targets == ("output",)
        assert doc.preflight("fill", "deep", value=5) == []
        doc.apply("fill", "detached", value=5)
        assert output.tolist() == [[5, 5]]


Pair = namedtuple("Pair", "hidden cell")


@dataclass
class Output:
    """As libraries return it."""

    logits: torch.Tensor
    states: tuple[torch.Tensor, ...]


def deep_detach_copy(tensor):
    """The note's own function."""
    if isinstance(tensor, torch.Tensor):
        return copy.deepcopy(tensor.detach())
    if isinstance(tensor, (list, tuple)):
        return [deep_detach_copy(item) for item in tensor]
    if isinstance(tensor, dict):
        return {key: deep_detach_copy(value) for key, value in tensor.items()}
    return copy.deepcopy(tensor)


def test_nested_outputs_keep_their_types():
    x = nn.Linear(3, 2)(torch.ones(1, 3))
    nested = {"pair": Pair(x, x * 2), "output": Output(x, (x, x.sum())), "list": [x, 3, "text"]}
    noted = deep_detach_copy({key: nested[key] for key in ("pair", "list")})
    assert type(noted["pair"]) is list
    assert noted["pair"][0].data_ptr() != noted["list"][0].data_ptr(), "one tensor has become two"
    with pytest.raises(RuntimeError, match="graph leaves"):
        deep_detach_copy(nested)
    copied = weightedit.detached_copy(nested)
    assert (type(copied["pair"]), type(copied["output"]), type(copied["output"].states)) == (Pair, Output, tuple)
    assert copied["pair"].hidden is copied["output"].logits is copied["output"].states[0] is copied["list"][0]
    assert copied["list"][1:] == [3, "text"]
    assert torch.equal(copied["pair"].cell, (x * 2).detach())
    with torch.no_grad():
        x.fill_(9)
    assert not bool((copied["pair"].hidden == 9).any())


# ---------------------------------------------------------------- a CUDA tensor into a weight


def test_assignment_loses_the_parameter(device):
    m = CustomLayer(device)
    weight, new = m.weight, torch.ones(5, 10, device=device)
    with pytest.raises(TypeError, match="cannot assign"):
        m.weight = new
    assert m.weight is weight
    assert weight.requires_grad
    with weightedit.open(m) as doc:
        doc.apply("set", "weight", values=new)
        assert m.weight is weight
        assert bool((weight == 1).all())
        doc.apply("replace", "weight", source=torch.full((5, 10), 2.0), accept="all")
        assert isinstance(m.weight, nn.Parameter)
        assert m.weight.device.type == device
        assert "weight" in dict(m.named_parameters())


def test_data_is_in_place(device):
    m, new = nn.Linear(10, 5).to(device), torch.randn(5, 10, device=device)
    weight, state = m.weight, m.state_dict()
    m.weight.data = new
    assert m.weight is weight
    assert m.weight.data_ptr() == new.data_ptr() != state["weight"].data_ptr()
    new.fill_(4)
    assert bool((m.weight == 4).all()), "whoever holds the source changes the weight"
    assert not torch.equal(state["weight"], m.weight.detach()), "whoever held the weight sees nothing"
    m, new = nn.Linear(10, 5).to(device), torch.randn(5, 10, device=device)
    state, place = m.state_dict(), m.weight.data_ptr()
    with weightedit.open(m) as doc:
        doc.apply("set", "weight", values=new)
        assert m.weight.data_ptr() == place == state["weight"].data_ptr()
        assert torch.equal(state["weight"], new)
        new.fill_(4)
        assert not bool((m.weight == 4).any())


def test_data_of_another_shape():
    m = nn.Linear(10, 5)
    m.weight.data = torch.zeros(7, 7)
    assert (m.in_features, m.out_features) == (10, 5)
    m = nn.Linear(10, 5, bias=False)
    with weightedit.open(m) as doc:
        found = doc.preflight("replace", "weight", source=torch.zeros(7, 7))
        assert {"shape-mismatch", "module-attribute"} <= {one.kind for one in found}
        doc.apply("replace", "weight", source=torch.zeros(7, 7), accept="all")
        assert (m.in_features, m.out_features) == (7, 7)
        assert m(torch.ones(1, 7)).shape == (1, 7)
        doc.undo()
        assert (m.in_features, m.out_features) == (10, 5)


def test_data_of_another_dtype():
    m = nn.Linear(10, 5)
    m.weight.data = torch.zeros(5, 10, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="same dtype"):
        m(torch.ones(1, 10))
    with pytest.raises(RuntimeError):
        m.weight.data = torch.zeros(5, 10, dtype=torch.int8)
    m, values = nn.Linear(10, 5), torch.full((5, 10), 0.1, dtype=torch.float64)
    with weightedit.open(m) as doc:
        assert said(doc, "precision-loss", "notice", "set", "weight", values=values).count == 50
        doc.apply("set", "weight", values=values)
        assert m.weight.dtype == torch.float32
        assert m(torch.ones(1, 10)).shape == (1, 5)


def test_data_of_another_device(device):
    m = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        m.weight.data = torch.zeros(2, 2, device="meta")
    m.weight.data = torch.zeros(2, 2, device=device)
    assert m.weight.device.type == device, "and the bias stays on the cpu, unsaid"
    with pytest.raises(NotImplementedError, match="no data"):
        torch.zeros(2, 2).copy_(torch.zeros(2, 2, device="meta"))
    m = nn.Linear(2, 2)
    with weightedit.open(m) as doc, pytest.raises(EditRefused):
        doc.apply("set", "weight", values=torch.zeros(2, 2, device="meta"), accept="all")
    assert m.weight.device.type == "cpu"


def test_data_keeps_gradients_right():
    w = nn.Parameter(torch.ones(2))
    loss = (w * w).sum()
    w.data.fill_(5)
    loss.backward()
    assert w.grad.tolist() == [10, 10], "2 would be right for what was computed"
    m = nn.Module()
    m.w = nn.Parameter(torch.ones(2))
    loss = (m.w * m.w).sum()
    with weightedit.open(m) as doc:
        doc.apply("fill", "w", value=5)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_a_new_parameter_is_enough():
    m, new = nn.Linear(10, 5, bias=False), torch.ones(5, 10)
    optimizer, tied = torch.optim.SGD(m.parameters(), lr=1.0), nn.Linear(10, 5, bias=False)
    tied.weight = m.weight
    m.weight = nn.Parameter(new)
    m(torch.ones(1, 10)).sum().backward()
    optimizer.step()
    assert bool((m.weight == 1).all()), "the optimizer trains what is gone"
    assert tied.weight is not m.weight
    assert m.weight.data_ptr() == new.data_ptr()
    both = nn.ModuleDict({"a": nn.Linear(10, 5, bias=False), "b": nn.Linear(10, 5, bias=False)})
    both["b"].weight = both["a"].weight
    optimizer = torch.optim.SGD(both.parameters(), lr=1.0)
    with weightedit.open(both, optimizer=optimizer) as doc:
        doc.apply("replace", "a.weight", source=new.double(), accept="all")
        assert both["a"].weight is both["b"].weight is optimizer.param_groups[0]["params"][0]
        assert both["a"].weight.data_ptr() != new.data_ptr()
        both["a"](torch.ones(1, 10, dtype=torch.float64)).sum().backward()
        optimizer.step()
        assert not bool((both["a"].weight == 1).any())


def test_values_from_another_device(device):
    m, values = CustomLayer(device), torch.arange(50.0).reshape(5, 10)
    weight = m.weight
    with weightedit.open(m) as doc:
        for source in (values, values.to(device)):
            doc.apply("set", "weight", values=source)
            assert m.weight is weight
            assert weight.device.type == device
            assert torch.equal(weight.detach().cpu(), values)
            doc.undo()
    cpu = CustomLayer()
    with weightedit.open(cpu) as doc:
        doc.apply("replace", "weight", source=values.to(device), accept="all")
        assert cpu.weight.device.type == "cpu"
        assert torch.equal(cpu.weight.detach(), values)


def test_custom_modules(device):
    m = CustomLayer(device)
    m.scale = torch.ones(5, device=device)
    assert list(m.state_dict()) == ["weight", "bias"]
    model = nn.Sequential(m)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with weightedit.open(model, optimizer=optimizer) as doc:
        assert [doc.tensors[f"0.{name}"].kind for name in ("weight", "bias", "scale")] == ["parameter"] * 2 + ["tensor"]
        doc.apply("fill", "0.weight", value=1)
        doc.apply("fill", "0.bias", value=1)
        assert model(torch.ones(1, 10, device=device)).tolist() == [[11] * 5]
        model(torch.ones(1, 10, device=device)).sum().backward()
        optimizer.step()
        assert bool((m.bias != 1).all())
        with pytest.raises(ConfirmationNeeded):
            doc.undo()
