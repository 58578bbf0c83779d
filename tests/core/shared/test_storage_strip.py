"""The strip of a storage: bars to scale in lanes, whatever lies over it, and marks where selected cells are."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from weightedit.assembly import open_document
from weightedit.core.region import Box, parse_region
from weightedit.core.shared.storage_strip import MOST_LANES, MOST_MARKS, layout_of, marks_of, shared_marks, strip_of
from weightedit.core.spec import TensorSpec


def spec(shape: tuple[int, ...], offset: int = 0, stride: tuple[int, ...] | None = None,
         dtype: str = "float32") -> TensorSpec:  # fmt: skip
    made = TensorSpec.contiguous(dtype, shape)
    return replace(made, offset=offset, stride=made.stride if stride is None else stride)


def test_a_fused_weight_is_above_its_parts():
    members = [spec((12, 4)), spec((4, 4)), spec((4, 4), 16), spec((4, 4), 32)]
    strip = strip_of(members, 192, current=1)
    assert [(bar.member, bar.start, bar.stop, bar.lane) for bar in strip.bars] == [
        (0, 0, 192, 0), (1, 0, 64, 1), (2, 64, 128, 1), (3, 128, 192, 1)]  # fmt: skip
    assert (strip.lanes, strip.gaps, strip.hidden) == (2, (), 0)


def test_what_is_looked_at_comes_first_of_those_that_are_tied():
    strip = strip_of([spec((4, 4))] * 3, 64, current=2)
    assert [(bar.member, bar.lane) for bar in strip.bars] == [(2, 0), (0, 1), (1, 2)]


def test_gaps_are_bytes_of_no_slot():
    strip = strip_of([spec((4,), 2), spec((4,), 10)], 100)
    assert strip.gaps == ((0, 8), (24, 40), (56, 100))


@pytest.mark.parametrize(("tensor", "expected"), [
    (torch.ones(3, 4), "row-major"), (torch.ones(3, 4).t(), "permuted"), (torch.ones(3, 4)[:, ::2], "gaps"),
    (torch.ones(4).expand(3, 4), "repeats"), (torch.ones(0, 4), "empty"),
    (torch.ones(2, 3, 4).permute(1, 0, 2), "permuted"), (torch.ones(()), "row-major"),
], ids=["plain", "transposed", "strided", "expanded", "empty", "permuted", "scalar"])  # fmt: skip
def test_layouts_are_what_torch_says_of_them(tensor, expected):
    made = TensorSpec("float32", tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()))
    assert layout_of(made) == expected
    assert tensor.is_contiguous() == (expected in ("row-major", "empty"))


def test_bars_of_a_lane_never_overlap_and_none_is_lost():
    rng = random.Random(5)
    for _ in range(60):
        members = [spec((rng.randrange(0, 40),), rng.randrange(0, 400)) for _ in range(rng.randrange(1, 60))]
        current = rng.randrange(len(members))
        strip = strip_of(members, 440 * 4, current)
        assert len(strip.bars) + strip.hidden == len(members)
        assert current in {bar.member for bar in strip.bars}
        assert strip.lanes <= MOST_LANES
        for lane in range(strip.lanes):
            bars = [bar for bar in strip.bars if bar.lane == lane]
            assert all(one.stop <= other.start for one, other in pairwise(bars))


def test_thousands_of_slots_take_no_time():
    tied, parts = [spec((1000,))] * 3000, [spec((10,), 10 * place) for place in range(3000)]
    start = time.perf_counter()
    strip = strip_of(tied, 4000, 2999)
    assert (len(strip.bars), strip.hidden) == (MOST_LANES, 3000 - MOST_LANES)
    assert strip.bars[0].member == 2999
    strip = strip_of(parts * 2, 120_000)
    assert (len(strip.bars), strip.hidden) == (6000, 0)
    assert time.perf_counter() - start < 0.5


def test_the_bar_under_the_pointer():
    strip = strip_of([spec((10,)), spec((0,), 20), spec((10,), 50)], 400)
    assert strip.at(20, 0).member == 0
    assert strip.at(60, 0) is None
    assert strip.at(82, 0, reach=5).member == 1, "what has no bytes is found near its place"
    assert strip.at(399, 0) is None


def test_marks_are_where_the_cells_of_each_slot_lie():
    whole, part, turned = spec((12, 4)), spec((4, 4), 16), spec((4, 12), 0, (1, 4))
    found = shared_marks([whole, part, turned], 1, [parse_region("[1:3, :]", (4, 4))], range(3))
    assert found == {0: ((80, 112),), 1: ((80, 112),), 2: ((80, 112),)}
    assert shared_marks([whole, part], 0, [parse_region("[0, :]", (12, 4))], range(2)) == {0: ((0, 16),)}


def test_many_marks_are_joined_and_none_is_lost():
    made = spec((1000, 1000))
    boxes = [Box((range(row, row + 1), range(10))) for row in range(0, 1000, 2)]
    marks = marks_of(made, boxes)
    assert len(marks) <= MOST_MARKS
    assert (marks[0][0], marks[-1][1]) == (0, (998 * 1000 + 10) * 4)
    for box in boxes:
        at = box.axes[0][0] * 4000
        assert any(start <= at and at + 40 <= stop for start, stop in marks)


def test_a_real_lstm_has_lanes_for_its_small_biases(real_checkpoint):
    with open_document(real_checkpoint("resemblyzer/pretrained.pt")) as doc:
        members = doc.group_members("S1")
        strip = strip_of([slot.spec for slot in members], members[0].storage.nbytes)
        shapes = {len(members[bar.member].spec.shape): bar.lane for bar in strip.bars if bar.lane}
    assert (strip.gaps, strip.hidden, len(strip.bars)) == ((), 0, 12)
    assert strip.lanes == 4
    assert set(shapes) == {1}, "the large matrices lie side by side in the first lane"
