"""Targets that a loss does not take are found in whatever batch they are; torch raises there, or learns in silence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

import weightedit

X = torch.linspace(-1, 1, 160).reshape(40, 4)


def net(*last):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), *last)


def told(target, loss, model=None, inputs=X, **loader):
    """What a check says of a loader over inputs and targets, in batches of 8."""
    model = net() if model is None else model
    data = DataLoader(TensorDataset(inputs, target), batch_size=8, **loader)
    found = weightedit.check(model, model, loss=loss, data=data)
    return [(one["kind"], one["level"], one["message"]) for one in found["findings"]]


def targets(odd=None, value=0.0, usual=(0.0, 1.0)):
    """Targets that are one of two, but for one sample."""
    made = torch.tensor(usual)[torch.arange(120).reshape(40, 3) % 2]
    if odd is not None:
        made[odd] = value
    return made


def test_a_probability_for_which_torch_raises_in_a_later_batch():
    model, odd = net(nn.Sigmoid()), targets(33, 2)
    ((kind, level, message),) = told(odd, "BCELoss", model)
    assert (kind, level) == ("target-range", "refusal")
    assert message == ("Batch 4 has a target of 2 in item 1, which is sample 33 of the data, and BCELoss takes targets "
                       "from 0 to 1; those of the data go from 0 to 2.")  # fmt: skip
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        nn.BCELoss()(model(X[32:]), odd[32:])
    assert told(targets(), "BCELoss", model) == []


@pytest.mark.parametrize(("loss", "value", "usual", "says"), [
    ("BCEWithLogitsLoss", 255.0, (0.0, 1.0), "takes targets from 0 to 1; those of the data go from 0 to 255."),
    ("MultiLabelSoftMarginLoss", -1.0, (0.0, 1.0), "takes targets from 0 to 1; those of the data go from −1 to 1."),
    ("SoftMarginLoss", 0.0, (-1.0, 1.0), None),
    ("SoftMarginLoss", 2.0, (-1.0, 1.0), "takes targets of −1 and 1; those of the data go from −1 to 2."),
    ("HingeEmbeddingLoss", 0.0, (1.0, 1.0), "takes targets of −1 and 1; those of the data go from 0 to 1; "
                                            "write loss(output, 2 * target - 1)."),
    ("CrossEntropyLoss", 7.0, (0.0, 1.0), "takes targets from 0 to 1; those of the data go from 0 to 7."),
    ("MSELoss", 255.0, (0.0, 1.0), None),
])  # fmt: skip
def test_targets_of_which_torch_says_nothing(loss, value, usual, says):
    """Zeros between −1 and 1 are not beyond what came before, and any number is right for a distance."""
    found = told(targets(33, value, usual), loss)
    assert [message.partition(f"{loss} ")[2] for _, _, message in found] == ([] if says is None else [says])
    assert all(one[:2] == ("target-range", "warning") and one[2].startswith("Batch 4 has") for one in found)


@pytest.mark.parametrize("takes_logarithms", [True, False])
def test_the_target_of_a_divergence_is_below_0_only_where_it_is_logarithms(takes_logarithms):
    model, loss = net(nn.LogSoftmax(1)), nn.KLDivLoss(log_target=takes_logarithms, reduction="batchmean")
    odd = targets(33, -1)
    assert [one[0] for one in told(odd, loss, model)] == ([] if takes_logarithms else ["target-negative"])
    assert loss(model(X[32:]), odd[32:]).isfinite().item() == takes_logarithms


def test_a_list_of_classes_past_the_output():
    odd = torch.tensor([0, -1, -1]).repeat(40, 1)
    odd[33, 0] = 3
    ((kind, level, message),) = told(odd, "MultiLabelMarginLoss")
    assert (kind, level) == ("target-range", "refusal")
    assert "a target of 3 in item 1, which is sample 33 of the data" in message
    with pytest.raises(RuntimeError):
        nn.MultiLabelMarginLoss()(net()(X[32:]), odd[32:])


def test_what_the_step_tells_of_its_own_batch_is_told_once():
    (found,) = told(targets(3, 255), "BCEWithLogitsLoss")
    assert found[2] == "BCEWithLogitsLoss takes targets from 0 to 1, and the target goes from 0 to 255."
    model = net().double()
    (narrow, found) = sorted(told(targets(3, 255), "BCEWithLogitsLoss", model, X.double()))
    assert (narrow[:2], found[1]) == (("target-dtype", "notice"), "warning"), "one does not hide the other"


def test_classes_that_count_from_1_are_told_as_such_though_the_first_batch_raises():
    classes = torch.arange(40) % 3 + 1
    ((kind, _, message),) = told(classes, "CrossEntropyLoss")
    assert kind == "target-range"
    assert message == ("0 gives 3 classes, so targets go from 0 to 2; the highest target is 3. The data has classes 1 "
                       "to 3: write target - 1.")  # fmt: skip
    assert told(classes - 1, "CrossEntropyLoss") == []
    (found,) = told(torch.cat([classes[:39], torch.zeros(1, dtype=torch.int64)]), "CrossEntropyLoss")
    assert "write" not in found[2]


def test_a_step_that_raises_makes_room_for_the_highest_class_of_all():
    model, classes = net(), torch.arange(40) % 3
    classes[2], classes[33] = 3, 6
    found = weightedit.check(model, model, loss="ce", data=DataLoader(TensorDataset(X, classes), batch_size=8))
    assert [one["title"] for one in found["findings"][0]["mends"]] == ["Insert 4 rows into 0.weight and 0.bias"]


def test_what_is_left_out_is_not_blamed_for_a_class_past_it():
    classes = torch.arange(40) % 3
    classes[1], classes[2] = 255, 3
    (found,) = told(classes, nn.CrossEntropyLoss(ignore_index=255))
    assert "the highest target is 3." in found[2]


def test_a_model_whose_own_loss_leaves_out_every_target_is_told_so_alone():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x, labels):
            logits = self.head(x)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    model = Own()
    data = [{"x": X[:8], "labels": torch.full((8,), -100)}]
    found = weightedit.check(model, model, data=data, device="cpu")
    assert [(one["kind"], one["level"], one["message"]) for one in found["findings"]] == [
        ("no-targets", "warning", "Every target is −100, which cross entropy leaves out, so the loss is NaN: the mean "
         "of nothing."),
    ]  # fmt: skip
    assert model(**data[0])["loss"].isnan()


def test_nan_that_a_loss_masks_is_no_warning_and_nan_that_it_does_not_is_one():
    def masked(output, target):
        known = ~target.isnan()
        return F.mse_loss(output[known], target[known])

    odd = targets(3, math.nan)
    (found,) = told(odd, masked)
    assert found[:2] == ("non-finite", "notice")
    assert found[2].startswith("Batch 0 has 3 NaN among the 24 values of its target, the first in item 3")
    assert masked(net()(X[:8]), odd[:8]).isfinite()
    assert "warning" in {level for _, level, _ in told(odd, "mse_loss")}
    ((_, level, message),) = told(targets(33, math.nan), "mse_loss")
    assert (level, message[:7]) == ("warning", "Batch 4")


def test_a_mask_of_targets_does_not_hide_nan_of_inputs():
    bad = X.clone()
    bad[33] = math.nan
    found = told(targets(3, math.nan), lambda output, target: (output - target).nan_to_num().mean(), inputs=bad)
    assert [(level, message[:7]) for _, level, message in found] == [("warning", "Batch 4"), ("notice", "Batch 0")]


def test_rows_of_a_model_that_is_an_embedding_are_told_by_its_class():
    rows = DataLoader(TensorDataset(torch.tensor([0, 1, 2, 3, 7, 1]), torch.zeros(6)), batch_size=2)
    model = nn.Embedding(4, 3)
    found = weightedit.check(model, model, loss=lambda output, target: output.sum(), data=rows)
    assert found["findings"][0]["message"] == ("Batch 2 has the index 7 in its input 0, in item 0, which is sample 4 "
                                               "of the data; Embedding has 4 rows, 0 to 3.")  # fmt: skip
