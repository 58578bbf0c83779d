"""Ties in live modules, on each device: what torch trains, lists and saves afterwards, and what cannot be tied."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle


class Net(nn.Module):
    """Two layers of one shape, a buffer, and a block that two names lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.block = self.again = nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(self.block(self.second(self.first(x)))) + x @ self.mean


def train(net: nn.Module, optimizer: torch.optim.Optimizer, device: str, steps: int = 2) -> None:
    torch.manual_seed(5)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(3, 4, device=device)).square().mean().backward()
        optimizer.step()


@pytest.fixture
def net(device: str) -> Net:
    torch.manual_seed(0)
    return Net().to(device)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_tied_model_trains_as_one_that_was_built_tied(net: Net, device: str, kind: type) -> None:
    """The same losses, step by step, as with `second.weight = first.weight` before the optimizer was made."""
    built = copy.deepcopy(net)
    built.second.weight = built.first.weight
    expected = kind(built.parameters(), lr=0.05)
    optimizer = kind(net.parameters(), lr=0.05)
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("tie", "second.weight", to="first.weight", accept="all")
        assert net.second.weight is net.first.weight
        assert net.first.weight.device.type == device
        train(net, optimizer, device)
        train(built, expected, device)
        for name, tensor in built.state_dict().items():
            assert oracle.same_bits(net.state_dict()[name].cpu(), tensor.cpu()), name


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_untied_weight_goes_on_in_its_group_with_its_moments(net: Net, device: str, kind: type) -> None:
    net.second.weight = net.first.weight
    groups = [{"params": [net.first.weight], "lr": 0.01}, {"params": [net.first.bias, net.second.bias], "lr": 0.1}]
    optimizer = kind(groups, lr=0.5)
    train(net, optimizer, device)
    shared = net.first.weight
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("untie", "second.weight")
        first, second = optimizer.param_groups
        assert [id(one) for one in first["params"]] == [id(shared), id(net.second.weight)]
        assert len(second["params"]) == 2
        for key, value in optimizer.state.get(shared, {}).items():
            mine = optimizer.state[net.second.weight][key]
            assert torch.equal(torch.as_tensor(mine), torch.as_tensor(value))
            assert mine is not value or not isinstance(value, torch.Tensor)
        train(net, optimizer, device)
        assert not torch.equal(net.second.weight, net.first.weight)
        with pytest.raises(weightedit.ConfirmationNeeded) as asked:
            doc.undo()
        assert {hazard.kind for hazard in asked.value.hazards} == {"changed-elsewhere"}
        doc.undo(accept="all")
        assert net.second.weight is net.first.weight is shared
        assert [id(one) for one in optimizer.param_groups[0]["params"]] == [id(shared)]


def test_a_parameter_that_is_not_trained_takes_the_place_of_one_that_is(net: Net, device: str) -> None:
    """Only the first layer is in the optimizer; tied to the second, the tensor both hold is trained from then on."""
    optimizer = torch.optim.SGD([net.first.weight], lr=0.1)
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("tie", "first.weight", to="second.weight", accept="all")
        assert optimizer.param_groups[0]["params"] == [net.second.weight]
        before = net.second.weight.detach().clone()
        train(net, optimizer, device)
        assert not torch.equal(net.first.weight, before)
        doc.undo(accept="all")
        assert optimizer.param_groups[0]["params"][0] is net.first.weight


def test_what_a_module_registers_as_something_else_is_refused_the_other_way_offered(net: Net) -> None:
    """`module.weight = tensor` raises in torch; a Parameter assigned to a buffer's name would become a parameter."""
    with pytest.raises(TypeError):
        net.first.weight = net.mean
    with weightedit.open(net) as doc:
        [hazard] = doc.preflight("tie", "first.weight", to="mean")
        assert (hazard.kind, hazard.level) == ("alias", "refusal")
        [hazard] = doc.preflight("tie", "mean", to="first.weight")
        assert hazard.level == "refusal"
        assert list(net.state_dict())[:2] == ["mean", "first.weight"]


def test_one_module_under_two_names_is_one_slot_to_untie(net: Net) -> None:
    """Both names lead into the same `Linear`: giving it another weight gives it to both, so they cannot be parted."""
    with weightedit.open(net) as doc:
        assert doc.find("again.weight").held is doc.find("block.weight").held
        assert doc.preflight("untie", "again.weight")[0].level == "refusal"
        doc.apply("tie", "again.weight", to="first.weight", accept="all")
        assert net.block.weight is net.again.weight is net.first.weight
        assert doc.find("block.weight").held is doc.find("first.weight").held
        doc.apply("untie", "block.weight")
        assert net.again.weight is not net.first.weight
        doc.go_to(0)
        assert net.block.weight is not net.first.weight


def test_a_module_and_its_state_dict_are_shown_in_one_group_and_can_be_parted(net: Net, device: str) -> None:
    """`state_dict()` returns the live storages: a write to one is a write to the other, until it is untied."""
    state = net.state_dict()
    with weightedit.open({"m": net, "a": state}) as doc:
        group = doc.tensors["a.first.weight"].storage_group
        assert group == doc.tensors["m.first.weight"].storage_group is not None
        doc.apply("fill", "a.first.weight", value=2)
        assert bool((net.first.weight == 2).all())
        doc.apply("untie", "a.first.weight")
        doc.apply("fill", "a.first.weight", value=3)
        assert bool((net.first.weight == 2).all())
        assert bool((state["first.weight"] == 3).all())
        assert state["first.weight"].device.type == device
        [hazard] = doc.preflight("tie", "m.first.weight", to="a.first.weight")
        assert hazard.level == "refusal"
        [edit] = hazard.alternatives
        doc.apply(edit.operation, list(edit.targets), accept="all", **edit.arguments)
        assert state["first.weight"] is net.first.weight


def test_hooks_and_gradients_stay_with_the_tensor_that_stays(net: Net, device: str) -> None:
    calls: list[int] = []
    net.second.register_forward_hook(lambda *_: calls.append(1))
    net(torch.randn(2, 4, device=device)).sum().backward()
    kept, given_up = net.first.weight.grad, net.second.weight
    grad = given_up.grad
    with weightedit.open(net) as doc:
        doc.apply("tie", "second.weight", to="first.weight", accept="all")
        assert net.second.weight.grad is kept
        net(torch.randn(2, 4, device=device))
        doc.undo()
        assert net.second.weight is given_up
        assert given_up.grad is grad
    assert len(calls) == 2


@pytest.mark.cuda
def test_tensors_of_two_devices_are_not_tied() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    with weightedit.open({"a": torch.ones(2), "b": torch.ones(2, device="cuda")}) as doc:
        assert [hazard.kind for hazard in doc.preflight("tie", "a", to="b")] == ["device-mix"]


def test_replacing_says_that_it_copies_and_offers_the_tie() -> None:
    """`m.a.weight = m.b.weight` shares in torch, `replace` does not: it says so, and the tie is one press away."""
    live = {"a": torch.zeros(3), "b": torch.ones(3), "c": torch.ones(4)}
    with weightedit.open(live) as doc:
        [notice] = doc.preflight("replace", "a", source="b")
        assert (notice.kind, notice.level) == ("alias", "notice")
        doc.apply("replace", "a", source="b")
        live["b"].fill_(5)
        assert bool((live["a"] == 1).all())
        doc.undo()
        [edit] = notice.alternatives
        doc.apply(edit.operation, list(edit.targets), accept="all", **edit.arguments)
        assert live["a"] is live["b"]
        assert [hazard.alternatives for hazard in doc.preflight("replace", "c", source="b")
                if hazard.kind == "alias"] == [()]  # fmt: skip


def test_a_write_to_shared_cells_offers_to_untie_first() -> None:
    base = torch.zeros(4, 4)
    live = {"base": base, "row": base[1]}
    with weightedit.open(live) as doc:
        [notice] = doc.preflight("fill", "row", value=1)
        assert (notice.kind, notice.labels) == ("shared-storage", ("Untie first",))
        [edit] = notice.alternatives
        doc.apply(edit.operation, list(edit.targets))
        assert doc.preflight("fill", "row", value=1) == []
        doc.apply("fill", "row", value=1)
        assert not base.any()
