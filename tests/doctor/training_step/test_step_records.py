"""A step changes the copy alone, leaves no hook and no random state behind, and its records survive the way between
processes."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from tests.doctor.training_step.steps import above_notice, findings, step
from weightedit.doctor.inside.training.step import copied, train_step
from weightedit.doctor.inside.training.values import bad_count, values_of
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.training_step.facts import TrainingFacts
from weightedit.doctor.training_step.parts import STAGES


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(8, 1))


X, Y = torch.linspace(-1, 1, 20).reshape(5, 4), torch.linspace(0, 1, 5).reshape(5, 1)


def test_the_model_that_was_copied_is_untouched():
    model = net().eval()
    model[0].weight.grad = torch.ones(8, 4)
    model.computed = model[0].weight * 2  # a non-leaf, which deepcopy does not take
    before = {name: one.detach().clone() for name, one in model.state_dict().items()}
    versions = [one._version for one in model.parameters()]
    random = torch.get_rng_state()
    facts = train_step(copied(model)[0], (X,), {}, Y, "mse")
    assert facts.done == STAGES
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert [one._version for one in model.parameters()] == versions
    assert torch.equal(model[0].weight.grad, torch.ones(8, 4))
    assert not model.training
    assert torch.equal(random, torch.get_rng_state())


def test_the_step_is_the_one_that_a_loop_of_ones_own_takes():
    """Parameters after it are those of the plain loop with the same seed, bit for bit."""
    model, plain = net(), net()
    train_step(model, (X,), {}, Y, "mse", lambda model: torch.optim.Adam(model.parameters(), 0.1), seed=3)
    optimizer = torch.optim.Adam(plain.parameters(), 0.1)
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        nn.functional.mse_loss(plain(X), Y).backward()
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(model.state_dict().values(), plain.state_dict().values(),
                                                            strict=True))  # fmt: skip


def test_no_hook_is_left():
    for loss in ("mse", lambda output, target: output["wrong"]):
        model = net()
        train_step(model, (X,), {}, Y, loss)
        assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())


def test_the_norms_that_are_told_are_those_of_torch():
    model = net()
    values = [one.detach().clone() for one in model.parameters()]
    facts = step(model, X, Y)
    for record, before, now in zip(facts.parameters, values, model.parameters(), strict=True):
        assert record.values.norm == pytest.approx(float(before.norm()), rel=1e-6)
        assert record.grad.norm == pytest.approx(float(now.grad.norm()), rel=1e-6)
        assert record.grad.largest == float(now.grad.abs().max())
        assert record.after.norm == pytest.approx(float(now.detach().norm()), rel=1e-6)
        assert record.moved == pytest.approx(float((now.detach() - before).norm()), rel=1e-6)


def test_it_works_where_gradients_are_off():
    model = net()
    with torch.no_grad():
        assert step(model, X, Y).done == STAGES
    with torch.inference_mode():
        assert step(model, X, Y).done == STAGES


def test_a_record_with_nan_and_infinities_comes_back():
    facts = train_step(net(), (X * float("inf"),), {}, Y, "mse")
    read = from_json(TrainingFacts, json.loads(json.dumps(to_json(facts))))
    assert repr(read) == repr(facts)


def test_parametrized_weights_and_hooks_train_as_they_are():
    model = net()
    torch.nn.utils.parametrizations.weight_norm(model[0])
    seen = []
    model[1].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    facts = train_step(copied(model)[0], (X,), {}, Y, "mse")
    assert facts.done == STAGES
    assert len(seen) == 1
    assert above_notice(findings(copied(model)[0], X, Y)) == []


def test_lazy_modules_are_told_by_what_they_become():
    facts = step(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)), X, Y)
    assert facts.done == STAGES
    assert facts.parameters[0].shape == (3, 4)
    assert findings(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)), X, Y) == []


def test_sparse_gradients_are_read():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 4, sparse=True)

        def forward(self, ids):
            return self.embed(ids).mean((1, 2))

    facts = step(Words(), torch.tensor([[1, 2], [3, 4]]), None, "sum")
    assert facts.done == STAGES
    assert facts.parameters[0].grad.norm > 0


def test_checkpointed_modules_are_healthy():
    """Their forward runs again in the backward pass."""

    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x):
            return self.last(torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False))

    assert findings(Again(), X, Y) == []


@pytest.mark.parametrize("make", [
    lambda: torch.tensor([1.5, -2.0, float("nan"), float("inf"), -float("inf")]),
    lambda: torch.tensor([], dtype=torch.float16),
    lambda: torch.tensor([3, -4], dtype=torch.int64),
    lambda: torch.tensor([True, False]),
    lambda: torch.tensor([3 + 4j, complex(float("nan"), 1)]),
    lambda: torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
    lambda: torch.eye(3).to_sparse(),
])  # fmt: skip
def test_values_of_every_kind_are_read(make):
    tensor = make()
    found = values_of(tensor)
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    wide = dense.to(torch.complex128 if dense.is_complex() else torch.float64)
    finite = wide[wide.isfinite()]
    assert found.nan == int(wide.isnan().sum())
    assert found.inf == int(wide.isinf().sum())
    assert found.norm == pytest.approx(float(finite.abs().square().sum().sqrt()))
    assert found.largest == (float(finite.abs().max()) if len(finite) else 0)
    assert bad_count(tensor) == (0 if not (tensor.is_floating_point() or tensor.is_complex())
                                 else found.nan + found.inf)  # fmt: skip
