"""What normalize, prune and low_rank do where torch has no single answer: ties, zeros, NaN, conditions, regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from tests.operations.test_dtypes import result
from weightedit.operations.passes import smallest


@settings(max_examples=200)
@given(data=st.data())
def test_the_smallest_are_found_exactly(data):
    """Against a full sort by (key, offset), however the keys are cut into pieces and in whatever order they come."""
    width = data.draw(st.sampled_from([np.uint32, np.uint64]))
    pool = [0, 1, 2**16 - 1, 2**16, 2**31, int(np.iinfo(width).max)]
    key = st.sampled_from(pool) | st.integers(0, int(np.iinfo(width).max))
    keys = data.draw(st.lists(key, min_size=1, max_size=60))
    spread = data.draw(st.sampled_from([1, 7, 2**20, 2**40]))
    cells = [(key, place * spread) for place, key in enumerate(keys)]
    count = data.draw(st.integers(0, len(cells)))
    order = data.draw(st.permutations(cells))
    step = data.draw(st.integers(1, len(cells)))

    def pieces():
        for start in range(0, len(order), step):
            part = order[start : start + step]
            yield np.array([key for key, _ in part], width), np.array([at for _, at in part], np.int64)

    cutoff = smallest(pieces, count, (len(cells) - 1) * spread)
    taken = {cell for found, at in pieces() for cell, is_taken in
             zip(zip(found.tolist(), at.tolist(), strict=True), cutoff.takes(found, at), strict=True)
             if is_taken} if cutoff else set()  # fmt: skip
    assert taken == set(sorted(cells)[:count])


def test_of_equal_magnitudes_the_first_go_first():
    """In row-major order, whatever the order in storage."""
    tensor = torch.tensor([[1.0, -1.0, 2.0], [-1.0, 1.0, math.nan]])
    want = torch.tensor([[0.0, 0.0, 2.0], [0.0, 1.0, math.nan]])
    assert oracle.same_values(result(tensor, "prune", amount=0.5), want)
    assert oracle.same_values(result(tensor.t().contiguous().t(), "prune", amount=0.5), want)
    assert oracle.same_values(result(tensor, "prune", amount=5 / 6), torch.tensor([[0, 0, 0], [0, 0, math.nan]]))
    rows = torch.tensor([[1.0, -1.0], [2.0, 0.0], [1.0, 1.0], [math.nan, 0.0]])
    assert not result(rows, "prune", amount=0.5, by="row")[[0, 2]].any()
    assert oracle.same_values(result(rows, "prune", amount=0.25, by="row")[2], rows[2])
    groups = torch.tensor([[3.0, 3.0, 3.0, 3.0, 1.0, math.nan, 0.0, -2.0]])
    want = torch.tensor([[0.0, 0.0, 3.0, 3.0, 0.0, math.nan, 0.0, -2.0]])
    assert oracle.same_values(result(groups, "prune", by="n:m"), want)


def test_groups_are_counted_from_the_start_of_the_region():
    tensor = torch.arange(1.0, 25).reshape(2, 12)
    got = result(tensor, "prune", by="n:m", n=1, m=3, region="[:, 1:10]")
    want = tensor.clone()
    want[:, [1, 2, 4, 5, 7, 8]] = 0
    assert oracle.same_bits(got, want)
    with weightedit.open({"w": tensor}) as doc, pytest.raises(weightedit.EditRefused, match="12 is no multiple of 5"):
        doc.apply("prune", "w", by="n:m", n=2, m=5)


def test_several_regions_are_looked_at_together():
    tensor = torch.tensor([[5.0, 1.0, 9.0], [2.0, 7.0, 3.0], [8.0, 6.0, 4.0]])
    got = result(tensor, "prune", amount=0.5, region=["[0, :]", "[2, 0:1]"])  # of 5, 1, 9 and 8 the 1 and the 5
    assert got.tolist() == [[0, 0, 9], [2, 7, 3], [8, 6, 4]]
    got = result(tensor, "normalize", region=["[0, 0:2]", "[1:3, 2]"], to="mean", value=0)
    cells = torch.tensor([5.0, 1.0, 3.0, 4.0])
    assert got[[0, 0, 1, 2], [0, 1, 2, 2]].tolist() == (cells - cells.mean()).tolist()
    got = result(tensor, "normalize", region=["[0:2, 0]", "[1:3, 1]"], per="row", ord=1)
    torch.testing.assert_close(got[1, :2], torch.tensor([2 / 9, 7 / 9]))
    assert (got[0, 0], got[2, 1]) == (1, 1)


def test_only_cells_that_meet_a_condition_count():
    tensor = torch.tensor([[1.0, -4.0, 3.0], [-2.0, 0.5, 6.0]])
    got = result(tensor, "prune", amount=0.5, region="where w > 0")
    assert got.tolist() == [[0, -4, 3], [-2, 0, 6]]
    got = result(tensor, "normalize", to="mean", value=0, region="where w > 0")
    assert got.tolist() == [[1 - 2.625, -4, 3 - 2.625], [-2, 0.5 - 2.625, 6 - 2.625]]
    got = result(tensor, "normalize", per="row", ord=1, region="where w > 0")
    torch.testing.assert_close(got, torch.tensor([[0.25, -4, 0.75], [-2, 0.5 / 6.5, 6 / 6.5]]))


def test_what_has_no_scale_stays():
    """Zero rows, equal values, rows with NaN or Inf; the sizes of float64 and of float16 do not overflow on the way."""
    tensor = torch.tensor([[0.0, -0.0], [math.nan, 1.0], [math.inf, 1.0], [3.0, 4.0], [2.0, 2.0]])
    got = result(tensor, "normalize", per="row")
    assert oracle.same_values(got[:3], tensor[:3])
    torch.testing.assert_close(got[3], torch.tensor([0.6, 0.8]))
    got = result(tensor, "normalize", per="row", to="std")
    assert oracle.same_values(got[[0, 1, 2, 4]], tensor[[0, 1, 2, 4]])
    huge = torch.tensor([[1e300, 1e300], [5e-324, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(result(huge, "normalize", per="row")[0], torch.full((2,), 0.5**0.5, dtype=torch.float64))
    assert result(huge, "normalize", per="row")[1].tolist() == [1.0, 0.0]
    half = torch.full((1000,), 60000.0, dtype=torch.float16)
    torch.testing.assert_close(result(half, "normalize"), torch.full((1000,), 1000**-0.5, dtype=torch.float16))


def test_low_rank_is_the_best_there_is():
    """Eckart and Young: no other matrix of the rank is nearer, and the error is what the singular values leave."""
    kernel = torch.randn(6, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(kernel.flatten(1))
    for rank in range(7):
        got = result(kernel, "low_rank", rank=rank)
        assert int(torch.linalg.matrix_rank(got.flatten(1))) == rank
        torch.testing.assert_close((got - kernel).norm(), values[rank:].norm(), rtol=1e-9, atol=1e-12)
    assert oracle.same_bits(result(kernel, "low_rank", rank=6), kernel)
    numbers = torch.complex(kernel, kernel.flip(0))
    error = (result(numbers, "low_rank", rank=2) - numbers).norm()
    torch.testing.assert_close(error, torch.linalg.svdvals(numbers.flatten(1))[2:].norm())


WRONG = [
    ("clamp", torch.ones(3), {}, "Give min, max or both"),
    ("clamp", torch.ones(3), {"min": math.nan}, "NaN"),
    ("clamp", torch.ones(3), {"max": 2j}, "real number"),
    ("zero_small", torch.ones(3), {"threshold": -1}, "0 or more"),
    ("round", torch.ones(3), {"decimals": 999}, "-300 to 300"),
    ("normalize", torch.ones(3), {"per": "column"}, "has 1"),
    ("normalize", torch.ones(3), {"ord": 0}, "above 0"),
    ("normalize", torch.ones(3), {"value": 1j}, "real number"),
    ("prune", torch.ones(3), {"amount": 1.5}, "from 0 to 1"),
    ("prune", torch.ones(3), {"by": "row"}, "two dimensions"),
    ("prune", torch.ones(4), {"by": "n:m", "n": 5}, "2 of 4"),
    ("prune", torch.ones(3), {"by": "size"}, "one of"),
    ("low_rank", torch.ones(3), {"rank": 1}, "two dimensions"),
    ("low_rank", torch.ones(2, 2), {"rank": -1}, "0 to 2"),
    ("low_rank", torch.tensor([[math.nan, 1.0], [1.0, 1.0]]), {"rank": 1}, "NaN or Inf"),
    ("flip", torch.ones(2, 2), {"dims": [2]}, "-2 to 1"),
    ("flip", torch.ones(2, 2), {"dims": [0, -2]}, "twice"),
    ("roll", torch.ones(2, 2), {"shifts": [1, 2], "dims": [0]}, "one shift for each"),
    ("permute_rows", torch.ones(3), {"order": [0, 1, 1]}, "no permutation of 3 rows"),
    ("permute", torch.ones(2, 2), {"dims": [0, 0]}, "each of the 2"),
    ("reshape", torch.ones(6), {"shape": [4]}, "6 values"),
    ("reshape", torch.ones(6), {"shape": [-1, -1]}, "-1 once"),
    ("reshape", torch.ones(6), {"shape": [-1, 4]}, "6 values"),
    ("reshape", torch.empty(0), {"shape": [-1, 0]}, "0 values"),
    ("pad", torch.ones(3), {"pad": [1]}, "two for each"),
    ("pad", torch.ones(3), {"pad": [1, 1, 1, 1]}, "at most 2"),
    ("pad", torch.ones(3), {"pad": [-2, -2]}, "fewer than 0"),
    ("pad", torch.ones(3), {"pad": [3, 0], "mode": "reflect"}, "reflect adds at most 2"),
    ("pad", torch.ones(3), {"pad": [0, 4], "mode": "circular"}, "circular adds at most 3"),
    ("concat", torch.ones(2, 3), {"tensors": [torch.ones(2, 2)]}, "2 × 2 cannot come behind 2 × 3"),
    ("concat", torch.ones(()), {"tensors": [torch.ones(())]}, "single number"),
    ("repeat", torch.ones(2, 3), {"repeats": [2]}, "each of the 2"),
    ("repeat", torch.ones(2), {"repeats": [-1]}, "0 or more"),
    ("insert_rows", torch.ones(2, 2), {"index": 3}, "valid: -2 to 2"),
    ("insert_rows", torch.ones(2, 2), {"count": -1}, "0 or"),
    ("insert_rows", torch.ones(2, 2), {"method": "copy", "row": 2}, "valid: -2 to 1"),
    ("insert_rows", torch.empty(0, 2), {"method": "mean"}, "no row to take"),
    ("insert_rows", torch.ones(4), {}, "zeros, constant or normal"),
    ("delete_rows", torch.ones(3), {"rows": "3"}, "valid: -3 to 2"),
    ("delete_rows", torch.ones(3), {"rows": "a"}, "'a'"),
    ("delete_rows", torch.ones(3), {"rows": ""}, "names none"),
    ("delete_rows", torch.ones(3), {"rows": "::0"}, "::2"),
    ("delete_rows", torch.ones(3), {"rows": "0:9"}, "-3 to 3"),
    ("delete_rows", torch.ones(3), {"rows": "0", "dim": 1}, "-1 to 0"),
]


@pytest.mark.parametrize(("operation", "tensor", "arguments", "words"), WRONG)
def test_what_cannot_be_done_is_said_in_one_sentence(operation, tensor, arguments, words):
    before = tensor.clone()
    with weightedit.open({"layer.w": tensor}) as doc:
        with pytest.raises(weightedit.EditRefused) as caught:
            doc.apply(operation, "layer.w", accept="all", **arguments)
        assert words in str(caught.value)
        assert len(str(caught.value)) < 250
        assert oracle.same_values(doc.read("layer.w"), before)
        assert not doc.is_modified


def test_a_matrix_past_the_budget_is_refused():
    tensor = torch.zeros(1).expand(5000, 5000)
    with weightedit.open({"w": tensor}) as doc, pytest.raises(weightedit.EditRefused, match="too large for low_rank"):
        doc.apply("low_rank", "w", accept="all", rank=3)


def test_a_shape_of_too_many_dimensions_is_refused_in_a_sentence():
    """torch and numpy have at most 64; their own errors would come from deep within."""
    with weightedit.open({"w": torch.ones(1)}) as doc:
        for operation, arguments in (("reshape", {"shape": [1] * 70}), ("repeat", {"repeats": [1] * 70})):
            with pytest.raises(weightedit.EditRefused, match="at most 64 dimensions"):
                doc.apply(operation, "w", **arguments)
