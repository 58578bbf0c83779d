"""Values counted by their powers of ten, against numpy's histogram, and which powers are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.core.test_statistics import pin
from weightedit.core.looking.magnitudes import BESIDE, BINS, Ends, by_magnitude, span
from weightedit.core.statistics import Statistics, statistics

HALF = Ends(2.0**-24, 65504.0)


def found(*values: float, dtype: torch.dtype = torch.float32) -> Statistics:
    return statistics(pin(torch.tensor(values, dtype=dtype)))


def spread() -> torch.Tensor:
    """600 values of usual size, some of them far out."""
    values = torch.randn(20, 30, generator=torch.Generator().manual_seed(2)) * 0.02
    values[3, 5], values[15, 20], values[7, 7] = 70144.0, -1e6, 1e-9
    return values


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8], ids=str)
def test_narrow_values_lie_in_the_bins_numpy_puts_them_in(dtype: torch.dtype) -> None:
    """Of up to 16 bits the codes are the values: each bin is exact; zeros and what is not finite are in none."""
    values = (spread() * 50).clamp(-100, 100).to(dtype)
    low, high = -9.03, 4.07  # no power of two or whole number lies on the edge of a bin
    counts = by_magnitude(statistics(pin(values)), low, high, 40)
    sizes = values.double().abs().numpy()
    exact = np.histogram(np.log10(sizes[np.isfinite(sizes) & (sizes > 0)]), 40, (low, high))[0]
    assert counts.tolist() == exact.tolist()
    assert counts.sum() == np.count_nonzero(np.isfinite(sizes) & (sizes > 0)) > 0


def test_wide_values_lie_in_the_bins_of_their_codes() -> None:
    """Each counts at the middle of its code, at most 0.8 % off, so few are in the bin beside theirs."""
    values = spread()
    counted = statistics(pin(values))
    low, high = span([counted], HALF)
    counts = by_magnitude(counted, low, high, 40)
    exact = np.histogram(np.log10(values.abs().double().numpy()), 40, (low, high))[0]
    assert counts.sum() == 600
    assert np.abs(np.cumsum(counts) - np.cumsum(exact)).max() <= 600 * 0.03


def test_zeros_and_what_is_not_finite_are_left_out() -> None:
    counts = by_magnitude(found(0.0, -0.0, math.inf, -math.inf, math.nan, 20.0, -20.0), 0.0, 3.0, 3)
    assert counts.tolist() == [0, 2, 0]


def test_values_past_an_end_count_in_its_last_bin() -> None:
    assert by_magnitude(found(1e-6, -0.5, 2.0, 1e4, -1e9), 0.0, 2.0, 2).tolist() == [3, 2]


def test_without_statistics_there_are_no_counts_and_without_values_none_is_counted() -> None:
    assert by_magnitude(None, -1.0, 1.0) is None
    assert by_magnitude(found(0.0, math.nan), -1.0, 1.0).tolist() == [0.0] * BINS


@pytest.mark.parametrize("ends", [None, HALF], ids=["no ends", "float16"])
def test_nothing_to_draw_is_drawn_around_1(ends: Ends | None) -> None:
    """No tensor, zeros alone, and what is not finite alone have no powers of ten."""
    assert span([], ends) == span([found(0.0, 0.0)], ends) == span([found(math.inf, math.nan)], ends) == (-1.0, 1.0)


def test_what_is_drawn_holds_every_value_of_both_with_room_beside() -> None:
    """Before and after share an axis; the smallest of a wide dtype is known to 0.8 % only, which the room covers."""
    low, high = span([found(1e-3, -1e5), found(1e-7, 2.0)], None)
    assert (low, high) == pytest.approx((-7 - 12 * 0.06, 5 + 12 * 0.06), abs=0.01)
    low, high = span([found(-8.0, dtype=torch.float16)], None)
    assert (low, high) == pytest.approx((math.log10(8) - 0.3, math.log10(8) + 0.3))  # one magnitude has a width too


def test_an_end_is_drawn_where_it_is_near_the_values_and_not_where_it_would_squeeze_them() -> None:
    """Within `BESIDE` powers of ten of the smallest and of the largest value; each end by itself."""
    bottom, top = math.log10(HALF.smallest), math.log10(HALF.largest)
    low, high = span([found(1e-5, 100.0)], HALF)
    assert low < bottom < top < high
    low, high = span([found(1e-5, 1e-2)], HALF)
    assert low < bottom
    assert -2 < high < -2 + BESIDE
    low, high = span([found(10.0, 1e3)], HALF)
    assert bottom + BESIDE < low < 1
    assert top < high
    assert span([found(1e-12, 1e9)], HALF) == span([found(1e-12, 1e9)], None), "ends among the values change nothing"
