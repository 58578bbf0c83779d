"""An optimizer that trains something else than the model is told, as is state that no longer fits it."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.training_step.steps import above_notice, findings, only, step
from weightedit.core.errors import WeightEditError
from weightedit.doctor.inside.training.step import copied

X, Y = torch.linspace(-1, 1, 20).reshape(5, 4), torch.linspace(0, 1, 5).reshape(5, 1)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))


def trained(model, optimizer, steps=2):
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(X), Y).backward()
        optimizer.step()
    return model, optimizer


def test_a_weight_that_was_replaced_after_the_optimizer_was_made():
    """The optimizer goes on with the tensor that the model had before, and the new one never changes."""
    model, optimizer = trained(net(), torch.optim.Adam(net().parameters()))
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    model[0].weight = nn.Parameter(torch.zeros(3, 4))
    copy, its = copied(model, optimizer)
    (found,) = above_notice(findings(copy, X, Y, "mse", its))
    assert (found.kind, found.module, found.tensor) == ("optimizer-detached", "0", "0.weight")
    assert "Adam does not hold 1 of 4 parameters that require grad, and never changes it: 0.weight." in found.message
    assert "It holds 1 tensor that is not the model's, of [3, 4]." in found.message
    assert "0.weight was likely replaced after the optimizer was made" in found.message
    facts = step(*_copied(model, optimizer))
    assert {one.name for one in facts.parameters if one.moved == 0 or one.moved is None} == {"0.weight"}


def _copied(model, optimizer):
    copy, its = copied(model, optimizer)
    return copy, X, Y, "mse", its


def test_an_optimizer_over_a_part_is_told():
    (found,) = above_notice(findings(net(), X, Y, "mse", lambda model: torch.optim.SGD(model[1].parameters(), 0.1)))
    assert found.message.startswith("SGD does not hold 2 of 4 parameters")


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
def test_state_of_another_shape_is_told_before_the_step_raises(kind):
    model = net()
    given = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    _, optimizer = trained(model, kind(model.parameters(), lr=0.01, **given))
    with torch.no_grad():
        model[0].weight.data = torch.ones(5, 4)  # as people resize a layer under an optimizer
        model[0].bias.data = torch.zeros(5)
        model[1].weight.data = torch.ones(1, 5)
    copy, its = copied(model, optimizer)
    found = above_notice(findings(copy, X, Y, "mse", its))
    assert [one.kind for one in found] == ["optimizer-state-shape"] * 3
    assert [one.tensor for one in found] == ["0.weight", "0.bias", "1.weight"]
    assert "of 0.weight as [3, 4], and the parameter is [5, 4]" in found[0].message
    assert {one.level for one in found} == {"refusal"}
    assert found[0].torch_says


def test_a_rate_of_0_changes_nothing():
    (found,) = above_notice(findings(net(), X, Y, "mse", lambda model: torch.optim.SGD(model.parameters(), lr=0.0)))
    assert found.kind == "step-lost"
    assert "its learning rate is 0" in found.message


def test_a_step_that_bfloat16_rounds_away_is_worth_knowing():
    found = findings(net().bfloat16(), X.bfloat16(), Y.bfloat16(), "mse",
                     lambda model: torch.optim.SGD(model.parameters(), lr=1e-7))  # fmt: skip
    assert [one.kind for one in found] == ["step-lost"]


def test_a_step_that_raises_and_an_optimizer_that_cannot_be_made():
    class Breaks(torch.optim.SGD):
        def step(self, closure=None):
            raise KeyError("exp_avg")

    (found,) = findings(net(), X, Y, "mse", lambda model: Breaks(model.parameters(), lr=0.1))
    assert (found.kind, found.level) == ("optimizer", "refusal")
    assert "The step of Breaks raises KeyError, at test_optimizers.py:" in found.message
    (found,) = findings(net(), X, Y, "mse", lambda model: torch.optim.SGD([], lr=0.1))
    assert "The optimizer cannot be made: it raises ValueError" in found.message
    assert "The optimizer was given nothing to train." in found.message
    assert "empty parameter list" in found.torch_says


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.LBFGS, torch.optim.Adafactor,
                                  torch.optim.Rprop, torch.optim.NAdam])  # fmt: skip
def test_optimizers_of_torch_take_their_step_after_a_few(kind):
    """Their state is copied along, and none of it is taken for a misfit: Adafactor keeps rows and columns."""
    model = net()
    optimizer = kind(model.parameters(), lr=0.01)
    if kind is not torch.optim.LBFGS:
        trained(model, optimizer)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    facts = step(*_copied(model, optimizer))
    assert facts.done[-1] == "step"
    assert all(one.is_held and one.moved > 0 for one in facts.parameters)
    assert findings(*_copied(model, optimizer)) == []
    assert all(torch.equal(before[name], one) for name, one in model.named_parameters())


def test_more_than_the_model_is_worth_knowing():
    other = nn.Linear(2, 2)
    found = findings(net(), X, Y, "mse", lambda model: torch.optim.SGD([*model.parameters(), *other.parameters()], 0.1))
    assert only(found, "optimizer-detached").level == "notice"


FILE = """
import torch

def net():
    return torch.nn.Linear(4, 1)

def late(model, rate, nesterov=False):
    return torch.optim.SGD(model.parameters(), rate, momentum=0.9, nesterov=nesterov)
"""


@pytest.mark.parametrize(("optimizer", "kind", "rate"), [
    ("AdamW", "AdamW", 1e-3), ("adamw(lr=1e-4)", "AdamW", 1e-4), ("torch.optim.SGD(0.25)", "SGD", 0.25),
    (torch.optim.Adam, "Adam", 1e-3), (functools.partial(torch.optim.RMSprop, lr=0.5), "RMSprop", 0.5),
])  # fmt: skip
def test_optimizers_of_torch_by_name_or_class_hold_what_is_trained(optimizer, kind, rate):
    """Beside a live module, too: torch's own code is no stranger's."""
    model = net()
    model[0].weight.requires_grad_(False)
    found = weightedit.check(model.state_dict(), model, "float32[5,4]", target="float32[5,1]", loss="mse",
                             optimizer=optimizer)  # fmt: skip
    assert found["ok"]
    assert found["training"]["optimizer"] == {"type": kind, "lr": [rate]}
    assert set(found["training"]["changed"]) == {"0.bias", "1.weight", "1.bias"}


def test_code_that_makes_one_gets_its_arguments(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    state = nn.Linear(4, 1).state_dict()
    found = weightedit.check(state, "mine.py:net", "float32[5,4]", target="float32[5,1]", loss="mse", folder=tmp_path,
                             optimizer="mine.py:late(0.125, nesterov=True)")  # fmt: skip
    assert found["training"]["optimizer"] == {"type": "SGD", "lr": [0.125]}


def test_no_such_optimizer_names_those_that_are_close():
    model = net()
    with pytest.raises(WeightEditError, match=r"^There is no optimizer 'AdanW'\. Close to it: AdamW, Adam"):
        weightedit.check(model.state_dict(), model, "float32[5,4]", target="float32[5,1]", loss="mse",
                         optimizer="AdanW(lr=1)")  # fmt: skip
    with pytest.raises(WeightEditError, match="such as SGD"):
        weightedit.check(model.state_dict(), model, "float32[5,4]", target="float32[5,1]", loss="mse",
                         optimizer="Optimizer")  # fmt: skip


def test_what_is_known_of_an_exception_is_not_put_into_its_mouth():
    (found,) = findings(net(), X, Y, "mse", functools.partial(torch.optim.SGD, lr=-1))
    assert found.message == ("The optimizer cannot be made: it raises ValueError. The learning rate is -1, which the "
                             "optimizer does not take.")  # fmt: skip
    with pytest.raises(ValueError, match="learning rate") as raised:
        torch.optim.SGD(net().parameters(), lr=-1)
    assert found.torch_says == str(raised.value)
