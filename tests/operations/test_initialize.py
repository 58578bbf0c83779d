"""initialize and the new rows of insert_rows: the distributions of torch.nn.init, the same bytes however asked for."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import init

import weightedit
from tests.core.values.test_random_values import cdf, distance
from tests.operations import oracle

SHAPE = (64, 48, 3, 3)
LIMIT = 1.95 / math.sqrt(math.prod(SHAPE))
"""The Kolmogorov–Smirnov statistic that one sample in 1000 would pass; these samples never change."""


def initialized(shape: tuple[int, ...], method: str, seed: int = 5, dtype: torch.dtype = torch.float32, name: str = "w",
                region: Any = None, **arguments: Any) -> torch.Tensor:  # fmt: skip
    """A tensor of zeros after the edit."""
    with weightedit.open({name: torch.zeros(shape, dtype=dtype)}) as doc:
        doc.apply("initialize", name, seed=seed, region=region, accept="all", method=method, **arguments)
        return doc.read(name)


def drawn_by_torch(method: str, shape: tuple[int, ...] = SHAPE, **arguments: Any) -> torch.Tensor:
    """What torch makes, of which only the distribution can be compared."""
    torch.manual_seed(0)
    return getattr(init, f"{method}_")(torch.empty(shape), **arguments)


BOUNDED: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {}), ("uniform", {"a": -3.0, "b": -1.0}), ("xavier_uniform", {}), ("xavier_uniform", {"gain": 3.0}),
    ("kaiming_uniform", {}), ("kaiming_uniform", {"a": math.sqrt(5)}),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "relu"}), ("kaiming_uniform", {"nonlinearity": "tanh"}),
]  # fmt: skip
BELLS: list[tuple[str, dict[str, Any]]] = [
    ("normal", {}), ("normal", {"mean": 2.0, "std": 0.02}), ("xavier_normal", {"gain": 0.5}), ("kaiming_normal", {}),
    ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "selu"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments"), BOUNDED, ids=str)
def test_uniform_between_torchs_bounds(method, arguments):
    ours, theirs = initialized(SHAPE, method, **arguments), drawn_by_torch(method, **arguments)
    low, high = float(ours.min()), float(ours.max())
    step = (high - low) / math.prod(SHAPE)
    assert abs(low - float(theirs.min())) < 12 * step
    assert abs(high - float(theirs.max())) < 12 * step
    ordered = ours.double().reshape(-1).sort().values
    assert distance(ordered, (ordered - low) / (high - low)) < LIMIT


@pytest.mark.parametrize(("method", "arguments"), BELLS, ids=str)
def test_normal_with_torchs_deviation(method, arguments):
    ours, theirs = initialized(SHAPE, method, **arguments), drawn_by_torch(method, **arguments)
    mean, std = arguments.get("mean", 0.0), arguments.get("std")
    std = float(theirs.double().std()) if std is None else std
    assert abs(float(ours.double().std()) / std - 1) < 0.02
    if "std" in arguments or method == "normal":
        ordered = ours.double().reshape(-1).sort().values
        assert distance(ordered, cdf((ordered - mean) / arguments.get("std", 1.0))) < LIMIT
    both = torch.stack([ours.reshape(-1).sort().values, theirs.reshape(-1).sort().values]).double()
    assert float((both[0] - both[1]).abs()[500:-500].max()) < 0.1 * std


@pytest.mark.parametrize("arguments", [{}, {"std": 0.5, "a": -0.25, "b": 1.0}, {"mean": 5.0, "a": 8.0, "b": 20.0}])
def test_truncated_normal(arguments):
    ours = initialized(SHAPE, "trunc_normal", **arguments).double().reshape(-1).sort().values
    low, high = arguments.get("a", -2.0), arguments.get("b", 2.0)
    mean, std = arguments.get("mean", 0.0), arguments.get("std", 1.0)
    assert low <= float(ours[0]) <= float(ours[-1]) <= high
    reached = cdf((torch.tensor([low, high], dtype=torch.float64) - mean) / std)
    assert distance(ours, (cdf((ours - mean) / std) - reached[0]) / (reached[1] - reached[0])) < LIMIT


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (8, 4, 3), (4, 8, 3, 3), (1, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=oracle.name_of)
def test_orthogonal(shape, dtype):
    matrix = initialized(shape, "orthogonal", dtype=dtype, gain=2).reshape(shape[0], -1).double()
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    torch.testing.assert_close(small @ small.T, 4 * torch.eye(len(small), dtype=torch.float64), rtol=0, atol=1e-5)
    assert 0.2 < float((matrix > 0).double().mean()) < 0.8


def test_a_region_gets_what_the_whole_gets_there():
    """Re-initialising one dead filter gives the filter that re-initialising the whole tensor would give it."""
    for method in ("kaiming_uniform", "xavier_normal", "trunc_normal", "orthogonal", "dirac"):
        whole = initialized((8, 4, 3, 3), method)
        for region in ("[7, :, :, :]", "[::3, 1:, :, 2]", "[[5, 0], :, 1]"):
            part = initialized((8, 4, 3, 3), method, region=region)
            index = oracle.region_index(region)
            assert oracle.same_bits(part[index], whole[index]), (method, region)
            mask = torch.ones_like(part, dtype=torch.bool)
            mask[index] = False
            assert not part[mask].any()


def test_strides_files_and_dtypes_do_not_change_the_values(tmp_path):
    whole = initialized((6, 10), "normal")
    torch.save({"w": torch.zeros(10, 6).t()}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as doc:
        doc.apply("initialize", "w", seed=5, method="normal")
        assert oracle.same_bits(doc.read("w"), whole)
    exact = initialized((6, 10), "normal", dtype=torch.float64)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert oracle.same_bits(initialized((6, 10), "normal", dtype=dtype), exact.to(dtype))


def test_seeds_and_names():
    first = initialized((6, 10), "normal")
    assert oracle.same_bits(first, initialized((6, 10), "normal"))
    assert not (first == initialized((6, 10), "normal", seed=6)).any()
    assert not (first == initialized((6, 10), "normal", name="v")).any()
    with weightedit.open({"a": torch.zeros(50), "b": torch.zeros(50)}) as doc:
        edit = doc.apply("initialize", "*", method="normal")
        assert edit.seed is not None
        assert not (doc.read("a") == doc.read("b")).any()


def test_new_rows_have_the_fans_of_the_enlarged_tensor():
    """And the values that initialising the enlarged tensor would give them: the classes of a classifier."""
    weight = torch.randn(10, 32)
    with weightedit.open({"w": weight.clone()}) as doc:
        doc.apply("insert_rows", "w", seed=5, count=3, a=math.sqrt(5))
        got = doc.read("w")
    assert oracle.same_bits(got[:10], weight)
    assert oracle.same_bits(got[10:], initialized((13, 32), "kaiming_uniform", a=math.sqrt(5))[10:])
    assert float(got[10:].abs().max()) <= 1 / math.sqrt(32)


def test_values_too_small_for_the_dtype_are_no_loss_and_too_large_ones_are():
    half = {"w": torch.zeros(200, 200, dtype=torch.float16)}
    with weightedit.open(half) as doc:
        assert not doc.preflight("initialize", "w", method="normal", std=1e-7)
        kinds = [hazard.kind for hazard in doc.preflight("initialize", "w", method="constant", value=1e6)]
        assert kinds == ["overflow"]
        kinds = [hazard.kind for hazard in doc.preflight("insert_rows", "w", method="constant", value=1e6)]
        assert kinds == ["overflow"]


@pytest.mark.parametrize(("shape", "arguments", "words"), [
    ((5,), {"method": "kaiming_normal"}, "two dimensions"), ((3, 3, 3), {"method": "eye"}, "two dimensions"),
    ((3, 3), {"method": "dirac"}, "three to five"), ((4, 2, 3), {"method": "dirac", "groups": 3}, "groups"),
    ((3,), {"method": "uniform", "a": 2}, "no larger than b"), ((3,), {"method": "normal", "std": -1}, "std is -1"),
    ((3,), {"method": "normal", "std": 1j}, "real number"), ((3, 3), {"method": "best"}, "It takes one of"),
    ((5000, 5000), {"method": "orthogonal"}, "too large"),
])  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence(shape, arguments, words):
    tensor = torch.zeros(1).expand(shape)
    with weightedit.open({"w": tensor}) as doc, pytest.raises(weightedit.EditRefused, match=words) as caught:
        doc.apply("initialize", "w", accept="all", **arguments)
    assert len(str(caught.value)) < 250
