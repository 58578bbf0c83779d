"""Random values depend on seed, name and offset alone, and are distributed as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weightedit.core.region import Box, parse_region
from weightedit.core.values import random_values as rv
from weightedit.core.values.reading import array_index

KEY = rv.key_of(7, "layers.0.weight")
COUNT = 200_000


def whole(shape: tuple[int, ...], key: int = KEY) -> np.ndarray:
    """The words of a tensor, straight from numpy's generator."""
    return np.random.Philox(key=key).random_raw(math.prod(shape)).reshape(shape)


@pytest.mark.parametrize("region", ["[...]", "[3, :, :]", "[2:5, 1:8:3, :]", "[:, :, 5]", "[[6, 0, 3], :, 2:]", "[0:0]",
                                    "[6, 10, 12]", "[-1, -2:, 100:]"])  # fmt: skip
def test_every_part_of_a_tensor_gets_what_the_whole_gets(region):
    shape = (7, 11, 130)
    box = parse_region(region, shape)
    assert np.array_equal(rv.words(KEY, shape, box), whole(shape)[array_index(box)])


@settings(max_examples=100)
@given(data=st.data())
def test_any_box_of_any_shape(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 70), max_size=3)))
    axes = []
    for size in shape:
        start, stop = sorted(data.draw(st.tuples(st.integers(0, size), st.integers(0, size))))
        axes.append(range(start, stop, data.draw(st.integers(1, 3))))
    box = Box(tuple(axes))
    assert np.array_equal(rv.words(KEY, shape, box), whole(shape)[array_index(box)])


@pytest.mark.parametrize("start", [0, 5, 2**33 + 3, 2**62 - 1])
def test_scattered_offsets_and_a_stream_are_one_generator(start):
    assert np.array_equal(rv._scattered(KEY, np.arange(start, start + 9)), rv._stream(KEY, start, 9))


def test_seeds_and_names_make_other_values():
    found = [rv.words(rv.key_of(seed, name), (50,), Box.whole((50,))) for seed in (0, 1) for name in ("a", "a.b", "b")]
    assert len(np.unique(np.concatenate(found))) == 300


def distance(values: torch.Tensor, cdf: torch.Tensor) -> float:
    """The Kolmogorov–Smirnov statistic of values, given the exact distribution function at them in order."""
    count = values.numel()
    steps = torch.arange(count + 1, dtype=torch.float64) / count
    return float(torch.maximum(cdf - steps[:-1], steps[1:] - cdf).max())


def cdf(values: torch.Tensor) -> torch.Tensor:
    """The standard normal distribution function."""
    return torch.erfc(-values / math.sqrt(2)) / 2


def test_distributions():
    """A statistic past 1.95/√n would be met once in 1000 such samples; this sample never changes."""
    found = rv.words(KEY, (COUNT,), Box.whole((COUNT,)))
    limit = 1.95 / math.sqrt(COUNT)
    flat = rv.uniform(found).sort().values
    assert 0 <= flat[0] < flat[-1] < 1
    assert distance(flat, flat) < limit
    bell = rv.normal(found).sort().values
    assert distance(bell, cdf(bell)) < limit
    assert abs(float(bell.mean())) < 0.01
    assert abs(float(bell.std()) - 1) < 0.01
    assert abs(float((bell**4).mean()) - 3) < 0.1
    for low, high in ((-2.0, 2.0), (0.5, 4.0), (10.0, 11.0), (-30.0, -29.0)):
        cut = rv.truncated_normal(found, low, high).sort().values
        assert low <= cut[0] <= cut[-1] <= high
        turned = -cut.flip(0) if low > 0 else cut
        ends = cdf(torch.tensor([-high, -low] if low > 0 else [low, high], dtype=torch.float64))
        assert distance(turned, (cdf(turned) - ends[0]) / (ends[1] - ends[0])) < limit


def test_the_ends_are_finite():
    """The lowest and the highest word, which no sample meets, are numbers too."""
    ends = np.array([0, 2**64 - 1], np.uint64)
    assert torch.isfinite(rv.normal(ends)).all()
    assert torch.isfinite(rv.truncated_normal(ends, -2.0, 2.0)).all()
    assert float(rv.uniform(ends)[1]) < 1
