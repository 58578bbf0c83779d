"""Counts and pixels of selections, conditions among them, compared with numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from weightedit.core.reduction import SliceView
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.values.matching import Match, match
from weightedit.core.values.pinned import PinnedTensor, Readable
from weightedit.core.values.selecting import Picks


def index_of(box: Box) -> Any:
    return np.ix_(*[list(axis) for axis in box.axes])


class _Above:
    """A condition `w > threshold` with the interface of the expression language."""

    names: Sequence[str] = ()

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def bind(self, source: Readable, tensors: Mapping[str, Readable], *, nbytes: int,
             check: Callable[[], None]) -> _Above:  # fmt: skip
        return self

    def evaluate(self, values: torch.Tensor, box: Box) -> torch.Tensor:
        assert values.shape == box.shape
        return values > self.threshold


def conditions(text: str) -> tuple[str | None, Any]:
    return None, _Above(float(text.rsplit(">", 1)[1]))


def pinned(array: np.ndarray[Any, Any]) -> PinnedTensor:
    spec = TensorSpec("float32", array.shape, tuple(stride // 4 for stride in array.strides))
    return PinnedTensor("w", spec, Resident(memoryview(array).cast("B")))


def found(picks: Picks, array: np.ndarray[Any, Any]) -> Match:
    return match(pinned(array), picks, conditions, lambda name: pinned(array))


def pixels_of(mask: np.ndarray[Any, Any], height: int, width: int) -> np.ndarray[Any, Any]:
    rows, columns = mask.shape
    made = np.zeros((height, width), bool)
    for row in range(height):
        for column in range(width):
            made[row, column] = mask[row * rows // height : (row + 1) * rows // height,
                                     column * columns // width : (column + 1) * columns // width].any()  # fmt: skip
    return made


REGIONS = ["where w > 1.5", "[2:9, [7, 3, 0], :] where w > 0.5", "[::3, :, 1] where w > -9",
           "[1:4, :, :]; [[8, 2], 5, :]"]  # fmt: skip


@pytest.mark.parametrize("text", REGIONS)
def test_counts_and_pixels_are_numpys(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weightedit.core.values.matching.NBYTES", 256)
    array = np.random.default_rng(3).standard_normal((12, 9, 4)).astype(np.float32)
    picks = Picks.parse(text, array.shape)
    mask = np.zeros(array.shape, bool)
    for box in picks.boxes:
        mask[index_of(box)] = True
    if picks.condition:
        mask &= array > float(text.rsplit(">", 1)[1])
    here = found(picks, array)
    assert here.count() == mask.sum()
    view = SliceView(0, 1, {2: 1})
    assert here.count(view.box(array.shape, range(12), range(9))) == mask[:, :, 1].sum()
    for height, width in ((12, 9), (5, 4), (1, 1)):
        assert (here.pixels(view, range(12), range(9), height, width) == pixels_of(mask[:, :, 1], height, width)).all()
    part = here.pixels(SliceView(1, 0, {2: 1}), range(2, 8), range(3, 11), 3, 8)
    assert (part == pixels_of(mask[3:11, 2:8, 1].T, 3, 8)).all()


def test_a_selection_of_rows_without_number_is_never_listed() -> None:
    shape = (10**9, 2)
    spec = TensorSpec("float32", shape, (2, 1))
    nothing: Any = None
    tall = PinnedTensor("tall", spec, nothing)
    got = match(tall, Picks.parse("[5:999999999:2, :]", shape), None, lambda name: tall)
    seen = got.pixels(SliceView(0, 1), range(10**9), range(2), 100, 2)
    assert seen.all()
    assert got.count() == 2 * len(range(5, 999999999, 2))
