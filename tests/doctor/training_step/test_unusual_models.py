"""What is unusual and right has no finding above a notice: masks of infinities, tiny scales, experts that did not run,
scripts, nested tensors, functions over modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.doctor.training_step.steps import above_notice, findings, only, step
from weightedit.doctor.inside.training.step import copied
from weightedit.doctor.training_step.parts import STAGES

X, Y = torch.linspace(-1, 1, 20).reshape(5, 4), torch.linspace(0, 1, 5).reshape(5, 1)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class Masked(nn.Module):
    """Scores that a mask of infinities rules out, as attention has them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.scores, self.last = nn.Linear(4, 4), nn.Linear(4, 1)
        self.register_buffer("mask", torch.tensor([0.0, 0.0, 0.0, -float("inf")]))

    def forward(self, x, extra=None):
        return self.last((self.scores(x) + self.mask + (0 if extra is None else extra)).softmax(-1))


def test_masks_of_infinities():
    assert findings(Masked(), X, Y) == []
    extra = torch.zeros(5, 4)
    extra[0, 0] = -float("inf")
    (found,) = findings(Masked(), (X, extra), Y)
    assert (found.level, found.message) == ("notice", "Input 1 has 1 infinite value among its 20 values.")


def test_a_mask_is_not_blamed_for_nan_that_begins_elsewhere():
    model = Masked()
    (found,) = above_notice(findings(model, X, Y, lambda output, target: (output - 1e9).log().mean()))
    assert "it begins in the loss itself" in found.message


def test_a_buffer_with_nan_is_named():
    model = Masked()
    model.mask[0] = float("nan")
    (found,) = above_notice(findings(model, X, Y))
    assert (found.kind, found.tensor) == ("non-finite", "mask")


def test_a_scale_that_is_made_next_to_nothing():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.inner, self.scale = net(), nn.Module()
            self.scale.gamma = nn.Parameter(torch.full((1,), 1e-6))

        def forward(self, x):
            return x.sum(1, keepdim=True) + self.scale.gamma * self.inner(x)

    facts = step(Scaled(), X, Y * 10)
    gamma = next(one for one in facts.parameters if one.name == "scale.gamma")
    assert gamma.grad.norm > 1000 * gamma.values.norm
    assert above_notice(findings(Scaled(), X, Y * 10)) == []


def test_experts_of_which_one_is_not_chosen():
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.experts = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))

        def forward(self, x):
            chosen = torch.zeros(len(x), 3)
            chosen[:, 0], chosen[:2, 1] = 1.0, 1.0
            return sum(expert(x) * chosen[:, [at]] for at, expert in enumerate(self.experts))

    found = findings(Experts(), X, Y)
    assert {one.kind for one in found} == {"zero-gradient"}


def test_lists_of_parameters_are_used_by_the_module_around_them():
    class Lists(nn.Module):
        def __init__(self):
            super().__init__()
            self.scales = nn.ParameterList([nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))])
            self.last = nn.Linear(4, 1)

        def forward(self, x):
            return self.last(x * self.scales[0])

    found = only(findings(Lists(), X, Y), "unreached")
    assert found.message == ("1 parameter gets no gradient, though its module runs; the loss does not depend on it: "
                             "scales.1.")  # fmt: skip


def test_a_frozen_teacher_that_is_kept_out_of_the_parameters():
    class Student(nn.Module):
        def __init__(self):
            super().__init__()
            self.teacher = [net().requires_grad_(False)]
            self.inner = net()

        def forward(self, x):
            return self.inner(x) - self.teacher[0](x)

    assert findings(Student(), X, Y) == []


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_scripts_and_traces():
    for model in (torch.jit.script(net()), torch.jit.trace(net(), X)):
        facts = step(model, X, Y)
        assert facts.done == STAGES
        assert all(one.grad is not None for one in facts.parameters)
        assert above_notice(findings(model, X, Y)) == []


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_what_torch_compile_made_runs_as_it_was_written():
    facts = step(torch.compile(net()), X, Y)
    assert facts.done == STAGES
    assert findings(torch.compile(net()), X, Y) == []


def test_functions_over_modules():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.inner = net()

        def forward(self, x):
            slopes = torch.func.vmap(torch.func.grad(lambda one: self.inner(one).sum()))(x)
            return slopes.sum(1, keepdim=True) + self.inner(x)

    assert above_notice(findings(Mapped(), X, Y)) == []


def test_nested_tensors():
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 1)

        def forward(self, parts):
            return torch.stack([one.sum() for one in self.inner(parts).unbind()])

    parts = torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=torch.jagged)
    assert above_notice(findings(Sums(), parts, None, "sum")) == []


def test_a_model_inside_a_wrapper_and_one_that_is_copied_with_hooks():
    wrapped = nn.DataParallel(net())
    assert above_notice(findings(wrapped, X, Y)) == []
    model = net()
    model[0].register_full_backward_hook(lambda module, given, made: None)
    assert findings(copied(model)[0], X, Y) == []
