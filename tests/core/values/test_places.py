"""Cells found by value, against numpy: the next NaN or Inf over all slices, and values in order of size."""

import numpy as np
import pytest
import torch

from tests.core.test_statistics import pin
from weightedit.core.values.places import find_extreme, find_next, is_nonfinite


@pytest.mark.parametrize("layout", ["plain", "transposed"])
@pytest.mark.parametrize("nbytes", [64, 1000, 1 << 20])
def test_stepping_through_nonfinite_cells_crosses_slices_and_the_end(layout: str, nbytes: int) -> None:
    tensor = torch.randn(7, 30, 5)
    bad = [(0, 0, 3), (0, 29, 4), (3, 12, 0), (3, 12, 1), (6, 29, 4)]
    for number, index in enumerate(bad):
        tensor[index] = (float("nan"), float("inf"), -float("inf"))[number % 3]
    if layout == "transposed":
        tensor = tensor.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    pinned, test = pin(tensor), is_nonfinite("float32")
    at, found = (3, 11, 4), []
    for _ in range(6):
        at = find_next(pinned, at, 1, test, nbytes=nbytes)
        found.append(at)
    assert found == [*bad[2:], *bad[:3]]
    found = []
    for _ in range(6):
        at = find_next(pinned, at, -1, test, nbytes=nbytes)
        found.append(at)
    assert found == [bad[1], bad[0], *bad[:1:-1], bad[1]]


def test_the_only_cell_is_found_from_itself_and_nothing_where_there_is_none() -> None:
    tensor = torch.zeros(40, 3)
    assert find_next(pin(tensor), (2, 2), 1, is_nonfinite("float32")) is None
    tensor[2, 2] = float("nan")
    assert find_next(pin(tensor), (2, 2), 1, is_nonfinite("float32")) == (2, 2)
    assert find_next(pin(tensor), (2, 2), -1, is_nonfinite("float32")) == (2, 2)
    assert find_next(pin(torch.tensor(float("inf"))), (), 1, is_nonfinite("float32")) == ()
    assert find_next(pin(torch.empty(0, 3)), (0, 0), 1, is_nonfinite("float32")) is None


@pytest.mark.parametrize("kind", ["largest", "smallest", "magnitude"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_repeated_searches_give_the_order_of_a_stable_sort(kind: str, dtype: torch.dtype) -> None:
    tensor = (torch.randn(9, 4, 5) * 3).to(dtype)  # bfloat16 and int64 have equal values: they come in index order
    wide = tensor.double().numpy().reshape(-1)
    keys = {"largest": -wide, "smallest": wide, "magnitude": -np.abs(wide)}[kind]
    order = np.argsort(keys, kind="stable")
    found = None
    for position in order[:12]:
        found = find_extreme(pin(tensor), kind, found)
        assert found.index == np.unravel_index(position, tensor.shape)
        assert found.value == wide[position]


def test_what_is_not_finite_is_no_extreme() -> None:
    tensor = torch.tensor([[float("inf"), 2.0], [float("nan"), -7.0]])
    assert find_extreme(pin(tensor), "largest").index == (0, 1)
    second = find_extreme(pin(tensor), "magnitude", find_extreme(pin(tensor), "magnitude"))
    assert second.index == (0, 1)
    assert find_extreme(pin(tensor), "magnitude", second) is None
    assert find_extreme(pin(torch.full((3,), float("nan"))), "smallest") is None
