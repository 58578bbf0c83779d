"""*Copy as PyTorch*: the printed code, run by Python on what torch loads, gives what the edit gives."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit.core.pages.as_pytorch import as_pytorch

BIG = torch.arange(100.0).view(10, 10)


def tensors() -> dict[str, Any]:
    base = torch.arange(24.0)
    tied = nn.Parameter(torch.randn(4, 3, generator=torch.Generator().manual_seed(1)))
    return {
        "w": BIG.clone(), "i": torch.arange(6).view(2, 3), "tied": tied, "again": tied, "nested": {"x": torch.ones(3)},
        "alias": base.view(4, 6), "aliased": base.view(4, 6), "expanded": torch.ones(3, 1).expand(3, 4),
        7: torch.ones(2),
    }  # fmt: skip


EDITS = [
    ("scale", "w", {"factor": 0.5}), ("scale", "w", {"factor": 2.0, "region": "[2:4, [1, 3]]"}),
    ("scale", "w", {"factor": 3.0, "region": ["[0:3, :]", "[2:5, :]"]}), ("scale", ["tied", "again"], {"factor": 2.0}),
    ("scale", ["alias", "aliased"], {"factor": 2.0}), ("add", "i", {"value": 3}),
    ("fill", "w", {"value": float("inf")}), ("fill", "w", {"value": float("nan"), "region": "3, 4"}),
    ("fill", "expanded", {"value": 5, "region": "[0, 0]"}), ("set", "i", {"values": [[9, 8, 7]], "region": "[0:1]"}),
    ("set", "w", {"values": torch.tensor([0.5, float("nan")]), "region": "[0, 0:2]"}),
    ("set", "w", {"values": BIG.t()}), ("set", "w", {"values": torch.full((10, 10), 2, dtype=torch.int8)}),
    ("cast", "tied", {"dtype": "float64"}), ("cast", "tied", {"dtype": "int8"}),
    ("cast", "alias", {"dtype": "bfloat16"}), ("cast", "*", {"dtype": "float16"}),
    ("cast", "again", {"dtype": "float64", "tied": "untie"}), ("slice", "w", {"region": "[1:3, 4]"}),
    ("transpose", "tied", {}), ("transpose", "w", {"dim0": 0, "dim1": 1}), ("replace", "w", {"source": "i"}),
    ("replace", "w", {"source": torch.tensor([1.5, float("-inf")], dtype=torch.float64)}),
    ("requires_grad", "w", {"value": True}), ("rename", "i", {"to": "renamed"}),
    ("rename", "nested.x", {"to": "nested.y"}), ("scale", "nested.x", {"factor": 2.0}), ("scale", "7", {"factor": 2.0}),
]


def flat(value: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {prefix.lstrip("."): value}
    return {name: tensor for key, item in value.items() for name, tensor in flat(item, f"{prefix}.{key}").items()}


def expect_alike(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Same names in the same order, same bits, same flags, and the same ones tied."""
    first, second = flat(mine), flat(theirs)
    assert list(first) == list(second)
    for name, tensor in first.items():
        other = second[name]
        assert oracle.same_values(tensor.detach(), other.detach()), name
        assert (type(tensor), tensor.requires_grad) == (type(other), other.requires_grad), name
    ties = [[tensor is other or tensor.data_ptr() == other.data_ptr() for other in values.values()]
            for values in (first, second) for tensor in values.values()]  # fmt: skip
    assert ties[: len(first)] == ties[len(first) :]


@pytest.mark.parametrize(("operation", "targets", "arguments"), EDITS, ids=str)
@pytest.mark.parametrize("opened", ["live", "file"])
def test_the_code_does_what_the_edit_does(operation, targets, arguments, opened, tmp_path):
    live = tensors()
    torch.save(live, tmp_path / "c.pt")
    by_hand = torch.load(tmp_path / "c.pt", weights_only=True)
    with weightedit.open(live if opened == "live" else tmp_path / "c.pt") as doc:
        preview = doc.preview(operation, targets, **arguments)
        code = as_pytorch(doc, preview.edit)
        doc.apply(operation, targets, accept="all", **arguments)
        exec(code, {"checkpoint": by_hand, "values": arguments.get("values", arguments.get("source"))})
        if opened == "live":
            expect_alike(by_hand, live)
        else:
            found = flat(by_hand)
            assert list(found) == list(doc.tensors)
            for name, tensor in found.items():
                assert oracle.same_values(doc.read(name), tensor.detach()), name


def test_on_a_module():
    """By attribute, through lists and names that are no identifiers, and Parameters stay Parameters."""
    module = nn.Sequential(nn.Linear(3, 4), nn.ParameterList([torch.ones(2)]), nn.Module())
    module[2].head = nn.Linear(4, 3, bias=False)
    module[2].head.weight = nn.Parameter(module[0].weight.detach().t().clone())
    module[2].tied = module[0].weight
    by_hand = copy.deepcopy(module)
    with weightedit.open(module) as doc:
        for operation, targets, arguments in (
            ("scale", "*weight", {"factor": 2.0}), ("cast", "*", {"dtype": "float64"}), ("transpose", "0.weight", {}),
            ("requires_grad", "1.0", {"value": False}), ("cast", "1.0", {"dtype": "int8"}),
        ):  # fmt: skip
            code = as_pytorch(doc, doc.preview(operation, targets, **arguments).edit)
            doc.apply(operation, targets, accept="all", **arguments)
            exec(code, {"model": by_hand})
    expect_alike(dict(by_hand.named_parameters(remove_duplicate=False)),
                 dict(module.named_parameters(remove_duplicate=False)))  # fmt: skip


def test_on_modules_inside_containers():
    root = {"m": nn.Linear(2, 2), "l": [torch.ones(2), {"k": nn.Linear(1, 1)}]}
    by_hand = copy.deepcopy(root)
    with weightedit.open(root) as doc:
        code = as_pytorch(doc, doc.preview("cast", "*", dtype="float64").edit)
        doc.apply("cast", "*", dtype="float64")
    exec(code, {"checkpoint": by_hand})
    assert by_hand["m"].weight.dtype == by_hand["l"][0].dtype == by_hand["l"][1]["k"].bias.dtype == torch.float64
    assert isinstance(by_hand["m"].weight, nn.Parameter)
