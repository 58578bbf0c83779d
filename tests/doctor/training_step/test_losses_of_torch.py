"""Each loss of torch that takes an output and a target: used rightly nothing is found, used wrongly the cause is named;
torch itself says which of the wrong uses raise."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import loss as losses

from tests.doctor.training_step.steps import above_notice, findings, step
from weightedit.doctor.inside.training.losses import UnknownLoss, found_loss


class Gives(nn.Module):
    """A model whose output is what it is, or what a function makes of it."""

    def __init__(self, *shape, last=None):
        super().__init__()
        torch.manual_seed(0)
        self.out, self.last = nn.Parameter(torch.randn(shape)), last or nn.Identity()

    def forward(self, x):
        return self.last(self.out * 1)


@dataclass(frozen=True)
class Use:
    """One use of a loss: what the model gives, the target, the kind that is found, and what its message says."""

    loss: Any
    output: tuple[int, ...]
    target: torch.Tensor
    kind: str = ""
    says: str = ""
    last: Any = None


def whole(*shape, below=3):
    torch.manual_seed(1)
    return torch.randint(0, below, shape)


def signs(*shape):
    return whole(*shape, below=2).float() * 2 - 1


FLOATS, PROBABILITIES = torch.linspace(-1, 1, 15).reshape(5, 3), torch.full((5, 3), 1 / 3)
LOG, SIGMOID = nn.LogSoftmax(1), nn.Sigmoid()
RIGHT = [
    *(Use(name, (5, 3), FLOATS) for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")),
    Use("CrossEntropyLoss", (5, 3), whole(5)), Use("CrossEntropyLoss", (5, 3), PROBABILITIES),
    Use("CrossEntropyLoss", (2, 3, 7), whole(2, 7)), Use("CrossEntropyLoss", (3,), torch.tensor(2)),
    Use("NLLLoss", (5, 3), whole(5), last=LOG), Use("NLLLoss", (2, 3, 4, 4), whole(2, 4, 4), last=LOG),
    Use("BCELoss", (5, 3), whole(5, 3, below=2).float(), last=SIGMOID),
    Use("BCEWithLogitsLoss", (5, 3), whole(5, 3, below=2).float()),
    Use("KLDivLoss", (5, 3), PROBABILITIES, last=LOG), Use(nn.KLDivLoss(log_target=True), (5, 3), PROBABILITIES.log(),
                                                           last=LOG),
    Use("PoissonNLLLoss", (5, 3), whole(5, 3).float()), Use("SoftMarginLoss", (5, 3), signs(5, 3)),
    Use("HingeEmbeddingLoss", (5, 3), signs(5, 3)), Use("MultiMarginLoss", (5, 3), whole(5)),
    Use("MultiLabelMarginLoss", (5, 3), torch.tensor([[2, -1, 0]] * 5)),
    Use("MultiLabelSoftMarginLoss", (5, 3), whole(5, 3, below=2).float()),
]  # fmt: skip
WRONG = [
    *(Use(name, (5, 1), torch.zeros(5), "broadcast", "[5, 1] and the target [5] to [5, 5]")
      for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss", "MultiLabelSoftMarginLoss")),
    *(Use(name, (5, 3), torch.zeros(5, 2), "target-shape", "The output is [5, 3], the target [5, 2]")
      for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss", "SoftMarginLoss")),
    Use("MSELoss", (5, 3), whole(7, 3).float(), "batch-size", "batch 5, the target 7"),
    Use("CrossEntropyLoss", (1, 16, 512), whole(1, 16), "target-shape", "the second dimension, which is 16"),
    Use("CrossEntropyLoss", (5, 3), whole(5) + 1, "target-range", "3 classes, so targets go from 0 to 2"),
    Use("CrossEntropyLoss", (5, 3), whole(5).float(), "target-dtype", "classes as int64, got float32"),
    Use("CrossEntropyLoss", (5, 3), nn.functional.one_hot(whole(5), 3), "target-shape", "one value for each score"),
    Use("CrossEntropyLoss", (5, 3), whole(5), "softmax-twice", "softmax again", nn.Softmax(1)),
    Use("CrossEntropyLoss", (5, 1), whole(5, below=1), "one-class", "has 1 class"),
    Use("CrossEntropyLoss", (5, 3), PROBABILITIES * 30, "target-range", "targets from 0 to 1"),
    Use("NLLLoss", (5, 3), whole(5), "not-log", "logarithms of probabilities"),
    Use("NLLLoss", (5, 3), whole(5), "not-log", "logarithms of probabilities", nn.Softmax(1)),
    Use("NLLLoss", (5, 3), whole(5) - 1, "target-range", "the lowest target is −1", LOG),
    Use("BCELoss", (5, 3), whole(5, 3, below=2).float(), "not-probability", "an output from 0 to 1"),
    Use("BCELoss", (5, 3), whole(5, 3, below=2), "target-dtype", "write loss(output, target.float())", SIGMOID),
    Use("BCELoss", (5, 1), torch.zeros(5), "target-shape", "write loss(output, target.unsqueeze(1))", SIGMOID),
    Use("BCEWithLogitsLoss", (5, 3), whole(5, 3, below=2), "target-dtype", "takes both in one dtype"),
    Use("BCEWithLogitsLoss", (5, 3), torch.full((5, 3), 7.0), "target-range", "targets from 0 to 1"),
    Use("BCEWithLogitsLoss", (5, 3), whole(5, 3, below=2).float(), "sigmoid-twice", "does sigmoid again", SIGMOID),
    Use("KLDivLoss", (5, 3), PROBABILITIES, "not-log", "logarithms of probabilities"),
    Use("KLDivLoss", (5, 3), PROBABILITIES, "not-log", "logarithms of probabilities", nn.Softmax(1)),
    Use("KLDivLoss", (5, 3), PROBABILITIES.log(), "target-negative", "log_target=True", LOG),
    Use("SoftMarginLoss", (5, 3), whole(5, 3, below=2).float(), "target-range", "write loss(output, 2 * target - 1)"),
    Use("HingeEmbeddingLoss", (5, 3), whole(5, 3, below=2).float(), "target-range", "targets of −1 and 1"),
    Use("MultiMarginLoss", (5, 3), whole(5) + 1, "target-range", "so targets go from 0 to 2"),
    Use("MultiMarginLoss", (5, 3), whole(5).float(), "target-dtype", "classes as int64, got float32"),
    Use("MultiLabelMarginLoss", (5, 3), torch.zeros(5, 3), "target-dtype", "classes as int64, got float32"),
    Use("MultiLabelMarginLoss", (5, 3), torch.tensor([[3, -1, 0]] * 5), "target-range", "classes from 0 to 2"),
    Use("MultiLabelSoftMarginLoss", (5, 3), torch.full((5, 3), 7.0), "target-range", "targets from 0 to 1"),
]  # fmt: skip

def called(use):
    return use.loss if isinstance(use.loss, str) else type(use.loss).__name__


@pytest.mark.parametrize("use", RIGHT, ids=called)
def test_used_rightly_nothing_is_found(use):
    model = Gives(*use.output, last=use.last)
    facts = step(model, torch.zeros(1), use.target, use.loss)
    assert facts.raised is None
    assert math.isfinite(facts.loss.value)
    assert above_notice(findings(Gives(*use.output, last=use.last), torch.zeros(1), use.target, use.loss)) == []


@pytest.mark.parametrize("use", WRONG, ids=lambda use: f"{called(use)}-{use.kind}")
def test_used_wrongly_the_cause_is_named(use):
    found = above_notice(findings(Gives(*use.output, last=use.last), torch.zeros(1), use.target, use.loss))
    assert [one.kind for one in found] == [use.kind], [one.message for one in found]
    assert use.says in found[0].message
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            found_loss(use.loss).call(Gives(*use.output, last=use.last)(None), use.target)
        except (RuntimeError, ValueError, IndexError):
            assert found[0].level == "refusal"
        else:
            assert found[0].level == "warning"


def test_every_loss_of_torch_is_here_or_takes_more_than_an_output_and_a_target():
    here = {called(use) for use in RIGHT} & {called(use) for use in WRONG}
    known = {name for name, kind in vars(nn).items() if isinstance(kind, type) and kind.__module__ == losses.__name__}
    others = known - here - {"NLLLoss2d"}  # which is an older name of one
    assert {"CTCLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss", "GaussianNLLLoss"} <= others
    for name in sorted(others):
        with pytest.raises(UnknownLoss, match=f"{name} (takes more than an output and|cannot be made without)"):
            found_loss(name)
