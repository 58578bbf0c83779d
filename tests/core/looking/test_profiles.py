"""Measures of rows and columns against torch in float64, for every dtype and stride, in small chunks."""

import threading

import numpy as np
import pytest
import torch

from tests.core.test_statistics import REAL, pin, some
from weightedit.core.errors import Cancelled
from weightedit.core.looking import profiles as room
from weightedit.core.looking.profiles import TooManyLines, ordered, profile
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView
from weightedit.core.region import parse_region


def check(found: room.Profile, wide: torch.Tensor) -> None:
    """`wide`: one row per line, float64, all finite."""
    assert found.l2 == pytest.approx(wide.norm(dim=1).numpy(), rel=1e-12)
    assert found.l1 == pytest.approx(wide.abs().sum(dim=1).numpy(), rel=1e-12)
    assert found.mean == pytest.approx(wide.mean(dim=1).numpy(), rel=1e-10, abs=1e-14)
    assert found.std == pytest.approx(wide.std(dim=1, correction=0).numpy(), rel=1e-10, abs=1e-14)
    assert found.absmax.tolist() == wide.abs().amax(dim=1).tolist()
    assert found.zeros.tolist() == (wide == 0).sum(dim=1).tolist()
    assert not found.nonfinite.any()


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("dtype", REAL)
def test_rows_and_columns_of_every_dtype(dtype: str, dim: int) -> None:
    tensor = some(dtype, 31, 47)
    check(profile(pin(tensor), dim, nbytes=400), tensor.double().movedim(dim, 0))


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded"])
@pytest.mark.parametrize("dim", [0, 1])
def test_any_stride(layout: str, dim: int) -> None:
    base = torch.randn(40, 33)
    tensor = {"transposed": base.t(), "strided": base[3::2, 1::3], "expanded": base[:1].expand(20, 33)}[layout]
    check(profile(pin(tensor), dim, nbytes=300), tensor.double().movedim(dim, 0))


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_other_dimensions_are_taken_together(dim: int) -> None:
    tensor = torch.randn(6, 5, 4, 3)
    check(profile(pin(tensor), dim, nbytes=200), tensor.double().movedim(dim, 0).flatten(1))


def test_a_slice_of_more_dimensions() -> None:
    tensor = torch.randn(6, 50, 4)
    view = SliceView(1, 0, {2: 3})
    box = view.box((6, 50, 4), range(50), range(6))
    check(profile(pin(tensor), view.rows_dim, box), tensor[:, :, 3].t().double())


def test_a_list_of_rows() -> None:
    tensor = torch.randn(20, 9)
    found = profile(pin(tensor), 0, parse_region("[[7, 3, 11], 2:8]", (20, 9)), nbytes=60)
    check(found, tensor[[7, 3, 11], 2:8].double())


def test_what_is_not_finite_is_left_out_and_counted() -> None:
    tensor = torch.randn(8, 50)
    tensor[1, 3:9], tensor[1, 10], tensor[2, :], tensor[4, 7] = float("nan"), float("inf"), float("nan"), -float("inf")
    found = profile(pin(tensor), 0, nbytes=300)
    assert found.nonfinite.tolist() == [0, 7, 50, 0, 1, 0, 0, 0]
    finite = [row[torch.isfinite(row)].double() for row in tensor]
    assert found.l2 == pytest.approx([row.norm().item() for row in finite])
    assert np.isnan(found.mean[2])
    assert np.isnan(found.std[2])
    assert found.std[1] == pytest.approx(finite[1].std(correction=0).item())
    assert found.mean[1] == pytest.approx(finite[1].mean().item())


def test_complex_values_count_by_magnitude() -> None:
    tensor = torch.randn(5, 40, dtype=torch.complex64)
    assert profile(pin(tensor), 0).l2 == pytest.approx(torch.linalg.vector_norm(tensor, dim=1).numpy(), rel=1e-6)


@pytest.mark.parametrize("tensor", [torch.tensor(3.0), torch.arange(10.0)], ids=["0-d", "1-d"])
def test_few_dimensions(tensor: torch.Tensor) -> None:
    found = profile(pin(tensor), None)
    assert found.l2.tolist() == pytest.approx([tensor.norm().item()])


def test_a_small_deviation_on_a_large_mean() -> None:
    """Sums of squares would lose it."""
    tensor = torch.randn(3, 5000, dtype=torch.float64) * 1e-4 + 1e6
    assert profile(pin(tensor), 0, nbytes=900).std == pytest.approx(tensor.std(dim=1, correction=0).numpy(), rel=1e-6)


def test_dead_rows_and_outliers_are_found() -> None:
    tensor = torch.randn(100, 64)
    tensor[7], tensor[30], tensor[50] = 0.0, 1e-7, tensor[50] * 9
    found = profile(pin(tensor), 0)
    assert found.dead().tolist() == [7, 30]
    assert 50 in found.outliers("l2")
    assert len(found.outliers("l2")) == 3
    assert not profile(pin(torch.ones(50, 4)), 0).outliers("l2").size


def test_one_odd_row_among_equal_ones_is_an_outlier() -> None:
    tensor = torch.ones(50, 4)
    tensor[9] = 1.5
    assert profile(pin(tensor), 0).outliers("l2").tolist() == [9]


def test_too_many_lines_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 100)
    with pytest.raises(TooManyLines, match=r"101 of them.*up to 100"):
        profile(pin(torch.randn(101, 2)), 0)


def test_cancelling_stops_between_chunks() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        profile(pin(torch.randn(100, 100)), 0, progress=Progress(cancel=stop))


def test_order_leaves_lines_without_a_measure_last() -> None:
    values = np.array([2.0, np.nan, 5.0, 2.0])
    assert ordered(values).tolist() == [2, 0, 3, 1]
    assert ordered(values, descending=False).tolist() == [0, 3, 2, 1]
