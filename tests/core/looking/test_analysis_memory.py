"""Histograms, quantiles and profiles take the memory of a chunk, whatever the tensor's size."""

import tracemalloc
from collections.abc import Callable

import pytest
import torch

from tests.core.test_statistics import Pin, pin
from weightedit.core.looking.histogram import histograms
from weightedit.core.looking.profiles import profile
from weightedit.core.looking.quantiles import quantiles
from weightedit.core.statistics import statistics


@pytest.fixture(scope="module")
def large() -> Pin:
    """32 MB of float32."""
    return pin(torch.randn(4096, 2048))


@pytest.mark.parametrize("work", [lambda p, s: histograms((p,), known=(s,)), quantiles,
                                  lambda p, s: profile(p, 0), lambda p, s: profile(p, 1)],
                         ids=["histogram", "quantiles", "rows", "columns"])  # fmt: skip
def test_a_pass_needs_less_than_the_tensor(large: Pin, work: Callable[..., object]) -> None:
    found = statistics(large)
    tracemalloc.start()
    try:
        work(large, found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 26 << 20
