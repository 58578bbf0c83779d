"""Statistics against torch in float64, for every dtype, in small chunks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.region import Box, parse_region
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import statistics
from weightedit.core.storage import Resident
from weightedit.core.values.reading import ReadBuffer, pieces, read_box

REAL = [name for name, dtype in DTYPES.items() if dtype.family in ("float", "int", "uint", "bool")]


@dataclass
class Pin:
    """A tensor in memory, read as documents read it."""

    spec: TensorSpec
    content: Resident

    def chunks(self, region: Any = None, nbytes: int = 1 << 20) -> Iterator[tuple[Box, Any]]:
        box = region if isinstance(region, Box) else parse_region(region, self.spec.shape)
        buffer = ReadBuffer()
        for part in pieces(self.spec, box, nbytes):
            yield part, read_box(self.spec, self.content, part, buffer)

    def read(self, box: Box) -> Any:
        return read_box(self.spec, self.content, box).copy()


def pin(tensor: torch.Tensor) -> Pin:
    raw = bytearray(torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().tobytes())
    name = str(tensor.dtype).removeprefix("torch.")
    spec = TensorSpec(name, tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
    return Pin(spec, Resident(memoryview(raw)))


def some(dtype: str, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    if DTYPES[dtype].family == "bool":
        return torch.randint(0, 2, shape, generator=generator).bool()
    if DTYPES[dtype].is_integer:
        low = 0 if DTYPES[dtype].family == "uint" else -100
        return torch.randint(low, 120, shape, generator=generator).to(torch_dtype(dtype))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(torch_dtype(dtype))


@pytest.mark.parametrize("dtype", REAL)
def test_statistics_are_those_of_torch(dtype: str) -> None:
    tensor = some(dtype, 37, 53)
    found = statistics(pin(tensor), nbytes=500)
    wide = tensor.to(torch.float64)
    assert found.count == wide.numel()
    assert found.minimum == wide.min().item()
    assert found.maximum == wide.max().item()
    assert found.mean == pytest.approx(wide.mean().item(), rel=1e-12, abs=1e-15)
    assert found.std == pytest.approx(wide.std(correction=0).item(), rel=1e-11)
    assert found.l2 == pytest.approx(wide.norm().item(), rel=1e-12)
    assert found.zeros == int((wide == 0).sum())
    assert found.nonfinite == 0
    exact = torch.quantile(wide.abs().flatten(), 0.99, interpolation="higher").item()
    assert found.abs_percentile(99.0) == pytest.approx(exact, rel=0 if found.percentile_is_exact else 0.009)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
def test_nonfinite_values_are_counted_and_left_out(dtype: str) -> None:
    tensor = torch.randn(40, 50, dtype=torch.float64)
    tensor[3, 4:9] = float("nan")
    tensor[7, 1:3] = float("inf")
    tensor[8, 0] = -float("inf")
    tensor[9, 0] = 0.0
    tensor = tensor.to(torch_dtype(dtype))
    found = statistics(pin(tensor), nbytes=300)
    wide = tensor.to(torch.float64)
    finite = wide[wide.isfinite()]
    assert (found.nan, found.posinf, found.neginf) == (5, 2, 1)
    assert found.mean == pytest.approx(finite.mean().item(), rel=1e-9)
    assert found.std == pytest.approx(finite.std(correction=0).item(), rel=1e-9)
    assert found.l2 == pytest.approx(finite.norm().item(), rel=1e-9)
    assert found.zeros == int((wide == 0).sum())


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_no_percentile_of_magnitudes_is_above_the_largest(dtype: str) -> None:
    for value in (1.001, 1.0, 0.3, 3e-3) if dtype != "int64" else (65537, 1_000_003):
        tensor = torch.full((20,), -value, dtype=torch_dtype(dtype))
        found = statistics(pin(tensor))
        assert found.abs_percentile() == pytest.approx(abs(tensor[0].item()), rel=0.009)
        assert (found.abs_percentile() or math.inf) <= abs(tensor[0].item())


def test_a_region_of_a_strided_view() -> None:
    tensor = torch.randn(30, 40).t()[2:, ::3]
    found = statistics(pin(tensor), "[1:20, 2:5]", nbytes=200)
    part = tensor[1:20, 2:5].double()
    assert found.count == part.numel()
    assert found.mean == pytest.approx(part.mean().item(), rel=1e-9)


def test_complex_values_count_by_magnitude() -> None:
    tensor = torch.randn(20, 20, dtype=torch.complex64)
    tensor[0, 0] = complex(float("nan"), 1)
    tensor[0, 1] = complex(float("inf"), 1)
    found = statistics(pin(tensor))
    finite = tensor.flatten()[2:].to(torch.complex128).abs()
    assert (found.nan, found.posinf) == (1, 1)
    assert found.maximum == pytest.approx(finite.max().item(), rel=1e-6)
    assert found.l2 == pytest.approx(finite.norm().item(), rel=1e-6)


def test_large_integers_keep_their_exact_ends() -> None:
    tensor = torch.tensor([2**62 + 1, -(2**62) - 1, 5])
    found = statistics(pin(tensor))
    assert (found.minimum, found.maximum) == (-(2**62) - 1, 2**62 + 1)


def test_nothing_finite_and_nothing_at_all() -> None:
    for tensor in (torch.full((3,), float("nan")), torch.empty(0, 4), torch.empty(0, dtype=torch.float16)):
        found = statistics(pin(tensor))
        assert found.mean is None
        assert found.abs_percentile() is None
        assert found.histogram(-1, 1, 4).tolist() == [0, 0, 0, 0]


def test_a_scalar() -> None:
    found = statistics(pin(torch.tensor(2.5)))
    assert (found.count, found.minimum, found.mean, found.std, found.l2) == (1, 2.5, 2.5, 0.0, 2.5)


def test_histogram_of_half_floats_is_exact() -> None:
    tensor = torch.randn(5000).half()
    found = statistics(pin(tensor)).histogram(-2, 2, 16)
    clipped = tensor.double().clip(-2, np.nextafter(2, 0)).numpy()
    assert found.tolist() == np.histogram(clipped, 16, (-2, 2))[0].tolist()


def test_histogram_of_floats_is_near_and_keeps_the_count() -> None:
    tensor = torch.randn(200_000)
    found = statistics(pin(tensor)).histogram(-5, 5, 50)
    real = np.histogram(tensor.numpy(), 50, (-5, 5))[0]
    assert found.sum() == pytest.approx(200_000)
    assert np.abs(found - real).max() < 0.05 * real.max()


def test_values_past_float32_stay_finite() -> None:
    found = statistics(pin(torch.tensor([1e300, -1e300, 1.0], dtype=torch.float64)))
    assert found.maximum == 1e300
    assert found.abs_percentile() is not None
    assert math.isfinite(found.abs_percentile() or math.inf)


@pytest.mark.parametrize("dtype", [name for name in REAL if DTYPES[name].itemsize <= 2])
def test_distinct_values_are_those_of_numpy(dtype: str) -> None:
    """Zeros of both signs are one value, and however many patterns NaN has."""
    tensor = some(dtype, 60, 50)
    if DTYPES[dtype].family == "float" and dtype != "float8_e8m0fnu":
        tensor[0, :4] = torch.tensor([0.0, -0.0, math.nan, -math.nan], dtype=torch.float64).to(torch_dtype(dtype))
    assert statistics(pin(tensor)).distinct == len(np.unique(tensor.to(torch.float64).numpy()))


def test_wide_dtypes_do_not_say_how_many_values_are_distinct() -> None:
    """Their codes stand for several values each."""
    assert statistics(pin(torch.arange(10.0))).distinct is None
