"""Every owner of a parameter follows a rebind: in containers, shared modules, a state_dict beside its module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, EditRefused


class Bare(nn.Module):
    """Parameters of its own, in lists and dicts, and a module that two names lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(3))
        self.listed = nn.ParameterList([torch.ones(2), torch.zeros(2)])
        self.named = nn.ParameterDict({"a": torch.ones(2)})
        self.inner = nn.Linear(3, 3)
        self.same = self.inner
        self.other = nn.Linear(3, 3)
        self.other.weight = self.inner.weight

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        out = self.other(self.same(self.inner(values * self.alpha)))
        return out.sum() + sum(one.sum() for one in self.listed) * self.named["a"].sum()


def trained(net: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    optimizer.zero_grad()
    loss = net(torch.ones(2, 3, dtype=next(net.parameters()).dtype))
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize("nested", [False, True], ids=["module", "nested"])
def test_a_rebind_reaches_every_owner_and_the_optimizer_has_each_parameter_once(nested):
    torch.manual_seed(0)
    net = Bare()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    trained(net, optimizer)
    objects = dict(net.named_parameters(remove_duplicate=False))
    params = list(optimizer.param_groups[0]["params"])
    opened = {"runs": [(1, {"net": net})]} if nested else net
    with weightedit.open(opened, optimizer=optimizer) as doc:
        doc.apply("cast", "*", dtype="float64")
        assert net.other.weight is net.same.weight is net.inner.weight
        now = [id(one) for one in optimizer.param_groups[0]["params"]]
        assert now == [id(one) for one in net.parameters()]
        assert len(set(now)) == len(now) == len(params)
        trained(net, optimizer)
        doc.undo(accept="all")
        assert {name: id(one) for name, one in net.named_parameters(remove_duplicate=False)} == {
            name: id(one) for name, one in objects.items()}  # fmt: skip
        assert [id(one) for one in optimizer.param_groups[0]["params"]] == [id(one) for one in params]
        trained(net, optimizer)


def test_a_state_dict_beside_its_module_follows_a_rebind_as_the_views_it_has():
    """Its entries are tensors of their own over the parameters' memory: they stay that, over the new memory."""
    module = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    module(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    state = module.state_dict()
    before = {name: id(one) for name, one in state.items()}
    with weightedit.open({"m": module, "a": state}, optimizer=optimizer) as doc:
        doc.apply("delete_rows", ["m.weight", "a.bias"], rows="0")
        assert state["weight"].data_ptr() == module.weight.data_ptr()
        assert state["bias"].data_ptr() == module.bias.data_ptr()
        assert (tuple(state["weight"].shape), module.out_features) == ((2, 4), 2)
        assert doc.tensors["m.weight"].storage_group == doc.tensors["a.weight"].storage_group
        assert [one is own for one, own in zip(optimizer.param_groups[0]["params"], module.parameters(), strict=True)]
        doc.apply("fill", "a.weight", value=3)
        assert bool((module.weight == 3).all())
        doc.apply("cast", "a.weight", dtype="float64", tied="untie")
        assert module.weight.dtype == torch.float32
        assert state["weight"].dtype == torch.float64
        doc.go_to(0)
        assert {name: id(one) for name, one in state.items()} == before
        assert oracle.same_bits(state["weight"], module.weight.detach())


def test_tying_takes_the_parameter_that_no_slot_holds_out_of_the_optimizer_and_undo_puts_it_back():
    torch.manual_seed(0)
    net = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    net["b"](net["a"](torch.ones(1, 3))).sum().backward()
    optimizer.step()
    first, second = net["a"].weight, net["b"].weight
    kept = optimizer.state[second]
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("tie", "b.weight", to="a.weight", accept="all")
        assert net["b"].weight is first
        assert [one is first for one in optimizer.param_groups[0]["params"]] == [True]
        assert set(map(id, optimizer.state)) == {id(first)}
        optimizer.zero_grad()
        net["b"](net["a"](torch.ones(1, 3))).sum().backward()
        optimizer.step()
        doc.undo(accept="all")
        assert [id(one) for one in optimizer.param_groups[0]["params"]] == [id(first), id(second)]
        assert optimizer.state[second] is kept
    with weightedit.open(net) as doc, pytest.raises(ConfirmationNeeded, match="Adam goes on training"):
        doc.apply("tie", "b.weight", to="a.weight", accept={"shared-storage", "alias"})


def test_how_moments_follow_is_one_of_two_words():
    with weightedit.open(nn.Linear(2, 2)) as doc, pytest.raises(EditRefused, match="moments is 'maybe'"):
        doc.apply("cast", "weight", dtype="float64", moments="maybe")
