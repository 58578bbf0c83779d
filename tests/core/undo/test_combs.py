"""Changed bytes at regular steps: any sequence of edits reads, saves and undoes as numpy does it, and keeps little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.commands import Write
from weightedit.core.storage import Patched, Resident
from weightedit.core.undo import comb as combs_of
from weightedit.core.undo.comb import Comb
from weightedit.core.undo.patches import Patches
from weightedit.core.undo.spill import Spill
from weightedit.core.undo.touched import pieces_of

SIZE = 96
BASE = bytes(range(SIZE))


@st.composite
def writes(draw: Any) -> tuple[str, Any, bytes]:
    """One comb, or some plain ranges, and the bytes that go there."""
    if draw(st.booleans()):
        start, run = draw(st.integers(0, 40)), draw(st.sampled_from([1, 2, 3, 4, 8]))
        step = draw(st.integers(run + 1, run + 9))
        count = draw(st.integers(1, (SIZE - start - run) // step + 1))
        return "comb", (start, run, step, count), draw(st.binary(min_size=run * count, max_size=run * count))
    cuts = sorted(draw(st.lists(st.integers(0, SIZE), unique=True, min_size=2, max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    nbytes = sum(stop - start for start, stop in pairs)
    return "ranges", pairs, draw(st.binary(min_size=nbytes, max_size=nbytes))


def laid(patches: Patches, painted: list[int | None],
         write: tuple[str, Any, bytes]) -> tuple[Patches, list[int | None]]:  # fmt: skip
    kind, where, data = write
    painted, at = list(painted), 0
    if kind == "comb":
        start, run, step, count = where
        patches = patches.with_combs([Comb(start, run, step, count, memoryview(b"xx" + data), 2)])
        pairs = [(start + k * step, start + k * step + run) for k in range(count)]
    else:
        pairs = where
        starts, stops = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
        patches = patches.with_ranges(starts, stops - starts, memoryview(data))
    for start, stop in pairs:
        painted[start:stop] = data[at : at + stop - start]
        at += stop - start
    return patches, painted


def shown(patches: Patches, start: int = 0, stop: int = SIZE, base: bytes = BASE) -> bytes:
    view = bytearray(stop - start)
    Patched(Resident(memoryview(base)), patches).read_into(memoryview(view), start)
    return bytes(view)


def on(painted: list[int | None], base: bytes = BASE) -> bytes:
    return bytes(low if top is None else top for top, low in zip(painted, base, strict=True))


def made(some: list[tuple[str, Any, bytes]]) -> tuple[Patches, list[int | None]]:
    patches, painted = Patches.none(), [None] * SIZE
    for write in some:
        patches, painted = laid(patches, painted, write)
    return patches, painted


@given(st.lists(writes(), max_size=6), st.integers(0, SIZE), st.integers(0, SIZE), st.integers(1, 12))
def test_combs_and_ranges_are_a_bytearray_overwritten(some, one, two, gap):
    """Whatever lies over what, at any cut; what is said to be changed is, and what is said to be covered is."""
    start, stop = sorted((one, two))
    patches, painted = made(some)
    assert shown(patches) == on(painted)
    assert shown(patches, start, stop) == on(painted)[start:stop]
    assert patches.cover(start, stop) == all(byte is not None for byte in painted[start:stop])
    changed = [False] * SIZE
    for low, high in zip(*(edge.tolist() for edge in patches.changed(start, stop)), strict=True):
        assert start <= low < high <= stop
        changed[low:high] = [True] * (high - low)
    assert changed[start:stop] == [byte is not None for byte in painted[start:stop]]
    wide = [False] * SIZE
    edges = [edge.tolist() for edge in patches.changed(start, stop, gap)]
    for low, high in zip(*edges, strict=True):
        wide[low:high] = [True] * (high - low)
    assert all(byte is None or wide[at] for at, byte in enumerate(painted) if start <= at < stop)
    assert all(after - before >= gap for before, after in zip(edges[1], edges[0][1:], strict=False))


@given(st.lists(writes(), max_size=4), st.lists(writes(), max_size=4))
def test_combs_lie_over_what_was_touched_before(upper, lower):
    """A save that puts another file under the history: old bytes are reread at combs too, and later edits lie over."""
    mine, painted = made(upper)
    theirs, below = made(lower)
    assert shown(mine.over(theirs)) == bytes(
        top if top is not None else low for top, low in zip(painted, on(below), strict=True))  # fmt: skip
    kept = Patches.none().reread(theirs, Resident(memoryview(BASE)), Spill())
    other = bytes(255 - byte for byte in BASE)
    expected = on([old if new is not None else None for old, new in zip(BASE, below, strict=True)], other)
    assert shown(kept, base=other) == expected


REGIONS = ["[:, 3]", "[::2, 5]", "[7, :]", "[1:-1, [0, 9, 4]]", "[:, ::7]", "[100:200, 2:6]", "where w > 1",
           "[[5, 900], :]", "[:, 3:5]"]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(edits=st.lists(st.tuples(st.sampled_from(REGIONS), st.sampled_from(["scale", "fill"])), min_size=1, max_size=6),
       data=st.data())  # fmt: skip
def test_any_sequence_of_region_edits_is_what_numpy_makes_of_it(edits, data, tmp_path_factory):
    """Rows, columns, steps, lists and conditions over one another; undo and redo to the bit, and a save after all."""
    folder = tmp_path_factory.mktemp("regions")
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(1000, 16, generator=generator)
    save_file({"w": values, "other": torch.ones(5)}, folder / "a.safetensors")
    truth = [values.numpy().copy()]
    with weightedit.open(folder / "a.safetensors") as document:
        for region, operation in edits:
            now = truth[-1].copy()
            index: Any = now > 1 if region.startswith("where") else _index(region)
            given = {"factor": 0.5} if operation == "scale" else {"value": 2.0}
            now[index] = now[index] * 0.5 if operation == "scale" else 2.0
            document.apply(operation, "w", region=region, accept="all", **given)
            truth.append(now)
            assert (document.read("w").numpy() == now).all()
        for position in data.draw(st.lists(st.integers(0, len(edits)), max_size=4)):
            document.go_to(position)
            assert (document.read("w").numpy() == truth[position]).all()
        place = document.history.position
        document.save()
        assert (load_file(folder / "a.safetensors")["w"].numpy() == truth[place]).all()
        for position in (0, len(edits)):
            document.go_to(position)
            assert (document.read("w").numpy() == truth[position]).all()


def _index(region: str) -> Any:
    return eval(f"np.s_{region}")


def remembered(document: Any) -> int:
    """Bytes that the last step keeps beyond those of the step before: data and descriptions."""
    [command] = document.history.steps[-1].commands
    assert isinstance(command, Write)
    assert isinstance(command.after, Patched)
    before = command.before.patches if isinstance(command.before, Patched) else Patches.none()
    patches = command.after.patches
    fresh = {id(one): one.nbytes for one in patches.kept if id(one) not in {id(old) for old in before.kept}}
    own, _ = patches._link
    return sum(fresh.values()) + own.table.nbytes + sum(sys.getsizeof(comb) + 8 * 8 for comb in own.combs)


@pytest.mark.parametrize(("region", "edited"), [("[70, :]", 32), ("[:, 3]", 200_000), ("[:, 3:6]", 600_000),
                                                ("[::5, ::8]", 80_000), ("[:, [2, 9]]", 400_000)])  # fmt: skip
def test_a_region_edit_remembers_its_bytes_and_one_kilobyte(region, edited, tmp_path):
    """A column of a tall matrix is 100,000 runs of two bytes, and no table of where each lies."""
    save_file({"w": torch.ones(100_000, 16, dtype=torch.bfloat16)}, tmp_path / "tall.safetensors")
    with weightedit.open(tmp_path / "tall.safetensors") as document:
        document.apply("scale", "w", factor=0.5, region=region)
        assert edited <= remembered(document) <= edited + 1024
        step = document.history.steps[-1]
        assert step.nbytes <= edited + 1024


def test_more_combs_than_reads_can_lay_over_are_written_whole(tmp_path, monkeypatch):
    """Column after column, each read has one more to lay over; past a number of them all is anew."""
    from weightedit.core import storage

    monkeypatch.setattr(storage, "MOST_COMBS", 3)
    values = torch.ones(1000, 64, dtype=torch.bfloat16)
    save_file({"w": values}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        for column in range(5):
            document.apply("scale", "w", factor=0.5, region=f"[:, {column}]")
            values[:, column] = 0.5
            assert torch.equal(document.read("w"), values)
        assert document.tensors["w"].numel == 64_000
        document.go_to(2)
        assert document.read("w").sum() == 64_000 - 1000


_SPARSE = """
import json, struct, sys, weightedit
path, rows, columns = sys.argv[1], int(sys.argv[2]), 1024
def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
with weightedit.open(path) as document:
    document.apply("fill", "w", value=1.0, region="[0, 0:2]")
    document.undo()
    before, seen = anonymous(), []
    document.apply("fill", "w", value=2.0, region="[:, 700]", accept="all",
                   progress=lambda *_: seen.append(anonymous()))
    document.undo()
    document.redo()
    assert document.read("w", region=f"[{rows - 3}:, 699:702]").tolist() == [[0, 2, 0]] * 3
    print(max(seen) - before, document.spill.disk_nbytes + document.spill.memory_nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc says how much memory a process has")
def test_a_column_of_a_file_larger_than_memory(tmp_path):
    """A sparse file of 1 GB: a column takes what its values take, in memory and in the spill."""
    rows = 250_000
    path = tmp_path / "sparse.safetensors"
    header = f'{{"w":{{"dtype":"F32","shape":[{rows},1024],"data_offsets":[0,{rows * 4096}]}}}}'.encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + rows * 4096)
    found = subprocess.run([sys.executable, "-c", _SPARSE, str(path), str(rows)], capture_output=True, text=True,
                           check=True, timeout=120)  # fmt: skip
    anonymous, kept = map(int, found.stdout.split())
    assert kept < rows * 4 + (1 << 20)
    assert anonymous < 64 << 10, "64 MB, of 1 GB"


def test_regular_boxes_are_told_from_others():
    """Which boxes of a matrix are combs: few pieces, long in the end, and nothing that touches the next run."""
    from weightedit.core.region import parse_region
    from weightedit.core.spec import TensorSpec

    spec = TensorSpec.contiguous("bfloat16", (1000, 16))
    combed = {region: combs_of.is_combed(spec, parse_region(region, spec.shape)) for region in REGIONS
              if not region.startswith("where")}  # fmt: skip
    assert combed == {"[:, 3]": True, "[::2, 5]": True, "[7, :]": False, "[1:-1, [0, 9, 4]]": True, "[:, ::7]": True,
                      "[100:200, 2:6]": True, "[[5, 900], :]": False, "[:, 3:5]": True}  # fmt: skip


def test_what_an_edit_touched_beside_many_runs_is_hashed_too(tmp_path):
    """Else recovery would take an edit for the same that wrote other values into a row beside its column."""
    save_file({"w": torch.zeros(6000, 40)}, tmp_path / "model.safetensors")
    with weightedit.open(tmp_path / "model.safetensors") as document:
        document.apply("fill", "w", region=["1000:, 3", "7, :"], value=1.0)
        (command,) = document.history.steps[0].commands
        (piece,) = pieces_of([command])
        assert command.after.patches.since(None).combs
    touched = np.zeros(6000 * 40 * 4, bool)
    for start, stop in piece.now.tolist():
        touched[start:stop] = True
    assert touched.reshape(6000, 40, 4)[7].all()
    assert touched.reshape(6000, 40, 4)[1000:, 3].all()
