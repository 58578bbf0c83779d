"""Many edits of one tensor: each keeps its own bytes and a link, whatever came before it; undo finds every state."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.source import Source, SourceFile
from weightedit.core.storage import MOST_COMBS, MOST_SEGMENTS, Patched, Resident, combed, patched
from weightedit.core.undo import patches as patches_of
from weightedit.core.undo.comb import Comb
from weightedit.core.undo.patches import Patches
from weightedit.core.undo.spill import Spill

ROW = 8192
ROWS = 128_256
SHARED = (type, type(sys), type(gc.get_referents), type(lambda: None))


def reached(roots: Iterable[object], besides: dict[int, object] | None = None) -> dict[int, object]:
    """Everything that is kept alive by some objects, by id; types, modules and functions aside."""
    found: dict[int, object] = {}
    todo = list(roots)
    while todo:
        one = todo.pop()
        if id(one) in found or isinstance(one, SHARED) or (besides is not None and id(one) in besides):
            continue
        found[id(one)] = one
        todo += gc.get_referents(one)
        todo += [one.obj] if isinstance(one, memoryview) else []
        todo += [one.base] if isinstance(one, np.ndarray) and one.base is not None else []
    return found


def nbytes(found: dict[int, object]) -> int:
    return sum(map(sys.getsizeof, found.values()))


def row_of(content: Any, number: int, spill: Spill, value: int) -> Any:
    """Lay one row of a matrix over a content."""
    data = spill.allocate(ROW)
    data[:] = bytes([value]) * ROW
    return patched(content, np.array([number * ROW]), np.array([ROW]), data, spill)


@pytest.fixture
def matrix(tmp_path) -> Source:
    """A matrix of 1 GB, of zeros that take no room."""
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(ROW * ROWS)
    return Source(SourceFile(path), 0, ROW * ROWS)


def test_each_of_a_thousand_rows_keeps_its_bytes_and_one_kilobyte(matrix):
    """What every object takes that an edit's state holds and the one before it does not: the 1,000th as the first."""
    spill, order = Spill(), list(range(0, ROWS, ROWS // 1000))[:1000]
    random.Random(3).shuffle(order)
    content: Any = matrix
    states, held = [content], reached([matrix, spill])
    for number in order:
        content = row_of(content, number, spill, 7)
        states.append(content)
    held |= reached(states[1:2])  # and with it what all states of a storage share
    tables = [state.patches._flat for state in states[2:] if state.patches._flat is not None]
    assert 0 < len(tables) <= patches_of.FLAT_STATES
    held |= {id(one): one for table in tables for one in (table, table.table, table.buffers)}
    for state in states[2:]:
        fresh = reached([state], held)
        assert ROW < nbytes(fresh) <= ROW + 1024
        held |= fresh
    every = nbytes(held) - nbytes(reached([matrix, spill]))
    assert every <= 1000 * (ROW + 1024) + len(tables) * 1000 * 48, "with the tables that a few states keep"


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), stride=st.integers(1, 8), kept=st.integers(1, 3))
def test_any_state_of_a_long_history_is_what_numpy_holds(seed, stride, kept):
    """Rows, cells and combs over one another, states looked at in any order, some of them settled, a branch as well."""
    rng, size = random.Random(seed), 600
    base = np.frombuffer(rng.randbytes(size), np.uint8)
    states: list[tuple[Patches, np.ndarray[Any, Any]]] = [(Patches.none(), base.copy())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches_of, "STRIDE", stride)
        patch.setattr(patches_of, "FLAT_STATES", kept)
        for _ in range(80):
            patches, truth = states[-1] if rng.random() < 0.95 else rng.choice(states)
            states.append(_written(patches, truth.copy(), rng))
            if rng.random() < 0.2:
                _look(*rng.choice(states), base, rng)
        for _ in range(4):
            rng.choice(states)[0].settle()
        for patches, truth in rng.sample(states, len(states)):
            _look(patches, truth, base, rng)


def _written(patches: Patches, truth: np.ndarray[Any, Any], rng: random.Random) -> tuple[Patches, Any]:
    """Return a state with one more write, and what it must hold."""
    if rng.random() < 0.25:
        run = rng.randint(1, 4)
        step, start = run + rng.randint(1, 20), rng.randint(0, 100)
        count = rng.randint(1, (600 - start - run) // step + 1)
        data = np.frombuffer(rng.randbytes(run * count), np.uint8)
        for number in range(count):
            truth[start + number * step :][:run] = data[number * run :][:run]
        return patches.with_combs([Comb(start, run, step, count, memoryview(data.tobytes()))]), truth
    cuts = sorted(rng.sample(range(601), 2 * rng.choice([1, 1, 1, 2, 9])))
    starts, stops = np.array(cuts[::2], np.int64), np.array(cuts[1::2], np.int64)
    data, at = rng.randbytes(int((stops - starts).sum())), 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        truth[start:stop] = np.frombuffer(data[at : at + stop - start], np.uint8)
        at += stop - start
    return patches.with_ranges(starts, stops - starts, memoryview(data)), truth


def _look(patches: Patches, truth: np.ndarray[Any, Any], base: np.ndarray[Any, Any], rng: random.Random) -> None:
    start, stop = sorted(rng.sample(range(601), 2))
    view = bytearray(stop - start)
    Patched(Resident(memoryview(base.tobytes())), patches).read_into(memoryview(view), start)
    assert bytes(view) == truth[start:stop].tobytes()


def test_a_chain_of_tens_of_thousands_of_states_ends_without_a_deep_stack():
    """Each state holds the one before it; letting the last go lets all go."""
    state = Patches.none()
    for number in range(30_000):
        state = state.with_ranges(np.array([number * 4]), np.array([2]), memoryview(b"ab"))
    assert len(state) == 30_000
    del state


def test_undo_and_redo_of_any_of_many_rows(tmp_path):
    """Through the document: every state has the bytes numpy has, and each step counts one row and little more."""
    values = torch.arange(300 * 64, dtype=torch.float32).reshape(300, 64)
    save_file({"w": values}, tmp_path / "a.safetensors")
    truth, rng = [values.numpy().copy()], random.Random(1)
    with weightedit.open(tmp_path / "a.safetensors") as document:
        for _ in range(120):
            row = rng.randrange(100)
            document.apply("add", "w", value=1.0, region=f"[{row}, :]")
            assert 256 < document.history.steps[-1].nbytes <= 256 + 1024
            truth.append(truth[-1].copy())
            truth[-1][row] += 1
        for position in rng.sample(range(121), 40):
            document.go_to(position)
            assert (document.read("w").numpy() == truth[position]).all()


def test_a_save_does_not_copy_what_every_state_holds(tmp_path):
    """The states behind it lie over the new file by the same links: what is kept grows by the old bytes alone."""
    values = torch.ones(4000, 256)
    save_file({"w": values}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        for row in range(60):
            document.apply("fill", "w", value=float(row), region=f"[{row}, :]")
        document.save()
        contents = [one for step in document.history.steps for one in (step.commands[0].before, step.commands[0].after)]
        held = {key: one for key, one in reached(contents, reached([document.spill])).items()
                if isinstance(one, bytearray | bytes)}  # fmt: skip
        assert nbytes(held) <= 60 * 1024 * 2 + 60 * 200 + (70 << 10), "new bytes, old bytes and a buffer to read with"
        for position in (0, 31, 60, 17):
            document.go_to(position)
            values = torch.ones(4000, 256)
            values[:position] = torch.arange(position, dtype=torch.float32)[:, None]
            assert torch.equal(document.read("w"), values)
        document.save()
        values = load_file(tmp_path / "a.safetensors")["w"]
        assert values[:18].sum() == 256 * (sum(range(17)) + 1)


def test_what_the_history_lets_go_is_not_kept_by_later_states(tmp_path):
    """Past the budget the oldest steps go, and with them the bytes that later edits hid."""
    save_file({"w": torch.ones(2000, 1024)}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        document.history.set_budget(5 * (100 << 12) + 5000)
        for _ in range(40):
            document.apply("add", "w", value=1.0, region="[0:100, :]")
        gc.collect()
        assert len(document.history) == 5
        assert document.spill.memory_nbytes <= 7 * (100 << 12)
        assert document.read("w", "[99:101, 0]").tolist() == [41, 1]
        document.go_to(0)
        assert document.read("w", "[99:101, 0]").tolist() == [36, 1]


def test_past_the_most_combs_a_storage_is_written_whole(matrix):
    """Up to the limit each column is a comb over the file; one more, and all is anew, with the bytes of all of them."""
    small = Resident(memoryview(bytes(4096 * 1000)))
    content: Any = small
    for number in range(MOST_COMBS + 1):
        assert not isinstance(content, Resident) or number == 0
        before, kept = content, memoryview(bytes([number % 250 + 1]) * 2000)
        content = combed(content, [Comb(2 * number, 2, 4096, 1000, kept)], Spill())
    assert isinstance(before, Patched)
    assert type(content) is Resident
    expected = [number % 250 + 1 for number in range(MOST_COMBS + 1) for _ in range(2)]
    view = bytearray(2 * MOST_COMBS + 2)
    content.read_into(memoryview(view), 999 * 4096)
    assert list(view) == expected
    before.read_into(memoryview(view), 0)
    assert list(view) == [*expected[:-2], 0, 0]


@pytest.mark.parametrize("more", [0, 1])
def test_past_the_most_runs_a_storage_is_written_whole(more, tmp_path):
    """Cells that a condition finds: at the limit they are patches; one more, and the tensor is kept whole."""
    with weightedit.open(_cells(tmp_path, 8)) as document:
        most = min(MOST_SEGMENTS, document.chunk // 32)
    count = most + more
    with weightedit.open(_cells(tmp_path, count)) as document:
        before = document.read("w")
        document.apply("scale", "w", factor=2.0, region="where w > 0")
        after = document.pin("w").content
        assert type(after) is (Resident if more else Patched)
        assert document.history.nbytes == (after.nbytes if more else count * (4 + 32))
        assert torch.equal(document.read("w"), before * 2)
        document.undo()
        assert torch.equal(document.read("w"), before)


def _cells(folder: Path, count: int) -> Path:
    """A tensor with `count` cells above 0, no two of them side by side."""
    values = torch.zeros(8, max(count, 100))
    values.view(-1)[: 4 * count : 4] = 1.0
    save_file({"w": values}, folder / f"{count}.safetensors")
    return folder / f"{count}.safetensors"
