"""Output and target that do not go together are told with both shapes, and the target that is proposed really fits."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812

import weightedit
from tests.doctor.training_step.steps import above_notice, findings, only, step


def net(out=1, inside=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inside, 8), nn.ReLU(), nn.Linear(8, out))


def made(spec):
    """A tensor of zeros as a spec says."""
    dtype, sizes = re.fullmatch(r"(\w+)\[(.*)\]", spec).groups()
    return torch.zeros([int(size) for size in sizes.split(",") if size.strip()], dtype=getattr(torch, dtype))


@pytest.mark.parametrize("loss", ["mse_loss", "L1Loss", "huber", "PoissonNLLLoss", "HingeEmbeddingLoss",
                                  lambda output, target: ((output - target) ** 2).mean()])  # fmt: skip
def test_a_loss_that_stretches_5_1_against_5_is_told(loss):
    """Some warn, some and every loss of one's own do not; none raises, and all teach the model the mean."""
    target = torch.ones(5)
    assert step(net(), torch.randn(5, 4), target, loss).raised is None
    found = only(findings(net(), torch.randn(5, 4), target, loss), "broadcast")
    assert (found.level, found.module) == ("warning", "2")
    assert "the output [5, 1] and the target [5] to [5, 5]" in found.message
    assert "each value of the output 5 times and each value of the target 5 times" in found.message
    assert found.mends[0].target == "float32[5, 1]"
    assert above_notice(findings(net(), torch.randn(5, 4), target.reshape(5, 1), loss)) == []


def test_the_warning_of_torch_is_told_only_where_there_was_one():
    warned = only(findings(net(), torch.randn(5, 4), torch.randn(5), "mse"), "broadcast")
    silent = only(findings(net(), torch.randn(5, 4), torch.randn(5), "PoissonNLLLoss"), "broadcast")
    assert "with only a warning" in warned.message
    assert warned.torch_says.startswith("Using a target size")
    assert "without a word" in silent.message
    assert silent.torch_says == ""


def test_a_loss_of_ones_own_that_means_to_stretch_is_let_go():
    """Weights for each class, a scalar label, and pairwise distances of the output with itself are no mistakes."""
    weights = torch.ones(3)

    def own(output, target):
        pairs = output[:, None] - output[None]
        return (weights * (output - target) ** 2).mean() + pairs.square().mean()

    assert findings(net(3), torch.randn(5, 4), torch.randn(5, 3), own) == []
    assert findings(net(3), torch.randn(5, 4), torch.tensor(1.0), own) == []


def test_a_model_that_computes_its_own_loss_is_heard_too():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x, labels):
            output = self.head(x)
            return {"loss": F.mse_loss(output, labels), "logits": output}

    found = only(findings(Own(), None, None, "output.loss", x=torch.randn(5, 4), labels=torch.randn(5)), "broadcast")
    assert "[5, 1]" in found.message
    assert "[5]" in found.message
    right = findings(Own(), None, None, "output.loss", x=torch.randn(5, 4), labels=torch.randn(5, 1))
    assert right == []


@pytest.mark.parametrize(("target", "kind", "says", "mend"), [
    (torch.zeros(5), "target-dtype", "takes classes as int64, got float32 of [5]", "int64[5]"),
    (torch.zeros(5, dtype=torch.int32), "target-dtype", "takes classes as int64, got int32 of [5]", "int64[5]"),
    (torch.zeros(5, 1, dtype=torch.int64), "target-shape", "so a target of [5], got [5, 1]", "int64[5]"),
    (torch.zeros(5, 3, dtype=torch.int64), "target-shape", "has one value for each score", "int64[5]"),
    (torch.zeros(7, dtype=torch.int64), "batch-size", "The output has batch 5, the target 7", "int64[5]"),
])  # fmt: skip
def test_targets_that_are_no_classes(target, kind, says, mend):
    with pytest.raises((RuntimeError, ValueError)):
        F.cross_entropy(net(3)(torch.randn(5, 4)), target)
    (found,) = findings(net(3), torch.randn(5, 4), target, "CrossEntropyLoss")
    assert (found.kind, found.level) == (kind, "refusal")
    assert says in found.message
    assert found.mends[0].target == mend
    assert findings(net(3), torch.randn(5, 4), made(mend), "CrossEntropyLoss") == []


def test_probabilities_and_classes_of_pixels_are_right_targets():
    assert findings(net(3), torch.randn(5, 4), torch.full((5, 3), 1 / 3), "CrossEntropyLoss") == []
    pixels = torch.zeros(2, 6, 6, dtype=torch.int64)
    assert findings(nn.Conv2d(3, 4, 1), torch.randn(2, 3, 6, 6), pixels, "CrossEntropyLoss") == []


def test_classes_as_the_last_dimension_are_told_as_such():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 11)

        def forward(self, x):
            return self.head(x)

    found = findings(Tokens(), torch.randn(2, 7, 4), torch.zeros(2, 7, dtype=torch.int64), "cross_entropy")[0]
    assert found.kind == "target-shape"
    assert "classes as the second dimension, which is 7, not the last" in found.message
    assert found.mends == ()


@pytest.mark.parametrize("bias", [True, False])
def test_a_class_past_the_head_names_its_weight_and_the_mend_makes_room(tmp_path, bias):
    """The rows that are inserted into the file load strictly into a model of 13 classes, which then trains."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 10, bias=bias))
    target = torch.tensor([0, 3, 12, 9, 1])
    (found,) = findings(model, torch.randn(5, 4), target, "CrossEntropyLoss")
    assert (found.kind, found.module, found.tensor, found.level) == ("target-range", "1", "1.weight", "refusal")
    assert found.message == "1 gives 10 classes, so targets go from 0 to 9; the highest target is 12."
    assert found.torch_says == "Target 12 is out of bounds."
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    with weightedit.open(tmp_path / "model.safetensors") as document:
        for edit in found.mends[0].edits:
            document.apply(edit.operation, edit.targets, **edit.arguments)
        mended = {name: document.read(name) for name in document.tensors}
    larger = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 13, bias=bias))
    larger.load_state_dict(mended, strict=True)
    assert torch.equal(larger[1].weight[:10], model[1].weight.detach())
    assert findings(larger, torch.randn(5, 4), target, "CrossEntropyLoss") == []


def test_a_target_below_0_is_told_and_what_is_left_out_is_none():
    (found,) = findings(net(3), torch.randn(3, 4), torch.tensor([0, -1, 2]), "CrossEntropyLoss")
    assert found.kind == "target-range"
    assert "the lowest target is −1. Only −100 is left out." in found.message
    assert found.mends == ()
    assert findings(net(3), torch.randn(3, 4), torch.tensor([0, -100, 2]), "CrossEntropyLoss") == []


def test_a_batch_of_nothing_but_what_is_left_out_is_the_mean_of_nothing():
    facts = step(net(3), torch.randn(3, 4), torch.full((3,), -100), "CrossEntropyLoss")
    assert facts.loss.value != facts.loss.value
    found = findings(net(3), torch.randn(3, 4), torch.full((3,), -100), "CrossEntropyLoss")
    assert [one.kind for one in above_notice(found)] == ["no-targets"]
    assert only(found, "no-targets").message.startswith("Every target is −100")


def test_one_class_teaches_nothing():
    found = findings(net(1), torch.randn(5, 4), torch.zeros(5, dtype=torch.int64), "CrossEntropyLoss")
    assert [one.kind for one in above_notice(found)] == ["one-class"]
    assert step(net(1), torch.randn(5, 4), torch.zeros(5, dtype=torch.int64), "ce").loss.value == 0


def test_softmax_before_cross_entropy_is_told():
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
    found = only(findings(model, torch.randn(5, 4), torch.zeros(5, dtype=torch.int64), "ce"), "softmax-twice")
    assert (found.module, found.level) == ("1", "warning")
    log = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1))
    assert findings(log, torch.randn(5, 4), torch.zeros(5, dtype=torch.int64), "NLLLoss") == []
    scores = only(findings(net(3), torch.randn(5, 4), torch.zeros(5, dtype=torch.int64), "NLLLoss"), "not-log")
    assert "CrossEntropyLoss takes scores" in scores.message


@pytest.mark.parametrize(("target", "loss", "kind", "level"), [
    (torch.zeros(5, dtype=torch.int64), "BCEWithLogitsLoss", "target-shape", "refusal"),
    (torch.zeros(5, 1, dtype=torch.int64), "BCEWithLogitsLoss", "target-dtype", "refusal"),
    (torch.full((5, 1), 2.0), "BCEWithLogitsLoss", "target-range", "warning"),
    (torch.full((5, 1), 0.5), "BCELoss", "not-probability", "refusal"),
    (torch.zeros(5, 3), "mse", "broadcast", "warning"),
])  # fmt: skip
def test_targets_of_binary_losses(target, loss, kind, level):
    found = above_notice(findings(net(), torch.randn(5, 4) * 9, target, loss))
    assert [(one.kind, one.level) for one in found[:1]] == [(kind, level)]


def test_a_shape_that_cannot_be_stretched():
    (found,) = findings(net(3), torch.randn(5, 4), torch.zeros(5, 2), "mse")
    assert found.kind == "target-shape"
    assert found.message == "The output is [5, 3], the target [5, 2]; mse compares each value with one."
    assert found.mends[0].target == "float32[5, 3]"


def test_a_batch_that_the_model_folds_is_told_as_the_models():
    class Folds(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(x.view(-1, 8))

    (found,) = findings(Folds(), torch.randn(5, 4, 8), torch.zeros(5, dtype=torch.int64), "ce")
    assert found.kind == "batch-size"
    assert "The input has batch 5 too: the model makes 20 of it." in found.message
    assert [one.inputs for one in found.mends] == [""]


def test_losses_that_cannot_go_backward():
    whole = findings(net(), torch.randn(5, 4), torch.zeros(5, 1), nn.MSELoss(reduction="none"))
    assert [(one.kind, one.level) for one in whole] == [("loss-shape", "refusal")]
    assert "[5, 1]" in whole[0].message
    number = findings(net(), torch.randn(5, 4), torch.zeros(5, 1), lambda output, target: output.mean().item())
    assert [one.kind for one in number] == ["loss-type"]
    cut = findings(net(), torch.randn(5, 4), torch.zeros(5, 1), lambda output, target: output.detach().mean())
    assert [one.kind for one in cut] == ["no-graph"]
    assert "the loss cannot" in cut[0].message


def test_dtypes_that_meet_in_the_backward_pass_alone():
    """A function of one's own may give a gradient of another dtype than its input, and torch says so late."""

    class Wide(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("Found dtype Double but expected Float")

    found = findings(net(), torch.randn(5, 4), torch.zeros(5, 1), lambda output, target: Wide.apply(output))
    assert [(one.kind, one.level) for one in found[:1]] == [("backward", "refusal")]
    assert found[0].torch_says == "Found dtype Double but expected Float"


def test_what_ones_own_loss_raises_is_told_with_its_place():
    def own(output, target):
        return output["wrong"]

    (found,) = findings(net(), torch.randn(5, 4), torch.zeros(5, 1), own)
    assert found.kind == "loss"
    assert "at test_loss_findings.py:" in found.message


def test_a_loss_without_a_target_and_an_output_without_a_tensor():
    (found,) = findings(net(), torch.randn(5, 4), None, "mse")
    assert (found.kind, found.mends[0].target) == ("target", "float32[5, 1]")
    (found,) = findings(net(3), torch.randn(5, 4), None, "ce")
    assert found.mends[0].target == "int64[5]"

    class Says(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x):
            return {"answer": "no tensor"}

    found = findings(Says(), torch.randn(5, 4), torch.zeros(5, 1))[0]
    assert found.kind == "output"
    assert "values of type str" in found.message
    assert findings(net(), torch.randn(5, 4), None, "output.loss")[0].kind == "output"
