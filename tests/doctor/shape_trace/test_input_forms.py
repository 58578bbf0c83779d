"""What people give a model by mistake is offered as they meant it: reordered, flattened, with a batch, even sides."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit


def pictures(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, 2))  # fmt: skip


def signals() -> nn.Module:
    return nn.Sequential(nn.Conv1d(20, 4, 3), nn.Flatten(), nn.Linear(4 * 48, 2))


def digits() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)

    def forward(self, ids):
        batch, length = ids.shape
        return self.embedding(ids).reshape(batch * length, 8)


class Halves(nn.Module):
    """Joins what it halved and made whole again with what it was: odd sides do not come back."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 3, 2, stride=2)

    def forward(self, images):
        return torch.cat([images, self.up(self.down(images))], 1)


class Batch(nn.Module):
    """Takes a dict, as models of datasets do."""

    def __init__(self):
        super().__init__()
        self.body = pictures(3)

    def forward(self, batch):
        return self.body(batch["pixels"])


@pytest.mark.parametrize(("model", "inputs", "meant", "method"), [
    (pictures(3), "float32[2,32,32,3]", "float32[2,3,32,32]", "permute(0, 3, 1, 2)"),  # channels last
    (pictures(3), "float32[2,32,3,32]", "float32[2,3,32,32]", "permute(0, 2, 1, 3)"),
    (pictures(3), "float32[32,32,3]", "float32[1,3,32,32]", "permute(2, 0, 1).unsqueeze(0)"),
    (pictures(3), "float32[3,32,32]", "float32[1,3,32,32]", "unsqueeze(0)"),  # torch takes it, the norm does not
    (pictures(3), "float32[1,1,3,32,32]", "float32[1,3,32,32]", "squeeze(1)"),
    (pictures(1), "float32[8,28,28]", "float32[8,1,28,28]", "unsqueeze(1)"),  # a batch of grey ones
    (pictures(1), "float32[28,28]", "float32[1,1,28,28]", "unsqueeze(0).unsqueeze(0)"),
    (signals(), "float32[5,50,20]", "float32[5,20,50]", "permute(0, 2, 1)"),
    (digits(), "float32[8,1,28,28]", "float32[8,784]", "flatten(1)"),
    (digits(), "float32[28,28]", "float32[1,784]", "reshape(1, 784)"),
    (digits(), "float32[784,8]", "float32[8,784]", "permute(1, 0)"),
    (Tokens(), "int64[16]", "int64[1,16]", "unsqueeze(0)"),
    (Batch(), "{'pixels': float32[2,32,32,3]}", "{'pixels': float32[2,3,32,32]}", "permute(0, 3, 1, 2)"),
    (Halves(), "float32[2,3,33,33]", "float32[2,3,34,34]", ""),
    (pictures(3), "2,3,32,32", "float32[2,3,32,32]", ""),  # the shape alone
    (pictures(3), "[2,3,32,32]", "float32[2,3,32,32]", ""),
])  # fmt: skip
def test_the_first_mend_is_what_was_meant_and_runs(model, inputs, meant, method):
    """And the method that is named does to a tensor what the spec says."""
    found = weightedit.check(model.state_dict(), model, inputs)
    assert not found["ok"]
    mend = found["findings"][0]["mends"][0]
    assert (mend["inputs"], mend["edits"]) == (meant, [])
    assert weightedit.check(model.state_dict(), model, meant)["ok"]
    assert f".{method}`" in mend["detail"] if method else "`" not in mend["detail"]
    if method and "pixels" not in inputs:
        before, after = ([int(size) for size in spec.partition("[")[2][:-1].split(",")] for spec in (inputs, meant))
        assert list(eval(f"tensor.{method}", {"tensor": torch.zeros(before)}).shape) == after


@pytest.mark.parametrize(("model", "inputs"), [
    (nn.Linear(784, 3), "float32[8,28,28]"), (nn.Conv2d(3, 4, 3), "float32[2,8,8,3]"),
    (nn.Conv1d(20, 4, 3), "float32[5,50,20]"),
])  # fmt: skip
def test_no_weight_is_cut_where_another_form_of_the_input_fits(model, inputs):
    """Not of a live module either, which is its own document, and against whose code no new shape is."""
    found = weightedit.check(model, model, inputs)
    mends = found["findings"][0]["mends"]
    assert (mends[0]["edits"], "`." in mends[0]["detail"]) == ([], True)


@pytest.mark.parametrize(("model", "inputs"), [
    (pictures(3), "float32[2,5,32,32]"),  # no dimension of it is 3
    (digits(), "float32[8,1,28,29]"),
    (Halves(), "float32[2,4,32,32]"),
])  # fmt: skip
def test_where_no_form_fits_none_is_made_up(model, inputs):
    """Only sizes in place of what is there may be asked for; nothing is said of a way to make one of the other."""
    found = weightedit.check(model.state_dict(), model, inputs)
    assert not found["ok"]
    assert not [mend for mend in found["findings"][0]["mends"] if "`" in mend["detail"]]
