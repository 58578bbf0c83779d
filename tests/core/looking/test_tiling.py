"""Tiles against numpy: where each value lies, what regions tiles are, and what is read of a part of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.core.test_statistics import pin
from weightedit.core.looking.phase import reduce_phase
from weightedit.core.looking.scaling import row_scale, tile_scale
from weightedit.core.looking.tile_layout import default_tiling, head_tiling, wrapped
from weightedit.core.looking.tile_matching import picked_pixels
from weightedit.core.looking.tile_reading import blocks, dead_groups, dead_tiles, reduce_tiles, tile_peaks
from weightedit.core.looking.tiling import Tiling
from weightedit.core.reduction import SliceView, reduce
from weightedit.core.region import Box, parse_region
from weightedit.core.values.matching import Match
from weightedit.core.values.selecting import Picks

CASES = {
    "conv": (torch.randn(6, 4, 3, 2), default_tiling((6, 4, 3, 2))),
    "conv in lines": (torch.randn(7, 3, 3, 2), replace(default_tiling((7, 3, 3, 2)), per_line=3)),
    "conv, channels last": (torch.randn(7, 3, 3, 2).contiguous(memory_format=torch.channels_last),
                            replace(default_tiling((7, 3, 3, 2)), per_line=2)),
    "conv transposed in storage": (torch.randn(4, 6, 3, 2).transpose(0, 1), default_tiling((6, 4, 3, 2))),
    "conv of one dimension": (torch.randn(5, 4, 7), default_tiling((5, 4, 7))),
    "conv of three dimensions": (torch.randn(3, 4, 2, 3, 5), default_tiling((3, 4, 2, 3, 5), fixed={2: 1})),
    "experts": (torch.randn(5, 8, 70), replace(default_tiling((5, 8, 70)), per_line=2)),
    "heads down": (torch.randn(12, 5), head_tiling((12, 5), 4)),
    "heads in lines": (torch.randn(15, 4), replace(head_tiling((15, 4), 5), per_line=2)),
    "heads across": (torch.randn(5, 12), head_tiling((5, 12), 3, dim=1)),
    "heads across, below one another": (torch.randn(5, 12), replace(head_tiling((5, 12), 3, dim=1), per_line=1)),
    "tiles turned": (torch.randn(3, 4, 5, 6), Tiling((3, 4, 5, 6), 1, 0, 3, 2, per_line=4)),
}  # fmt: skip


def table_of(tensor: torch.Tensor, tiling: Tiling) -> np.ndarray:
    """The table cell by cell, from torch's own indexing; NaN where there is no value."""
    rows, columns = tiling.size
    found = np.full((rows, columns), np.nan)
    for row in range(rows):
        for column in range(columns):
            index = tiling.index(row, column)
            if index is not None:
                found[row, column] = tensor[index].item()
    return found


def test_a_conv_lies_as_numpy_would_lay_it() -> None:
    tensor, tiling = CASES["conv"]
    assert np.array_equal(table_of(tensor, tiling), tensor.numpy().transpose(0, 2, 1, 3).reshape(18, 8))
    tensor, tiling = CASES["conv in lines"]
    full = np.full((9, 3, 3, 2), np.nan)
    full[:7] = tensor.numpy()
    wanted = full.reshape(3, 3, 3, 3, 2).transpose(0, 3, 1, 2, 4).reshape(9, 18)
    assert np.array_equal(table_of(tensor, tiling), wanted, equal_nan=True)
    assert tiling.missing == (range(6, 9), range(6, 18))


def test_heads_and_experts_lie_as_numpy_would_lay_them() -> None:
    tensor, tiling = CASES["heads down"]
    assert np.array_equal(table_of(tensor, tiling), tensor.numpy())
    tensor, tiling = CASES["heads across, below one another"]
    assert np.array_equal(table_of(tensor, tiling), tensor.numpy().reshape(5, 3, 4).transpose(1, 0, 2).reshape(15, 4))
    tensor, tiling = CASES["experts"]
    assert np.array_equal(table_of(tensor, tiling)[8:16, 70:140], tensor[3].numpy())


@pytest.mark.parametrize("name", CASES)
def test_every_value_has_one_cell_and_back(name: str) -> None:
    tensor, tiling = CASES[name]
    seen = set()
    for row in range(tiling.size[0]):
        for column in range(tiling.size[1]):
            index = tiling.index(row, column)
            if index is not None:
                assert tiling.cell(index) == (row, column)
                seen.add(index)
    fixed = int(np.prod([tensor.shape[dim] for dim in tiling.fixed]))
    assert len(seen) == tensor.numel() // fixed


@pytest.mark.parametrize("nbytes", [8, 100, 1 << 20])
@pytest.mark.parametrize("name", CASES)
def test_any_part_reads_as_the_table_and_nothing_twice(name: str, nbytes: int) -> None:
    tensor, tiling = CASES[name]
    wanted, rows, columns = table_of(tensor, tiling), *tiling.size
    for rect in ((range(rows), range(columns)), (range(1, rows - 1), range(2, columns - 1)),
                 (range(rows // 2, rows // 2 + 1), range(columns)), (range(rows), range(1, 2))):  # fmt: skip
        found = np.full((rows, columns), np.nan)
        for row, column, values, _ in blocks(pin(tensor), tiling, *rect, nbytes=nbytes):
            place = found[row : row + values.shape[0], column : column + values.shape[1]]
            assert np.isnan(place).all()
            place[...] = values
        inside = np.ix_(*rect)
        assert np.array_equal(found[inside], wanted[inside], equal_nan=True)
        assert np.isfinite(found).sum() == np.isfinite(wanted[inside]).sum()


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_the_table(name: str) -> None:
    tensor, tiling = CASES[name]
    wanted, (rows, columns) = table_of(tensor, tiling), tiling.size
    found = reduce_tiles(pin(tensor), tiling, range(1, rows), range(columns), 5, 4, nbytes=100)
    assert (found.height, found.width) == (min(5, rows - 1), min(4, columns))
    edges = [[1 + (rows - 1) * i // found.height for i in range(found.height + 1)],
             [columns * i // found.width for i in range(found.width + 1)]]  # fmt: skip
    for i in range(found.height):
        for j in range(found.width):
            part = wanted[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]]
            if np.isnan(part).all():
                assert np.isnan(found.low[i, j])
                continue
            assert found.low[i, j] == np.nanmin(part)
            assert found.high[i, j] == np.nanmax(part)
            assert found.rms[i, j] == pytest.approx(np.sqrt(np.nanmean(part**2)), rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_regions_of_tiles_hold_what_the_tiles_show(name: str) -> None:
    tensor, tiling = CASES[name]
    wanted = table_of(tensor, tiling)
    height, width = tiling.tile
    down, across = tiling.grid
    touched = range((down - 1) // 2 * height, down * height), range(across // 2 * width, across * width)
    cells = sorted(value for value in wanted[np.ix_(*touched)].reshape(-1).tolist() if value == value)
    boxes = tiling.regions(*touched)
    read = [tensor.numpy()[np.ix_(*box.axes)].reshape(-1) for box in boxes]
    assert sorted(np.concatenate(read).tolist()) == cells
    shown = np.zeros(tiling.size, bool)
    for box in boxes:
        for rectangle in tiling.rectangles(box):
            shown[np.ix_(*rectangle)] = True
    assert sorted(wanted[shown].tolist()) == cells


@pytest.mark.parametrize("region", ["[1]", "[:, 2]", "[[0, 2], :, 1:3]", "[4:6, 1, :, 0]", "[::2, ::2, 2, 1]", "[:]"])
def test_a_region_is_shown_where_its_values_are(region: str) -> None:
    tensor, _ = CASES["conv"]
    for per_line in (1, 2, 4):
        tiling = replace(default_tiling((6, 4, 3, 2)), per_line=per_line)
        box = parse_region(region, (6, 4, 3, 2))
        shown = np.zeros(tiling.size, int)
        for rows, columns in tiling.rectangles(box):
            shown[np.ix_(rows, columns)] += 1
        assert shown.max() == 1
        inside = torch.zeros(tensor.shape)
        inside[np.ix_(*box.axes)] = 1
        assert np.array_equal(np.nan_to_num(table_of(inside, tiling)), shown)


def test_a_tile_is_one_region() -> None:
    assert str(default_tiling((16, 3, 3, 3)).region(range(12, 13), range(1))) == "[12, 0, 0:3, 0:3]"
    assert str(head_tiling((768, 768), 12).region(range(2, 3), range(1))) == "[128:192, 0:768]"
    assert default_tiling((16, 3, 3, 3)).name(12, 0) == "out 12 · in 0"
    assert default_tiling((4, 4)) is None
    assert default_tiling((258, 1, 256), "stft_conv.weight").name(129, 0) == "out 129 · in 0"
    assert default_tiling((8, 256, 512), "experts.gate").name(3, 0) == "expert 3"
    assert default_tiling((8, 256, 512)).name(3, 0) == "dim 0 3"
    with pytest.raises(ValueError, match="768 does not divide into 7 heads"):
        head_tiling((768, 768), 7)


def test_too_many_pieces_are_not_drawn() -> None:
    tiling = default_tiling((64, 64, 3, 3))
    assert tiling.rectangles(parse_region("[:, :, 1, 1]", tiling.shape), most=500) == []
    assert tiling.rectangles(Box.whole(tiling.shape)) == [(range(192), range(192))]


def test_groups_wrap_to_fill_the_room() -> None:
    first = wrapped(default_tiling((64, 3, 7, 7)), 480, 560)
    rows, columns = first.size
    assert 0.6 < (480 / rows) / (560 / columns) < 1.6
    assert first.per_line > 1
    assert wrapped(default_tiling((64, 64, 3, 3)), 480, 560).per_line == 1
    assert wrapped(default_tiling((1024, 16, 3, 3)), 480, 560).per_line > 4
    assert wrapped(head_tiling((768, 768), 12), 480, 560).per_line == 1
    assert wrapped(head_tiling((768, 768), 12, dim=1), 480, 560).per_line == 12
    one = wrapped(default_tiling((1, 1, 3, 3)), 480, 560)
    assert one.size == (3, 3)


def test_dead_tiles_are_found_by_their_largest_magnitude() -> None:
    tensor = torch.randn(9, 3, 3, 3)
    tensor[2] = 0
    tensor[5] *= 1e-6
    tensor[7, 1] = 0
    tensor[8, 0] = float("nan")
    tensor[8, 1, 0, 0] = float("inf")
    for per_line in (1, 4):
        tiling = replace(default_tiling((9, 3, 3, 3)), per_line=per_line)
        peaks = tile_peaks(pin(tensor), tiling, nbytes=120)
        assert peaks.shape == tiling.grid
        dead = dead_tiles(tiling, peaks)
        assert dead == [(2, 0), (2, 1), (2, 2), (5, 0), (5, 1), (5, 2), (7, 1)]
        assert dead_groups(tiling, dead) == [2, 5]
    assert dead_tiles(tiling, np.full(tiling.grid, np.nan)) == []


def test_a_scale_divides_each_tile_by_its_largest_and_leaves_the_root_mean_squares_of_lines() -> None:
    tensor = torch.randn(8, 3, 3, 2, dtype=torch.float64)
    tensor[4, 1] = 0
    tiling = replace(default_tiling((8, 3, 3, 2)), per_line=3)
    (rows, columns), wanted = tiling.size, table_of(tensor, tiling)
    shares = table_of(tensor / tensor.abs().amax(dim=(2, 3), keepdim=True).clamp(min=1e-300), tiling)
    for down, across in ((range(rows), range(columns)), (range(2, rows), range(5, columns))):
        scale = tile_scale(pin(tensor), tiling, down, across)
        found = reduce_tiles(pin(tensor), tiling, down, across, rows, columns, nbytes=90, scale=scale)
        assert np.array_equal(found.low, shares[np.ix_(down, across)], equal_nan=True)
        part = wanted[np.ix_(down, across)]
        assert np.allclose(found.row_rms, np.sqrt(np.nanmean(part**2, axis=1)))
        assert np.allclose(found.column_rms, np.sqrt(np.nanmean(part**2, axis=0)))


@pytest.mark.parametrize("tiled", [False, True])
def test_each_row_is_divided_by_its_own_largest_whatever_part_is_shown(tiled: bool) -> None:
    tensor = torch.randn(20, 30, dtype=torch.float64) * torch.logspace(-5, 5, 20, dtype=torch.float64)[:, None]
    view = head_tiling((20, 30), 4) if tiled else SliceView(0, 1)
    rows, columns = range(4, 20), range(10, 30)
    scale = row_scale(pin(tensor), view, rows)
    if tiled:
        found = reduce_tiles(pin(tensor), view, rows, columns, 4, 5, nbytes=700, scale=scale)
    else:
        found = reduce(pin(tensor), view, rows, columns, 4, 5, nbytes=700, scale=scale)
    scaled = (tensor / tensor.abs().amax(dim=1, keepdim=True))[4:, 10:].numpy()
    assert np.array_equal(found.high, scaled.reshape(4, 4, 5, 4).max(axis=(1, 3)))
    plain = tensor[4:, 10:].numpy().reshape(4, 4, 20)
    assert np.allclose(found.row_rms, np.sqrt((plain**2).mean(axis=(1, 2))))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex32])
def test_the_phase_of_pixels_is_that_of_their_directions(dtype: torch.dtype) -> None:
    tensor = torch.polar(torch.rand(6, 8) + 0.1, torch.full((6, 8), 3.1)).to(dtype)
    tensor[:, ::2] = tensor[:, ::2].conj()  # 3.1 and -3.1 are close to one another, on both sides of the cut
    tensor[0, 0] = complex("nan")
    angle = tensor.to(torch.complex64).angle().numpy()
    view = SliceView(0, 1)
    exact = reduce_phase(pin(tensor), lambda source, _: reduce(source, view, range(6), range(8), 6, 8))
    assert np.allclose(exact.extreme, np.where(np.isnan(exact.low), np.nan, angle), atol=1e-3, equal_nan=True)
    assert np.isnan(exact.low[0, 0])
    pairs = reduce_phase(pin(tensor), lambda source, _: reduce(source, view, range(6), range(8), 3, 4))
    assert (np.abs(pairs.typical(100)) > 3.05).all()


def test_picked_cells_are_found_among_the_tiles() -> None:
    tensor = torch.randn(7, 3, 3, 2)
    tiling = replace(default_tiling((7, 3, 3, 2)), per_line=3)
    rows, columns = tiling.size
    inside = torch.zeros(tensor.shape)
    inside[[1, 4], :, 1] = 1
    picks = Picks.parse("[[1, 4], :, 1]", tuple(tensor.shape))
    plain = picked_pixels(Match(pin(tensor), picks, None), tiling, range(rows), range(columns), rows, columns)
    assert np.array_equal(plain, np.nan_to_num(table_of(inside, tiling)) > 0)
    holds = Match(pin(tensor), picks, lambda values, box: values > 0)
    found = picked_pixels(holds, tiling, range(rows), range(columns), rows, columns)
    assert np.array_equal(found, np.nan_to_num(table_of(inside * (tensor > 0), tiling)) > 0)
