"""Modules made, called and asked wrongly, and tensors that are taken for single values."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tests.doctor.explain.provoking import Provoked


class Net(nn.Module):
    def forward(self, x, mask):
        return x


class Early(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(2, 2)


class EarlyParameter(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter(torch.zeros(2))


class Formless(nn.Module):
    pass


def linear():
    return nn.Linear(2, 2)


MODULES = (
    Provoked("missing-argument", lambda: Net()(torch.zeros(2)),
             "`forward` was called without 'mask'."),
    Provoked("unexpected-argument", lambda: linear()(torch.zeros(2), mask=None),
             "`forward` was given mask, which it does not take."),
    Provoked("argument-count", lambda: linear()(torch.zeros(2), 1),
             "`forward` takes 1 input, and was given 2 inputs."),
    Provoked("no-forward", lambda: Formless()(torch.zeros(2)),
             "Formless was called, and its class defines no `forward`."),
    Provoked("no-forward", lambda: nn.ModuleList([linear()])(torch.zeros(2)),
             "ModuleList was called, and its class defines no `forward`."),
    Provoked("before-init", Early,
             "A module was assigned before `nn.Module` was ready for it."),
    Provoked("before-init", EarlyParameter,
             "A parameter was assigned before `nn.Module` was ready for it."),
    Provoked("assigned-parameter", lambda: setattr(linear(), "weight", torch.zeros(2, 2)),
             "weight is a parameter, and a torch.FloatTensor was assigned to it."),
    Provoked("assigned-parameter", lambda: linear().register_parameter("scale", nn.Parameter(torch.zeros(2)) * 2),
             "scale is a parameter, and a torch.FloatTensor was assigned to it."),
    Provoked("assigned-buffer", lambda: setattr(nn.BatchNorm1d(2), "running_mean", [1]),
             "running_mean is a buffer, and a list was assigned to it."),
    Provoked("assigned-buffer", lambda: setattr(nn.Sequential(linear()), "0", 3),
             "0 is a child module, and an int was assigned to it."),
    Provoked("name-with-dot", lambda: linear().register_parameter("a.b", None),
             "A parameter was to be registered under a name with a dot in it."),
    Provoked("not-a-module", lambda: nn.Sequential(torch.relu),
             "torch._VariableFunctionsClass.relu was put among modules, and is none."),
    Provoked("not-a-tensor-argument", lambda: linear()((torch.zeros(2, 2),)),
             "linear was given a tuple as input, and takes a tensor."),
    Provoked("not-a-tensor-argument", lambda: linear()(np.zeros((2, 2))),
             "linear was given a numpy.ndarray as input, and takes a tensor."),
    Provoked("not-a-tensor-argument", lambda: nn.ReLU()(None),
             "relu was given None as input, and takes a tensor."),
    Provoked("argument-type", lambda: torch.zeros("3"),
             "zeros was given a str as size, and takes a tuple of ints."),
    Provoked("wrong-arguments", lambda: nn.Conv2d(2, 2, 1)([torch.zeros(2)]),
             "conv2d was given (list, Parameter, Parameter, tuple, tuple, tuple, int), and has no form that takes "
             "these."),
    Provoked("attribute", lambda: Net().fc3,
             "Net has no attribute, parameter, buffer or submodule fc3."),
    Provoked("attribute", lambda: nn.DataParallel(linear()).in_features,
             "DataParallel has no in_features of its own."),
    Provoked("attribute", lambda: torch.zeros(3).astype,
             "A tensor has no attribute astype."),
    Provoked("attribute", lambda: linear().state_dict().eval(),
             "A dict of weights was used as a module: it has no eval."),
    Provoked("lazy-parameter", lambda: nn.LazyLinear(3).weight.shape,
             "A parameter of a lazy module has no shape before the first input went through it."),
    Provoked("lazy-parameter", lambda: sum(one.numel() for one in nn.LazyLinear(3).parameters()),
             "A parameter of a lazy module has no shape before the first input went through it."),
    Provoked("not-one-value", lambda: torch.zeros(10).item(),
             "A tensor of 10 values was to become one Python number."),
    Provoked("not-one-value", lambda: float(torch.zeros(10)),
             "A tensor of several values was to become one Python number."),
    Provoked("not-an-index", lambda: [1, 2][torch.zeros(3).long()],
             "A tensor was used as an index or a count in Python, and is not one whole number."),
    Provoked("truth-value", lambda: bool(torch.zeros(3)),
             "A tensor with more than one value stands where True or False is meant."),
    Provoked("truth-value", lambda: bool(torch.zeros(0)),
             "A tensor with no values stands where True or False is meant."),
    Provoked("tensor-format", lambda: f"{torch.zeros(3):.2f}",
             "A format such as `:.2f` was given to a tensor of several values."),
    Provoked("numpy-objects", lambda: torch.tensor(np.array([object()])),
             "An array of object_ makes no tensor."),
    Provoked("negative-stride", lambda: torch.from_numpy(np.zeros(3)[::-1]),
             "The array is a view that runs backwards, as `x[::-1]` or `np.flip` make it."),
    Provoked("text-tensor", lambda: torch.tensor(["a"]),
             "A tensor was to be made of text."),
    Provoked("ragged", lambda: torch.tensor([[1, 2], [3]]),
             "The lists that a tensor is made of differ in length: 2 and 1 at dimension 1."),
    Provoked("no-dtype", lambda: torch.tensor([None]),
             "A tensor was to be made of None."),
    Provoked("negative-size", lambda: torch.zeros(-1),
             "A tensor was to be made with a size below 0."),
    Provoked("negative-size", lambda: torch.empty(-1),
             "A tensor was to be made with a size below 0: -1."),
    Provoked("empty-reduction", lambda: torch.zeros(0).max(),
             "max was asked of a tensor without values."),
    Provoked("singular", lambda: torch.linalg.inv(torch.zeros(3, 3)),
             "The matrix has no inverse: a row or column is made of others."),
    Provoked("not-positive", lambda: torch.linalg.cholesky(-torch.eye(3)),
             "The matrix is not positive-definite, as a Cholesky factorization needs: its first 1 × 1 are not."),
    Provoked("copy-construct", lambda: torch.tensor(torch.zeros(3)),
             "`torch.tensor(x)` was called with a tensor: it copies the values and leaves the graph."),
    Provoked("resized-output", lambda: torch.add(torch.zeros(3), 1, out=torch.zeros(4)),
             "The tensor given as `out=` was [4], and the result is [3]; torch resized it."),
)  # fmt: skip
