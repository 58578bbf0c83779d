"""Compiled loops that take blocks of values into pixels, tile by tile.

Infinities and NaN sort past the largest finite value on either side, so the ends of a tile say whether it has any; then
it is looked through value by value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from weightedit.core.kernels.elements import SIGNED, WIDTH, compiled, end_of, least_of, most_of, number_of, order

TILE = 1024
"""Columns that are worked on at once: their accumulators stay in the first cache of a core."""


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


@compiled()
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


@compiled()
def _look_through(flat: Any, start: int, step: int, rows: int, infinity: int, least: Any, most: Any,
                  total: Any, square: Any, pixels: Any, nan: Any, posinf: Any, neginf: Any) -> None:  # fmt: skip
    """Do both value by value, leaving out what is not finite and counting it under its pixel."""
    for row in range(rows):
        line = flat[start + row * step : start + row * step + len(least)]
        for i in range(len(least)):
            key = order(line[i])
            if ~infinity < key < infinity:
                value = np.float64(number_of(line[i]))
                least[i], most[i] = least_of(least[i], key), most_of(most[i], key)
                total[i] += value
                square[i] += value * value
            elif key == infinity:
                posinf[pixels[i]] += 1
            elif key == ~infinity:
                neginf[pixels[i]] += 1
            else:
                nan[pixels[i]] += 1


@compiled(kept=True)
def reduce(flat: Any, step: int, row_edges: Any, column_edges: Any, infinity: int, keys: Any, sums: Any,
           pixels: Any, low: Any, high: Any, total: Any, square: Any, nan: Any, posinf: Any,
           neginf: Any) -> None:  # fmt: skip
    """Take rows of a block into pixels, tile by tile."""
    columns = column_edges[-1]
    for line in range(len(row_edges) - 1):
        rows = row_edges[line + 1] - row_edges[line]
        pixel = 0
        for left in range(0, columns if rows else 0, keys.shape[1]):
            size = min(keys.shape[1], columns - left)
            least, most, tile_total, tile_square = keys[0, :size], keys[1, :size], sums[0, :size], sums[1, :size]
            for i in range(size):
                while column_edges[pixel + 1] <= left + i:
                    pixel += 1
                pixels[i] = pixel
            least[:], most[:], tile_total[:], tile_square[:] = infinity, ~infinity, 0.0, 0.0
            start = row_edges[line] * step + left
            _find_ends(flat, start, step, rows, least, most)
            is_finite = True
            for i in range(size):
                is_finite &= (least[i] > ~infinity) & (most[i] < infinity)
            if is_finite:
                _add_up(flat, start, step, rows, tile_total, tile_square)
            else:
                least[:], most[:] = infinity, ~infinity
                _look_through(flat, start, step, rows, infinity, least, most, tile_total, tile_square,
                              pixels, nan[line], posinf[line], neginf[line])  # fmt: skip
            for i in range(size):
                at = pixels[i]
                total[line, at] += tile_total[i]
                square[line, at] += tile_square[i]
                if least[i] <= most[i]:
                    low[line, at] = min(low[line, at], end_of(least[i], flat))
                    high[line, at] = max(high[line, at], end_of(most[i], flat))


def signature_of(element: Any) -> Any:
    """Return the signature of `reduce` for a type of element."""
    key = SIGNED[WIDTH[element]]
    end = types.float64 if element == types.float64 else types.float32
    whole, wide = types.int64, types.float64

    def pixels(kind: Any) -> Any:
        return types.Array(kind, 2, "A")

    return types.void(element[::1], whole, whole[::1], whole[::1], whole, key[:, ::1], wide[:, ::1], whole[::1],
                      pixels(end), pixels(end), pixels(wide), pixels(wide), pixels(whole), pixels(whole),
                      pixels(whole))  # fmt: skip
