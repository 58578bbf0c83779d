"""Selections as pure state, compared with masks of numpy."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from weightedit.core.errors import RegionError
from weightedit.core.region import Box, parse_region, parse_regions
from weightedit.core.values.selecting import MOST_BOXES, Picks, disjoint, region_text, runs, split_regions

SHAPE = (6, 7, 5)


def index_of(box: Box) -> Any:
    return np.ix_(*[list(axis) for axis in box.axes])


def mask_of(picks: Picks) -> np.ndarray[Any, Any]:
    """The picked elements as numpy finds them from the region texts alone."""
    mask = np.zeros(picks.shape, bool)
    region = picks.region
    for text in [region] if isinstance(region, str) else region or []:
        mask[index_of(parse_region(text, picks.shape))] = True
    return mask


def some_box(rng: random.Random, shape: tuple[int, ...]) -> Box:
    axes: list[Any] = []
    for size in shape:
        start = rng.randrange(size)
        stop = rng.randrange(start + 1, size + 1)
        axes.append(range(start, stop, rng.choice([1, 1, 1, 2])))
    if rng.random() < 0.2:
        axes[0] = tuple(rng.sample(range(shape[0]), 2))
    return parse_region(str(Box(tuple(axes))), shape)


@pytest.mark.parametrize("seed", range(40))
def test_adding_removing_and_inverting_is_what_masks_do(seed: int) -> None:
    rng = random.Random(seed)
    picks, mask = Picks(SHAPE), np.zeros(SHAPE, bool)
    for _ in range(rng.randrange(1, 7)):
        box = some_box(rng, SHAPE)
        if rng.random() < 0.7:
            picks, mask[index_of(box)] = picks.add(box), True
        else:
            picks, mask[index_of(box)] = picks.remove(box), False
        assert (mask_of(picks) == mask).all()
    if picks:
        assert picks.numel() == mask.sum()
        inside = some_box(rng, SHAPE)
        assert picks.numel(inside) == mask[index_of(inside)].sum()
        assert (mask_of(picks.inverted()) == ~mask).all()
        assert sum(box.numel for box in parse_regions(picks.region, SHAPE)) == mask.sum()


def test_lines_that_are_picked_one_by_one_become_one_region() -> None:
    picks = Picks((10, 4))
    for row in (1, 5, 6):
        picks = picks.add(parse_region(f"[{row}:{row + 1}, :]", (10, 4)))
    assert picks.region == "[[1, 5, 6], :]"
    for row in (2, 3, 4):
        picks = picks.add(parse_region(f"[{row}:{row + 1}, :]", (10, 4)))
    assert picks.region == "[1:7, :]"
    assert picks.remove(parse_region("[3, :]", (10, 4))).region == ("[1:3, :]", "[4:7, :]")


def test_one_list_is_all_a_region_takes() -> None:
    picks = Picks((9, 9))
    for text in ("[[1, 4], 2]", "[[1, 4], 7]"):
        picks = picks.add(parse_region(text, (9, 9)))
    assert mask_of(picks).sum() == 4


def test_nothing_left_to_pick_is_the_whole_tensor() -> None:
    picks = Picks((3, 3)).add(parse_region("[0, :]", (3, 3)))
    assert picks.remove(parse_region("[0:2, :]", (3, 3))).region is None
    assert Picks((3, 3)).numel() == 9
    assert not Picks.parse("[:, :]", (3, 3))
    assert not Picks((3, 3)).add(Box.whole((3, 3))).inverted()


def test_too_many_regions_are_refused_in_one_sentence() -> None:
    boxes = [parse_region(f"[{3 * at}:{3 * at + 2}, {7 * at}:{7 * at + 2}]", (5000, 5000)) for at in range(400)]
    picks = Picks((5000, 5000))
    for box in boxes[:MOST_BOXES]:
        picks = picks.add(box)
    with pytest.raises(RegionError, match=f"at most {MOST_BOXES} regions"):
        picks.add(boxes[-1])


def test_text_reads_back() -> None:
    for text in ("[0:2, :, 3]; [5, :, :]", "where w > 0", "[0:2, :, :] where abs(w) < 1e-4", "[3, 2, 1]", "[:, :, :]"):
        picks = Picks.parse(text, SHAPE)
        assert picks.text == text
        assert Picks.parse(picks.text, SHAPE) == picks
    assert Picks.parse('["[0:2, :, 3]", "[5, :, :]"]', SHAPE).text == "[0:2, :, 3]; [5, :, :]"
    with pytest.raises(RegionError, match="does not read"):
        split_regions('["[3]"')
    assert split_regions("where w > 'a;b'; [3]") == ["where w > 'a;b'", "[3]"]


@pytest.mark.parametrize(("text", "part"), [
    ("where ", "Nothing follows where"), ("[9, :, :] where w > 0", "out of range"),
    ("[0] where w > 0; [1]", "within one region")])  # fmt: skip
def test_what_does_not_read_says_why(text: str, part: str) -> None:
    with pytest.raises(RegionError, match=part):
        Picks.parse(text, SHAPE)


def test_a_condition_is_turned_within_its_own_box_and_back() -> None:
    picks = Picks.parse("[0:2, :, :] where (w > 0) or (w < -1)", SHAPE)
    turned = picks.inverted()
    assert turned.region == "[0:2, :, :] where not ((w > 0) or (w < -1))"
    assert turned.inverted() == picks
    assert Picks(SHAPE).where("w > 1").inverted().region == "where not (w > 1)"
    assert picks.add(parse_region("[3]", SHAPE)).region == "[3, :, :]"
    two = Picks.parse("[0, 0, 0]; [5, 5, 4]", SHAPE)
    with pytest.raises(RegionError, match="2 are selected"):
        two.where("w > 1")


def test_overlapping_boxes_are_counted_once() -> None:
    boxes = [parse_region(text, (8, 8)) for text in ("[0:4, 0:4]", "[2:6, 2:6]", "[::2, :]")]
    mask = np.zeros((8, 8), bool)
    for box in boxes:
        mask[index_of(box)] = True
    assert sum(box.numel for box in disjoint(boxes)) == mask.sum()


def test_runs_of_an_axis() -> None:
    assert list(runs((7, 3, 4, 9, 8))) == [range(3, 5), range(7, 10)]
    assert list(runs(range(2, 9, 3))) == [range(2, 3), range(5, 6), range(8, 9)]
    assert list(runs(range(10**9))) == [range(10**9)]


def test_region_text_shows_whole_dims_as_a_colon() -> None:
    assert region_text(parse_region("[0:6, 3, [1, 2]]", SHAPE), SHAPE) == "[:, 3, [1, 2]]"
