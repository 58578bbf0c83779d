"""A run leaves a live module as it was: its buffers, weights, attributes, inputs and hooks, whatever its code does."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from weightedit.doctor.inside.capturing.captures import capture


def bits(module):
    return {name: value.detach().cpu().numpy().tobytes() for name, value in
            [*module.named_parameters(), *module.named_buffers()]}  # fmt: skip


def test_batch_norm_that_trains_has_the_statistics_of_before(tmp_path, device):
    model = nn.Sequential(nn.BatchNorm1d(3), nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))).to(device)
    before, buffer, x = bits(model), model[0].running_mean, torch.randn(8, 3, device=device)
    grads = [parameter.requires_grad for parameter in model.parameters()]
    with capture(model, (x,), folder=tmp_path) as captures:
        assert captures.run.changed == ()
        assert captures.memory_nbytes == sum(captures.content(name)[0].nbytes for name in captures._tensors)
    assert bits(model) == before
    assert model[0].running_mean is buffer
    assert model.training
    assert [parameter.requires_grad for parameter in model.parameters()] == grads
    assert all(parameter.grad is None for parameter in model.parameters())
    model(x)
    assert bits(model) != before  # so that there was something to put back


def test_copies_that_are_no_longer_needed_give_the_disk_back_at_once(tmp_path):
    """Not only when Python's collector comes by; also where a comparison found a difference."""
    gc.disable()
    try:
        with capture(nn.BatchNorm1d(100), (torch.randn(8, 100),), folder=tmp_path, budget=0) as captures:
            assert captures.disk_nbytes == sum(captures.content(name)[0].nbytes for name in captures.names) == 6400
            assert captures.memory_nbytes == 0
    finally:
        gc.enable()


def test_in_a_process_that_ends_nothing_need_be_put_back(tmp_path):
    model = nn.BatchNorm1d(3)
    with capture(model, (torch.randn(8, 3),), folder=tmp_path, leaves_no_trace=False):
        assert model.num_batches_tracked == 1


class Messy(nn.Module):
    """A forward that changes everything it can reach."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.clipped = nn.Parameter(torch.full((4,), 3.0))
        self.given = nn.Parameter(torch.full((4,), 5.0))
        self.replaced = nn.Parameter(torch.ones(2))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("cache", torch.zeros(2), persistent=False)
        self.table = nn.Embedding(4, 3, max_norm=0.1)
        self.plain = torch.zeros(3)
        self.history, self.seen, self.by_name, self.count = [1], {1}, {"a": 1}, 0

    def forward(self, x):
        self.steps += 1
        self.cache = torch.ones(5)
        self.plain.add_(1)
        self.weight.data.mul_(2)
        self.clipped.clamp_(max=1)
        self.given.data = torch.renorm(self.given.data[None], 2, 0, 1)[0]
        self.replaced = nn.Parameter(torch.zeros(3))
        self.history.append(x)
        self.seen.add(2)
        self.by_name["b"] = x
        self.count += 1
        self.last = x
        self.register_buffer("new", torch.ones(1))
        self.training = False
        found = self.table(torch.arange(4)).sum() + self.weight.sum() + self.given.sum()
        return x.add_(1) + found


@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_a_forward_that_changes_everything(tmp_path, budget):
    """Also with no budget for copies of weights: what torch does not count is then the only thing that is not seen."""
    torch.manual_seed(0)
    model, x = Messy(), torch.zeros(2)
    with torch.no_grad():
        model.table.weight.mul_(10)
    before, objects = bits(model), {**dict(model.named_parameters()), **dict(model.named_buffers())}
    attributes = dict(vars(model))
    if not budget:
        model.clipped.requires_grad_(False)
    with capture(model, (x,), folder=tmp_path, budget=budget) as captures:
        assert captures.run.failure is None
        # without copies, what was written in place is told where torch counts, and lost where it does not
        assert captures.run.changed == (() if budget else ("clipped",))
    unseen = set() if budget else {"weight", "clipped"}
    assert {name for name, found in bits(model).items() if found != before[name]} == unseen
    assert list(bits(model)) == list(before)
    assert {**dict(model.named_parameters()), **dict(model.named_buffers())} == objects
    assert {**dict(model.named_parameters()), **dict(model.named_buffers())}["cache"] is objects["cache"]
    assert (model.history, model.seen, model.by_name, model.count) == ([1], {1}, {"a": 1}, 0)
    assert set(vars(model)) == set(attributes)
    assert model.training
    assert model.plain.tolist() == [0, 0, 0]
    assert x.tolist() == [0, 0]


def test_hooks_of_the_person_stay_and_are_seen(tmp_path):
    """A pre-hook changes what forward gets and a hook what it gives: captures show what came of both."""
    model = nn.Sequential(nn.Identity())
    mine = [model[0].register_forward_pre_hook(lambda module, args: (args[0] + 1,)),
            model[0].register_forward_hook(lambda module, args, output: output * 10)]  # fmt: skip
    with capture(model, (torch.ones(1),), folder=tmp_path) as captures:
        assert [captures.read(name).item() for name in ("input", "0.input", "0.output", "output")] == [1, 2, 20, 20]
    assert list(model[0]._forward_hooks.values())
    assert len(model[0]._forward_pre_hooks) == 1
    assert not model._forward_hooks
    for handle in mine:
        handle.remove()
    assert not model[0]._forward_hooks


def test_an_exception_out_of_the_run_puts_back_too(tmp_path):
    """Ctrl+C in the middle is the person's: it goes on, with the model as it was."""

    class Interrupted(nn.BatchNorm1d):
        def forward(self, x):
            super().forward(x)
            raise KeyboardInterrupt

    model = Interrupted(3)
    before = bits(model)
    with pytest.raises(KeyboardInterrupt):
        capture(model, (torch.randn(8, 3),), folder=tmp_path)
    assert bits(model) == before
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert list(tmp_path.iterdir()) == []
