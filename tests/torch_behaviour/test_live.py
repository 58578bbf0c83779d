"""Live modules: what bare torch leaves behind, then what weightedit says and does."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from tests.torch_behaviour.saying import offered, said
from weightedit import ConfirmationNeeded


def trained(kind: str = "adam") -> tuple[nn.Module, torch.optim.Optimizer]:
    """A module without sizes of its own after a step, so that its optimizer has a state."""
    module = nn.Module()
    module.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    made = torch.optim.Adam(module.parameters()) if kind == "adam" else torch.optim.SGD(
        module.parameters(), lr=0.1, momentum=0.9)  # fmt: skip
    module.weight.square().sum().backward()
    made.step()
    made.zero_grad()
    return module, made


def step(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    module.weight.square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_optimizer_detached(kind):
    """After `m.weight = nn.Parameter(...)` the optimizer trains the old tensor; handed over, it is kept in step."""
    module, optimizer = trained(kind)
    module.weight = nn.Parameter(torch.ones(2, 3))
    step(module, optimizer)
    assert bool((module.weight == 1).all()), "torch trains the tensor that is gone"
    module, optimizer = trained(kind)
    old, state = module.weight, optimizer.state[module.weight]
    with weightedit.open(module, optimizer=optimizer) as doc:
        doc.apply("cast", "weight", dtype="float64")
        assert optimizer.param_groups[0]["params"] == [module.weight]
        before = module.weight.detach().clone()
        step(module, optimizer)
        assert not torch.equal(module.weight.detach(), before)
        doc.undo(accept="all")
        assert module.weight is old
        assert optimizer.state[old] is state


def test_optimizer_detached_where_it_is_not_known():
    """A trained module whose optimizer was not handed over: a new tensor in its place is asked about."""
    module, _ = trained()
    module.weight.grad = torch.zeros_like(module.weight)
    with weightedit.open(module) as doc:
        hazard = said(doc, "optimizer-detached", "warning", "cast", "weight", dtype="float64")
        assert hazard.targets == ("weight",)
        doc.apply("cast", "weight", dtype="float64", accept={"optimizer-detached"})
        assert not [one for one in doc.preflight("scale", "weight", factor=2.0) if one.kind == hazard.kind]


def test_optimizer_state_shape():
    """Moments keep the old shape and the next step raises; the editor cuts them alike, or drops them if asked."""
    module, optimizer = trained()
    module.weight.data = module.weight.data[:, :2].clone()
    with pytest.raises(RuntimeError, match="must match"):
        step(module, optimizer)
    module, optimizer = trained()
    moments = optimizer.state[module.weight]["exp_avg"].clone()
    with weightedit.open(module, optimizer=optimizer) as doc:
        hazard = said(doc, "optimizer-state-shape", "notice", "slice", "weight", region="[:, :2]")
        assert hazard.targets == ("weight",)
        doc.apply("slice", "weight", region="[:, :2]")
        assert oracle.same_bits(optimizer.state[module.weight]["exp_avg"], moments[:, :2])
        step(module, optimizer)
        doc.undo(accept="all")
        assert oracle.same_bits(optimizer.state[module.weight]["exp_avg"], moments)
        doc.apply("slice", "weight", region="[:, :2]", moments="drop")
        assert not optimizer.state.get(module.weight)
        step(module, optimizer)


def test_module_attribute():
    """torch takes any shape and `in_features` stays; after an edit it says what is there, and undo says the old."""
    bare = nn.Linear(3, 3)
    bare.weight.data = torch.zeros(7, 7)
    assert (bare.in_features, bare.weight.shape) == (3, (7, 7))
    module = nn.Linear(4, 6, bias=False)
    with weightedit.open(module) as doc:
        hazard = said(doc, "module-attribute", "notice", "slice", "weight", region="[:5, :2]")
        assert "in_features" in hazard.message
        doc.apply("slice", "weight", region="[:5, :2]")
        assert (module.in_features, module.out_features) == (2, 5)
        assert module(torch.ones(1, 2)).shape == (1, 5)
        doc.undo()
        assert (module.in_features, module.out_features) == (4, 6)


def test_assignment_of_a_tensor_raises_and_loses_nothing():
    """A common belief: `m.weight = tensor` silently loses the Parameter. It raises, and the Parameter stays."""
    module = nn.Linear(2, 2)
    weight = module.weight
    with pytest.raises(TypeError, match="cannot assign"):
        module.weight = torch.zeros(2, 2)
    assert module.weight is weight
    assert isinstance(module.weight, nn.Parameter)
    with weightedit.open(module) as doc:
        doc.apply("set", "weight", values=torch.zeros(2, 2))
        assert module.weight is weight
        assert not weight.any()


def test_unregistered():
    """A plain tensor attribute is not in `state_dict()`: shown as such, and said when it is edited."""
    module = nn.Linear(2, 2)
    module.scale = torch.ones(2)
    assert "scale" not in module.state_dict()
    assert module.double().scale.dtype == torch.float32
    with weightedit.open(module) as doc:
        assert doc.tensors["scale"].kind == "tensor"
        hazard = said(doc, "unregistered", "notice", "scale", "scale", factor=2.0)
        assert hazard.targets == ("scale",)
        doc.apply("scale", "scale", factor=2.0)
        assert module.scale.tolist() == [2, 2]
        offered(doc, hazard, "Register it as a buffer")
        assert "scale" in module.state_dict()
        assert doc.tensors["scale"].kind == "buffer"
        assert doc.preflight("scale", "scale", factor=2.0) == []
        assert not [one for one in doc.preflight("scale", "weight", factor=2.0) if one.kind == "unregistered"]


def test_grad_dtype():
    """Whole numbers cannot require grad: torch raises, the editor clears the flag and puts it back on undo."""
    with pytest.raises(RuntimeError):
        nn.Parameter(torch.arange(3))
    module = nn.Linear(2, 2)
    with torch.no_grad():
        module.weight.copy_(torch.arange(4.0).reshape(2, 2))
    with weightedit.open(module) as doc:
        said(doc, "grad-dtype", "notice", "cast", "weight", dtype="int8")
        doc.apply("cast", "weight", dtype="int8")
        assert isinstance(module.weight, nn.Parameter)
        assert (module.weight.dtype, module.weight.requires_grad) == (torch.int8, False)
        said(doc, "grad-dtype", "refusal", "requires_grad", "weight", value=True)
        doc.undo()
        assert module.weight.requires_grad


def test_not_a_leaf():
    """`deepcopy` of a computed tensor raises; it is written, copied and read all the same, and its flag is refused."""
    leaf = torch.ones(3, requires_grad=True)
    middle = leaf * 2
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(middle)
    with pytest.raises(RuntimeError, match="in-place"):
        leaf.mul_(2)
    copied = weightedit.detached_copy({"middle": middle, "same": middle})
    assert copied["middle"] is copied["same"]
    assert copied["middle"].tolist() == [2, 2, 2]
    assert copied["middle"].is_leaf
    assert copied["middle"].data_ptr() != middle.data_ptr()
    with weightedit.open({"leaf": leaf, "middle": middle}) as doc:
        said(doc, "not-a-leaf", "refusal", "requires_grad", "middle", value=False)
        doc.apply("scale", ["leaf", "middle"], factor=3.0)
        assert (leaf.tolist(), middle.tolist()) == ([3, 3, 3], [6, 6, 6])
        assert leaf.requires_grad


@pytest.mark.parametrize("how", ["in place", "through .data"])
def test_changed_elsewhere(how):
    """Whoever holds the tensor can change it, through `.data` without a trace; undo asks before that is lost."""
    module = nn.Linear(2, 2, bias=False)
    with weightedit.open(module) as doc:
        doc.apply("fill", "weight", value=1)
        version = module.weight._version
        if how == "in place":
            with torch.no_grad():
                module.weight.add_(1)
            assert module.weight._version > version
        else:
            module.weight.data += 1
            assert module.weight._version == version
        with pytest.raises(ConfirmationNeeded) as caught:
            doc.undo()
        (hazard,) = [one for one in caught.value.hazards if one.kind == "changed-elsewhere"]
        assert hazard.targets == ("weight",)
        assert bool((module.weight == 2).all())


def test_changed_elsewhere_to_another_parameter():
    """Code puts another Parameter in its place: the document holds the old one, and writes into neither unsaid."""
    module = nn.Linear(2, 2, bias=False)
    with weightedit.open(module) as doc:
        doc.apply("fill", "weight", value=1)
        module.weight = nn.Parameter(torch.full((2, 2), 2.0))
        hazard = said(doc, "changed-elsewhere", "refusal", "scale", "weight", factor=3.0)
        assert hazard.targets == ("weight",)
        doc.undo(accept="all")
        assert bool((module.weight == 2).all())
