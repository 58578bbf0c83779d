"""Blocks of cells, compared with numpy: grids, how a block fits, repeats and series."""

from __future__ import annotations

import numpy as np
import pytest

from weightedit.core.errors import RegionError
from weightedit.core.reduction import SliceView
from weightedit.core.values.blocks import filled, fit, grid_of, in_order, repeated, series
from weightedit.core.values.selecting import Picks

SHAPE = (8, 6)
VIEW = SliceView(0, 1)


@pytest.mark.parametrize(("text", "rows", "columns"), [
    ("[:, :]", range(8), range(6)), ("[2:4, 1:3]", range(2, 4), range(1, 3)), ("[1, :]; [5, :]", (1, 5), range(6)),
    ("[1:3, 2]; [1:3, 4:6]", range(1, 3), (2, 4, 5)), ("[0:2, :]; [1:4, :]", range(4), range(6)),
    ("[1, 2]; [1, 4]; [5, 2]; [5, 4]", (1, 5), (2, 4))])  # fmt: skip
def test_rows_crossed_with_columns_are_a_grid(text: str, rows: object, columns: object) -> None:
    grid = grid_of(Picks.parse(text, SHAPE), VIEW, SHAPE)
    assert (grid.rows, grid.columns) == (rows, columns)


@pytest.mark.parametrize(("text", "part"), [
    ("[1, 2]; [5, 4]", "form no block"), ("where w > 0", "single cells"), ("[0:3, 0:3]; [2:5, 2:5]", "form no block")])
def test_what_is_no_grid_is_refused(text: str, part: str) -> None:
    with pytest.raises(RegionError, match=part):
        grid_of(Picks.parse(text, SHAPE), VIEW, SHAPE)


def test_a_grid_of_another_slice_is_refused_and_one_with_gaps_both_ways_has_no_region() -> None:
    with pytest.raises(RegionError, match="another slice"):
        grid_of(Picks.parse("[:, :, 2]", (8, 6, 3)), SliceView(0, 1, {2: 0}), (8, 6, 3))
    grid = grid_of(Picks.parse("[1, 2]; [1, 4]; [5, 2]; [5, 4]", SHAPE), VIEW, SHAPE)
    with pytest.raises(RegionError, match="gaps in both"):
        grid.region(VIEW, SHAPE)
    assert grid_of(Picks.parse("[1, :]; [5, :]", SHAPE), VIEW, SHAPE).region(VIEW, SHAPE) == "[[1, 5], :]"


def test_a_block_repeats_where_it_divides() -> None:
    grid = grid_of(Picks.parse("[0:6, 0:4]", SHAPE), VIEW, SHAPE)
    assert fit((3, 2), grid, (0, 0), SHAPE) == (grid, 4)
    assert fit((6, 4), grid, (0, 0), SHAPE) == (grid, 1)
    with pytest.raises(RegionError, match="4 × 2 values and 6 × 4 are selected"):
        fit((4, 2), grid, (0, 0), SHAPE)
    block = np.arange(6).reshape(3, 2)
    assert (repeated(block, (6, 4)) == np.tile(block, (2, 2))).all()


def test_a_block_from_one_cell_must_end_within_the_slice() -> None:
    assert fit((2, 3), None, (6, 3), SHAPE)[0].rows == range(6, 8)
    with pytest.raises(RegionError, match="2 rows and 3 columns from here"):
        fit((3, 3), None, (6, 3), SHAPE)


def test_values_lie_as_the_dimensions_do() -> None:
    values = np.arange(6).reshape(2, 3)
    assert (in_order(values, SliceView(1, 0)) == values.T).all()
    assert (in_order(values, SliceView(0, 1)) == values).all()
    assert (in_order(values[:1], SliceView(None, 0)) == values[0]).all()


def test_a_fill_repeats_the_block_both_ways() -> None:
    block = np.array([[1, 2], [3, 4], [5, 6]])
    assert (filled(block, 4, 0) == np.array([[1, 2], [3, 4], [5, 6], [1, 2]])).all()
    assert (filled(block, 4, 0, backwards=True) == np.tile(block, (2, 1))[2:]).all()
    assert (filled(block, 3, 1) == np.tile(block, (1, 2))[:, :3]).all()


def test_a_series_goes_on_in_a_straight_line() -> None:
    whole = np.array([[2, 10], [5, 20], [8, 30]])
    assert (series(whole, 2, 0) == np.array([[11, 40], [14, 50]])).all()
    assert series(whole, 2, 0).dtype.kind == "i"
    assert (series(whole, 2, 0, backwards=True) == np.array([[-4, -10], [-1, 0]])).all()
    halves = np.array([[0.0, 0.25]])
    assert (series(halves, 3, 1) == np.array([[0.5, 0.75, 1.0]])).all()
    assert (series(halves, 2, 1, backwards=True) == np.array([[-0.5, -0.25]])).all()
    assert (series(np.array([[7, 9]]), 2, 0) == np.array([[8, 10], [9, 11]])).all()
    assert (series(np.array([[1], [2], [4]]), 1, 0) == np.array([[5.5]])).all()
