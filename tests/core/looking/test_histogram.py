"""Histograms against numpy's, for every dtype, in small chunks."""

import numpy as np
import pytest
import torch

from tests.core.test_statistics import REAL, pin, some
from weightedit.core.looking.histogram import Bins, bins_of, histogram, histograms
from weightedit.core.region import parse_region
from weightedit.core.statistics import statistics
from weightedit.core.values.parts import Parts


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("dtype", REAL)
def test_counts_are_those_of_numpy(dtype: str, log: bool) -> None:
    tensor = some(dtype, 43, 61)
    pinned = pin(tensor)
    (found,), (counted,) = histograms((pinned,), log=log)
    values = tensor.double().numpy().reshape(-1)
    if log:
        values = np.abs(values[values != 0])
    assert counted.counts.tolist() == np.histogram(values, counted.bins.edges)[0].tolist()
    assert counted.below == counted.above == 0
    assert counted.counts.sum() == found.count - (found.zeros if log else 0)


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_zeros_and_what_is_not_finite_are_counted_apart(dtype: torch.dtype, log: bool) -> None:
    tensor = torch.randn(2000).to(dtype)
    tensor[:9], tensor[9:14], tensor[14:16], tensor[16] = 0.0, float("nan"), float("inf"), -float("inf")
    (found,), (counted,) = histograms((pin(tensor),), log=log)
    assert (found.zeros, found.nan, found.posinf, found.neginf) == (9, 5, 2, 1)
    assert counted.counts.sum() == 1992 - (9 if log else 0)


def test_given_levels_count_what_lies_past_them() -> None:
    tensor = torch.randn(3000)
    pinned = pin(tensor)
    counted = histogram(pinned, statistics(pinned), Bins(-1.0, 1.0, 20), nbytes=300)
    assert counted.below == int((tensor < -1).sum())
    assert counted.above == int((tensor > 1).sum())
    assert counted.counts.tolist() == np.histogram(tensor.double().numpy(), 20, (-1, 1))[0].tolist()


def test_a_percentile_keeps_a_lone_outlier_from_squeezing_the_rest() -> None:
    tensor = torch.randn(5000)
    tensor[7] = 1e6
    (found,), (counted,) = histograms((pin(tensor),), percent=99.9)
    assert counted.bins.high < 10
    assert counted.above >= 1
    assert counted.counts.sum() + counted.above + counted.below == found.count


def test_whole_numbers_fall_on_bins_of_equal_breadth() -> None:
    tensor = torch.arange(-100, 1000, dtype=torch.int32)
    _, (counted,) = histograms((pin(tensor),))
    assert set(counted.counts[:-1].tolist()) == {6}
    assert counted.counts.sum() == 1100


def test_before_and_after_stand_on_the_same_bins() -> None:
    before = torch.randn(1000)
    after = (before * 3).to(torch.float16)
    _, (first, second) = histograms((pin(before), pin(after)))
    assert first.bins == second.bins
    assert first.counts.tolist() == np.histogram(before.double().numpy(), first.bins.edges)[0].tolist()
    assert second.counts.tolist() == np.histogram(after.double().numpy(), first.bins.edges)[0].tolist()


def test_several_boxes_count_as_one() -> None:
    tensor = torch.randn(40, 30)
    boxes = tuple(parse_region(text, (40, 30)) for text in ("[3, :]", "[10:20, 5:9]"))
    (found,), (counted,) = histograms((Parts(pin(tensor), boxes),))
    values = torch.cat([tensor[3], tensor[10:20, 5:9].flatten()]).double().numpy()
    assert found.count == len(values)
    assert found.mean == pytest.approx(values.mean())
    assert counted.counts.tolist() == np.histogram(values, counted.bins.edges)[0].tolist()


@pytest.mark.parametrize("tensor", [torch.full((7,), 0.25), torch.full((7,), 1e-45), torch.tensor([1.0, 1.0 + 2**-23]),
                                    torch.tensor([-1.7e308, 1.7e308], dtype=torch.float64)],
                         ids=["one value", "subnormal", "two neighbours", "all of float64"])  # fmt: skip
@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
def test_narrow_and_endless_ranges_have_bins(tensor: torch.Tensor, log: bool) -> None:
    (found,), (counted,) = histograms((pin(tensor),), log=log)
    assert (np.diff(counted.bins.edges) > 0).all()
    assert counted.counts.sum() + counted.below + counted.above == found.count


def test_complex_values_count_by_magnitude() -> None:
    tensor = torch.randn(500, dtype=torch.complex64)
    _, (counted,) = histograms((pin(tensor),))
    magnitudes = np.abs(tensor.numpy()).astype(np.float64)
    assert counted.counts.tolist() == np.histogram(magnitudes, counted.bins.edges)[0].tolist()


def test_nothing_to_bin() -> None:
    assert histograms((pin(torch.full((5,), float("nan"))),))[1] == ()
    assert histograms((pin(torch.zeros(5)),), log=True)[1] == ()
    assert bins_of((statistics(pin(torch.zeros(5))),)) is not None


def test_values_for_which_a_condition_holds_count_alone() -> None:
    tensor = torch.randn(40, 30)
    boxes = (parse_region("[5:35, :]", (40, 30)),)
    (found,), (counted,) = histograms((Parts(pin(tensor), boxes, lambda values, _: values > 0.5),))
    values = tensor[5:35][tensor[5:35] > 0.5].double().numpy()
    assert found.count == len(values)
    assert found.minimum == values.min()
    assert counted.counts.tolist() == np.histogram(values, counted.bins.edges)[0].tolist()
