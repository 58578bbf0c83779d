"""Patches: byte ranges over a source, against a plain bytearray that is simply overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightedit.core.source import Source, SourceFile
from weightedit.core.storage import Patched, Resident, patched
from weightedit.core.undo.patches import Patches
from weightedit.core.undo.spill import Spill

SIZE = 48
BASE = bytes(range(100, 100 + SIZE))


@dataclass
class Painted:
    """The oracle: for each byte its patched value, or None."""

    bytes: list[int | None]

    @classmethod
    def nothing(cls) -> Painted:
        return cls([None] * SIZE)

    def paint(self, ranges: list[tuple[int, int]], values: bytes) -> Painted:
        out, at = list(self.bytes), 0
        for start, length in ranges:
            out[start : start + length] = values[at : at + length]
            at += length
        return Painted(out)

    def over(self, under: Painted) -> Painted:
        return Painted([low if top is None else top for top, low in zip(self.bytes, under.bytes, strict=True)])

    def on(self, base: bytes) -> bytes:
        return bytes(low if top is None else top for top, low in zip(self.bytes, base, strict=True))


def check(patches: Patches, oracle: Painted) -> None:
    """Everything patches say of themselves is what the oracle holds, byte by byte."""
    held: list[int | None] = [None] * SIZE
    spans = []
    for start, data in patches.ranges():
        assert data.nbytes
        held[start : start + data.nbytes] = list(data)
        spans.append((start, start + data.nbytes))
    assert held == oracle.bytes
    assert len(spans) == len(patches)
    assert all(left[1] <= right[0] for left, right in pairwise(spans)), "sorted and disjoint"
    assert patches.nbytes == sum(value is not None for value in oracle.bytes)
    for start in range(0, SIZE, 3):
        for stop in range(start, SIZE + 1, 2):
            assert patches.cover(start, stop) == all(value is not None for value in oracle.bytes[start:stop])
    for start, stop in ((0, SIZE), (5, 6), (7, 31), (SIZE - 1, SIZE), (9, 9)):
        view = bytearray(BASE[start:stop])
        patches.overlay_onto(memoryview(view), start)
        assert bytes(view) == oracle.on(BASE)[start:stop]


@st.composite
def ranges(draw: Any) -> tuple[list[tuple[int, int]], bytes]:
    """Sorted disjoint ranges, touching ones among them, and the bytes that go there."""
    cuts = draw(st.lists(st.integers(0, SIZE), unique=True, max_size=10).map(sorted))
    pairs = [(start, stop - start) for start, stop in pairwise(cuts)]
    kept = [pair for pair in pairs if draw(st.booleans())]
    count = sum(length for _, length in kept)
    return kept, draw(st.binary(min_size=count, max_size=count))


@st.composite
def states(draw: Any) -> tuple[Patches, Painted]:
    """Patches made by several writes, and what they must hold."""
    found, oracle = Patches.none(), Painted.nothing()
    for _ in range(draw(st.integers(0, 4))):
        found, oracle = write(found, oracle, *draw(ranges()))
    return found, oracle


def write(patches: Patches, oracle: Painted, where: list[tuple[int, int]], values: bytes) -> tuple[Patches, Painted]:
    starts = np.array([start for start, _ in where], np.int64)
    lengths = np.array([length for _, length in where], np.int64)
    return patches.with_ranges(starts, lengths, memoryview(values)), oracle.paint(where, values)


@given(st.lists(ranges(), max_size=6))
def test_writes_on_writes_are_a_bytearray_overwritten(writes):
    """Each write shows over those before it, and the states before it stay as they were, for undo returns to them."""
    patches, oracle = Patches.none(), Painted.nothing()
    seen = [(patches, oracle)]
    for where, values in writes:
        patches, oracle = write(patches, oracle, where, values)
        seen.append((patches, oracle))
    for state, expected in seen:
        check(state, expected)


@given(states(), ranges(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_data_may_lie_in_any_order(state, new, gap, random):
    """A write of many ranges takes them out of one buffer, wherever in it they are."""
    patches, oracle = state
    where, values = new
    order = list(range(len(where)))
    random.shuffle(order)
    packed, at, firsts = bytearray(), [0] * len(where), np.cumsum([0, *(length for _, length in where)])
    for index in order:
        packed += bytes(gap)
        at[index] = len(packed)
        packed += values[firsts[index] : firsts[index + 1]]
    starts, lengths = (np.array([pair[i] for pair in where], np.int64) for i in (0, 1))
    laid = patches.with_ranges(starts, lengths, memoryview(bytes(packed)), np.array(at, np.int64))
    check(laid, oracle.paint(where, values))
    check(patches, oracle)


@given(states(), states())
def test_over_shows_the_upper_where_it_has_any(upper, lower):
    """A save lays later patches over what was touched before; the wrong order would undo to wrong bytes."""
    check(upper[0].over(lower[0]), upper[1].over(lower[1]))
    check(*upper)
    check(*lower)


@given(states(), states())
def test_reread_takes_from_the_base_only_what_is_missing(mine, others):
    """What history still needs of a file about to be replaced comes from that file, and nothing held is read again."""
    base = Painted([byte if other is not None else None for byte, other in zip(BASE, others[1].bytes, strict=True)])
    reread = mine[0].reread(others[0], Watched(mine[1]), Spill())
    check(reread, mine[1].over(base))
    check(*mine)
    check(*others)


class Watched:
    """BASE, which refuses to give what the patches already hold."""

    nbytes = SIZE

    def __init__(self, held: Painted) -> None:
        self.held = held

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        end = offset + buffer.nbytes
        assert all(byte is None for byte in self.held.bytes[offset:end])
        buffer[:] = BASE[offset:end]


@given(states(), st.integers(0, SIZE), st.integers(0, SIZE))
def test_patched_content_reads_as_base_overwritten(state, one, two):
    """What the document reads of an edited tensor is the file with the edits, at any cut."""
    start, stop = sorted((one, two))
    buffer = bytearray(stop - start)
    Patched(Resident(memoryview(BASE)), state[0]).read_into(memoryview(buffer), start)
    assert bytes(buffer) == state[1].on(BASE)[start:stop]


def test_fully_patched_bytes_do_not_need_the_file(tmp_path: Path):
    """An edited region stays readable when its file is gone; the rest of the file does not."""
    path = tmp_path / "base.bin"
    path.write_bytes(BASE)
    file = SourceFile(path)
    content = patched(Source(file, 0, SIZE), np.array([4]), np.array([8]), memoryview(b"12345678"), Spill())
    path.unlink()
    buffer = bytearray(6)
    content.read_into(memoryview(buffer), 5)
    assert bytes(buffer) == b"234567"
    with pytest.raises(Exception, match=r"base\.bin"):
        content.read_into(memoryview(bytearray(9)), 4)


@pytest.mark.parametrize(("length", "state"), [(SIZE // 2, Patched), (SIZE // 2 + 1, Resident)])
def test_past_half_of_the_storage_it_is_written_whole(length, state):
    """More patches than bytes would cost more than a copy."""
    base = Resident(memoryview(BASE))
    content = patched(base, np.array([0]), np.array([length]), memoryview(bytes(length)), Spill())
    assert type(content) is state
    buffer = bytearray(SIZE)
    content.read_into(memoryview(buffer))
    assert bytes(buffer) == bytes(length) + BASE[length:]
    assert bytes(base.kept) == BASE


def test_too_many_pieces_are_written_whole():
    """Every further piece slows every read."""
    starts = np.arange(0, 20, 4)
    content = patched(Resident(memoryview(BASE)), starts, np.ones(5, np.int64), memoryview(b"abcde"), Spill(), most=4)
    assert type(content) is Resident
    expected = bytearray(BASE)
    expected[0:20:4] = b"abcde"
    assert bytes(content.kept) == bytes(expected)


def test_states_share_their_bytes():
    """Keeping a state for undo costs its segments, not its bytes."""
    first = Patches.none().with_ranges(np.array([0]), np.array([40]), memoryview(bytearray(40)))
    second = first.with_ranges(np.array([10]), np.array([1]), memoryview(b"x"))
    assert second.flat.buffers[0] is first.flat.buffers[0]
    assert len(second) == 3
