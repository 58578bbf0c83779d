"""Losses whose target does not go with the output."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tests.doctor.explain.provoking import Provoked

LOSSES = (
    Provoked("loss-broadcast", lambda: nn.MSELoss()(torch.zeros(5, 1), torch.zeros(5)),
             "The target is [5] and the output of the model [5, 1]; the loss repeats one along the other."),
    Provoked("loss-broadcast", lambda: nn.L1Loss()(torch.zeros(5, 1), torch.zeros(5)),
             "The target is [5] and the output of the model [5, 1]; the loss repeats one along the other."),
    Provoked("bce-size", lambda: nn.BCELoss()(torch.zeros(5, 1), torch.zeros(5)),
             "The target is [5] and the output of the model [5, 1]; BCELoss takes both of one shape."),
    Provoked("loss-size", lambda: nn.BCEWithLogitsLoss()(torch.zeros(5, 1), torch.zeros(5)),
             "The target is [5] and the output of the model [5, 1]; this loss takes both of one shape."),
    Provoked("batch-mismatch", lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.zeros(10, dtype=torch.int64)),
             "The output of the model has 5 samples, and the target has 10."),
    Provoked("target-range", lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.full((5,), 10)),
             "A target says class 10, which the output of the model does not have."),
    Provoked("target-range", lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.full((5,), -1)),
             "A target says class -1, which the output of the model does not have."),
    Provoked("target-dtype", lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.zeros(5)),
             "The target is float32, and classes are int64."),
    Provoked("target-dtype", lambda: nn.NLLLoss()(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int32)),
             "The target is int32, and classes are int64."),
    Provoked("target-dimensions",
             lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.zeros(5, 1, dtype=torch.int64)),
             "The target has a dimension too many for classes."),
    Provoked("target-probabilities",
             lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.zeros(5, 3, dtype=torch.int64)),
             "The target has the shape of the output, so it is read as probabilities, and it is int64."),
    Provoked("target-size",
             lambda: nn.CrossEntropyLoss()(torch.zeros(5, 3, 2, 2), torch.ones(5, 2, 3, dtype=torch.int64)),
             "The output of the model is [5, 3, 2, 2], and the target [5, 2, 3]."),
    Provoked("target-positions",
             lambda: nn.CrossEntropyLoss()(torch.zeros(1, 16, 512), torch.ones(1, 16, dtype=torch.int64)),
             "The output of the model wants a target [1, 512], and the target is [1, 16]."),
    Provoked("class-weights",
             lambda: nn.CrossEntropyLoss(torch.ones(4))(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64)),
             "The loss has weights [4], and the output of the model has 3 classes."),
    Provoked("probability-range", lambda: nn.BCELoss()(torch.tensor([1.5]), torch.tensor([1.0])),
             "BCELoss takes probabilities from 0 to 1, and an output is outside, or NaN."),
    Provoked("binary-target-dtype", lambda: nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1])),
             "A tensor is int64 where float32 is expected."),
    Provoked("ctc-lengths",
             lambda: nn.CTCLoss()(torch.zeros(5, 2, 3), torch.ones(2, 3, dtype=torch.int64), (9, 9), (3, 3)),
             "A length is 9, and the output of the model has 5 steps."),
    Provoked("one-hot-dtype", lambda: functional.one_hot(torch.tensor([1.5])),
             "`one_hot` takes classes as whole numbers, int64, and was given a tensor of another dtype."),
    Provoked("one-hot-dtype", lambda: functional.one_hot(torch.tensor([1], dtype=torch.int32), 3),
             "`one_hot` takes classes as whole numbers, int64, and was given a tensor of another dtype."),
    Provoked("one-hot-range", lambda: functional.one_hot(torch.tensor([5]), 3),
             "A label given to `one_hot` is not below `num_classes`; torch does not say which label."),
    Provoked("one-hot-range", lambda: functional.one_hot(torch.tensor([-1])),
             "A label given to `one_hot` is below 0; torch does not say which label."),
)  # fmt: skip
