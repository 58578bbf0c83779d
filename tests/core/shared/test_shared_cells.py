"""Which cells of another view a region reaches: compared with torch's own views element by element, and in bounded time
where there are a thousand million of them.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from weightedit.core.region import Box, parse_region
from weightedit.core.shared.shared_cells import cells_on
from weightedit.core.shared.sharing import common_cells
from weightedit.core.spec import TensorSpec


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), tuple(tensor.stride()),
                      int(tensor.storage_offset()))  # fmt: skip


def spec(shape: tuple[int, ...], stride: tuple[int, ...] | None = None, offset: int = 0,
         dtype: str = "float32") -> TensorSpec:  # fmt: skip
    made = TensorSpec.contiguous(dtype, shape)
    return replace(made, stride=stride or made.stride, offset=offset)


def random_view(base: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """A view as torch makes them: cut, reshaped, transposed, sliced with steps, expanded, seen as another dtype."""
    view = base.view(torch.int16) if rng.random() < 0.15 else base
    start = rng.randrange(view.numel())
    view = view[start : rng.randrange(start, view.numel()) + 1]
    for _ in range(rng.randrange(4)):
        kind = rng.random()
        if kind < 0.4 and view.is_contiguous():
            rows = rng.choice([size for size in range(1, view.numel() + 1) if view.numel() % size == 0])
            view = view.view(rows, view.numel() // rows)
        elif kind < 0.6 and view.dim() > 1:
            view = view.transpose(0, 1)
        else:
            dim = rng.randrange(view.dim())
            index: list[Any] = [slice(None)] * view.dim()
            index[dim] = slice(rng.randrange(view.shape[dim]), None, rng.randrange(1, 4))
            view = view[tuple(index)]
    return view.unsqueeze(0).expand(3, *view.shape) if rng.random() < 0.05 else view


def random_box(shape: tuple[int, ...], rng: random.Random) -> Box:
    axes: list[Any] = []
    for size in shape:
        kind = rng.random()
        if kind < 0.4:
            axes.append(range(size))
        elif kind < 0.9:
            start = rng.randrange(size)
            axis = range(start, rng.randrange(start, size) + 1, rng.choice([1, 1, 2, 3]))
            axes.append(axis if len(axis) > 1 else range(start, start + 1))
        else:
            axes.append(tuple(rng.sample(range(size), rng.randrange(1, size + 1))))
    return Box(tuple(axes))


def cells(shape: tuple[int, ...], box: Box) -> Any:
    return np.ix_(*[list(axis) for axis in box.axes]) if shape else ()


def written(base: torch.Tensor, view: torch.Tensor, box: Box, other: torch.Tensor) -> torch.Tensor:
    """The cells of `other` that change when torch writes all bits of a box of `view`."""
    base.zero_()
    index = cells(tuple(view.shape), box)
    view.numpy()[index] = -1  # numpy writes into expanded views too
    return other != 0


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_a_write_changes(seed):
    """1,000 pairs of views: exactly the cells that a write through numpy changes, each in one box."""
    rng = random.Random(seed)
    for _ in range(250):
        base = torch.zeros(rng.choice([12, 24, 36, 60, 97, 120]), dtype=torch.int32)
        view, other = random_view(base, rng), random_view(base, rng)
        if 0 in view.stride():
            view = view[0]
        box = random_box(tuple(view.shape), rng)
        want = written(base, view, box, other).numpy()
        found = cells_on(spec_of(view), [box], spec_of(other))
        count = np.zeros(tuple(other.shape), int)
        for one in found.boxes:
            count[cells(tuple(other.shape), one)] += 1
        assert found.is_exact
        assert np.array_equal(count > 0, want), (view.shape, view.stride(), box, other.shape, other.stride())
        if view.dtype == other.dtype and 0 not in other.stride():
            assert found.count == want.sum()
            assert common_cells(spec_of(view), box, spec_of(other)) == counted(want)


def counted(changed: np.ndarray) -> tuple[int, str] | None:
    """How many cells numpy found changed, and the region around them."""
    if not changed.any():
        return None
    around = (f"{found.min()}:{found.max() + 1}" for found in np.nonzero(changed))
    return int(changed.sum()), f"[{', '.join(around)}]"


@pytest.mark.parametrize("region", ["[[2, 0], :]", "[:, [3, 1, 2]]", "[[1], :]", "[[0, 2], 1:4:2]"])
def test_rows_named_in_any_order_have_the_bounds_they_reach(region):
    """A slot seen under another name of the same tensor: the list keeps its order, the bounds do not depend on it."""
    base = torch.zeros(12, dtype=torch.int32)
    view, other = base.view(3, 4), base.view(3, 4)
    box = parse_region(region, (3, 4))
    assert common_cells(spec_of(view), box, spec_of(other)) == counted(written(base, view, box, other).numpy())


BIG = spec((32768, 32768))
"""A thousand million elements."""


@pytest.mark.parametrize(("region", "other", "expected"), [
    ("[100:30000, 7:20000:3]", spec((32768, 32768), (1, 32768)), ["[7:20000:3, 100:30000]"]),
    ("[:, :]", spec(((1 << 30) - 5,), None, 5), ["[0:1073741819]"]),
    ("[100:30000, 7:20000]", spec((65536, 16384)), ["[200:59999:2, 7:16384]", "[201:60000:2, 0:3616]"]),
    ("[100:30000, 7:20000]", spec((16384, 65536)), ["[50:15000, 7:20000]", "[50:15000, 32775:52768]"]),
    ("[100:30000, 7:20000]", spec((32768, 131072), dtype="uint8"), ["[100:30000, 28:80000]"]),
    ("[1000, :]", spec((100, 32768), None, 990 * 32768), ["[10:11, 0:32768]"]),
    ("[1000, :]", spec((100, 32768), None, 2000 * 32768), []),
], ids=["transposed", "flat", "narrower", "wider", "bytes", "rows", "elsewhere"])  # fmt: skip
def test_a_thousand_million_elements_take_no_time(region, other, expected):
    start = time.perf_counter()
    found = cells_on(BIG, [parse_region(region, BIG.shape)], other)
    assert time.perf_counter() - start < 0.2
    assert found.is_exact
    assert [str(box) for box in found.boxes] == expected


@pytest.mark.parametrize("other", [spec((1 << 30,)), spec((32767, 32769))], ids=["flat", "skewed"])
def test_where_there_would_be_too_many_boxes_the_bounds_are_given_and_said(other):
    start = time.perf_counter()
    box = parse_region("[100:30000, 7:20000]", BIG.shape)
    found = cells_on(BIG, [box], other)
    assert time.perf_counter() - start < 0.5
    assert not found.is_exact
    assert len(found.boxes) == 1
    assert found.count >= box.numel
    first, last = (100 * 32768 + 7, 29999 * 32768 + 19999)
    at = [np.ravel_multi_index([axis[end] for axis in found.boxes[0].axes], other.shape) for end in (0, -1)]
    assert at[0] <= first
    assert at[1] >= last


def test_an_attention_layer_cut_out_of_its_fused_weight():
    """The picture of the inspector: 384 × 1024 cells of q in qkv, at the same place, and none of k."""
    qkv, query, key = spec((12288, 4096)), spec((4096, 4096)), spec((4096, 4096), None, 4096 * 4096)
    box = parse_region("[1152:1536, 2560:3584]", query.shape)
    assert [str(one) for one in cells_on(query, [box], qkv).boxes] == ["[1152:1536, 2560:3584]"]
    assert cells_on(query, [box], key).boxes == ()
    assert [str(one) for one in cells_on(qkv, [parse_region("[4000:4200, :]", qkv.shape)], key).boxes] == \
        ["[0:104, 0:4096]"]  # fmt: skip
