"""Values nobody gave are blamed for nothing: a target by a spec has classes of any classifier, masks leave some."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit


@pytest.mark.parametrize("classes", [2, 3, 50])
def test_classes_that_are_made_up_fit_every_classifier(classes):
    model = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(32, classes))
    found = weightedit.check(model, model, "int64[6,4]", target="int64[6]", loss="CrossEntropyLoss")
    assert (found["ok"], found["findings"]) == (True, [])


def test_classes_that_a_person_bounds_may_be_too_many():
    model = nn.Linear(4, 3)
    found = weightedit.check(model, model, "float32[40,4]", target="int64[40]<10", loss="CrossEntropyLoss")
    assert found["findings"][0]["kind"] == "target-range"


def test_a_mask_that_is_made_up_hides_some_and_not_all():
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    hidden = torch.ones(2, 5, dtype=torch.bool)
    model(torch.randn(2, 5, 16), src_key_padding_mask=hidden).square().sum().backward()
    queries = model.layers[0].self_attn.in_proj_weight
    assert not queries.grad.any(), "of a mask that hides all, in torch"
    model.zero_grad()
    found = weightedit.check(model, model, "float32[2,5,16], src_key_padding_mask: bool[2,5]",
                             target="float32[2,5,16]", loss="mse_loss")  # fmt: skip
    assert (found["ok"], found["findings"]) == (True, [])
