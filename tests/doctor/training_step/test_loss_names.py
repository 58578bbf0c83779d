"""A loss is found by any name people have for it, computes what torch's own does, and an unknown one names its like."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from weightedit.doctor.inside.training.losses import SHORT, UnknownLoss, found_loss

OUTPUT, TARGET = torch.rand(5, 3), torch.rand(5, 3)


@pytest.mark.parametrize("name", ["MSELoss", "mse_loss", "mse", "nn.MSELoss", "torch.nn.MSELoss", "F.mse_loss",
                                  "torch.nn.functional.mse_loss", " mse "])  # fmt: skip
def test_all_names_of_one_loss_are_it(name):
    found = found_loss(name)
    assert found.function == "mse_loss"
    assert torch.equal(found.call(OUTPUT, TARGET), F.mse_loss(OUTPUT, TARGET))


@pytest.mark.parametrize(("short", "function"), SHORT.items())
def test_short_names_are_functions_of_torch(short, function):
    assert found_loss(short).call is getattr(F, function)


def test_every_loss_of_torch_over_an_output_and_a_target_is_found():
    """All classes of torch.nn that take two are there; those of three, or with sizes of their own, say so."""
    named = {name for name, kind in vars(nn).items() if isinstance(kind, type) and name.endswith("Loss")
             and name != "AdaptiveLogSoftmaxWithLoss"}  # fmt: skip  # a layer, with parameters of its own
    taken, refused = set(), {}
    for name in named:
        try:
            found_loss(name)
            taken.add(name)
        except UnknownLoss as error:
            refused[name] = str(error)
    assert {"MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss", "KLDivLoss", "MultiMarginLoss"} <= taken
    assert {"CTCLoss", "TripletMarginLoss", "CosineEmbeddingLoss", "MarginRankingLoss"} <= set(refused)
    assert all("more than an output and a target" in said or "cannot be made without arguments" in said
               for said in refused.values())  # fmt: skip


def test_sums_and_means_of_the_output():
    assert found_loss("sum").call(OUTPUT) == OUTPUT.sum()
    assert found_loss("mean").call(OUTPUT) == OUTPUT.mean()


def test_one_of_ones_own_is_resolved_and_takes_what_it_takes():
    def own(output, target, weight=2.0):
        return (output - target).mean() * weight

    found = found_loss("losses.py:own", {"losses.py:own": own}.__getitem__)
    assert (found.call, found.function, found.takes_whole, found.takes_target) == (own, "", True, True)
    assert not found_loss(lambda output: output.sum()).takes_target
    assert found_loss("my.losses:MSE", lambda name: nn.MSELoss).function == "mse_loss"
    assert found_loss(nn.CrossEntropyLoss(ignore_index=3)).ignore_index == 3
    assert found_loss(F.cross_entropy).function == "cross_entropy"


@pytest.mark.parametrize(("name", "close"), [("MSELos", "MSELoss"), ("crossentropy", "cross_entropy"),
                                             ("msee", "mse"), ("output.los", "output.loss")])  # fmt: skip
def test_an_unknown_one_names_its_like(name, close):
    with pytest.raises(UnknownLoss, match=f"There is no loss '{name}'. Close to it: .*{close}"):
        found_loss(name)


def test_what_is_no_loss_at_all():
    with pytest.raises(UnknownLoss, match="Name one of torch"):
        found_loss("qqqqqq")
    with pytest.raises(UnknownLoss, match="is an int, and a loss is a function"):
        found_loss("losses.py:x", lambda name: 3)
    with pytest.raises(UnknownLoss):
        found_loss("losses.py:x")
