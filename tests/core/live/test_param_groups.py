"""Undo finds the parameters of an optimizer wherever other code has put them, and state of a whole group is dropped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.core.live.test_moments import Pair


def _sgd() -> tuple[nn.Linear, torch.optim.Optimizer, weightedit.Document]:
    net = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return net, optimizer, weightedit.open(net, optimizer=optimizer)


def _trained(optimizer: torch.optim.Optimizer) -> list[int]:
    return [id(one) for group in optimizer.param_groups for one in group["params"]]


def test_undo_and_redo_reach_a_list_that_was_put_in_the_place_of_the_old_one():
    net, optimizer, document = _sgd()
    old, bias = net.weight, net.bias
    document.apply("transpose", "weight", accept="all")
    new = net.weight
    group = optimizer.param_groups[0]
    group["params"] = list(group["params"])
    document.undo()
    assert net.weight is old
    assert _trained(optimizer) == [id(old), id(bias)]
    group["params"] = list(group["params"])
    document.redo()
    assert net.weight is new
    assert _trained(optimizer) == [id(new), id(bias)]
    document.close()


def test_undo_of_tying_puts_what_left_into_a_new_list_with_its_name():
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    optimizer = torch.optim.SGD(list(net.named_parameters()), lr=0.1)
    document = weightedit.open(net, optimizer=optimizer)
    before, names = _trained(optimizer), list(optimizer.param_groups[0]["param_names"])
    document.apply("tie", "b.weight", to="a.weight", accept="all")
    assert len(_trained(optimizer)) == 3
    group = optimizer.param_groups[0]
    group["params"], group["param_names"] = list(group["params"]), list(group["param_names"])
    document.undo()
    assert _trained(optimizer) == before
    assert group["param_names"] == names
    document.close()


def test_undo_leaves_a_parameter_that_was_added_to_a_new_list():
    net, optimizer, document = _sgd()
    old, bias, more = net.weight, net.bias, nn.Parameter(torch.ones(1))
    document.apply("transpose", "weight", accept="all")
    optimizer.param_groups[0]["params"] = [*optimizer.param_groups[0]["params"], more]
    document.undo()
    assert _trained(optimizer) == [id(old), id(bias), id(more)]
    document.close()


def _lbfgs() -> tuple[Pair, torch.optim.Optimizer, weightedit.Document]:
    torch.manual_seed(3)
    net = Pair()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=3)
    _step(net, optimizer)
    return net, optimizer, weightedit.open(net, optimizer=optimizer)


def _step(net: Pair, optimizer: torch.optim.Optimizer) -> None:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = net(torch.linspace(-1, 1, 20).view(5, 4)).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)


@pytest.mark.parametrize("moments", ["follow", "drop"])
@pytest.mark.parametrize("targets", [["second.weight", "second.bias"], ["second.bias", "second.weight"]])
def test_lbfgs_goes_on_after_the_shape_of_a_later_parameter_changes(targets, moments):
    net, optimizer, document = _lbfgs()
    first = next(net.parameters())
    state, history = optimizer.state[first], list(optimizer.state[first]["old_dirs"])
    found = document.preflight("delete_rows", targets, rows="0", moments=moments)
    told = [one for one in found if one.kind == "optimizer-state-shape"]
    assert [one.level for one in told] == ["warning" if moments == "follow" else "notice"]
    if moments == "drop":
        assert told[0].alternatives == (), "following would lead back to the same"
    document.apply("delete_rows", targets, rows="0", accept="all", moments=moments)
    assert first not in optimizer.state or not optimizer.state[first]
    _step(net, optimizer)
    document.undo(accept="all")
    assert optimizer.state[first] is state
    assert all(one is other for one, other in zip(history, state["old_dirs"], strict=True))
    _step(net, optimizer)
    document.close()


def test_lbfgs_starts_anew_where_parameters_become_one():
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=2)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = net["b"](net["a"](torch.ones(1, 2))).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    document = weightedit.open(net, optimizer=optimizer)
    found = document.preflight("tie", "b.weight", to="a.weight")
    assert [one.level for one in found if one.kind == "optimizer-state-shape"] == ["warning"]
    document.apply("tie", "b.weight", to="a.weight", accept="all")
    optimizer.step(closure)
    document.undo(accept="all")
    optimizer.step(closure)
    document.close()


def test_lbfgs_keeps_its_state_where_values_stay_in_their_cells():
    net, optimizer, document = _lbfgs()
    state = optimizer.state[next(net.parameters())]
    document.apply("scale", "second.weight", factor=0.5, accept="all")
    assert optimizer.state[next(net.parameters())] is state
    document.close()


def test_following_is_offered_only_where_it_can_be_done():
    """Adam's moments can be cut along with rows; where they cannot follow, the link would only lead back."""
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    document = weightedit.open(net, optimizer=optimizer)
    source = torch.ones(4, 3)
    told = {
        name: next(one for one in document.preflight(name, "weight", moments="drop", **arguments)
                   if one.kind == "optimizer-state-shape")
        for name, arguments in {"delete_rows": {"rows": "0"}, "replace": {"source": source}}.items()
    }  # fmt: skip
    assert told["delete_rows"].labels == ("Let the moments follow",)
    assert told["replace"].alternatives == ()
    document.close()


def test_one_step_follows_all_tensors_of_an_edit():
    """A step for each tensor would keep every list of parameters as often as there are tensors."""
    from weightedit.core.live.optimizer import OptimizerStep

    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    optimizer = torch.optim.Adam(net.parameters())
    document = weightedit.open(net, optimizer=optimizer)
    document.apply("cast", "*", dtype="float16", accept="all")
    [step] = document.history.steps
    assert sum(isinstance(command, OptimizerStep) for command in step.commands) == 1
    assert _trained(optimizer) == [id(one) for one in net.parameters()]
    document.close()
