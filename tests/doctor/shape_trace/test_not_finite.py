"""A run with values whose output is not finite is no healthy one, and it is said where that begins."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()


def found_in(model, x=None, **how):
    given = torch.randn(2, 3, 8, 8) if x is None else x
    return weightedit.check(model, model, given, device="cpu", **how)


def test_a_weight_that_holds_nan_is_named_and_mended():
    model = network()
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = torch.nan
    assert model(torch.randn(2, 3, 8, 8)).isnan().all(), "so it is in torch"
    (one,) = found_in(model)["findings"]
    assert (one["kind"], one["level"], one["module"], one["tensor"]) == ("non-finite", "warning", "0", "0.weight")
    assert one["message"] == ("10 of the 10 values of the output are NaN or infinite; they begin in 0 (Conv2d), where "
                              "1 of the 108 values of 0.weight is so.")  # fmt: skip
    with weightedit.open(model) as document:
        document.apply(one["mend"])
        assert weightedit.check(document, model, torch.randn(2, 3, 8, 8), device="cpu")["ok"]


def test_a_variance_below_zero_has_finite_tensors_and_is_hinted_at():
    model = network()
    model[1].running_var[2] = -1
    assert model(torch.randn(2, 3, 8, 8)).isnan().all(), "so it is in torch"
    (one,) = found_in(model)["findings"]
    assert (one["module"], one["tensor"], one["mends"]) == ("1", "", [])
    assert "look for a negative running_var" in one["message"]


def test_what_is_given_is_told_apart_from_what_is_made():
    (one,) = found_in(network(), torch.full((2, 3, 8, 8), torch.nan))["findings"]
    assert one["message"].endswith("and the model is given such: 384 of the 384 values of its input 0.")


class Divides(nn.Module):
    def forward(self, x):
        return x / 0 * 0


def test_it_may_begin_in_the_models_own_code():
    (one,) = found_in(Divides())["findings"]
    assert "they begin in the model itself, Divides, which is given none" in one["message"]


class Masked(nn.Module):
    """Hides what is later by minus infinity, within and in what it gives."""

    def forward(self, x):
        return x.masked_fill(torch.ones_like(x, dtype=torch.bool).triu(1), -torch.inf)


@pytest.mark.parametrize("model", [network(), Masked(), nn.Sequential(Masked(), nn.Softmax(-1))],
                         ids=["network", "mask", "softmax"])  # fmt: skip
def test_finite_outputs_and_masks_are_healthy(model):
    assert found_in(model)["ok"]
