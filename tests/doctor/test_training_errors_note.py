"""A note on errors that keep a model from training, example by example, through the public API.

What torch does with each, what the doctor says of it as a live module and as code beside a file, that what it offers
runs, and that what the note gives as corrected is healthy.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edit import Edit

CODE = """
import torch.nn as nn

class MyModel(nn.Module):
    def __init__(self):
        super(MyModel, self).__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)

    def forward(self, x):
        x = self.conv1(x)
        return x

def linear():
    return nn.Linear(10, 1)
"""
BY_CODE: dict[str, tuple[str, dict[str, Any]]] = {
    "MyModel": ("float32[1,1,28,28]", {}),
    "linear()": ("float32[5,10]", {"target": "float32[10,1]", "loss": "MSELoss", "device": "cpu"}),
}


@pytest.fixture(scope="module")
def posted(tmp_path_factory) -> dict[str, Any]:
    """The names of the code in a file."""
    names: dict[str, Any] = {}
    exec(CODE, names)
    names["folder"] = tmp_path_factory.mktemp("note")
    (names["folder"] / "posted.py").write_text(CODE, encoding="utf-8")
    return names


@pytest.fixture(scope="module")
def by_code(posted) -> Iterator[dict[str, dict[str, Any]]]:
    """What is said of each where the code is named, which runs in a process of its own."""
    folder: Path = posted["folder"]

    def check(name: str) -> dict[str, Any]:
        inputs, more = BY_CODE[name]
        return weightedit.check(posted[name.removesuffix("()")]().state_dict(), f"posted.py:{name}", inputs,
                                folder=folder, **more)  # fmt: skip

    with ThreadPoolExecutor(2) as beside:
        yield dict(zip(BY_CODE, beside.map(check, BY_CODE), strict=True))


@pytest.fixture
def my_model(posted) -> nn.Module:
    return posted["MyModel"]()


@pytest.fixture
def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(10, 1)


def applied(module: nn.Module, step: dict[str, Any]) -> None:
    """Apply an edit to a live module, as a step of a recipe."""
    with weightedit.open(module) as document:
        document.apply(Edit.from_json(step, {}), accept="all")


def above_notice(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in found["findings"] if one["level"] != "notice"]


# ---- 1: a grey image into a convolution that takes colours

GREY, COLOUR = torch.randn(1, 1, 28, 28), torch.randn(1, 3, 28, 28)


def test_1_torch_raises(my_model):
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels instead"):
        my_model(GREY)
    assert my_model(COLOUR).shape == (1, 16, 28, 28)


def test_1_the_doctor_names_the_convolution_and_both_numbers(my_model, by_code):
    for found in (weightedit.check(my_model, my_model, GREY), by_code["MyModel"]):
        assert not found["ok"]
        (one,) = found["findings"]
        assert (one["kind"], one["module"], one["tensor"], one["level"]) == \
            ("channels", "conv1", "conv1.weight", "refusal")  # fmt: skip
        assert one["message"].startswith("conv1 expects 3 channels, got 1; called from MyModel.forward, ")
        assert "to have 3 channels, but got 1 channels instead" in one["torch_says"]
        assert [(call["module"], call["state"]) for call in found["trace"]] == [("", "stopped"), ("conv1", "stopped")]
        assert {mend["inputs"] for mend in one["mends"]} == {"", "float32[1,3,28,28]"}


def test_1_with_the_edit_the_module_takes_grey_images(my_model):
    found = weightedit.check(my_model, my_model, GREY)
    applied(my_model, found["findings"][0]["mend"])
    assert my_model(GREY).shape == (1, 16, 28, 28)
    assert weightedit.check(my_model, my_model, GREY)["ok"]


def test_1_what_the_note_corrects_is_healthy(my_model):
    assert weightedit.check(my_model, my_model, COLOUR) == weightedit.check(my_model, my_model, "float32[1,3,28,28]")
    found = weightedit.check(my_model, my_model, COLOUR)
    assert found["ok"]
    assert found["trace"][1]["outputs"] == [{"place": "", "shape": [1, 16, 28, 28], "dtype": "float32",
                                             "device": "cpu"}]  # fmt: skip


# ---- 2: an input of batch 5 against a target of batch 10

X5, X10, Y10 = torch.randn(5, 10), torch.randn(10, 10), torch.randn(10, 1)


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    """The step as the note takes it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = nn.MSELoss()(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_2_torch_raises_in_the_loss_and_only_then(linear):
    before = linear.weight.clone()
    assert linear(X5).shape == (5, 1)
    with pytest.raises(RuntimeError, match=r"tensor a \(5\) must match the size of tensor b \(10\)"), \
            pytest.warns(UserWarning, match="Using a target size"):  # fmt: skip
        train(linear, X5, Y10)
    assert torch.equal(before, linear.weight)
    train(linear, X10, Y10)
    assert not torch.equal(before, linear.weight)


def test_2_the_doctor_says_both_batches_and_the_model_stays(linear, by_code):
    before = linear.weight.clone()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01)
    live = weightedit.check(linear, linear, X5, target=Y10, loss=nn.MSELoss(), optimizer=optimizer)
    for found in (live, by_code["linear()"]):
        assert not found["ok"]
        (one,) = above_notice(found)
        assert (one["kind"], one["module"], one["mend"]) == ("batch-size", "", None)
        assert one["message"] == "The output has batch 5, the target 10: [5, 1] against [10, 1]."
        assert [(mend["target"], mend["inputs"]) for mend in one["mends"]] == \
            [("float32[5, 1]", ""), ("", "float32[10, 10]")]  # fmt: skip
        assert {call["state"] for call in found["trace"]} == {"done"}
    assert torch.equal(before, linear.weight)
    assert linear.weight.grad is None


def test_2_either_batch_that_is_offered_trains(linear):
    found = weightedit.check(linear, linear, X5, target=Y10, loss="MSELoss")
    for mend in found["findings"][0]["mends"]:
        again = weightedit.check(linear, linear, mend["inputs"] or X5, target=mend["target"] or Y10, loss="MSELoss")
        assert again["ok"]


def test_2_what_the_note_corrects_is_healthy(linear):
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01)
    found = weightedit.check(linear, linear, X10, target=Y10, loss=nn.MSELoss(), optimizer=optimizer, train=True)
    assert found["ok"], found["findings"]


# ---- 3: float64 into float32

DOUBLE, SINGLE = torch.randn(10, 10, dtype=torch.float64), torch.randn(10, 10)


def test_3_torch_raises_and_casts_nothing(linear):
    """The note says that it may cast by itself; it does so neither in the layer nor for the layer's sake."""
    with pytest.raises(RuntimeError, match="must have the same dtype, but got Double and Float"):
        linear(DOUBLE)
    assert linear(SINGLE).dtype == torch.float32


def test_3_the_doctor_names_both_dtypes(linear):
    for found in (weightedit.check(linear, linear, DOUBLE), weightedit.check(linear.state_dict(), linear, DOUBLE)):
        assert not found["ok"]
        (one,) = found["findings"]
        assert (one["kind"], one["module"], one["tensor"]) == ("dtype", "", "weight")
        assert one["message"].startswith("Linear has weights in float32, got float64")
        assert "float32[10,10]" in {mend["inputs"] for mend in one["mends"]}


def test_3_with_the_edit_the_module_takes_float64(linear):
    applied(linear, weightedit.check(linear, linear, DOUBLE)["findings"][0]["mend"])
    assert linear(DOUBLE).dtype == torch.float64
    assert weightedit.check(linear, linear, DOUBLE)["ok"]


def test_3_a_file_is_not_offered_a_cast_that_loading_takes_back(linear):
    """load_state_dict casts to the dtype of the model without a word, so casting the file would mend nothing."""
    found = weightedit.check(linear.state_dict(), linear, DOUBLE)
    assert [mend["edits"] for mend in found["findings"][0]["mends"]] == [[]]
    found = weightedit.check(linear.state_dict(), linear, DOUBLE, assign=True)
    assert found["findings"][0]["mends"][0]["title"] == "Cast 2 tensors to float64"


def test_3_what_the_note_corrects_is_healthy(linear):
    assert weightedit.check(linear, linear, SINGLE)["ok"]
