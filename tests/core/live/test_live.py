"""Live modules: edits show in the person's own objects, training goes on, and undo puts the very objects back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import EditRefused


class Net(nn.Module):
    """An embedding tied to a linear layer, an LSTM with flat weights, a BatchNorm with its buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.project = nn.Linear(3, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.frozen = nn.Parameter(torch.ones(2, 3), requires_grad=False)
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("passing", torch.arange(3.0), persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.lstm(self.embed(tokens))[0]
        return self.head(self.project(self.norm(hidden.flatten(0, 1))))


def make(optimizer: str = "adam", steps: int = 2) -> tuple[Net, torch.optim.Optimizer]:
    torch.manual_seed(1)
    net = Net()
    kinds = {"adam": torch.optim.Adam, "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)}
    made = kinds[optimizer](net.parameters())
    for _ in range(steps):
        train(net, made)
    return net, made


def train(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    net(torch.arange(6).view(3, 2) % 7).square().sum().backward()
    optimizer.step()


def identity(net: Net, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """Every object and every bit a person could hold on to."""
    found: dict[str, Any] = {}
    for name, module in net.named_modules():
        for kind in ("_parameters", "_buffers"):
            for key, tensor in getattr(module, kind).items():
                if tensor is None:
                    continue
                grad = None if tensor.grad is None else (id(tensor.grad), oracle.bits(tensor.grad))
                found[f"{name}.{key}"] = (id(tensor), oracle.bits(tensor), tensor.requires_grad, tensor.dtype, grad)
        found[f"{name} order"] = (list(module._parameters), list(module._buffers))
    found["flat"] = [id(weight) for weight in net.lstm._flat_weights]
    if optimizer is not None:
        found["groups"] = [(id(group), id(group["params"]), [id(p) for p in group["params"]])
                           for group in optimizer.param_groups]  # fmt: skip
        found["state"] = {
            id(parameter): (id(state), {
                key: (id(value), oracle.bits(value) if isinstance(value, torch.Tensor) else value)
                for key, value in state.items()})
            for parameter, state in optimizer.state.items()
        }  # fmt: skip
    return found


def edit_at_random(data: st.DataObject, doc: weightedit.Document) -> None:
    name = data.draw(st.sampled_from(sorted(doc.tensors)))
    info = doc.tensors[name]
    tied = data.draw(st.sampled_from(["all", "untie"]))
    floating = info.dtype.is_floating_point
    whats = ["scale", "fill", "set", "cast", *(["transpose"] if len(info.shape) > 1 else []), *(["flag"] * floating)]
    what = data.draw(st.sampled_from(whats))
    if what == "scale":
        doc.apply("scale", name, factor=3, accept="all")
    elif what == "fill":
        doc.apply("fill", name, value=1, region="[0:1]" if info.shape else None, accept="all")
    elif what == "set":
        doc.apply("set", name, values=torch.full(info.shape, 2), accept="all")
    elif what == "cast":
        dtype = data.draw(st.sampled_from(["float64", "bfloat16", "int32"]))
        doc.apply("cast", name, dtype=dtype, tied=tied, accept="all")
    elif what == "transpose":
        doc.apply("transpose", name, tied=tied, accept="all")
    else:
        doc.apply("requires_grad", name, value=data.draw(st.booleans()), tied=tied)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data(), optimizer=st.sampled_from(["adam", "sgd"]))
def test_undo_puts_back_the_same_objects(data, optimizer):
    """The Parameter, its gradient, its optimizer state and its place in param_groups; redo gives the same again."""
    net, made = make(optimizer)
    states = [identity(net, made)]
    with weightedit.open(net, optimizer=made) as doc:
        for _ in range(data.draw(st.integers(1, 5))):
            edit_at_random(data, doc)
            states.append(identity(net, made))
            expect_the_document_shows_the_module(doc, net)
        for position in [0, len(states) - 1, *data.draw(st.lists(st.integers(0, len(states) - 1), max_size=3)), 0]:
            doc.go_to(position)
            assert strip_state_objects(identity(net, made)) == strip_state_objects(states[position])
            expect_the_document_shows_the_module(doc, net)
        assert identity(net, made) == states[0]
        train(net, made)


def strip_state_objects(found: dict[str, Any]) -> dict[str, Any]:
    """Redo may carry the optimizer's state over again, into other objects with the same bits."""
    states = {key: {name: pair[1] for name, pair in state.items()} for key, (_, state) in found["state"].items()}
    return {**found, "state": states}


def expect_the_document_shows_the_module(doc: weightedit.Document, net: Net) -> None:
    live = dict(net.named_parameters(remove_duplicate=False)) | dict(net.named_buffers(remove_duplicate=False))
    assert live.keys() == doc.tensors.keys()
    for name, tensor in live.items():
        assert oracle.same_bits(doc.read(name), tensor.detach())
        info = doc.tensors[name]
        assert (info.dtype, info.shape, info.requires_grad) == (tensor.dtype, tuple(tensor.shape), tensor.requires_grad)
        assert info.kind == ("parameter" if isinstance(tensor, nn.Parameter) else "buffer")


def test_a_write_goes_into_the_very_parameter():
    net, _ = make()
    weight, before, version = net.head.weight, net.head.weight.detach().clone(), net.head.weight._version
    with weightedit.open(net) as doc:
        doc.apply("scale", "head.weight", factor=2.0, region="[1:3, :]")
        assert net.embed.weight is net.head.weight is weight
        assert weight.requires_grad
        assert weight.is_leaf
        assert weight._version > version  # a backward pass that needs the old values will notice
        expected = before.clone()
        expected[1:3] *= 2
        assert oracle.same_bits(weight.detach(), expected)


def test_a_rebind_keeps_the_pair_tied_and_training_going():
    net, optimizer = make()
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("cast", "*", dtype="float64", accept="all")
        assert net.embed.weight is net.head.weight
        assert isinstance(net.head.weight, nn.Parameter)
        parameters = [id(p) for group in optimizer.param_groups for p in group["params"]]
        assert parameters == [id(p) for p in net.parameters()]
        assert {id(p) for p in optimizer.state} <= set(parameters)
        before = net.head.weight.detach().clone()
        train(net, optimizer)
        assert not torch.equal(net.head.weight.detach(), before)


def test_lstm_runs_on_what_was_rebound():
    """RNNs keep their weights in a list besides: one left behind would go on using the old values."""
    torch.manual_seed(0)
    lstm, inputs = nn.LSTM(4, 3), torch.randn(5, 2, 4)
    with weightedit.open(lstm) as doc:
        doc.apply("cast", "*", dtype="float64")
        expected = copy.deepcopy(lstm)
        assert [id(weight) for weight in lstm._flat_weights] == [id(weight) for weight in lstm.parameters()]
        assert torch.equal(lstm(inputs.double())[0], expected(inputs.double())[0])
        doc.apply("fill", "weight_hh_l0", value=0)
        doc.undo()
        doc.undo()
        assert lstm(inputs)[0].dtype == torch.float32


def test_a_module_beside_its_state_dict_is_one_storage_group():
    """`state_dict()` returns the live storages."""
    module = nn.Linear(3, 2)
    state = module.state_dict()
    with weightedit.open({"m": module, "a": state}) as doc:
        assert doc.tensors["m.weight"].storage_group == doc.tensors["a.weight"].storage_group == "S1"
        assert doc.tensors["m.bias"].storage_group == doc.tensors["a.bias"].storage_group == "S2"
        doc.apply("fill", "a.weight", value=5)
        assert bool((module.weight == 5).all())
        edit = doc.apply("scale", "*.weight", factor=2)  # the same elements count once
        assert edit.targets == ("*.weight",)
        assert bool((module.weight == 10).all())
        doc.apply("cast", "m.weight", dtype="float64")
        assert state["weight"].dtype == torch.float64
        assert state["weight"].untyped_storage()._cdata == module.weight.untyped_storage()._cdata
        assert not isinstance(state["weight"], nn.Parameter)
        doc.go_to(0)
        assert state["weight"].data_ptr() == module.weight.data_ptr()


def test_one_of_a_tied_pair_is_untied_alone():
    net, optimizer = make()
    with weightedit.open(net, optimizer=optimizer) as doc:
        old = net.embed.weight
        doc.apply("cast", "head.weight", dtype="float64", tied="untie")
        assert net.embed.weight is old
        assert doc.tensors["embed.weight"].storage_group is None
        doc.apply("fill", "head.weight", value=0)
        assert not bool((old == 0).all())
        doc.go_to(0)
        assert net.head.weight is old
        assert doc.tensors["embed.weight"].storage_group == doc.tensors["head.weight"].storage_group == "S1"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_between_edit_and_undo_leaves_the_old_state_alone(optimizer):
    """Adam counts its steps in a tensor: carried over as the same object, it would run on in the old state too."""
    net, made = make(optimizer)
    before = identity(net, made)
    with weightedit.open(net, optimizer=made) as doc:
        doc.apply("cast", "project.weight", dtype="float32")
        train(net, made)
        doc.undo(accept={"changed-elsewhere"})
    key = "project.weight"
    assert identity(net, made)[key][:4] == before[key][:4]
    parameter = id(net.project.weight)
    assert identity(net, made)["state"][parameter] == before["state"][parameter]


def test_the_flag_is_set_on_the_live_tensor():
    net, _ = make()
    with weightedit.open(net) as doc:
        doc.apply("requires_grad", ["project.*", "frozen"], value=False)
        assert not net.project.weight.requires_grad
        assert not net.project.bias.requires_grad
        doc.undo()
        assert net.project.weight.requires_grad
        assert not net.frozen.requires_grad


def test_buffers_stay_buffers_and_keep_their_persistence():
    net, _ = make()
    with weightedit.open(net) as doc:
        doc.apply("cast", ["norm.running_mean", "passing"], dtype="float64")
        assert net.norm.running_mean.dtype == torch.float64
        assert "norm.running_mean" in net.state_dict()
        assert "passing" not in net.state_dict()
        assert not isinstance(net.passing, nn.Parameter)


def test_containers_of_parameters_are_rebound_in_place():
    net = nn.Module()
    net.listed = nn.ParameterList([torch.ones(2), torch.zeros(3)])
    net.named = nn.ParameterDict({"a": torch.ones(2)})
    net.plain = torch.ones(2)
    with weightedit.open(net) as doc:
        assert set(doc.tensors) == {"listed.0", "listed.1", "named.a", "plain"}
        doc.apply("cast", "*", dtype="float64")
        assert [p.dtype for p in net.listed] == [torch.float64] * 2
        assert net.named["a"].dtype == net.plain.dtype == torch.float64
        assert len(list(net.parameters())) == 3


def test_a_parametrized_weight_is_edited_through_its_original():
    net = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    with weightedit.open(net) as doc:
        names = [name for name in doc.tensors if "original" in name]
        assert len(names) == 2
        doc.apply("scale", names[0], factor=2.0)
        doc.apply("cast", names, dtype="float64")
        assert net.weight.dtype == torch.float64


def test_an_inference_tensor_is_refused_or_rebound_not_half_written():
    """torch raises on a write into one outside inference mode."""
    with torch.inference_mode():
        tensor, other = torch.ones(3), torch.ones(3)
    with pytest.raises(RuntimeError):
        other.add_(1)
    assert other.tolist() == [2, 2, 2]  # and has written all the same
    holder = {"w": tensor}
    with weightedit.open(holder) as doc:
        assert doc.read("w").tolist() == [1, 1, 1]
        with pytest.raises(EditRefused):
            doc.apply("scale", "w", factor=2.0)
        doc.apply("cast", "w", dtype="float64")
        assert holder["w"].dtype == torch.float64
        doc.undo()
        assert holder["w"] is tensor


def test_a_tensor_of_a_graph_is_written_and_kept():
    """A non-leaf cannot be deep-copied by torch; its values can still be edited."""
    leaf = torch.ones(3, requires_grad=True)
    holder = {"w": leaf * 2}
    middle = holder["w"]
    with weightedit.open(holder) as doc:
        doc.apply("scale", "w", factor=3.0)
        assert middle.tolist() == [6, 6, 6]
        doc.undo()
        assert holder["w"] is middle
        with pytest.raises(EditRefused):
            doc.apply("requires_grad", "w", value=False)


def test_lists_and_bare_tensors_open_too():
    tensors = [torch.zeros(2), {"x": torch.ones(3)}]
    with weightedit.open(tensors) as doc:
        assert list(doc.tensors) == ["0", "1.x"]
        doc.apply("cast", "0", dtype="int8")
        assert tensors[0].dtype == torch.int8
        assert doc.tensors[1, "x"].shape == (3,)
    alone = torch.zeros(2)
    with weightedit.open(alone) as doc:
        doc.apply("fill", list(doc.tensors), value=4)
    assert alone.tolist() == [4, 4]


@pytest.mark.parametrize("dtype", oracle.copyable_dtypes(), ids=oracle.name_of)
def test_lists_and_unions_reach_every_dtype(dtype):
    """`w[[0, 2]].copy_(1)` writes to a temporary, and torch indexes some dtypes by no list at all."""
    tensor = oracle.stored(torch.arange(24).view(4, 6) % 5, dtype)
    expected = tensor.clone()
    expected[0].copy_(torch.ones(6))
    expected[2].copy_(torch.ones(6))
    expected[:, 1].copy_(torch.ones(4))
    expected[:, 4].copy_(torch.ones(4))
    before = oracle.bits(tensor)
    with weightedit.open({"w": tensor}) as doc:
        doc.apply("fill", "w", value=1, region=["[[0, 2], :]", "[:, [1, 4]]"])
        assert oracle.same_bits(tensor, expected)
        doc.undo()
        assert oracle.bits(tensor) == before


def test_each_device(device):
    """The same bits wherever values are and wherever they are computed."""
    torch.manual_seed(0)
    values = torch.randn(50, 70)
    tensor = values.clone().to(device)
    with weightedit.open({"w": tensor}) as doc:
        assert doc.tensors["w"].device.startswith(device)
        doc.apply("scale", "w", factor=0.3, device=device)
        doc.apply("add", "w", value=1.7, region="[3:9, [5, 2]]", device=device)
        doc.apply("fill", "w", value=0.1, region="[::7, :]", device=device)
        expected = values * 0.3
        expected[3:9, [5, 2]] += 1.7
        expected[::7] = 0.1
        assert oracle.same_bits(tensor.cpu(), expected)
        doc.apply("cast", "w", dtype="bfloat16", device=device)
        assert doc.slot("w").held.described.live.device.type == torch.device(device).type
        assert oracle.same_bits(doc.read("w"), expected.bfloat16())
        doc.go_to(0)
        assert oracle.same_bits(tensor.cpu(), values)


def test_an_edit_computed_on_a_device_is_the_same_in_a_file(device, tmp_path):
    torch.save({"w": torch.randn(40, 30)}, tmp_path / "w.pt")
    found = []
    for where in ("cpu", device):
        with weightedit.open(tmp_path / "w.pt") as doc:
            doc.apply("scale", "w", factor=1 / 3, device=where)
            doc.apply("transpose", "w", device=where)
            doc.apply("cast", "w", dtype="float16", device=where)
            found.append(doc.read("w"))
    assert oracle.same_bits(*found)
