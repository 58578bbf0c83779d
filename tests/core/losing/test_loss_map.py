"""The loss map of a cast is what torch loses, cell by cell, wherever one looks and however it is cut."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from weightedit.core.errors import Cancelled
from weightedit.core.losing.loss_map import loss_map, next_cells, worst
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView, reduce
from weightedit.core.statistics import statistics


def made(rows: int = 40, columns: int = 60) -> torch.Tensor:
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)) * 0.02
    values[3, 5], values[30, 50], values[7, 7], values[8, 8] = 70144.0, -1e6, 1e-9, math.nan
    values[9, 9] = math.inf
    return values


def expected(source: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    stored = source.to(dtype).to(torch.float64)
    exact = source.to(torch.float64)
    relative = (exact - stored).abs() / exact.abs()
    relative[exact == stored] = 0
    relative[exact.isnan()] = 0
    becomes_odd = exact.isfinite() & ~stored.isfinite()
    relative[becomes_odd] = stored[becomes_odd]
    return relative


@settings(max_examples=30)
@given(dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fnuz]), data=st.data())
def test_every_cell_is_the_relative_error_of_torchs_cast(dtype, data):
    """Read whole, in a region and chunk by chunk: the same numbers, what is stored where it overflows, 0 for NaN."""
    source = made()
    with weightedit.open({"w": source}) as doc:
        shown = doc.preview("cast", "w", dtype=dtype)
        loss = loss_map(shown)
        assert loss is not None
        whole = expected(source, dtype)
        top, left = data.draw(st.integers(0, 39)), data.draw(st.integers(0, 59))
        found = next(values.copy() for _, values in loss.chunks(f"[{top}:, {left}:]", 1 << 20))
        np.testing.assert_allclose(found, whole[top:, left:].numpy().astype(np.float32), rtol=1e-6)
        pieces = [values.reshape(-1).copy() for _, values in loss.chunks(None, 512)]
        assert len(pieces) > 4
        np.testing.assert_allclose(np.concatenate(pieces), whole.reshape(-1).numpy().astype(np.float32), rtol=1e-6)


def test_an_overflow_is_never_lost_in_a_picture():
    """Two cells among 2,400 under a 4 × 4 picture are still counted, at their pixels; the rest is finite."""
    with weightedit.open({"w": made()}) as doc:
        loss = loss_map(doc.preview("cast", "w", dtype="float16"))
        picture = reduce(loss, SliceView.of((40, 60)), range(40), range(60), 4, 4)
        assert picture.posinf.sum() == picture.neginf.sum() == 1
        assert picture.posinf[0, 0] == 1
        assert picture.neginf[3, 3] == 1  # marker and count are of what is stored: -1e6 becomes -Inf
        assert picture.nan.sum() == 0
        assert picture.high[0, 0] == 1.0  # the value that became 0 has lost all of itself
        found = statistics(loss)
        assert (found.posinf, found.neginf, found.nan) == (1, 1, 0)


def test_absolute_losses_and_clamped_ones():
    """Clamped, a value that was past the range has a finite loss."""
    source = made()
    with weightedit.open({"w": source}) as doc:
        shown = doc.preview("cast", "w", dtype="float16", out_of_range="clamp")
        [absolute] = [values.copy() for _, values in loss_map(shown, "absolute").chunks()]
        assert absolute[3, 5] == 70144 - 65504
        assert absolute[9, 9] == math.inf  # an infinity that becomes finite is lost, whatever its place is taken by
        [relative] = [values.copy() for _, values in loss_map(shown).chunks()]
        assert relative[3, 5] == pytest.approx((70144 - 65504) / 70144)
        assert shown.losses["w"].worst_error == 1e6 - 65504


@pytest.mark.parametrize(("source", "dtype", "losses"), [
    (torch.tensor([2**53 + 1, 2**24 + 1, 3]), "float32", [1.0, 1.0, 0.0]),
    (torch.tensor([300, -1, 5]), "uint8", [math.inf, math.inf, 0.0]),
    (torch.tensor([2.5, -3.0, math.nan]), "int32", [0.5, 0.0, math.inf]),
    (torch.tensor([1e300, 0.1], dtype=torch.float64), "float32", [math.inf, abs(0.1 - float(torch.tensor(0.1)))]),
    (torch.tensor([1 + 2j, 3 + 0j], dtype=torch.complex64), "float32", [2.0, 0.0]),
])  # fmt: skip
def test_losses_of_other_dtypes(source, dtype, losses):
    """Integers past 2**53, wrapped ones, cut fractions, a dropped imaginary part: absolute losses by hand."""
    with weightedit.open({"w": source}) as doc:
        [found] = [values.copy() for _, values in loss_map(doc.preview("cast", "w", dtype=dtype), "absolute").chunks()]
        np.testing.assert_allclose(found, losses, rtol=1e-6)


def test_only_casts_have_one():
    """Where the dtype stays, or values take other places, there is nothing to map."""
    with weightedit.open({"w": made(), "e": torch.zeros(0, 3)}) as doc:
        assert loss_map(doc.preview("scale", "w", factor=2.0)) is None
        assert loss_map(doc.preview("cast", "w", dtype="float32")) is None
        assert loss_map(doc.preview("transpose", "w")) is None
        assert loss_map(doc.preview("cast", "e", dtype="float16")) is None


def test_working_it_out_can_be_cancelled():
    """Picture, statistics and the list of cells each stop at the next chunk."""
    with weightedit.open({"w": made()}) as doc:
        shown = doc.preview("cast", "w", dtype="float16")
        loss, stopped = loss_map(shown), threading.Event()
        stopped.set()
        for work in (lambda p: statistics(loss, progress=p), lambda p: next_cells(shown.after, "rounded", 0, 9999, p),
                     lambda p: reduce(loss, SliceView.of((40, 60)), range(40), range(60), 4, 4, p)):  # fmt: skip
            with pytest.raises(Cancelled):
                work(Progress(None, stopped))


def test_the_next_cells_are_found_on_request():
    """The list goes on where the kept ones end, in the same order, to the last one."""
    source = torch.zeros(30, 20)
    source.reshape(-1)[::3] = torch.arange(200.0) + 65520
    with weightedit.open({"w": source}) as doc:
        shown = doc.preview("cast", "w", dtype="float16")
        losses = shown.losses["w"]
        assert worst(losses) == "overflow"
        assert losses.overflow.count == 200
        assert len(losses.overflow.cells) == 100
        more = next_cells(shown.after, "overflow", 100, 60, Progress(None, None))
        rest = next_cells(shown.after, "overflow", 160, 60, Progress(None, None))
        every = [*losses.overflow.cells, *more, *rest]
        assert [float(cell.exact) for cell in every] == (torch.arange(200.0) + 65520).tolist()
        assert [list(cell.index) for cell in every] == (source > 0).nonzero().tolist()
        assert oracle.same_bits(doc.read("w"), source)
