"""A weight that a parametrization computes is named like any other; what is written into it reaches its originals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, EditRefused, Hazard


class Doubled(nn.Module):
    def forward(self, half: torch.Tensor) -> torch.Tensor:
        return half * 2

    def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
        return whole / 2


class Shifted(nn.Module):
    def forward(self, low: torch.Tensor) -> torch.Tensor:
        return low + 1

    def right_inverse(self, high: torch.Tensor) -> torch.Tensor:
        return high - 1


class OneWay(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.abs()


def two() -> nn.Linear:
    module = nn.Linear(4, 3)
    parametrize.register_parametrization(module, "weight", Doubled())
    parametrize.register_parametrization(module, "weight", Shifted())
    return module


MAKERS = {
    "weight_norm": lambda: parametrizations.weight_norm(nn.Linear(4, 3)),
    "two of them": two,
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4), orthogonal_map="householder"),
    "trivialized": lambda: parametrizations.orthogonal(nn.Linear(4, 4), orthogonal_map="cayley"),
}


def state(module: nn.Module) -> dict[str, Any]:
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    return {name: (id(one), oracle.bits(one)) for name, one in tensors.items()}


def said(hazards: list[Hazard]) -> Hazard:
    found = [one for one in hazards if one.kind == "parametrized"]
    assert len(found) == 1, hazards
    return found[0]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_write_goes_back_through_right_inverse_and_undo_restores_the_originals(make):
    """As `m.weight = value` does in torch, with the very originals kept and every bit to go back to."""
    torch.manual_seed(0)
    module = make()
    before = state(module)
    with weightedit.open({"net": nn.Sequential(module)}) as doc:
        name = "net.0.weight"
        assert name in doc.tensors
        assert name not in list(doc.tensors)
        assert oracle.same_bits(doc.read(name), module.weight.detach())
        wanted = module.weight.detach().flip(0)
        assert said(doc.preflight("flip", name, dims=[0])).level == "notice"
        doc.apply("flip", name, dims=[0])
        torch.testing.assert_close(module.weight.detach(), wanted)
        assert {key: one for key, (one, _) in state(module).items()} == {key: one for key, (one, _) in before.items()}
        originals = [key for key in doc.tensors if "original" in key]
        assert all(torch.equal(doc.read(key), dict(module.named_parameters())[key.removeprefix("net.0.")])
                   for key in originals)  # fmt: skip
        doc.undo()
        assert state(module) == before
        doc.redo()
        torch.testing.assert_close(module.weight.detach(), wanted)


def test_a_region_leaves_the_other_cells():
    module = two()
    with weightedit.open(module) as doc:
        wanted = module.weight.detach().clone()
        wanted[1, 2:] = 5
        doc.apply("fill", "weight", value=5.0, region="[1, 2:]")
        torch.testing.assert_close(module.weight.detach(), wanted)
        wanted[wanted > 1] *= 3
        doc.apply("scale", "weight", factor=3.0, region="where w > 1")
        torch.testing.assert_close(module.weight.detach(), wanted)


def test_what_comes_out_another_is_asked_about():
    """spectral_norm divides by the largest singular value whatever is written; orthogonal makes it orthogonal."""
    torch.manual_seed(0)
    module = parametrizations.spectral_norm(nn.Linear(4, 3))
    module(torch.ones(1, 4))
    before = state(module)
    with weightedit.open(module) as doc:
        found = said(doc.preflight("scale", "weight", factor=3.0))
        assert found.level == "warning"
        assert "will not be what is written" in found.message
        assert state(module) == before, "looking takes no step of the power method"
        with pytest.raises(ConfirmationNeeded):
            doc.apply("scale", "weight", factor=3.0)
        assert state(module) == before


def test_where_there_is_no_way_back_the_originals_are_named():
    module = nn.Linear(4, 3)
    parametrize.register_parametrization(module, "weight", OneWay())
    orthogonal = parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="cayley", use_trivialization=False)
    with weightedit.open({"a": module, "b": orthogonal}) as doc:
        for name, why in (("a.weight", "OneWay has no right_inverse"), ("b.weight", "right_inverse says")):
            with pytest.raises(EditRefused) as caught:
                doc.apply("fill", name, value=1.0, accept="all")
            found = said(list(caught.value.hazards))
            assert why in found.message
            assert name.replace("weight", "parametrizations.weight.original") in found.message


def test_another_shape_or_dtype_is_offered_on_the_original():
    module = two()
    with weightedit.open(module) as doc:
        found = said(doc.preflight("cast", "weight", dtype="float64"))
        assert found.level == "refusal"
        edit = found.alternatives[0]
        doc.apply(edit.operation, list(edit.targets), **edit.arguments)
        assert module.weight.dtype == torch.float64
