"""Dtypes that do not go together, and tensors where they cannot be."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tests.doctor.explain.provoking import Provoked


def half_attention():
    query = torch.zeros(1, 2, 3, 4)
    functional.scaled_dot_product_attention(query.half(), query, query)


def double_bias():
    layer = nn.Linear(10, 5)
    layer.bias = nn.Parameter(layer.bias.double())
    layer(torch.zeros(2, 10))


def integer_mean():
    torch.zeros(3, dtype=torch.int64).mean()


DTYPES = (
    Provoked("matrix-dtype", lambda: nn.Linear(10, 5)(torch.zeros(2, 10).double()),
             "float64 cannot be multiplied with float32: in a linear layer the input comes first and the weight "
             "second."),
    Provoked("matrix-dtype", lambda: nn.Linear(10, 5)(torch.zeros(2, 10).half()),
             "float16 cannot be multiplied with float32: in a linear layer the input comes first and the weight "
             "second."),
    Provoked("matrix-dtype", double_bias,
             "float64 and float32 meet in one product: in a linear layer the bias comes first and the weight second."),
    Provoked("product-dtype", lambda: torch.zeros(2, 3) @ torch.zeros(3, 3).double(),
             "float32 cannot be multiplied with float64."),
    Provoked("input-dtype", lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 8, 8).double()),
             "The input is float64, and the bias of the layer float32."),
    Provoked("scalar-type", lambda: nn.Conv2d(3, 8, 3, bias=False)(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)),
             "uint8 was expected and float32 found."),
    Provoked("scalar-type", lambda: torch.bmm(torch.zeros(2, 3, 4), torch.zeros(2, 4, 4).double()),
             "float32 was expected and float64 found."),
    Provoked("recurrent-dtype", lambda: nn.LSTM(5, 3)(torch.zeros(2, 1, 5).double()),
             "The input is float64, and the weights of the layer float32."),
    Provoked("attention-dtype", half_attention,
             "The query is float16, the key float32 and the value float32; attention takes one dtype."),
    Provoked("norm-dtype", lambda: nn.LayerNorm(3)(torch.zeros(2, 3).double()),
             "The input of a norm and its weight, bias or running values are of different dtypes."),
    Provoked("norm-dtype", lambda: nn.BatchNorm1d(3)(torch.zeros(2, 3).double()),
             "The input of a norm and its weight, bias or running values are of different dtypes."),
    Provoked("not-implemented", lambda: functional.mse_loss(torch.zeros(3).long(), torch.zeros(3).long()),
             "torch has no mse_cpu for int64 on this device."),
    Provoked("not-implemented", lambda: torch.zeros(3).long().softmax(0),
             "torch has no softmax_lastdim_kernel_impl for int64 on this device."),
    Provoked("low-precision", lambda: torch.linalg.inv(torch.zeros(2, 2).half()),
             "linalg.inv takes float32 and float64, and got float16."),
    Provoked("mean-dtype", integer_mean,
             "The mean of int64 would be cut to a whole number, and torch computes none."),
    Provoked("result-dtype", lambda: torch.zeros(3).long().div_(2),
             "The result is float32, and it was to go into a tensor of int64."),
    Provoked("result-dtype", lambda: nn.BCEWithLogitsLoss()(torch.tensor([0.5]), torch.tensor([1])),
             "The result is float32, and it was to go into a tensor of int64."),
    Provoked("grad-of-integers", lambda: nn.Parameter(torch.zeros(3).long()),
             "Whole numbers and truth values have no gradient; a tensor of such a dtype was to require one."),
    Provoked("grad-of-integers", lambda: torch.zeros(3).long().requires_grad_(),
             "Whole numbers and truth values have no gradient; a tensor of such a dtype was to require one."),
    Provoked("put-dtype", lambda: torch.zeros(3).__setitem__(torch.tensor([0]), torch.zeros(1).double()),
             "Values of float64 were put into a tensor of float32 by an index."),
    Provoked("scatter-dtype", lambda: torch.zeros(3).scatter_(0, torch.tensor([0]), torch.zeros(1).double()),
             "`scatter` puts values into a tensor of another dtype."),
    Provoked("mask-dtype", lambda: torch.where(torch.zeros(3), 1, 2),
             "A mask is of truth values, and got float32."),
    Provoked("mask-dtype", lambda: torch.zeros(3).masked_fill(torch.zeros(3), 1.0),
             "A mask is of truth values, and got float32."),
    Provoked("vector-dtype", lambda: torch.dot(torch.zeros(3), torch.zeros(3).double()),
             "float32 and float64 meet in one operation that takes a single dtype."),
    Provoked("vector-dtype", lambda: torch.lerp(torch.zeros(3), torch.zeros(3).double(), 0.5),
             "float32 and float64 meet in one operation that takes a single dtype."),
    Provoked("bool-arithmetic", lambda: torch.zeros(3).bool() - torch.zeros(3).bool(),
             "Truth values have no subtraction."),
    Provoked("bool-arithmetic", lambda: -torch.zeros(3).bool(),
             "Truth values have no negation."),
    Provoked("numpy-dtype", lambda: torch.zeros(3).bfloat16().numpy(),
             "numpy has no bfloat16."),
    Provoked("assigned-grad-dtype", lambda: setattr(nn.Parameter(torch.zeros(3)), "grad", torch.zeros(3).double()),
             "A gradient of one dtype was assigned to a tensor of another: float64 to float32."),
    Provoked("other-device", lambda: torch.zeros(3, device="meta") + torch.zeros(3),
             "A tensor is on cpu, and the others are on meta."),
    Provoked("cpu-memory", lambda: torch.empty(1 << 60),
             "4,611,686,018,427,387,904 bytes of memory were asked for, and there are not so many."),
    Provoked("numpy-device", lambda: torch.zeros(3, device="meta").numpy(),
             "The tensor is on meta, and numpy reads memory of the CPU only."),
    Provoked("device-name", lambda: torch.zeros(3, device="gpu"),
             "gpu is no device of torch."),
    Provoked("meta-tensor", lambda: nn.Linear(3, 3, device="meta").to("cpu"),
             "A meta tensor has a shape and a dtype and no values, so nothing can be copied out of it."),
)  # fmt: skip
