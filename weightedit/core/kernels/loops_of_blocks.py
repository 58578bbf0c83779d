"""Compiled loops that take blocks, which were reduced already, into pixels of a few blocks each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from weightedit.core.kernels.elements import compiled


@compiled(kept=True)
def join_ends(low: Any, high: Any, down: Any, across: Any, least: Any, most: Any) -> None:
    """Take smallest and largest values of blocks into pixels.

    Most are of one or two blocks across, which a processor cannot foretell: the last is always looked at.
    """
    for line in range(len(down) - 1):
        for row in range(down[line], down[line + 1]):
            for pixel in range(len(across) - 1):
                first, last = across[pixel], across[pixel + 1] - 1
                a, b = min(low[row, first], low[row, last]), max(high[row, first], high[row, last])
                for k in range(first + 1, last):
                    a, b = min(a, low[row, k]), max(b, high[row, k])
                least[line, pixel], most[line, pixel] = min(least[line, pixel], a), max(most[line, pixel], b)


@compiled(kept=True)
def join_sums(total: Any, square: Any, down: Any, across: Any, totals: Any, squares: Any) -> None:
    """Take sums and sums of squares of blocks into pixels."""
    for line in range(len(down) - 1):
        for row in range(down[line], down[line + 1]):
            for pixel in range(len(across) - 1):
                first, last = across[pixel], across[pixel + 1] - 1
                again = 1.0 if last > first else 0.0
                a = np.float64(total[row, first]) + again * np.float64(total[row, last])
                b = np.float64(square[row, first]) + again * np.float64(square[row, last])
                for k in range(first + 1, last):
                    a += np.float64(total[row, k])
                    b += np.float64(square[row, k])
                totals[line, pixel] += a
                squares[line, pixel] += b


def signature_of(into: Any) -> Any:
    """Return the signature of either, for blocks of float32 and pixels of a type."""
    blocks, edges, pixels = types.float32[:, ::1], types.int64[::1], into[:, ::1]
    return types.void(blocks, blocks, edges, edges, pixels, pixels)
