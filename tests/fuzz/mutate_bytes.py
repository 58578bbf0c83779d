"""Breaks bytes without knowing what they are: flips, cuts, splices, numbers at the edge of what fits."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

INTEGERS = (0, 1, 2, 3, 7, 8, 63, 64, 65, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
            0xFFFFFFFE, 0xFFFFFFFF, 0x100000000, 1 << 40, 1 << 53, (1 << 62) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 8,
            (1 << 64) - 1)  # fmt: skip


def integer(rng: random.Random, near: int | None = None) -> int:
    """Return a number that readers go wrong on: at the edge of a width, or close to the one that was there."""
    if near is not None and rng.random() < 0.5:
        return max(0, near + rng.choice((-8, -4, -2, -1, 1, 2, 4, 8, near, -near // 2)))
    return rng.choice(INTEGERS) if rng.random() < 0.8 else rng.getrandbits(rng.choice((8, 16, 32, 64)))


def packed(value: int, width: int, order: str = "little") -> bytes:
    """Return a number in so many bytes, its high ones cut off."""
    return (value & ((1 << 8 * width) - 1)).to_bytes(width, order)  # type: ignore[arg-type]


def mutate_bytes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break bytes once; `others` are whole files of the same format."""
    return rng.choice(_WAYS)(rng, data, others)


def _at(rng: random.Random, data: bytes) -> int:
    """Return a place; half of the time near the beginning or the end, where what counts stands."""
    edge = min(len(data), 128)
    return rng.choice((rng.randrange(len(data) + 1), rng.randrange(edge + 1), len(data) - rng.randrange(edge + 1)))


def _flip(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    raw = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if raw else 0):
        at = min(_at(rng, data), len(raw) - 1)
        raw[at] ^= 1 << rng.randrange(8)
    return bytes(raw)


def _byte(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _at(rng, data)
    return data[:at] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))]) + data[at + 1 :]


def _number(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    at = max(0, _at(rng, data) - width)
    order = "little" if rng.random() < 0.9 else "big"
    old = int.from_bytes(data[at : at + width], "little")
    return data[:at] + packed(integer(rng, old), width, order) + data[at + width :]


def _cut(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: _at(rng, data)]


def _delete(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _at(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 4, 8, 64)) :]


def _insert(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _at(rng, data)
    count = rng.choice((1, 1, 2, 8, 64, 5000))
    new = bytes(count) if rng.random() < 0.4 else rng.randbytes(min(count, 64)) * (count // 64 + 1)
    return data[:at] + new[:count] + data[at:]


def _repeat(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at, count = _at(rng, data), rng.choice((1, 4, 16, 100))
    return data[:at] + data[at : at + count] * rng.choice((2, 3, 50)) + data[at + count :]


def _append(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data + (rng.choice(others) if rng.random() < 0.5 else bytes(rng.choice((1, 8, 512))))


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: _at(rng, data)] + other[_at(rng, other) :]


def _move(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at, to, count = _at(rng, data), _at(rng, data), rng.choice((1, 8, 30, 200))
    part = data[at : at + count]
    return data[:to] + part + data[to + len(part) :]


_WAYS: tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip, _flip, _flip, _byte, _byte, _number, _number, _cut, _delete, _insert, _repeat, _append, _splice,
                                                                               _move)  # fmt: skip
