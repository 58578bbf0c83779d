"""Quantiles against numpy's, exact for every dtype, in small chunks."""

import threading

import numpy as np
import pytest
import torch

from tests.core.test_statistics import REAL, pin, some
from weightedit.core.errors import Cancelled
from weightedit.core.looking import quantiles as room
from weightedit.core.looking.quantiles import SHOWN, quantiles
from weightedit.core.progress import Progress
from weightedit.core.statistics import statistics


def reference(values: np.ndarray) -> list[float]:
    wide = np.sort(values.astype(np.float64).reshape(-1))
    places = np.array(SHOWN) * (len(wide) - 1)
    low, high = wide[np.floor(places).astype(int)], wide[np.ceil(places).astype(int)]
    share = places - np.floor(places)
    return (low * (1 - share) + high * share).tolist()


@pytest.mark.parametrize("few", [0, 1 << 18], ids=["by digits", "sorted at the end"])
@pytest.mark.parametrize("dtype", REAL)
def test_quantiles_are_those_of_the_sorted_values(dtype: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`few` 0 never sorts, so that every digit of every width is counted."""
    monkeypatch.setattr(room, "FEW", few)
    tensor = some(dtype, 41, 67)
    pinned = pin(tensor)
    found = quantiles(pinned, statistics(pinned), nbytes=700)
    assert found == pytest.approx(reference(tensor.double().numpy()), rel=1e-15, abs=0)


def test_quantiles_are_those_of_torch() -> None:
    tensor = torch.randn(999, dtype=torch.float64)
    found = quantiles(pin(tensor), statistics(pin(tensor)))
    assert found == pytest.approx(torch.quantile(tensor, torch.tensor(SHOWN, dtype=torch.float64)).tolist(), rel=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_values_that_are_not_finite_are_left_out(dtype: torch.dtype) -> None:
    tensor = torch.randn(500).to(dtype)
    tensor[::7], tensor[1::7], tensor[2::7], tensor[3] = float("nan"), float("inf"), -float("inf"), -0.0
    pinned = pin(tensor)
    finite = tensor[torch.isfinite(tensor)].double().numpy()
    assert quantiles(pinned, statistics(pinned)) == pytest.approx(reference(finite), rel=1e-15)


def test_integers_past_float32_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FEW", 0)
    tensor = torch.tensor([2**62 + 4096 * step for step in range(1001)] + [-(2**63), 2**63 - 1])
    pinned = pin(tensor)
    assert quantiles(pinned, statistics(pinned), (0.0, 0.5, 1.0)) == (-(2.0**63), 2.0**62 + 4096 * 500, 2.0**63)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_values_count_by_magnitude(dtype: torch.dtype) -> None:
    tensor = torch.randn(300, dtype=dtype)
    pinned = pin(tensor)
    assert quantiles(pinned, statistics(pinned)) == pytest.approx(reference(np.abs(tensor.numpy())), rel=1e-15)


def test_nothing_finite_has_no_quantiles() -> None:
    pinned = pin(torch.full((5,), float("nan")))
    assert quantiles(pinned, statistics(pinned)) == (None,) * len(SHOWN)


def test_statistics_know_them_nearly_before_the_second_pass() -> None:
    tensor = torch.randn(5000)
    found = statistics(pin(tensor))
    near = [found.quantile(share) for share in SHOWN]
    assert near == pytest.approx(reference(tensor.numpy()), rel=0.009)


def test_cancelling_stops_between_chunks() -> None:
    pinned = pin(torch.randn(5000))
    found, stop = statistics(pinned), threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        quantiles(pinned, found, progress=Progress(cancel=stop))
