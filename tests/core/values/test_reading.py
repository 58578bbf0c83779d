"""Values come out of bytes as numpy's and torch's own strided views give them, whatever the layout and budget."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.operations import oracle
from weightedit.core.dtypes import DTYPES, numpy_dtype
from weightedit.core.region import Axis, Box
from weightedit.core.shared.sharing import common_cells, same_elements, share_elements
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import tensor_from
from weightedit.core.storage import Resident
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor
from weightedit.core.values.reading import (
    array_index,
    array_over,
    blocks,
    element_offsets,
    gather,
    ordered_runs,
    pieces,
    read_box,
    span,
)

BUDGETS = st.sampled_from([1, 3, 8, 16, 33, 100, 1 << 20])


class CountedBytes:
    """Bytes that remember how much was read of them at once and where."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.nbytes = len(data)
        self.reads: list[tuple[int, int]] = []

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        view = buffer.cast("B")
        assert offset + view.nbytes <= self.nbytes, "a read past the storage"
        self.reads.append((offset, view.nbytes))
        view[:] = self.data[offset : offset + view.nbytes]


@st.composite
def specs(draw: st.DrawFn, dtype: str = "int16", overlapping: bool = True) -> TensorSpec:
    """Any strides: permuted, with gaps, expanded (0) and, unless excluded, overlapping."""
    shape = tuple(draw(st.lists(st.integers(0, 5), max_size=4)))
    if overlapping and draw(st.booleans()):
        stride = tuple(draw(st.integers(0, 12)) for _ in shape)
    else:
        stride_of, step = {}, 1
        for dim in draw(st.permutations(range(len(shape)))):
            step *= draw(st.integers(1, 3))
            stride_of[dim] = step
            step *= max(shape[dim], 1)
        stride = tuple(stride_of[dim] for dim in range(len(shape)))
    return TensorSpec(dtype, shape, stride, draw(st.integers(0, 7)))


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...]) -> Box:
    """Ranges with steps and lists in any order, on any number of axes."""
    axes: list[Axis] = []
    for size in shape:
        if size and draw(st.integers(0, 3)) == 0:
            axes.append(tuple(draw(st.lists(st.integers(0, size - 1), unique=True))))
        else:
            start, stop = sorted((draw(st.integers(0, size)), draw(st.integers(0, size))))
            axes.append(range(start, stop, draw(st.integers(1, 3))))
    return Box(tuple(axes))


def storage_for(spec: TensorSpec) -> bytes:
    size = spec.extent[1] // spec.type.itemsize if spec.numel else spec.offset
    return np.random.default_rng(3).integers(0, 256, size * spec.type.itemsize, np.uint8).tobytes()


def strided(spec: TensorSpec, data: bytes) -> np.ndarray[Any, Any]:
    """numpy's own view of the same layout."""
    dtype = numpy_dtype(spec.dtype)
    if not spec.numel:
        return np.empty(spec.shape, dtype)
    flat = np.frombuffer(data, dtype)[spec.offset :]
    return np.lib.stride_tricks.as_strided(flat, spec.shape, [step * dtype.itemsize for step in spec.stride])


def picked(array: np.ndarray[Any, Any], box: Box) -> np.ndarray[Any, Any]:
    return array[np.ix_(*[np.asarray(list(axis), int) for axis in box.axes])] if box.axes else array


@given(data=st.data(), spec=specs(), budget=BUDGETS)
def test_a_box_reads_as_numpy_views_it(data, spec, budget):
    box, storage = data.draw(boxes(spec.shape)), storage_for(spec)
    content = CountedBytes(storage)
    expected = picked(strided(spec, storage), box)
    assert np.array_equal(gather(spec, content, box, budget), expected)
    assert np.array_equal(read_box(spec, content, box), expected)


@given(data=st.data(), spec=specs(), budget=BUDGETS)
def test_pieces_cover_the_box_once_within_the_budget(data, spec, budget):
    box, storage = data.draw(boxes(spec.shape)), storage_for(spec)
    content = CountedBytes(storage)
    seen = np.zeros(spec.shape, int)
    for piece in pieces(spec, box, budget):
        seen[np.ix_(*[list(axis) for axis in piece.axes]) if piece.axes else ()] += 1
        values = read_box(spec, content, piece)
        assert values.shape == piece.shape
        assert piece.numel == 1 or max(values.nbytes, content.reads[-1][1]) <= budget
        low, high = span(spec, piece)
        assert content.reads[-1] == (low, high - low)
    expected = np.zeros(spec.shape, int)
    expected[np.ix_(*[list(axis) for axis in box.axes]) if box.axes else ()] += 1
    assert np.array_equal(seen, expected)


@given(data=st.data(), spec=specs(), most=st.integers(1, 40))
def test_blocks_cover_the_box_once_by_count(data, spec, most):
    box = data.draw(boxes(spec.shape))
    seen = np.zeros(spec.shape, int)
    for block in blocks(spec, box, most):
        assert 0 < block.numel <= most
        seen[np.ix_(*[list(axis) for axis in block.axes]) if block.axes else ()] += 1
    expected = np.zeros(spec.shape, int)
    expected[np.ix_(*[list(axis) for axis in box.axes]) if box.axes else ()] += 1
    assert np.array_equal(seen, expected)


@given(data=st.data(), spec=specs(overlapping=False))
def test_ordered_runs_put_values_where_they_lie(data, spec):
    box, storage = data.draw(boxes(spec.shape)), storage_for(spec)
    values = np.random.default_rng(9).integers(-9, 9, box.shape).astype(np.int16)
    expected = bytearray(storage)
    if box.numel:
        flat = np.frombuffer(expected, np.int16)[spec.offset :]
        view = np.lib.stride_tricks.as_strided(flat, spec.shape, [2 * step for step in spec.stride])
        view[np.ix_(*[list(axis) for axis in box.axes]) if box.axes else ()] = values
        starts, lengths, packed = ordered_runs(spec, box, values)
        assert bool((starts[1:] >= (starts + lengths)[:-1]).all()), "not sorted, or not disjoint"
        found, raw, at = bytearray(storage), packed.tobytes(), 0
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            found[start : start + length] = raw[at : at + length]
            at += length
        assert found == expected
        offsets = element_offsets(spec, box)
        assert np.array_equal(np.frombuffer(found, np.int16)[offsets.reshape(-1)].reshape(box.shape), values)
    copy = bytearray(storage)
    array_over(spec, memoryview(copy))[array_index(box)] = values.view(np.uint16)
    assert copy == expected


def test_a_contiguous_box_is_one_run():
    """A run per row, or per element, would make a patch of a whole tensor millions of segments."""
    spec = TensorSpec.contiguous("float32", (10, 20, 30))
    for box, runs in ((Box.whole(spec.shape), 1), (Box((range(2, 5), range(20), range(30))), 1),
                      (Box((range(2, 5), range(3, 9), range(30))), 3)):  # fmt: skip
        starts, lengths, _ = ordered_runs(spec, box, np.zeros(box.shape, np.float32))
        assert len(starts) == runs
        assert int(lengths.sum()) == 4 * prod(box.shape)


@pytest.mark.parametrize("name", sorted(DTYPES))
def test_every_dtype_comes_out_bit_for_bit(name):
    """Also those neither numpy nor ml_dtypes has a number type for."""
    itemsize = DTYPES[name].itemsize
    data = bytes(np.random.default_rng(1).integers(0, 256, 12 * itemsize, np.uint8))
    if name == "bool":
        data = bytes(byte & 1 for byte in data)
    spec = TensorSpec(name, (3, 2), (1, 6), 2)
    array = gather(spec, Resident(memoryview(data)), Box.whole(spec.shape))
    expected = b"".join(data[i * itemsize : (i + 1) * itemsize] for i in (2, 8, 3, 9, 4, 10))
    assert array.tobytes() == expected
    if DTYPES[name].family != "opaque":
        assert oracle.bits(tensor_from(array, name)) == expected
        assert str(tensor_from(array, name).dtype) == f"torch.{name}"


@given(data=st.data(), spec=specs(dtype="float32"), budget=BUDGETS)
def test_chunks_of_a_region_are_chunks_of_the_whole(data, spec, budget):
    """A pinned region reads like a tensor of its own; its buffer is used again, so each chunk is copied at once."""
    outer, storage = data.draw(boxes(spec.shape)), storage_for(spec)
    pinned = PinnedTensor("w", spec, CountedBytes(storage))
    part = PinnedRegion(pinned, outer)
    inner = data.draw(boxes(outer.shape))
    expected = picked(picked(strided(spec, storage), outer), inner)
    found = np.zeros(outer.shape, np.float32)
    for box, values in part.chunks(inner, budget):
        found[np.ix_(*[list(axis) for axis in box.axes]) if box.axes else ()] = values
    assert picked(found, inner).tobytes() == expected.tobytes()
    assert part.read(inner).tobytes() == expected.tobytes()


def test_a_pass_over_a_tensor_reads_each_byte_about_once():
    """Heatmaps, statistics and edits are passes: reading every byte many times would make them crawl."""
    for shape, stride in (((512, 512), (512, 1)), ((512, 512), (1, 512)), ((64, 64, 64), (64, 4096, 1))):
        spec = TensorSpec("float32", shape, stride)
        content = CountedBytes(bytes(4 * prod(shape)))
        for piece in pieces(spec, Box.whole(shape), 16 << 10):
            read_box(spec, content, piece)
        assert sum(nbytes for _, nbytes in content.reads) <= 1.1 * content.nbytes
        assert len(content.reads) <= 200


def test_a_column_of_a_wide_matrix_is_not_read_through():
    spec = TensorSpec.contiguous("float32", (50, 1 << 20))
    content = CountedBytes(bytes(1))
    content.nbytes = spec.nbytes
    content.read_into = lambda buffer, offset=0: content.reads.append((offset, buffer.nbytes))  # type: ignore[method-assign]
    gather(spec, content, Box((range(50), range(7, 8))))
    assert sum(nbytes for _, nbytes in content.reads) < spec.nbytes // 50


# ---------------------------------------------------------------- which elements two tensors share


def cells(spec: TensorSpec, box: Box) -> list[int]:
    return element_offsets(spec, box).reshape(-1).tolist()


@settings(max_examples=200)
@given(data=st.data(), first=specs(overlapping=False), second=specs(overlapping=False))
def test_common_cells_against_sets(data, first, second):
    box, other = data.draw(boxes(first.shape)), data.draw(boxes(second.shape))
    mine = set(cells(first, box))
    where = [(index, cell) for index, cell in zip(np.ndindex(second.shape), cells(second, Box.whole(second.shape)),
                                                  strict=True) if cell in mine]  # fmt: skip
    found = common_cells(first, box, second) if box.numel else None
    assert (found[0] if found else 0) == len(where)
    if found and second.shape:
        columns = list(zip(*(index for index, _ in where), strict=True))
        assert found[1] == "[" + ", ".join(f"{min(column)}:{max(column) + 1}" for column in columns) + "]"
    shared = bool(mine & set(cells(second, other)))
    assert share_elements(first, [box], second, [other]) == shared


@settings(max_examples=200)
@given(first=specs(overlapping=False), second=specs(overlapping=False))
def test_same_elements_are_the_same(first, second):
    if same_elements(first, second) and first.numel:
        assert set(cells(first, Box.whole(first.shape))) == set(cells(second, Box.whole(second.shape)))
    assert same_elements(first, first)


def test_a_transpose_and_a_flat_view_are_the_same_elements():
    base = TensorSpec.contiguous("float32", (3, 4))
    assert same_elements(base, TensorSpec("float32", (4, 3), (1, 4)))
    assert same_elements(base, TensorSpec.contiguous("float32", (12,)))
    assert not same_elements(base, TensorSpec.contiguous("float32", (11,)))
    assert not same_elements(base, TensorSpec("float32", (3, 4), (4, 1), 1))
    assert torch.equal(torch.arange(12).view(3, 4).t().t(), torch.arange(12).view(3, 4))
