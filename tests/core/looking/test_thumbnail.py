"""Small pictures of tensors: little is read whatever the size, and what is seen is what is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.core.test_statistics import Pin, pin
from weightedit.core.dtypes import DTYPES
from weightedit.core.looking.thumbnail import BUDGET, thumbnail
from weightedit.core.region import Box
from weightedit.core.values.reading import span


class Counted(Pin):
    """Counts the bytes that reads go over."""

    read_bytes = 0

    def read(self, box: Box) -> np.ndarray:
        low, high = span(self.spec, box)
        self.read_bytes += high - low
        return super().read(box)


def counted(tensor: torch.Tensor) -> Counted:
    found = pin(tensor)
    return Counted(found.spec, found.content)


@pytest.mark.parametrize("shape", [(30, 50), (7, 3), (64, 3, 7, 7), (300,), (2, 1, 5), (1, 90)])
def test_a_small_tensor_is_reduced_whole(shape: tuple[int, ...]) -> None:
    tensor = torch.randn(shape)
    found = thumbnail(pin(tensor))
    flat = tensor.reshape(shape[0], -1) if len(shape) > 1 else tensor[None]
    assert (found.height, found.width) == (min(12, flat.shape[0]), min(20, flat.shape[1]))
    assert found.exact
    assert found.low.min() == tensor.min()
    assert found.high.max() == tensor.max()
    first = flat[: flat.shape[0] // found.height, : flat.shape[1] // found.width]
    assert found.low[0, 0] == first.min()


@pytest.mark.parametrize("layout", ["plain", "transposed", "conv", "line", "strided"])
def test_little_is_read_of_a_large_one_and_its_parts_are_in_their_places(layout: str) -> None:
    rows, columns = 1200, 1000
    flat = torch.ones(rows, columns)
    flat[: rows // 2, columns // 2 :] = -2
    flat[rows // 2 :] *= 3
    tensor = {"plain": flat, "transposed": flat.t().contiguous().t(), "conv": flat.reshape(rows, 10, 10, 10),
              "line": flat[0].repeat_interleave(600),
              "strided": torch.stack([flat, flat], 2)[:, :, 0]}[layout]  # fmt: skip
    source = counted(tensor)
    found = thumbnail(source)
    assert source.read_bytes <= BUDGET
    assert not found.exact
    values = found.typical(np.inf)
    assert values.shape == ((1, 20) if layout == "line" else (12, 20))
    assert np.allclose(values[0], [1] * 10 + [-2] * 10)
    if layout != "line":
        assert np.allclose(values[-1], 3)


@pytest.mark.parametrize("dtype", [name for name, facts in DTYPES.items() if facts.family in ("float", "int", "bool")])
def test_every_dtype_has_a_picture(dtype: str) -> None:
    tensor = torch.ones(200, 400).to(getattr(torch, dtype))
    assert np.allclose(thumbnail(counted(tensor)).typical(np.inf), 1)


def test_what_is_not_finite_is_counted() -> None:
    tensor = torch.zeros(24, 40)
    tensor[:2, :2] = float("nan")
    found = thumbnail(pin(tensor))
    assert found.nan[0, 0] == 4
    assert np.isnan(found.low[0, 0])
