"""Compiled loops that take blocks of values into pixels, tile by tile.

Infinities and NaN sort past the largest finite value on either side, so the ends of a tile say whether it has any; then
it is looked through value by value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from weightedit.core.kernels.elements import (
    SIGNED,
    WIDTH,
    compiled,
    end_of,
    least_of,
    left_of,
    most_of,
    number_of,
    order,
    pair_at,
    right_of,
)

TILE = 1024
"""Columns that are worked on at once: their accumulators stay in the first cache of a core."""
NARROW = 128
"""Columns of a tile at least, where pixels are wider than a few."""
WIDE = 4
"""Tiles that the pixels of a block have on average from which on their rows are worked on one by one."""


@compiled()
def _find_ends(flat: Any, start: int, step: int, rows: int, least: Any, most: Any) -> None:
    """Find the smallest and largest key of each column."""
    size, row = len(least), 0
    while row + 4 <= rows:
        at = start + row * step
        a, b = flat[at : at + size], flat[at + step : at + step + size]
        c, d = flat[at + 2 * step : at + 2 * step + size], flat[at + 3 * step : at + 3 * step + size]
        for i in range(size):
            p, q, r, s = order(a[i]), order(b[i]), order(c[i]), order(d[i])
            least[i] = least_of(least[i], least_of(least_of(p, q), least_of(r, s)))
            most[i] = most_of(most[i], most_of(most_of(p, q), most_of(r, s)))
        row += 4
    while row < rows:
        a = flat[start + row * step : start + row * step + size]
        for i in range(size):
            p = order(a[i])
            least[i], most[i] = least_of(least[i], p), most_of(most[i], p)
        row += 1


@compiled(sums=True)
def _add_up(flat: Any, start: int, step: int, rows: int, total: Any, square: Any) -> None:
    """Add the finite values of each column up, and their squares."""
    size, row = len(total), 0
    while row + 4 <= rows:
        at = start + row * step
        a, b = flat[at : at + size], flat[at + step : at + step + size]
        c, d = flat[at + 2 * step : at + 2 * step + size], flat[at + 3 * step : at + 3 * step + size]
        for i in range(size):
            p, q = np.float64(number_of(a[i])), np.float64(number_of(b[i]))
            r, s = np.float64(number_of(c[i])), np.float64(number_of(d[i]))
            total[i] += (p + q) + (r + s)
            square[i] += (p * p + q * q) + (r * r + s * s)
        row += 4
    while row < rows:
        a = flat[start + row * step : start + row * step + size]
        for i in range(size):
            p = np.float64(number_of(a[i]))
            total[i] += p
            square[i] += p * p
        row += 1


@compiled(sums=True)
def _add_up_pairs(flat: Any, start: int, step: int, rows: int, total: Any, square: Any, apart: Any) -> None:
    """Do the same of bfloat16, neighbours together: a pair is two numbers after a shift and a mask, without a shuffle.

    Sums of the columns on the left and on the right of a pair are `apart` until all rows are taken.
    """
    pairs, row = len(total) // 2, 0
    left, right, left_square, right_square = apart[0, :pairs], apart[1, :pairs], apart[2, :pairs], apart[3, :pairs]
    left[:], right[:], left_square[:], right_square[:] = 0.0, 0.0, 0.0, 0.0
    while row + 4 <= rows:
        at = start + row * step
        for i in range(pairs):
            a, b = pair_at(flat, at + 2 * i), pair_at(flat, at + step + 2 * i)
            c, d = pair_at(flat, at + 2 * step + 2 * i), pair_at(flat, at + 3 * step + 2 * i)
            p, q, r, s = left_of(a), left_of(b), left_of(c), left_of(d)
            left[i] += (p + q) + (r + s)
            left_square[i] += (p * p + q * q) + (r * r + s * s)
            p, q, r, s = right_of(a), right_of(b), right_of(c), right_of(d)
            right[i] += (p + q) + (r + s)
            right_square[i] += (p * p + q * q) + (r * r + s * s)
        row += 4
    for i in range(pairs):
        total[2 * i], total[2 * i + 1] = left[i], right[i]
        square[2 * i], square[2 * i + 1] = left_square[i], right_square[i]
    _add_up(flat, start + row * step, step, rows - row, total, square)
    if len(total) % 2:
        _add_up(flat, start + 2 * pairs, step, row, total[2 * pairs :], square[2 * pairs :])


def _sum(flat: Any, start: int, step: int, rows: int, total: Any, square: Any, apart: Any) -> None:
    """Add up what is finite, from nothing on."""
    raise NotImplementedError


@overload(_sum, strict=False)  # type: ignore[untyped-decorator]
def _(flat: Any, start: Any, step: Any, rows: Any, total: Any, square: Any, apart: Any) -> Any:
    if flat.dtype == types.uint16:
        return lambda flat, start, step, rows, total, square, apart: _add_up_pairs(
            flat, start, step, rows, total, square, apart)  # fmt: skip
    return lambda flat, start, step, rows, total, square, apart: _add_up(flat, start, step, rows, total, square)


@compiled()
def _look_through(flat: Any, start: int, step: int, rows: int, infinity: int, least: Any, most: Any, total: Any,
                  square: Any, edges: Any, left: int, pixel: int, nan: Any, posinf: Any,
                  neginf: Any) -> None:  # fmt: skip
    """Do both value by value, leaving out what is not finite and counting it under its pixel."""
    for row in range(rows):
        line = flat[start + row * step : start + row * step + len(least)]
        at = pixel
        for i in range(len(least)):
            while edges[at + 1] <= left + i:
                at += 1
            key = order(line[i])
            if ~infinity < key < infinity:
                value = np.float64(number_of(line[i]))
                least[i], most[i] = least_of(least[i], key), most_of(most[i], key)
                total[i] += value
                square[i] += value * value
            elif key == infinity:
                posinf[at] += 1
            elif key == ~infinity:
                neginf[at] += 1
            else:
                nan[at] += 1


@compiled(kept=True)
def reduce(flat: Any, step: int, row_edges: Any, edges: Any, infinity: int, keys: Any, sums: Any, low: Any, high: Any,
           total: Any, square: Any, nan: Any, posinf: Any, neginf: Any) -> bool:  # fmt: skip
    """Take rows of a block into pixels, tile by tile; return whether all of it is finite.

    A tile is some columns of all rows under a line of pixels. Where a pixel is much wider than a tile, each row of it
    is a tile instead: its runs of columns are taken for rows, so that columns are few when they are put together.
    """
    room = keys.shape[1]
    count, columns = len(edges) - 1, edges[-1]
    is_wide = columns >= WIDE * room * count
    all_finite = True
    for line in range(len(row_edges) - 1):
        height = row_edges[line + 1] - row_edges[line]
        tiles = 2 * height * count if is_wide else (columns + room - 1) // room if height else 0
        first = 0
        for tile in range(tiles):
            if is_wide:  # two for each row of a pixel: whole runs, and what is left
                first = tile // 2 % count
                runs = (edges[first + 1] - edges[first]) // room
                left = edges[first] + (runs * room if tile % 2 else 0)
                start = (row_edges[line] + tile // 2 // count) * step + left
                size, rows, apart = (edges[first + 1] - left, 1, step) if tile % 2 else (room, runs, room)
            else:
                left = tile * room
                start = row_edges[line] * step + left
                size, rows, apart = min(room, columns - left), height, step
                while edges[first + 1] <= left:
                    first += 1
            if size == 0 or rows == 0:
                continue
            least, most, tile_total, tile_square = keys[0, :size], keys[1, :size], sums[0, :size], sums[1, :size]
            least[:], most[:], tile_total[:], tile_square[:] = infinity, ~infinity, 0.0, 0.0
            _find_ends(flat, start, apart, rows, least, most)
            is_finite = True
            for i in range(size):
                is_finite &= (least[i] > ~infinity) & (most[i] < infinity)
            if is_finite:
                _sum(flat, start, apart, rows, tile_total, tile_square, sums[2:])
            else:
                all_finite = False
                least[:], most[:] = infinity, ~infinity
                _look_through(flat, start, apart, rows, infinity, least, most, tile_total, tile_square, edges, left,
                              first, nan[line], posinf[line], neginf[line])  # fmt: skip
            _put_together(least, most, tile_total, tile_square, edges, left, first, flat, low[line], high[line],
                          total[line], square[line])  # fmt: skip
    return all_finite


@compiled()
def _put_together(least: Any, most: Any, tile_total: Any, tile_square: Any, edges: Any, left: int, pixel: int,
                  flat: Any, low: Any, high: Any, total: Any, square: Any) -> None:  # fmt: skip
    """Add the columns of a tile to their pixels."""
    size, i = len(least), 0
    while i < size:
        while edges[pixel + 1] <= left + i:
            pixel += 1
        a, b, sum_, squares = least[i], most[i], tile_total[i], tile_square[i]
        stop = min(edges[pixel + 1] - left, size)
        for k in range(i + 1, stop):
            a, b = least_of(a, least[k]), most_of(b, most[k])
            sum_ += tile_total[k]
            squares += tile_square[k]
        i = stop
        total[pixel] += sum_
        square[pixel] += squares
        if a <= b:
            low[pixel] = min(low[pixel], end_of(a, flat))
            high[pixel] = max(high[pixel], end_of(b, flat))


def signature_of(element: Any) -> Any:
    """Return the signature of `reduce` for a type of element."""
    key = SIGNED[WIDTH[element]]
    end = types.float64 if element == types.float64 else types.float32
    whole, wide = types.int64, types.float64

    def pixels(kind: Any) -> Any:
        return types.Array(kind, 2, "A")

    return types.boolean(element[::1], whole, whole[::1], whole[::1], whole, key[:, ::1], wide[:, ::1], pixels(end),
                      pixels(end), pixels(wide), pixels(wide), pixels(whole), pixels(whole), pixels(whole))  # fmt: skip
