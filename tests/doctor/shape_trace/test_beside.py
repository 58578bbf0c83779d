"""What is told beside a disagreement: the module's own numbers, what comes to it, and where the numbers come from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from weightedit.checking import check_model
from weightedit.doctor.checkup import Asked
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.shape_trace.outline import outline


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x):
        return self.down_proj(self.gate_proj(x) * self.up_proj(x))


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Mlp() for _ in range(4))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def checked(model: nn.Module, state: dict[str, torch.Tensor], inputs: str, *edits):
    with weightedit.open(state) as document:
        for name, targets, region in edits:
            document.apply(name, targets, region=region)
        return check_model(document, model, inputs, Asked())


def test_both_sides_and_the_edit_that_made_it_so():
    found = checked(Stack(), Stack().state_dict(), "float32[2,8]",
                    ("slice", "layers.1.down_proj.weight", "[:, 0:10]"))
    beside = found.diagnosis.beside
    says, gives = beside.facts
    assert (says.title, says.lines, says.wrong) == \
        ("down_proj says", ("in_features 12", "out_features 8", "weight [8, 10]"), 2)  # fmt: skip
    assert (gives.title, gives.lines) == ("gate_proj and up_proj give", ("[2, 12]",))
    assert beside.sentences == (
        "Edit 1 of this document, slice, took layers.1.down_proj.weight from [8, 12] to [8, 10].",
        "Each of the 3 other layers has 12.", "gate_proj and up_proj give 12.")  # fmt: skip


def test_without_an_edit_code_and_document_are_told_apart():
    state = Stack().state_dict()
    state["layers.2.down_proj.weight"] = torch.randn(8, 9)
    sentences = checked(Stack(), state, "float32[2,8]").diagnosis.beside.sentences
    assert sentences[0] == "The model's code makes layers.2.down_proj.weight [8, 12], the document has [8, 9]."


def test_an_input_of_another_dtype_is_told_with_dtypes():
    found = checked(nn.Linear(4, 2), nn.Linear(4, 2).state_dict(), "float64[3,4]")
    says, gives = found.diagnosis.beside.facts
    assert says.lines == ("in_features 4", "out_features 2", "weight [2, 4] float32")
    assert (gives.title, gives.lines) == ("the input is", ("[3, 4] float64",))
    assert found.diagnosis.beside.sentences == ()


@pytest.mark.parametrize("which", ["0", "3"])
def test_what_was_not_reached_says_what_it_would_be_given(which):
    """As one like it was; a norm and a head by their own numbers."""
    state = Stack().state_dict()
    state[f"layers.{which}.down_proj.weight"] = torch.randn(8, 9)
    found = checked(Stack(), state, "float32[2,8]")
    rows = {node.title: node.expects for node in outline(found.trace, model_facts(Stack()))[0].walk()
            if node.state == "not reached"}  # fmt: skip
    others = {"layers.1 … 3": "2, 8"} if which == "0" else {}
    assert rows == {**others, "norm": "…, 8", "head": "…, 8"}
