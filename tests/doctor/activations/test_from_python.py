"""`weightedit.capture`: what the modules of a live model take and give, nested as it was, from a script."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.errors import EditRefused, WeightEditError


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: list[torch.Tensor]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, scale=1.0):
        before = self.first(x)
        hidden = self.act(before)
        return Answer(self.last(self.dropout(hidden)) * scale, [hidden])


def test_a_script_gets_values_in_the_form_that_the_model_gave_them():
    torch.manual_seed(1)
    model, x = Net(), torch.randn(5, 4)
    with weightedit.capture(model, {"x": x, "scale": 2.0}, seed=3) as captured:
        torch.manual_seed(3)
        wanted = model(x, scale=2.0)
        given = captured.output()
        assert type(given) is Answer
        assert torch.equal(given.logits, wanted.logits)
        assert not given.logits.requires_grad
        assert [type(one) for one in given.hidden] == [torch.Tensor]
        assert captured.output("first").min() < 0  # the layer in place came after
        assert torch.equal(captured.inputs("last")[0][0], captured.output("dropout"))
        assert captured.inputs()[1]["scale"] == 2.0


def test_modules_are_chosen_and_the_rest_spills_into_the_folder(tmp_path):
    model, x = Net(), torch.randn(5, 4)
    with weightedit.capture(model, x, ["first", "re:l.*"], budget=0, folder=tmp_path) as captured:
        assert {call.module for call in captured.run.calls} == {"first", "last"}
        assert (captured.memory_nbytes, captured.disk_nbytes > 0, any(tmp_path.iterdir())) == (0, True, True)
        assert torch.equal(captured.output("first"), model.first(x))
    assert not any(tmp_path.iterdir())
    with pytest.raises(EditRefused, match="nothing"):
        weightedit.capture(model, x, "nothing")


def test_an_edit_is_seen_in_what_it_changes_and_the_captures_are_a_checkpoint(tmp_path):
    model, x = Net().eval(), torch.randn(5, 4)
    with weightedit.capture(model, x) as before, torch.no_grad():
        before.export(tmp_path / "before.safetensors")
        model.last.weight.mul_(2)
        with weightedit.capture(model, x) as after:
            assert {one.module for one in before.drift(after) if one.differs} == {"", "last"}
    with weightedit.open(tmp_path / "before.safetensors") as document:
        assert torch.equal(document.read("first.output"), model.first(x))


@pytest.mark.parametrize(("model", "inputs", "said"), [
    ("net.py:Net", torch.ones(4), "model is a str"), (Net(), "float32[5,4]", "inputs is text"),
])  # fmt: skip
def test_what_is_no_model_or_input_is_said(model, inputs, said):
    with pytest.raises(WeightEditError, match=said):
        weightedit.capture(model, inputs)
