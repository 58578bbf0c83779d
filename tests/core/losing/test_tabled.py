"""Edits worked out per bit pattern: the same losses, places, statistics and bytes as value by value."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.core.document import Document
from weightedit.core.dtypes import DTYPES
from weightedit.core.losing import tabled, tabled_losses
from weightedit.core.losing.losses import Losses
from weightedit.core.stage import copies
from weightedit.core.statistics import statistics

NARROW = [name for name, facts in DTYPES.items()
          if facts.itemsize <= 2 and facts.family not in ("bool", "opaque", "complex") and copies(name)]  # fmt: skip
WIDE = [name for name in ("float32", "float64", "int32", "int64", "complex64") if copies(name)]


def every_pattern(dtype: str, times: int = 0) -> torch.Tensor:
    """All bit patterns of a dtype, by default so often that a table pays, in one fixed disorder, as a matrix."""
    size = DTYPES[dtype].itemsize
    count = 1 << (8 * size)
    times = times or tabled.WORTH_A_TABLE // count + 1
    order = torch.randperm(count * times, generator=torch.Generator().manual_seed(7)) % count
    return order.to(torch.uint8 if size == 1 else torch.int16).view(getattr(torch, dtype)).view(-1, 128)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("patterns")
    return {dtype: _saved(folder / f"{dtype}.pt", dtype) for dtype in NARROW}


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("once")
    return {dtype: _saved(folder / f"{dtype}.pt", dtype, 1 if DTYPES[dtype].itemsize == 2 else 3) for dtype in NARROW}


def _saved(path: Path, dtype: str, times: int = 0) -> Path:
    torch.save({"w": every_pattern(dtype, times)}, path)
    return path


def measured(document: Document, monkeypatch: Any, by_table: bool, operation: str, **options: Any) -> Losses:
    monkeypatch.setattr(tabled, "WORTH_A_TABLE", 1 if by_table else 1 << 60)
    found = document.preview(operation, "w", **options)
    assert (found.losses["w"].statistics is not None) <= by_table
    return found.losses["w"]


def same(one: Losses, other: Losses) -> None:
    for field in fields(Losses):
        if field.name not in ("statistics", "nonfinite"):
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    assert one.nonfinite.passages.keys() == other.nonfinite.passages.keys()
    for pair, passage in one.nonfinite.passages.items():
        known = other.nonfinite.passages[pair]
        assert (passage.count, passage.places) == (known.count, known.places)
        assert (len(passage.values) == 1) == (len(known.values) == 1)
        if len(passage.values) == 1:
            assert passage.values == known.values


@pytest.mark.parametrize("source", NARROW)
def test_every_cast_loses_what_it_loses_value_by_value(source, once, monkeypatch):
    """Kinds, counts, first cells, largest errors, NaN and Inf of all patterns, into every dtype, also clamped."""
    monkeypatch.setattr(tabled_losses, "of_counts", lambda *_: None)  # sums of such values take long, and have a test
    with weightedit.open(once[source]) as document:
        for dtype in (*NARROW, *WIDE):
            for way in ("overflow", "clamp"):
                one, other = (measured(document, monkeypatch, by_table, "cast", dtype=dtype, out_of_range=way)
                              for by_table in (True, False))  # fmt: skip
                same(one, other)


@pytest.mark.parametrize(("operation", "arguments"), [
    ("scale", {"factor": 0.3}), ("scale", {"factor": 1e30}), ("scale", {"factor": 0}),
    ("scale", {"factor": float("inf")}), ("add", {"value": 1e-3}), ("clamp", {"min": -1, "max": 2}),
    ("fill", {"value": 0.1}),
])  # fmt: skip
@pytest.mark.parametrize("source", ["bfloat16", "float16", "int8", "int16", "float8_e4m3fn"])
def test_arithmetic_is_the_same_value_by_value(source, operation, arguments, files, monkeypatch):
    """Overflow by a factor, values that vanish, integers that wrap around, with a region too."""
    if source.startswith("int"):
        arguments = {name: int(value) if abs(value) < 1e3 else 300 for name, value in arguments.items()}
    with weightedit.open(files[source]) as document:
        for region in (None, "[3:-1, 5:100:3]"):
            one, other = (measured(document, monkeypatch, by_table, operation, region=region, **arguments)
                          for by_table in (True, False))  # fmt: skip
            same(one, other)


@pytest.mark.parametrize("source", NARROW)
def test_counts_are_those_of_torch(source, files):
    """Not our own code against itself: what torch makes of all patterns in float16, counted by hand."""
    values = every_pattern(source)
    wide, stored = values.to(torch.float64), values.to(torch.float16).to(torch.float64)
    overflow = wide.isfinite() & ~stored.isfinite()
    underflow = (wide != 0) & (stored == 0)
    rounded = wide.isfinite() & ~overflow & ~underflow & (wide != stored)
    with weightedit.open(files[source]) as document:
        losses = document.preview("cast", "w", dtype="float16").losses["w"]
    counts = (losses.overflow.count, losses.underflow.count, losses.rounded.count)
    expected = tuple(int(mask.sum()) for mask in (overflow, underflow, rounded))
    assert counts == (expected if source != "float16" else (0, 0, 0))
    assert losses.overflow.places == [str(cell) for cell in overflow.nonzero().tolist()[:8]]
    assert [cell.index for cell in losses.underflow.cells] == list(map(tuple, underflow.nonzero().tolist()[:100]))


@pytest.mark.parametrize("dtype", ["float16", "float8_e5m2", "float32", "int32", "float64"])
def test_statistics_come_with_the_losses(dtype, files):
    """The preview's histograms and numbers need no pass of their own, and are those such a pass finds."""
    with weightedit.open(files["bfloat16"]) as document:
        found = document.preview("cast", "w", dtype=dtype)
        assert found.before is not None
        assert found.after is not None
        for known, readable in zip(found.statistics, (found.before, found.after), strict=True):
            truth = statistics(readable)
            assert known is not None
            for name in ("count", "minimum", "maximum", "zeros", "nan", "posinf", "neginf"):
                assert getattr(known, name) == getattr(truth, name), name
            for name in ("mean", "std", "l2"):
                assert getattr(known, name) == pytest.approx(getattr(truth, name), rel=1e-9, abs=1e-9 * truth.std), name
            assert (known.code_counts == truth.code_counts).all()


@pytest.mark.parametrize("source", ["bfloat16", "float16", "uint8", "float8_e4m3fn"])
def test_what_is_applied_is_what_torch_computes(source, files, tmp_path):
    """Whole, in a region and in another dtype, what is written by table has torch's bits, and undo gives the old."""
    values = every_pattern(source)
    with weightedit.open(files[source]) as document:
        document.apply("clamp", "w", min=0, max=2, accept="all")
        wide = values.to(torch.float32)
        expected = wide.clamp(0, 2).to(values.dtype)
        assert torch.equal(bits(document.read("w")), bits(expected))
        document.undo()
        document.apply("clamp", "w", min=0, max=2, region="[:, 3:90:2]", accept="all")
        part = values.clone()
        part[:, 3:90:2] = expected[:, 3:90:2]
        assert torch.equal(bits(document.read("w")), bits(part))
        document.undo()
        document.apply("cast", "w", dtype="float16", accept="all")
        assert torch.equal(bits(document.read("w")), bits(values.to(torch.float16)))
        document.undo()
        assert torch.equal(bits(document.read("w")), bits(values))


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.uint8)


def test_a_preview_reads_what_will_be_stored(files):
    """What is painted of the values after comes out of the same table."""
    values = every_pattern("bfloat16")
    with weightedit.open(files["bfloat16"]) as document:
        found = document.preview("scale", "w", factor=3.0)
        assert found.after is not None
        from weightedit.core.region import parse_region

        read = found.after.read(parse_region("[5:900, ::7]", found.after.spec.shape))
    expected = (values.to(torch.float32) * 3.0).to(torch.bfloat16)[5:900, ::7].contiguous().view(torch.int16).numpy()
    assert (read.view("i2") == expected).all()


def test_transposed_and_shared_tensors_are_measured_value_by_value_or_alike(tmp_path, monkeypatch):
    """Places are told in the order of the storage: a tensor that lies otherwise is not tabled."""
    torch.save({"w": every_pattern("bfloat16").T}, tmp_path / "t.pt")
    with weightedit.open(tmp_path / "t.pt") as document:
        same(*(measured(document, monkeypatch, by_table, "cast", dtype="float16") for by_table in (True, False)))


def test_places_are_the_first_whatever_part_they_are_in(tmp_path, monkeypatch):
    """Parts are counted in any order; what is said is where the first ones are."""
    values = torch.ones(1000, 300, dtype=torch.bfloat16)
    rare = [(999, 299), (3, 3), (500, 1), (500, 0)]
    for place in rare:
        values[place] = 1e30
    save_file({"w": values}, tmp_path / "rare.safetensors")
    monkeypatch.setattr(tabled_losses, "PART", 1 << 12)
    monkeypatch.setattr(tabled_losses, "threads_for", lambda nbytes, each: 3)
    with weightedit.open(tmp_path / "rare.safetensors") as document:
        losses = document.preview("cast", "w", dtype="float16").losses["w"]
    assert losses.overflow.places == [str(list(place)) for place in sorted(rare)]
    assert losses.total == 300_000


def test_applying_what_was_checked_does_not_look_twice(tmp_path, monkeypatch):
    """The same edit of the same content is measured once; of other values, arguments or regions it is measured anew."""
    from weightedit.core.edits import measuring

    passes: list[str] = []
    measured_now = measuring._measured
    monkeypatch.setattr(measuring, "_measured", lambda plan, target, *rest: passes.append(target.name) or
                        measured_now(plan, target, *rest))  # type: ignore[func-returns-value]  # fmt: skip
    save_file({"w": every_pattern("bfloat16"), "v": torch.ones(1 << 16)}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        said = document.preflight("cast", "*", dtype="float16")
        assert document.preflight("cast", "*", dtype="float16") == said
        document.apply("cast", "*", dtype="float16", accept="all")
        assert sorted(passes) == ["v", "w"]
        document.undo()
        document.preflight("cast", "w", dtype="float16")
        assert len(passes) == 2, "undo brings the content back that was measured"
        document.preflight("cast", "w", dtype="float8_e5m2")
        document.preflight("scale", "w", factor=0.5)
        document.preflight("scale", "w", factor=0.5, region="[3, :]")
        assert passes[2:] == ["w", "w", "w"]
        document.apply("fill", "w", value=0.0, accept="all")
        count = len(passes)
        document.preflight("cast", "w", dtype="float16")
        assert len(passes) == count + 1
        Path(document.path or "").write_bytes(b"another program's file")
        with pytest.raises(weightedit.CheckpointError, match="another program"):
            document.preflight("cast", "v", dtype="float16")
