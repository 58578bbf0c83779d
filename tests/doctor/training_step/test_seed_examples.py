"""The commonest errors that keep a model from training, as people post them: what torch really does, and what the
findings say; what they post as corrected has no finding above a notice."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.doctor.training_step.steps import above_notice, findings, only, step


class Posted(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)

    def forward(self, x):
        return self.conv1(x)


def linear():
    torch.manual_seed(0)
    return nn.Linear(10, 1)


def test_a_grey_image_into_a_convolution_of_colours_stops_the_forward_pass():
    x = torch.randn(1, 1, 28, 28)
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels instead") as raised:
        Posted()(x)
    facts = step(Posted(), x, torch.zeros(1, 16, 28, 28))
    assert facts.done == ()
    (found,) = findings(Posted(), x, torch.zeros(1, 16, 28, 28))
    assert (found.kind, found.module, found.tensor, found.level) == ("channels", "conv1", "conv1.weight", "refusal")
    assert found.message == ("conv1 expects 3 channels, got 1; called from Posted.forward, test_seed_examples.py line "
                             "19.")  # fmt: skip
    assert found.torch_says == f"RuntimeError: {raised.value}"
    assert found.mends[0].inputs == "float32[1,3,28,28]"


def test_what_the_mend_of_the_channels_says_runs():
    x = torch.randn(1, 3, 28, 28)
    assert above_notice(findings(Posted(), x, torch.zeros(1, 16, 28, 28))) == []
    assert step(Posted(), x, torch.zeros(1, 16, 28, 28)).done == ("forward", "loss", "backward", "optimizer", "step")


def test_batches_of_5_and_10_raise_in_the_loss_after_torch_warned():
    x, target = torch.randn(5, 10), torch.randn(10, 1)
    with pytest.raises(RuntimeError, match=r"tensor a \(5\) must match the size of tensor b \(10\)"), \
            pytest.warns(UserWarning, match="Using a target size"):  # fmt: skip
        nn.MSELoss()(linear()(x), target)
    facts = step(linear(), x, target, "MSELoss")
    assert facts.done == ("forward",)
    assert [one.stage for one in facts.warnings] == ["loss"]
    (found,) = findings(linear(), x, target, "MSELoss")
    assert (found.kind, found.level) == ("batch-size", "refusal")
    assert found.message == "The output has batch 5, the target 10: [5, 1] against [10, 1]."
    assert [(one.target, one.inputs) for one in found.mends] == [("float32[5, 1]", ""), ("", "float32[10, 10]")]


def test_a_batch_of_1_against_10_raises_nothing():
    """The post says that batches that disagree raise; torch stretches a batch of one."""
    x, target = torch.randn(1, 10), torch.randn(10, 1)
    facts = step(linear(), x, target, "MSELoss")
    assert facts.raised is None
    found = only(findings(linear(), x, target, "MSELoss"), "broadcast")
    assert found.level == "warning"
    assert "the output [1, 1] and the target [10, 1] to [10, 1], each value of the output 10 times" in found.message
    assert found.mends[0].target == "float32[1, 1]"


def test_batches_that_agree_have_no_finding():
    assert above_notice(findings(linear(), torch.randn(10, 10), torch.randn(10, 1), "MSELoss")) == []


def test_float64_into_a_linear_of_float32_raises_and_casts_nothing():
    """The post says that torch may cast by itself; it raises."""
    x = torch.randn(10, 10, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="must have the same dtype, but got Double and Float"):
        linear()(x)
    (found,) = findings(linear(), x, torch.zeros(10, 1))
    assert (found.kind, found.module, found.tensor, found.level) == ("dtype", "", "weight", "refusal")
    assert found.message == "Linear has weights in float32, got float64."
    assert found.mends[0].edits[0].operation == "cast"
    assert found.mends[0].edits[0].targets == ("weight", "bias")
    assert found.mends[1].inputs == "float32[10,10]"


def test_a_float64_target_does_not_raise_and_makes_the_loss_float64():
    """Mixed dtypes meet in the loss without a word: the loss is float64, the gradients are float32."""
    target = torch.randn(10, 1, dtype=torch.float64)
    facts = step(linear(), torch.randn(10, 10), target)
    assert facts.raised is None
    assert facts.loss.dtype == "float64"
    (found,) = findings(linear(), torch.randn(10, 10), target)
    assert (found.kind, found.level) == ("target-dtype", "notice")
    assert found.message == "The target is float64, the output float32, so the loss is computed in float64."


def test_one_dtype_has_no_finding():
    assert above_notice(findings(linear(), torch.randn(10, 10), torch.randn(10, 1))) == []
