"""Tensors that a module computes a weight from: their shapes, and edits of the weight and of them, go together."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import weightedit
from weightedit import ConfirmationNeeded, Document, EditRefused, Hazard

START = "parametrizations.weight."
ROWS, COLUMNS = "[0:3]", "[:, 0:4]"


def normed() -> nn.Module:
    return parametrizations.weight_norm(nn.Linear(6, 5))


def normed_by_hook() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nn.utils.weight_norm(nn.Linear(6, 5))


def spectral() -> nn.Module:
    return parametrizations.spectral_norm(nn.Linear(6, 5))


class Shorter(nn.Module):
    """A parametrization of one's own: torch knows nothing of its shapes before it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factors", torch.ones(6))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return (weight * self.factors)[:-1]


def pruned() -> nn.Module:
    module = nn.Linear(6, 5)
    prune.l1_unstructured(module, "weight", 0.5)
    return module


def sized(doc: Document, *given: Any, **arguments: Any) -> list[Hazard]:
    return [one for one in doc.preflight(*given, **arguments) if one.kind == "module-attribute"]


@pytest.mark.parametrize(("make", "name", "operation", "arguments"), [
    (normed, f"{START}original1", "reshape", {"shape": [-1]}),
    (normed, f"{START}original1", "pad", {"pad": [0, 0, 1, 0], "mode": "constant", "value": 0}),
    (normed, f"{START}original0", "slice", {"region": ROWS}),
    (normed_by_hook, "weight_v", "slice", {"region": ROWS}),
    (normed_by_hook, "weight_g", "slice", {"region": ROWS}),
], ids=["reshaped", "padded", "magnitudes", "hook", "hook's magnitudes"])  # fmt: skip
def test_what_weight_norm_would_read_past_is_refused(make, name, operation, arguments):
    """torch._weight_norm looks at no shape: it reads what lies behind the magnitudes, or the process ends."""
    with weightedit.open({"net": nn.Sequential(make())}) as doc:
        shape = doc.tensors[f"net.0.{name}"].shape
        [found] = sized(doc, operation, f"net.0.{name}", **arguments)
        assert found.level == "refusal"
        assert "asks for" in found.message
        with pytest.raises(EditRefused):
            doc.apply(operation, f"net.0.{name}", accept="all", **arguments)
        assert doc.tensors[f"net.0.{name}"].shape == shape
        assert doc.read("net.0.weight").shape == (5, 6)


@pytest.mark.parametrize(("make", "names"), [
    (normed, [f"{START}original0", f"{START}original1"]), (normed_by_hook, ["weight_g", "weight_v"]),
    (pruned, ["weight_orig", "weight_mask"]),
])  # fmt: skip
def test_originals_cut_together_take_the_module_along(make, names):
    module = make()
    with weightedit.open(module) as doc:
        offered = sized(doc, "slice", names[1], region=ROWS)[0].alternatives
        assert set(names) <= set(offered[0].targets)
        doc.apply("slice", [*names, "bias"], region=ROWS, accept="all")
        assert module.out_features == 3
        assert module(torch.ones(2, 6)).shape == (2, 3)
        assert doc.read("weight").shape == (3, 6) or make is not normed
        doc.undo()
        assert (module.in_features, module.out_features) == (6, 5)
        assert module(torch.ones(2, 6)).shape == (2, 5)


@pytest.mark.parametrize(("make", "name"), [(normed, f"{START}original1"), (normed_by_hook, "weight_v")])
def test_columns_of_a_direction_have_no_magnitude(make, name):
    module = make()
    with weightedit.open(module) as doc:
        assert [one.level for one in sized(doc, "slice", name, region=COLUMNS)] == ["notice"]
        doc.apply("slice", name, region=COLUMNS)
        assert module.in_features == 4
        assert module(torch.ones(2, 4)).shape == (2, 5)
        doc.undo()
        assert module.in_features == 6


def test_what_cannot_be_computed_any_more_is_asked_about_and_said_at_reading():
    """spectral_norm keeps vectors of the size; torch raises at the next forward."""
    module = spectral()
    with weightedit.open(module) as doc:
        found, follows = sized(doc, "slice", f"{START}original", region=COLUMNS)
        assert (found.level, follows.level) == ("warning", "notice")
        assert f"{START}0._v" in found.targets
        with pytest.raises(ConfirmationNeeded):
            doc.apply("slice", f"{START}original", region=COLUMNS)
        doc.apply("slice", f"{START}original", region=COLUMNS, accept="all")
        assert "weight" in doc.tensors
        with pytest.raises(EditRefused, match=r"cannot be computed of parametrizations\.weight\.original"):
            doc.read("weight")
        doc.apply("slice", f"{START}0._v", region="[0:4]", accept="all")
        assert module.in_features == 4
        assert module(torch.ones(2, 4)).shape == (2, 5)
        doc.go_to(0, accept="all")
        assert module.in_features == 6


def test_the_shape_that_a_parametrization_of_ones_own_computes_is_worked_out():
    module = nn.Linear(6, 5, bias=False)
    parametrize.register_parametrization(module, "weight", Shorter(), unsafe=True)
    with weightedit.open(module) as doc:
        doc.apply("slice", f"{START}original", region="[0:4]", accept="all")
        assert module.out_features == module.weight.shape[0] == 3
        doc.undo()
        [found] = sized(doc, "slice", f"{START}original", region=COLUMNS)
        assert found.level == "warning"
        assert "Shorter cannot compute weight any more" in found.message


def test_originals_of_two_dtypes_are_named_at_reading():
    with weightedit.open(normed()) as doc:
        doc.apply("cast", f"{START}original1", dtype="float16", accept="all")
        with pytest.raises(EditRefused, match=r"original0 and .*original1"):
            doc.read("weight")


# ---------------------------------------------------------------- the weight and its originals in one edit


def twice() -> nn.Module:
    """Two modules whose weights are computed from one and the same tensor."""
    first, second = spectral(), spectral()
    second.parametrizations.weight.original = first.parametrizations.weight.original
    return nn.ModuleList([first, second])


@pytest.mark.parametrize(("make", "targets"), [
    (normed, ["weight", f"{START}original1"]), (twice, ["0.weight", "1.weight"]),
    (twice, ["1.weight", f"0.{START}original"]),
])  # fmt: skip
def test_a_weight_and_what_it_is_computed_from_are_not_written_at_once(make: Callable[[], nn.Module], targets):
    """One of the two writes would be lost, and undo would take it for another program's."""
    with weightedit.open(make()) as doc:
        before = {name: doc.read(name) for name in doc.tensors}
        with pytest.raises(EditRefused) as caught:
            doc.apply("scale", targets, factor=2, accept="all")
        assert {one.kind for one in caught.value.hazards} == {"overlap"}
        assert all(torch.equal(doc.read(name), value) for name, value in before.items())


def test_a_weight_named_twice_is_written_once():
    module = normed()
    wanted = module.weight.detach() * 2
    with weightedit.open(module) as doc:
        doc.apply("scale", ["weight", "weight"], factor=2)
        torch.testing.assert_close(module.weight.detach(), wanted)
        doc.undo()


def test_originals_that_are_left_stay():
    module = normed()
    with weightedit.open(module) as doc:
        with pytest.raises(EditRefused, match="written through these"):
            doc.apply("scale", "weight", factor=2, leave="parametrizations.*", accept="all")
        doc.apply("scale", "weight", factor=2, leave="dtype:integer")


def test_a_computed_weight_is_not_called_unregistered():
    with weightedit.open(normed()) as doc:
        assert [one.kind for one in doc.preflight("scale", "weight", factor=2)] == ["parametrized"]


def test_no_clone_is_offered_for_what_a_hook_computes():
    """It is computed anew at the next forward, and a cast of it is refused."""
    with weightedit.open(normed_by_hook()) as doc:
        [found] = doc.preflight("requires_grad", "weight", value=False)
        assert (found.kind, found.alternatives) == ("not-a-leaf", ())
        assert "weight_g and weight_v" in found.message


@pytest.mark.parametrize(("operation", "targets", "arguments"), [
    ("untie", ["weight"], {}), ("retie", ["weight", "bias"], {}), ("tie", ["weight"], {"to": f"{START}original1"}),
    ("tie", [f"{START}original1"], {"to": "weight"}),
])  # fmt: skip
def test_a_computed_weight_shares_nothing(operation, targets, arguments):
    told = r"weight is computed.*original0 and .*original1"
    with weightedit.open(normed()) as doc, pytest.raises(EditRefused, match=told):
        doc.apply(operation, targets, accept="all", **arguments)
