"""Conditions after `where`, and the cells they hold for, found in any direction as torch finds them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.bench import pin, source_of
from weightedit.core.errors import Cancelled, ExpressionError, RegionError
from weightedit.core.region import Box
from weightedit.search import cells
from weightedit.search.cells import count_cells, find_cells
from weightedit.search.condition import parse_condition, split_region


@pytest.mark.parametrize(
    ("text", "region", "condition"),
    [
        ("where abs(w) < 1e-4", None, "abs(w) < 1e-4"),
        ("  where w>0", None, "w>0"),
        ("[0:64, :] where w > 3 * std(w)", "[0:64, :]", "w > 3 * std(w)"),
        ("[[1, 2], :] where where(w > 0, true, isnan(w))", "[[1, 2], :]", "where(w > 0, true, isnan(w))"),
        ("where (w > 0) and (w < 1)", None, "(w > 0) and (w < 1)"),
        ("where 'where is it' > w", None, "'where is it' > w"),
        ("3, : where nonfinite(w)", "3, :", "nonfinite(w)"),
    ],
)
def test_a_region_and_its_condition_are_parted_at_where(text, region, condition):
    found, parsed = split_region(text)
    assert (found, parsed.text) == (region, condition)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("[0:3] where w >", 15, "missing"),
        ("where w * 2", 8, "compare it"),
        ("[0:3] where", 11, "empty"),
        ("where w.x > 1", 7, "dot"),
        ("[0:3]", 0, "no where"),
        ("[:] where 0 < w < 1", 16, "chained"),
    ],
)
def test_columns_count_from_the_start_of_the_whole_text(text, column, says):
    with pytest.raises(RegionError) as caught:
        split_region(text)
    assert (caught.value.column, caught.value.text) == (column, text)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["where w >", "[0:3] where w >"])
def test_the_sentence_counts_columns_in_the_expression_it_shows(text):
    with pytest.raises(RegionError, match=r"The expression w > does not read at column 4:") as caught:
        split_region(text)
    assert caught.value.column == len(text)


def test_a_mask_is_a_condition_and_another_tensor_alone_is_not():
    mask = torch.tensor([[True, False], [False, True]])
    condition = parse_condition("'m'")
    bound = condition.bind(source_of(torch.zeros(2, 2)), {"m": pin(mask)})
    assert count_cells(pin(torch.zeros(2, 2)), bound).count == 2
    with pytest.raises(ExpressionError, match="compare it"):
        condition.bind(source_of(torch.zeros(2, 2)), {"m": pin(torch.zeros(2, 2))})
    with pytest.raises(ExpressionError, match="number"):
        parse_condition("w + 1")


def places(mask: torch.Tensor) -> list[tuple[int, ...]]:
    return [tuple(index) for index in mask.nonzero().tolist()] if mask.dim() else [()] * int(mask)


LAYOUTS = [
    ("plain", lambda t: t), ("transposed", lambda t: t.permute(2, 0, 1)), ("strided", lambda t: t[:, ::2, ::3]),
    ("one row", lambda t: t[2:3]), ("column", lambda t: t[:, :, 1]), ("number", lambda t: t[3, 4, 5]),
    ("empty", lambda t: t[:0]),
]  # fmt: skip


@pytest.mark.parametrize("block", [1, 7, 40, 1 << 16])
@pytest.mark.parametrize("build", [build for _, build in LAYOUTS], ids=[name for name, _ in LAYOUTS])
def test_every_cell_is_found_in_order_ahead_and_back(build, block, monkeypatch):
    monkeypatch.setattr(cells, "BLOCK", block)
    tensor = build(torch.randn(5, 8, 9, generator=torch.Generator().manual_seed(1)))
    source = source_of(tensor)
    bound = parse_condition("abs(w) > 1.2").bind(source, {})
    expected = places(tensor.abs() > 1.2)
    counted = count_cells(source, bound)
    assert (counted.count, counted.first) == (len(expected), expected[0] if expected else None)
    for step, order in ((1, expected), (-1, expected[::-1])):
        at = None
        for wanted in order[:12]:
            at = find_cells(source, bound, at, step)
            assert at == wanted
        if len(order) <= 12:
            assert find_cells(source, bound, at, step) is None


@given(st.integers(0, 359), st.sampled_from([1, -1]), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_the_next_cell_from_any_place(start, step, block):
    before = cells.BLOCK
    cells.BLOCK = block
    try:
        tensor = torch.randn(4, 9, 10, generator=torch.Generator().manual_seed(2))
        source = source_of(tensor)
        bound = parse_condition("w > 1.8").bind(source, {})
        at = tuple(int(one) for one in torch.unravel_index(torch.tensor(start), (4, 9, 10)))
        after = [place for place in places(tensor > 1.8) if (place > at if step > 0 else place < at)]
        expected = (after[0] if step > 0 else after[-1]) if after else None
        assert find_cells(source, bound, at, step) == expected
    finally:
        cells.BLOCK = before


def test_looking_ahead_reads_no_more_than_it_needs_and_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(cells, "BLOCK", 100)
    tensor = torch.zeros(50, 60)
    tensor[20, 5] = math.nan
    source = source_of(tensor)
    bound = parse_condition("isnan(w)").bind(source, {})
    checks = []
    assert find_cells(source, bound, (18, 0), check=lambda: checks.append(1)) == (20, 5)
    assert len(checks) <= 4

    def stop(*given: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        find_cells(source, bound, check=stop)
    with pytest.raises(Cancelled):
        count_cells(source, bound, stop)


@pytest.mark.parametrize("region", ["[3, :, 2:7]", "[:, 1:8:3, 4]", "[2:4]"])
def test_cells_of_a_region_are_counted_within_it(region):
    tensor = torch.randn(5, 8, 9, generator=torch.Generator().manual_seed(1))
    source = source_of(tensor, region)
    bound = parse_condition("w > mean(w)").bind(source, {})
    part = torch.as_tensor(source.read(Box.whole(source.spec.shape)))
    expected = places(part > part.mean())
    counted = count_cells(source, bound)
    assert (counted.count, counted.first) == (len(expected), expected[0])
    assert find_cells(source, bound, expected[1]) == expected[2]
