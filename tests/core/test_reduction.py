"""Pictures of slices against numpy, for any strides, in small chunks."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weightedit
from tests.core.test_statistics import pin
from weightedit.core.reduction import SliceView, cells, preview, reduce
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.reading import span


def reference(values: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [values.shape[0] * i // height for i in range(height + 1)]
    columns = [values.shape[1] * i // width for i in range(width + 1)]
    parts = [[values[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] for j in range(width)] for i in range(height)]
    return tuple(np.array([[f(part) for part in line] for line in parts]) for f in (np.min, np.max, np.mean))


@pytest.mark.parametrize("nbytes", [200, 3000, 1 << 20])
@pytest.mark.parametrize("layout", ["plain", "transposed", "strided"])
def test_pixels_are_those_of_numpy(nbytes: int, layout: str) -> None:
    base = torch.randn(101, 67)
    tensor = {"plain": base, "transposed": base.t(), "strided": base[3::2, 1::3]}[layout]
    rows, columns = tensor.shape
    found = reduce(pin(tensor), SliceView(0, 1), range(rows), range(columns), 13, 9, nbytes=nbytes)
    low, high, mean = reference(tensor.numpy().astype(np.float64), 13, 9)
    assert np.array_equal(found.low, low)
    assert np.array_equal(found.high, high)
    assert np.allclose(found.mean, mean, atol=1e-6)
    assert np.array_equal(found.extreme, np.where(-low > high, low, high))
    assert found.exact
    assert not found.is_cells


def test_part_of_a_slice_and_rms() -> None:
    tensor = torch.randn(4, 50, 3, 60, dtype=torch.float64)
    view = SliceView(3, 1, {0: 2, 2: 1})
    found = reduce(pin(tensor), view, range(10, 50), range(5, 45), 8, 10, nbytes=900)
    values = tensor[2, :, 1, :].t()[10:50, 5:45].numpy()
    assert np.array_equal(found.low, reference(values, 8, 10)[0])
    assert np.allclose(found.row_rms, np.sqrt((values**2).reshape(8, 5, 40).mean(axis=(1, 2))))
    assert np.allclose(found.column_rms, np.sqrt((values**2).reshape(40, 10, 4).mean(axis=(0, 2))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64,
                                   torch.uint8, torch.bool, torch.float8_e4m3fn])  # fmt: skip
def test_every_cell_is_exact_where_there_are_pixels_enough(dtype: torch.dtype) -> None:
    tensor = (torch.randn(12, 9) * 20).abs().to(dtype)
    found = reduce(pin(tensor), SliceView(0, 1), range(12), range(9), 500, 500)
    assert found.is_cells
    wide = tensor.double().numpy()
    assert np.array_equal(found.low, wide)
    assert np.array_equal(found.high, wide)
    assert np.array_equal(found.mean, wide)


def test_nonfinite_values_are_counted_per_pixel() -> None:
    tensor = torch.zeros(20, 20)
    tensor[0:3, 0] = float("nan")
    tensor[7, 19] = float("inf")
    tensor[19, 10:12] = -float("inf")
    tensor[5:10, 5:10] = float("nan")
    found = reduce(pin(tensor), SliceView(0, 1), range(20), range(20), 4, 4, nbytes=100)
    assert found.nan.tolist() == [[3, 0, 0, 0], [0, 25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.posinf[1, 3] == 1
    assert found.neginf[3, 2] == 2
    assert np.isnan(found.low[1, 1])
    assert np.isnan(found.mean[1, 1])
    assert np.isfinite(found.row_rms).all()


@pytest.mark.parametrize("tensor", [torch.tensor(3.0), torch.arange(10.0), torch.empty(0, 5), torch.empty(5, 0),
                                    torch.empty(0)], ids=["0-d", "1-d", "no rows", "no columns", "empty"])  # fmt: skip
def test_few_dimensions(tensor: torch.Tensor) -> None:
    view = SliceView.of(tuple(tensor.shape))
    rows, columns = view.size(tuple(tensor.shape))
    found = reduce(pin(tensor), view, range(rows), range(columns), 8, 5)
    assert found.low.shape == (min(rows, 8), min(columns, 5))
    if tensor.numel():
        assert found.high.max() == tensor.max()


def test_complex_shows_magnitude() -> None:
    tensor = torch.randn(6, 5, dtype=torch.complex64)
    found = reduce(pin(tensor), SliceView(0, 1), range(6), range(5), 6, 5)
    assert np.allclose(found.high, tensor.abs().numpy())
    half = tensor.to(torch.complex32)
    found = reduce(pin(half), SliceView(0, 1), range(6), range(5), 6, 5)
    assert np.allclose(found.high, tensor.abs().numpy(), rtol=1e-2)


def test_a_preview_reads_little_and_looks_alike() -> None:
    tensor = torch.randn(2000, 1500)
    tensor[1000:1100] *= 30
    pinned = pin(tensor)
    read = 0
    chunks = pinned.chunks

    def counted(*arguments: object, **named: object) -> object:
        nonlocal read
        for part, array in chunks(*arguments, **named):
            read += array.nbytes
            yield part, array

    pinned.chunks = counted
    found = preview(pinned, SliceView(0, 1), range(2000), range(1500), 40, 30, budget=200_000)
    assert read <= 1_000_000
    assert not found.exact
    assert found.low.shape[1] == 30
    heights = np.abs(found.extreme).mean(axis=1)
    assert 0.45 < heights.argmax() / len(heights) < 0.6


def test_the_slice_knows_its_cells() -> None:
    view = SliceView(2, 0, {1: 3})
    shape = (5, 6, 7)
    assert view.size(shape) == (7, 5)
    assert str(view.box(shape, range(1, 3), range(5))) == "[0:5, 3, 1:3]"
    assert view.index(shape, 2, 4) == (4, 3, 2)
    assert view.cells(view.box(shape, range(1, 3), range(5))) == (range(1, 3), range(5))
    assert view.cells(SliceView(2, 0, {1: 4}).box(shape, range(1, 3), range(5))) is None
    tensor = torch.randn(shape)
    got = cells(pin(tensor), view, range(1, 3), range(5))
    assert np.array_equal(got, tensor[0:5, 3, 1:3].t().numpy())


@pytest.mark.parametrize("shape", [(2, 300_000_000), (300_000_000, 2), (600_000_000,), (3, 7, 40_000_000)])
def test_a_preview_of_long_rows_reads_runs_of_them(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Rows of 600 MB: a sample of columns reads what it shows and not what lies between, in a file full of holes."""
    names = {"w": {"dtype": "BF16", "shape": list(shape), "data_offsets": [0, 2 * math.prod(shape)]}}
    header = json.dumps(names).encode()
    with (tmp_path / "m.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2 * math.prod(shape))
    with weightedit.open(tmp_path / "m.safetensors") as document:
        pinned = Counted(PinnedTensor.of(document.slots[0]))
        view = SliceView.of(shape)
        rows, columns = (range(size) for size in view.size(shape))
        found = preview(pinned, view, rows, columns, 900, 1100)
    assert pinned.read < 5 << 20
    assert not found.exact
    assert (found.rows, found.columns) == (rows, columns)
    assert found.height * found.width > 200
    assert (found.low == 0).all()


def test_a_preview_of_runs_shows_what_lies_where() -> None:
    """The third quarter of a long row is larger, and its picture says so."""
    tensor = torch.randn(2, 40_000)
    tensor[1, 20_000:30_000] += 50
    found = preview(pin(tensor), SliceView(0, 1), range(2), range(40_000), 900, 1100, budget=4000)
    large = found.low[1] > 20
    assert large[found.width // 2 : 3 * found.width // 4].all()
    assert not large[: found.width // 2 - 1].any()
    assert not large[3 * found.width // 4 + 1 :].any()
    assert not (found.low[0] > 20).any()


@dataclass
class Counted:
    """Counts the bytes that a pinned tensor reads."""

    whole: PinnedTensor
    read: int = 0

    @property
    def spec(self) -> TensorSpec:
        return self.whole.spec

    def chunks(self, region: Any = None, nbytes: int = 1 << 20) -> Iterator[tuple[Box, Any]]:
        for part, array in self.whole.chunks(region, nbytes):
            low, high = span(self.spec, part)
            self.read += high - low
            yield part, array
