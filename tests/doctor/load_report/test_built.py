"""A model built with other sizes is told in one sentence, with the argument that says the size where one alone can."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from tests.doctor.load_report.models import (
    FORMATS,
    TOKENS,
    ResNet,
    kinds,
    mended,
    report_on,
    saved,
    state_of,
)  # fmt: skip
from weightedit.doctor.inside.model_facts import model_facts


def perceptron(hidden, classes=3, layers=2):
    return nn.ModuleDict({
        "first": nn.Linear(8, hidden), "head": nn.Linear(hidden, classes),
        "layers": nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))})  # fmt: skip


def gpt2(**sizes):
    asked = {"n_layer": 3, "n_embd": 8, "n_head": 2, "vocab_size": 50, "n_positions": 12} | sizes
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**asked, **TOKENS))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("found", "wanted"), [(128, 64), (64, 128)])
def test_another_width_is_one_finding_before_all_others(tmp_path, suffix, found, wanted):
    path = saved(state_of(perceptron(found)), tmp_path / f"model{suffix}")
    report = report_on(perceptron(wanted), path)
    assert kinds(report) == ["size"]
    assert report.findings[0].message == \
        f"The checkpoint has {found} where the model has {wanted}, in 7 tensors: build the model with {found}"
    model = perceptron(found)  # what it says to do
    model.load_state_dict(torch.load(path, weights_only=True) if suffix == ".pt" else state_of(model), strict=True)
    mended(perceptron(wanted), path)  # or what it offers to do instead


def test_several_sizes_and_layers_are_told_together(tmp_path):
    path = saved(state_of(perceptron(16, classes=5, layers=4)), tmp_path / "model.pt")
    report = report_on(perceptron(12, classes=3, layers=2), path)
    assert kinds(report) == ["size", "unexpected"]
    assert report.findings[0].message == \
        "The checkpoint has 16 where the model has 12, in 7 tensors; 5 where it has 3, in 2 tensors; and 4 modules " \
        "in layers where it has 2: build the model with 16, 5 and 4"
    assert report.findings[1].mends[0].title == "Drop layers.2 and layers.3 (4 tensors)"
    mended(perceptron(12), path)


@pytest.mark.parametrize(("sizes", "said"), [
    ({"n_embd": 16}, "build the model with n_embd 16"),
    ({"vocab_size": 60}, "build the model with vocab_size 60 to keep "),
    ({"n_layer": 4}, "build the model with n_layer 4 to take it as it is"),
    ({"n_positions": 24}, "build the model with n_positions 24 to keep it"),
    ({"n_embd": 16, "n_layer": 2}, "build the model with n_embd 16 and n_layer 2"),
])  # fmt: skip
def test_the_key_of_a_config_is_named(tmp_path, sizes, said):
    path = saved(state_of(gpt2(**sizes)), tmp_path / "model.pt")
    report = report_on(gpt2(), path)
    assert said in report.findings[0].message
    gpt2(**sizes).load_state_dict(torch.load(path, weights_only=True), strict=True)
    mended(gpt2(), path)


def test_a_key_that_could_be_another_one_is_not_named(tmp_path):
    """Two layers and two heads: nothing tells which of the two numbers says how many layers there are."""
    report = report_on(gpt2(n_layer=2), saved(state_of(gpt2(n_layer=4)), tmp_path / "model.pt"))
    assert report.findings[0].message.endswith("the model 2: build the model with 4 to take it as it is")
    assert model_facts(gpt2(n_layer=2)).given["n_head"] == 2


def test_one_tensor_of_another_size_says_nothing_of_how_the_model_was_built(tmp_path):
    state = state_of(perceptron(16))
    state["layers.0.weight"] = state["layers.0.weight"][:, :-1].clone()
    state["first.bias"] = torch.cat([state["first.bias"], torch.ones(3)])
    report = report_on(perceptron(16), saved(state, tmp_path / "model.pt"))
    assert kinds(report) == ["shape", "shape"]
    assert not [one.message for one in report.findings if "build" in one.message]


def test_layers_that_are_missing_between_others_are_no_other_number_of_layers(tmp_path):
    state = {name: tensor for name, tensor in state_of(ResNet()).items() if not name.startswith("layer1.0")}
    report = report_on(ResNet(), saved(state, tmp_path / "model.pt"))
    assert not [one.message for one in report.findings if "build" in one.message]
