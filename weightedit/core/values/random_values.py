"""Random values that depend on a seed, a name and an offset alone: however a tensor is cut, each cell gets the same.

Every element of a tensor has one 64-bit word of its own: word `offset` of the Philox 4×64 counter generator under the
key of (seed, name), where `offset` counts elements row-major over the whole tensor.

References
----------
Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011), https://doi.org/10.1145/2063384.2063405
numpy.random.Philox, https://numpy.org/doc/stable/reference/random/bit_generators/philox.html
"""

from __future__ import annotations

import hashlib
import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from weightedit.core.region import Box
from weightedit.core.spec import contiguous_stride

if TYPE_CHECKING:
    import torch

Words = np.ndarray[Any, np.dtype[np.uint64]]
WORTH_A_STREAM = 64
"""Words in a row from which on numpy's own generator is faster than the counters computed here one by one."""
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_MASK = (1 << 64) - 1


def key_of(seed: int, name: str) -> int:
    """Return the 128-bit key of a seed and a tensor name."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\n{name}".encode(), digest_size=16).digest(), "little")


def words(key: int, shape: tuple[int, ...], box: Box) -> Words:
    """Return the word of each cell of a box.

    Parameters
    ----------
    key
        Of `key_of`.
    shape
        Of the whole tensor, which gives the offsets.
    box
        Which cells, in any order and cut in any way.

    Returns
    -------
    numpy.ndarray
        uint64, in the box's shape.
    """
    split, run = _joined(shape, box)
    stride = contiguous_stride(shape)
    first = sum(axis[0] * step for axis, step in zip(box.axes[split:], stride[split:], strict=True)) if box.numel else 0
    if run >= WORTH_A_STREAM:
        found = np.empty((box.numel // run, run), np.uint64)
        for row, indices in enumerate(product(*box.axes[:split])):
            start = first + sum(index * step for index, step in zip(indices, stride, strict=False))
            found[row] = _stream(key, start, run)
        return found.reshape(box.shape)
    return _scattered(key, offsets(shape, box)).reshape(box.shape)


def offsets(shape: tuple[int, ...], box: Box) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the row-major offset of each cell of a box in a tensor of `shape`, int64 in the box's shape."""
    found = np.zeros((1,) * len(shape), np.int64)
    for dim, (axis, step) in enumerate(zip(box.axes, contiguous_stride(shape), strict=True)):
        if isinstance(axis, range):
            indices = np.arange(axis.start, axis.stop, axis.step, dtype=np.int64)
        else:
            indices = np.asarray(axis, np.int64)
        found = found + (indices * step).reshape((-1,) + (1,) * (len(shape) - dim - 1))
    return found


def _joined(shape: tuple[int, ...], box: Box) -> tuple[int, int]:
    """Return from which dimension on the cells of a box follow each other, and how many do."""
    split = len(shape)
    while split and box.axes[split - 1] == range(shape[split - 1]):
        split -= 1
    if split and isinstance(box.axes[split - 1], range) and getattr(box.axes[split - 1], "step", 1) == 1:
        split -= 1
    return split, math.prod(box.shape[split:])


def _stream(key: int, start: int, count: int) -> Words:
    """Return `count` words from the word `start` on."""
    block, skip = divmod(start, 4)
    found: Words = np.random.Philox(key=key, counter=block).random_raw(skip + count)[skip:]
    return found


def _scattered(key: int, at: np.ndarray[Any, np.dtype[np.int64]]) -> Words:
    """Return the words at any offsets, by computing the block of each: bit for bit what `_stream` gives."""
    flat = at.reshape(-1).astype(np.uint64)
    blocks, place = np.unique(flat >> np.uint64(2), return_inverse=True)
    counter = [blocks + np.uint64(1), *(np.zeros_like(blocks) for _ in range(3))]  # numpy counts before it draws
    keys = [key & _MASK, key >> 64]
    for _ in range(_ROUNDS):
        low0, high0 = _product(_MULTIPLIERS[0], counter[0])
        low1, high1 = _product(_MULTIPLIERS[1], counter[2])
        counter = [high1 ^ counter[1] ^ np.uint64(keys[0]), low1, high0 ^ counter[3] ^ np.uint64(keys[1]), low0]
        keys = [(one + step) & _MASK for one, step in zip(keys, _STEPS, strict=True)]
    found: Words = np.stack(counter)[(flat & np.uint64(3)).astype(np.intp), place.reshape(-1)]
    return found


def _product(factor: int, values: Words) -> tuple[Words, Words]:
    """Return the lower and the upper 64 bits of a product of 64-bit numbers."""
    half, low_half = np.uint64(32), np.uint64(0xFFFFFFFF)
    low_factor, high_factor = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    low, high = values & low_half, values >> half
    first = low * low_factor
    middle = high * low_factor + (first >> half)
    other = low * high_factor + (middle & low_half)
    return values * np.uint64(factor), high * high_factor + (middle >> half) + (other >> half)


def uniform(found: Words) -> torch.Tensor:
    """Return float64 numbers in [0, 1) out of the upper 53 bits of each word."""
    import torch

    return torch.from_numpy(np.asarray((found >> np.uint64(11)).astype(np.float64) * 2.0**-53))


def between(found: Words) -> torch.Tensor:
    """Return float64 numbers in (0, 1), the middles of 2**52 equal parts, so that neither end occurs."""
    import torch

    return torch.from_numpy(np.asarray(((found >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52))


def normal(found: Words) -> torch.Tensor:
    """Return float64 standard normal numbers: the inverse of their distribution function, at `between`."""
    import torch

    values: torch.Tensor = torch.special.ndtri(between(found))
    return values


def truncated_normal(found: Words, low: float, high: float) -> torch.Tensor:
    """Return float64 standard normal numbers given that they lie in [low, high]."""
    import torch

    if low > 0:  # the upper tail has no digits left near 1: take the lower one and turn it round
        return -truncated_normal(found, -high, -low)
    first, last = (math.erfc(-end / math.sqrt(2)) / 2 for end in (low, high))
    values: torch.Tensor = torch.special.ndtri(first + (last - first) * between(found))
    return values.clamp(low, high)
