"""What autograd refuses."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import nn

from tests.doctor.explain.provoking import Provoked


def leaf():
    return torch.zeros(3, requires_grad=True)


def computed():
    return leaf() * 2


def view_of_several():
    first, _ = torch.zeros(2, 2, requires_grad=True).unbind(0)
    first.add_(1)


def twice():
    weight = leaf()
    loss = (weight * weight).sum()
    loss.backward()
    loss.backward()


def changed_result():
    made = leaf().exp()
    made.add_(1)
    made.sum().backward()


def stepped():
    layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
    loss = layers(torch.ones(2, 3)).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    loss.backward()


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = nn.utils.weight_norm(nn.Linear(2, 2))
    copy.deepcopy(layer)


def flag_of_computed():
    computed().requires_grad = False


def inference():
    with torch.inference_mode():
        return torch.zeros(3)


def anomaly():
    with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        (torch.zeros(1, requires_grad=True).sqrt() * 0).sum().backward()


class TwoGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad, grad


def to_meta():
    nn.Parameter(torch.zeros(3)).data = torch.zeros(3, device="meta")


def overlapping_copy():
    cells = torch.arange(4.0)
    cells[1:].copy_(cells[:-1])


GRADIENTS = (
    Provoked("leaf-in-place", lambda: leaf().add_(1),
             "A parameter that requires a gradient was written into."),
    Provoked("leaf-in-place", lambda: leaf().__setitem__(0, 1),
             "A parameter that requires a gradient was written into in part, through a view."),
    Provoked("view-in-place", view_of_several,
             "Output 0 of Unbind is one of several views of a tensor, and was written into."),
    Provoked("second-backward", twice,
             "`backward()` ran a second time through a graph whose values are gone since the first."),
    Provoked("changed-since", changed_result,
             "A float32 tensor [3], made by Exp, is needed for a gradient and was changed since: it is at version "
             "1, version 0 is needed."),
    Provoked("changed-since", stepped,
             "A float32 tensor [4, 3], made by AsStrided, is needed for a gradient and was changed since: it is at "
             "version 2, version 1 is needed."),
    Provoked("no-gradient", lambda: torch.zeros(3).sum().backward(),
             "`backward()` was called on a tensor that hangs on no parameter that requires a gradient."),
    Provoked("unused-input", lambda: torch.autograd.grad(leaf().sum(), leaf()),
             "A gradient was asked for a tensor that the result was not computed from: the one at index 0."),
    Provoked("not-scalar", lambda: computed().backward(),
             "`backward()` was called on a tensor of several values."),
    Provoked("deepcopy", lambda: copy.deepcopy(computed()),
             "`deepcopy` came upon a tensor that was computed and belongs to a graph."),
    Provoked("deepcopy", old_weight_norm,
             "`deepcopy` came upon a tensor that was computed and belongs to a graph."),
    Provoked("numpy-grad", lambda: leaf().numpy(),
             "The tensor requires a gradient, and numpy could change its values unseen."),
    Provoked("numpy-grad", lambda: torch.zeros(3, dtype=torch.complex64).conj().numpy(),
             "The tensor is a lazy view: torch changes signs as it reads it."),
    Provoked("flag-of-computed", flag_of_computed,
             "`requires_grad` was set on a tensor that was computed from others."),
    Provoked("grad-of-computed", lambda: computed().grad,
             "`.grad` was read of a tensor that was computed from others; it stays None."),
    Provoked("inference-tensor", lambda: inference().requires_grad_(),
             "A tensor that was made under `torch.inference_mode()` is used where gradients are recorded, or "
             "changed."),
    Provoked("inference-tensor", lambda: inference().add_(1),
             "A tensor that was made under `torch.inference_mode()` is used where gradients are recorded, or "
             "changed."),
    Provoked("inference-tensor", lambda: (leaf() * inference()).sum().backward(),
             "A tensor that was made under `torch.inference_mode()` is used where gradients are recorded, or "
             "changed."),
    Provoked("nan-gradient", anomaly,
             "The backward pass of SqrtBackward0 made NaN."),
    Provoked("own-backward", lambda: TwoGradients.apply(leaf()).sum().backward(),
             "TwoGradientsBackward returned 2 gradients, not 1."),
    Provoked("overlapping-write", lambda: torch.zeros(1, 3).expand(2, 3).add_(1),
             "Cells of the tensor that is written lie on one another, or on those that are read."),
    Provoked("overlapping-write", overlapping_copy,
             "Cells of the tensor that is written lie on one another, or on those that are read."),
    Provoked("data-type", to_meta,
             "`.data` was set to a tensor of another device or layout."),
)  # fmt: skip
