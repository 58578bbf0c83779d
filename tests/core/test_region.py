"""Regions mean what torch's indexing means, errors point at their place, unions select each element once."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.oracle import region_index
from weightedit.core.errors import RegionError
from weightedit.core.region import Axis, Box, parse_region, parse_regions

SHAPES = st.lists(st.integers(0, 7), max_size=4).map(tuple)


@st.composite
def region_texts(draw: st.DrawFn, shape: tuple[int, ...]) -> str:
    """Any region that fits a shape, with all the freedom the words of the design leave."""
    items, dims, listed = [], draw(st.integers(0, len(shape))), False
    ellipsis = draw(st.integers(0, dims)) if draw(st.booleans()) else None
    skipped = len(shape) - dims if ellipsis is not None else 0
    for position in range(dims):
        if position == ellipsis:
            items.append("...")
        size = shape[position + (skipped if ellipsis is not None and position >= ellipsis else 0)]
        kind = draw(st.sampled_from(["slice", "slice", *(["integer"] * (size > 0)), *(["list"] * (not listed))]))
        if kind == "integer":
            items.append(str(draw(st.integers(-size, size - 1))))
        elif kind == "list":
            listed = True
            chosen = draw(st.lists(st.integers(0, max(size - 1, 0)), unique=True, max_size=size)) if size else []
            items.append(str([index - size if draw(st.booleans()) else index for index in chosen]))
        else:
            ends = st.none() | st.integers(-size, size)
            start, stop, step = draw(ends), draw(ends), draw(st.none() | st.integers(1, 9))
            text = ":".join("" if end is None else str(end) for end in (start, stop))
            items.append(text if step is None else f"{text}:{step}")
    if ellipsis is not None and "..." not in items:
        items.append("...")
    items = items or ["..."]  # [] is refused: it may mean everything or nothing
    space = draw(st.sampled_from(["", " "]))
    text = f",{space}".join(items)
    return f"[{text}]" if draw(st.booleans()) or text.startswith("[") else text


def numbered(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def elements(box: Box, shape: tuple[int, ...]) -> np.ndarray:
    """The number of each element a box selects, in the box's shape."""
    axes = [np.asarray(list(axis), dtype=int) for axis in box.axes]
    return numbered(shape).numpy()[np.ix_(*axes)] if axes else numbered(shape).numpy()


@given(data=st.data(), shape=SHAPES)
def test_a_region_selects_what_torch_selects(data, shape):
    text = data.draw(region_texts(shape))
    box = parse_region(text, shape)
    bracketed = text if text.startswith("[") else f"[{text}]"
    expected = numbered(shape)[region_index(bracketed)]
    assert box.result_shape == tuple(expected.shape)
    assert elements(box, shape).reshape(-1).tolist() == expected.reshape(-1).tolist()
    assert box.numel == expected.numel()


@given(data=st.data(), shape=SHAPES)
def test_a_box_prints_as_a_region_that_selects_it(data, shape):
    box = parse_region(data.draw(region_texts(shape)), shape)
    again = parse_region(str(box), shape)
    assert elements(again, shape).tolist() == elements(box, shape).tolist()
    assert again.result_shape == box.result_shape


@given(data=st.data(), shape=SHAPES)
def test_a_union_selects_each_element_once(data, shape):
    texts = data.draw(st.lists(region_texts(shape), min_size=1, max_size=4))
    mask = torch.zeros(shape, dtype=torch.bool)
    flat = mask.view(-1)
    for text in texts:
        flat[torch.from_numpy(elements(parse_region(text, shape), shape).reshape(-1))] = True
    boxes = parse_regions(texts, shape)
    found = [index for box in boxes for index in elements(box, shape).reshape(-1).tolist()]
    assert len(found) == len(set(found)), "the boxes overlap"
    assert sorted(found) == numbered(shape)[mask].tolist()


@given(data=st.data(), shape=SHAPES)
def test_within_and_positions_are_inverse(data, shape):
    outer = parse_region(data.draw(region_texts(shape)), shape)
    inner = parse_region(data.draw(region_texts(outer.shape)), outer.shape)
    cut = outer.within(inner)
    if cut.numel:
        assert elements(outer.within(cut.positions_in(outer)), shape).tolist() == elements(cut, shape).tolist()
        taken = elements(outer, shape)
        taken = taken[np.ix_(*[list(axis) for axis in inner.axes])] if shape else taken
        assert taken.tolist() == elements(cut, shape).tolist()


RANGES = [range(start, stop, step) for start in (0, 1, 2, 5) for stop in (0, 6, 13, 30) for step in range(1, 8)]


def test_ranges_minus_ranges_stay_ranges():
    """A list of a long axis would take gigabytes: [10:20] and [:] of 60 million rows."""
    for mine, theirs in product(RANGES, RANGES):
        left, right = Box((mine,)), Box((theirs,))
        parts = [box.axes[0] for box in left.minus(right)]
        assert all(isinstance(axis, range) for axis in parts)
        assert sorted(index for axis in parts for index in axis) == sorted(set(mine) - set(theirs)), (mine, theirs)
        shared: Axis = left.intersection(right).axes[0]
        assert isinstance(shared, range)
        assert list(shared) == sorted(set(mine) & set(theirs)), (mine, theirs)


def test_a_union_over_a_long_axis_is_a_few_boxes():
    size = 10**9
    boxes = parse_regions(["[10:20]", "[::2]", "[:]"], (size,))
    assert len(boxes) < 10
    assert sum(box.numel for box in boxes) == size


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("[1, x]", 4), ("[1 2]", 3), ("[1,, 2]", 3), ("[1, 2", 5), ("[::0]", 1), ("[0, ::-1]", 4), ("[:::]", 3),
        ("[9]", 1), ("[0, 5]", 4), ("[0, -6]", 4), ("[0:9]", 1), ("[0, :, 3:1:1, 0]", 14), ("[..., ...]", 6),
        ("[[0, 1], [0]]", 9), ("[[0, 0]]", 1), ("[[0, 7]]", 1), ("[None]", 1), ("[[0 1]]", 4), ("[True]", 1),
        ("[]", 0), ("[0, 99999999999999999999999]", 4), ("0]", 1), ("[1.5]", 2), ("[--1]", 1), ("[0; 1]", 2),
    ],
)  # fmt: skip
def test_an_error_points_at_its_column(text, column):
    with pytest.raises(RegionError) as caught:
        parse_region(text, (4, 5, 6))
    assert caught.value.column == column, str(caught.value)
    assert caught.value.text == text


@pytest.mark.parametrize("text", ["[4]", "[-5]", "[0:5]", "[-5:]", "[5:]", "[[4]]", "[:, 0]", "9" * 5000])
def test_past_the_end_is_refused_with_what_is_valid(text):
    """torch's slices past the end silently select less."""
    with pytest.raises(RegionError) as caught:
        parse_region(text, (4,))
    message = str(caught.value)
    assert "valid" in message or "dimensions" in message or "digits" in message


@pytest.mark.parametrize("text", ["[3:1]", "[4:4]", "[-1:1]"])
def test_an_empty_slice_is_empty_as_in_torch(text):
    assert parse_region(text, (4,)).numel == numbered((4,))[region_index(text)].numel() == 0


@given(text=st.text(alphabet="[]0123456789-:., a\n", max_size=12), shape=SHAPES)
def test_any_text_parses_or_raises_region_error(text, shape):
    columns = []
    try:
        box = parse_region(text, shape)
    except RegionError as error:
        columns, box = [error.column], Box.whole(shape)
    assert all(0 <= column <= len(text) for column in columns)
    assert all(0 <= index < size for axis, size in zip(box.axes, shape, strict=True) for index in axis)
