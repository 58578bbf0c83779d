"""Functions of many values give torch's results in float64, in blocks, with NaN, infinities and nothing at all."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.bench import bits, by_torch, pin, source_of, worked_out
from weightedit.core.errors import Cancelled, ExpressionError
from weightedit.search import reductions
from weightedit.search.expression import parse
from weightedit.search.functions import FUNCTIONS

NAMES = [one.name for one in FUNCTIONS.values() if one.arity == "reduction" and one.name != "median"]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.int32, torch.uint8, torch.bool]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut even small tensors."""
    monkeypatch.setattr(reductions, "BLOCK", 50)


def values(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    found = torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 3
    return found.abs().to(dtype) if dtype == torch.uint8 else found.to(dtype)


def reference(name: str, tensor: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    listed = "".join(f", {dim}" for dim in dims)
    return by_torch(f"{name}(w{listed})", tensor.to(torch.float64))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_reductions_are_those_of_torch_in_float64(name, dtype):
    tensor = values(dtype, 5, 7, 6)
    for dims in ((), (0,), (1,), (-1,), (0, 2), (0, 1, 2)):
        got = worked_out(f"{name}(w{''.join(f', {dim}' for dim in dims)})", tensor)
        expected = reference(name, tensor, dims).to(got.dtype)
        loose = 1e-6 if got.dtype == torch.float32 else 1e-12
        torch.testing.assert_close(got.double(), expected.double(), rtol=loose, atol=0, equal_nan=True)
    if name in ("min", "max"):
        assert got.dtype == (dtype if dtype in (torch.float64, torch.float32, torch.bool) else
                             torch.float32 if dtype == torch.bfloat16 else torch.int64)  # fmt: skip


@pytest.mark.parametrize("extra", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("name", [*NAMES, "median"])
def test_nan_and_infinities_spread_as_in_torch(name, extra):
    tensor = values(torch.float64, 12, 11)
    tensor[7, 3] = extra
    for dims in ((),) if name == "median" else ((), (0,), (1,)):
        got = worked_out(f"{name}(w{''.join(f', {dim}' for dim in dims)})", tensor)
        torch.testing.assert_close(got.double(), reference(name, tensor, dims).double(), equal_nan=True)


@given(st.integers(1, 300), st.floats(0, 1), st.sampled_from([torch.float32, torch.float64, torch.float16]),
       st.integers(1, 3))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_quantiles_and_medians_are_exact(count, share, dtype, spread):
    tensor = torch.randn(count, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    tensor = (tensor * 10**spread).to(dtype)
    tensor[:: 1 + spread] = tensor[0]
    wide = tensor.to(torch.float64)
    got = worked_out(f"quantile(w * 1.0, {share:.17f})", wide)
    torch.testing.assert_close(got[0], torch.quantile(wide, float(f"{share:.17f}")), rtol=1e-12, atol=1e-300)
    assert float(worked_out("median(w)", tensor)[0]) == float(torch.median(wide))


def test_quantiles_of_negative_zero_infinities_and_nothing():
    tensor = torch.tensor([-math.inf, -0.0, 0.0, 3.0, math.inf])
    assert worked_out("quantile(w, 0)", tensor)[0] == -math.inf
    assert worked_out("quantile(w, 1)", tensor)[0] == math.inf
    assert worked_out("median(w)", tensor)[0] == 0
    assert worked_out("median(w)", torch.empty(0)).shape == (0,)
    with pytest.raises(ExpressionError, match="no values"):
        worked_out("quantile(w, 0.5)", torch.empty(0))


def test_float32_sums_accumulate_in_float64():
    tensor = torch.full((40, 50), 0.1)
    tensor[0, 0] = 1e8
    got = worked_out("mean(w)", tensor)[0, 0]
    assert got.dtype == torch.float32
    assert float(got) == float(tensor.double().mean().float())


def test_the_variance_of_large_values_close_together_keeps_its_digits():
    tensor = 1e9 + values(torch.float64, 30, 40)
    got = worked_out("var(w)", tensor)[0, 0]
    torch.testing.assert_close(got, (tensor - 1e9).var(), rtol=1e-6, atol=0)


def test_complex_sums_means_norms_and_the_rest_refused():
    tensor = torch.complex(values(torch.float64, 6, 9), values(torch.float64, 9, 6).T).to(torch.complex64)
    for name in ("sum", "mean", "norm", "count", "any", "all", "prod"):
        got, wide = worked_out(f"{name}(w, 0)", tensor), tensor.to(torch.complex128)
        expected = by_torch(f"{name}(w, 0)", wide)
        torch.testing.assert_close(got.to(expected.dtype), expected, rtol=1e-5, atol=1e-6)
    for text in ("std(w)", "max(w)", "median(w)", "quantile(w, 0.5)", "outliers(w, 2)"):
        with pytest.raises(ExpressionError, match="complex"):
            worked_out(text, tensor)


@pytest.mark.parametrize("name", ["min", "max"])
def test_extremes_of_nothing_are_refused_and_the_rest_are_what_torch_says(name):
    with pytest.raises(ExpressionError, match="no values"):
        worked_out(f"{name}(w)", torch.empty(0, 4))
    empty = torch.empty(3, 0, dtype=torch.float64)
    for text in ("sum('v', 1)", "mean('v', 1)", "prod('v', 1)", "count('v', 1)", "all('v', 1)"):
        got = worked_out(text, torch.zeros(3, 2), {"v": empty})
        expected = by_torch(text, torch.zeros(3, 2), {"v": empty})
        torch.testing.assert_close(got.double(), expected.double(), equal_nan=True)


def test_the_deviation_of_one_value_is_nan_and_warns_nobody():
    assert math.isnan(worked_out("std(w)", torch.tensor([3.0]))[0])


def test_outliers_are_counted_against_the_finite_values():
    tensor = values(torch.float32, 30, 40)
    tensor[3, 4], tensor[5, 6], tensor[7, 8] = 1e6, math.inf, math.nan
    finite = tensor[tensor.isfinite()].double()
    expected = (tensor - finite.mean()).abs() > 4 * finite.std()
    assert torch.equal(worked_out("outliers(w, 4)", tensor), expected)
    assert torch.equal(by_torch("outliers(w, 4)", tensor), expected)
    assert not worked_out("outliers(w, 1)", torch.full((3,), math.nan)).any()


def test_nested_reductions_wait_for_each_other_and_equal_ones_are_one_pass():
    tensor = values(torch.float64, 20, 30)
    text = "mean((w - mean(w, 0)) ** 2, 0) / max(abs(w - mean(w, 0))) + mean(w, 0)"
    torch.testing.assert_close(worked_out(text, tensor), by_torch(text, tensor))
    passes = 0

    class Counting:
        def __init__(self):
            self.whole = source_of(tensor)

        spec = property(lambda self: self.whole.spec)

        def read(self, box):
            nonlocal passes
            passes += box.numel
            return self.whole.read(box)

    parse("mean(w, 0) + max(w) * std(w, 1) + norm(w - mean(w, 0))").bind(Counting(), {})
    assert passes == 2 * tensor.numel()


def test_results_do_not_depend_on_the_budget():
    tensor = values(torch.float64, 40, 50)
    source = source_of(tensor)
    first, second = (parse("mean(w) + std(w, 0)").bind(source, {}, nbytes=nbytes) for nbytes in (64, 1 << 30))
    found = [one.evaluate(tensor, _whole(source)) for one in (first, second)]
    assert bits(found[0]) == bits(found[1])


def _whole(source):
    from weightedit.core.region import Box

    return Box.whole(source.spec.shape)


def test_a_pass_can_be_cancelled():
    def stop() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        parse("mean(w)").bind(source_of(values(torch.float64, 9, 9)), {}, check=stop)


def test_another_tensor_is_reduced_over_its_own_shape():
    tensor, other = values(torch.float64, 4, 5), values(torch.float64, 3, 70, 2)
    got = worked_out("w * (norm('v') / max('v'))", tensor, {"v": other})
    torch.testing.assert_close(got, tensor * (other.norm() / other.max()))
    bound = parse("w + mean('v')").bind(source_of(tensor), {"v": pin(other)}, nbytes=8)
    torch.testing.assert_close(bound.evaluate(tensor, _whole(source_of(tensor))), tensor + other.mean())
