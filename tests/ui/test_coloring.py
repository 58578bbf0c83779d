"""Large pictures are coloured in the background; what is shown in the end is what was asked for last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ui.gui_thread import in_a_worker
from weightedit.core.looking.pixels import Reduced
from weightedit.ui.plots.coloring import Colored, Coloring, Look
from weightedit.ui.plots.colormaps import picture
from weightedit.ui.plots.levels import Levels

LARGE = (300, 300)


def reduced(size: tuple[int, int], seed: int = 0) -> Reduced:
    values = np.random.default_rng(seed).standard_normal(size)
    none = np.zeros(size, np.int64)
    return Reduced(range(size[0]), range(size[1]), values, values, values, np.abs(values), none, none, none,
                   np.ones(size[0]), np.ones(size[1]), True)  # fmt: skip


class Background:
    """Work that is done in a thread when a test likes."""

    def __init__(self) -> None:
        self.asked: list[tuple[Callable[[], Colored], Callable[[Colored], None]]] = []

    def __call__(self, work: Callable[[], Colored], done: Callable[[Colored], None]) -> None:
        self.asked.append((work, done))

    def finish(self) -> None:
        work, done = self.asked.pop(0)
        done(in_a_worker(work))


@pytest.fixture
def coloring() -> Any:
    shown: list[Colored] = []
    made = Coloring(shown.append)
    made.later = Background()
    return made, made.later, shown


def look(end: float) -> Look:
    return Look(Levels(-end, end), "Tide", "dark")


def test_while_levels_are_dragged_one_picture_is_made_at_a_time_and_the_last_levels_win(coloring):
    made, background, shown = coloring
    values = reduced(LARGE)
    for end in (1.0, 2.0, 3.0):
        made.ask(values, look(end))
    assert len(background.asked) == 1
    background.finish()
    assert [one.levels.high for one in shown] == [1.0]  # what is there already is shown, and the last is made
    background.finish()
    assert [one.levels.high for one in shown] == [1.0, 3.0]
    assert not background.asked
    assert np.array_equal(shown[-1].colors, picture(values, Levels(-3.0, 3.0), "Tide", "dark"))


def test_a_picture_of_other_values_is_not_shown_any_more(coloring):
    made, background, shown = coloring
    first, second = reduced(LARGE), reduced(LARGE, 1)
    made.ask(first, look(1.0))
    made.ask(second, look(1.0))
    background.finish()
    assert shown == []
    background.finish()
    assert shown[0].reduced is second


def test_a_picture_that_came_with_its_values_is_not_replaced_by_an_older_one(coloring):
    made, background, shown = coloring
    values = reduced(LARGE)
    made.ask(values, look(1.0))
    newer = in_a_worker(lambda: look(2.0).of(values))
    made.take(newer)
    background.finish()
    assert shown == [newer]


def test_a_small_picture_is_there_at_once(coloring):
    made, background, shown = coloring
    made.ask(reduced((20, 30)), look(1.0))
    assert len(shown) == 1
    assert not background.asked


def test_without_levels_those_that_fit_the_picture_are_taken():
    values = reduced((20, 30))
    colored = Look(None, "Tide", "dark").of(values)
    end = float(np.abs(values.low).max())
    assert colored.levels == Levels(-end, end)
    assert colored.is_in(Levels(-end, end), "Tide", "dark")
    assert not colored.is_in(Levels(-end, end), "Tide", "light")
