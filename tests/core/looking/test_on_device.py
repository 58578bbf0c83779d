"""Live tensors reduced and counted by torch where they lie: on the CPU here, on CUDA where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weightedit
from tests.core.looking.test_pyramid import some
from weightedit.core import reduction, statistics
from weightedit.core.dtypes import DTYPES
from weightedit.core.live.objects import LiveBytes
from weightedit.core.looking import on_device
from weightedit.core.looking.elsewhere import is_elsewhere, takes
from weightedit.core.reduction import SliceView, reduce
from weightedit.core.values.pinned import PinnedTensor

TAKEN = [name for name in DTYPES if takes(name)]


@pytest.fixture
def there(device: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A device whose tensors are taken to be elsewhere; nothing is read of them by bytes."""
    if device == "cpu":
        for module in (reduction, statistics):
            monkeypatch.setattr(module, "is_elsewhere", lambda pinned: isinstance(pinned.content, LiveBytes))
    return device


def pins(tensor: torch.Tensor, device: str, monkeypatch: pytest.MonkeyPatch) -> tuple[PinnedTensor, PinnedTensor]:
    """Return the tensor there, whose bytes nobody may read, and a copy of it that is read by bytes."""
    base = tensor._base if tensor._base is not None else tensor
    moved = torch.as_strided(base.to(device), tensor.shape, tensor.stride(), tensor.storage_offset())
    with weightedit.open({"w": moved}) as document:
        live = document.pin("w")
    copy = bytearray(live.content.nbytes)
    live.content.read_into(memoryview(copy))
    from weightedit.core.storage import Resident

    def refuse(self: LiveBytes, buffer: memoryview, offset: int = 0) -> None:
        raise AssertionError("read by bytes")

    monkeypatch.setattr(LiveBytes, "read_into", refuse)
    return live, PinnedTensor("w", live.spec, Resident(memoryview(copy)))


@pytest.mark.parametrize("layout", ["plain", "turned", "strided"])
@pytest.mark.parametrize("dtype", TAKEN)
def test_pixels_are_those_of_arrays(dtype: str, layout: str, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "AT_ONCE", 2000)
    base = some(dtype, (131, 90), 1)
    tensor = {"plain": base, "turned": base.t(), "strided": base[3::2, 1::3]}[layout]
    live, copy = pins(tensor, there, monkeypatch)
    rows, columns = tensor.shape
    for size in ((13, 9), (1, 1), (500, 500), (7, 400)):
        mine, theirs = (reduce(one, SliceView(0, 1), range(2, rows), range(columns), *size) for one in (live, copy))
        for name in ("low", "high", "nan", "posinf", "neginf"):
            assert np.array_equal(getattr(mine, name), getattr(theirs, name), equal_nan=True)
            assert getattr(mine, name).dtype == getattr(theirs, name).dtype
        for name in ("mean", "rms", "row_rms", "column_rms"):
            scale = np.nanmax(np.abs(theirs.rms), initial=1.0)
            assert np.allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-9, atol=1e-9 * scale, equal_nan=True)


@pytest.mark.parametrize("shape", [(3, 5_000_000), (5_000_000, 3), (1, 9_000_000)])
def test_a_sample_is_picked_there(shape: tuple[int, int], there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows that are too long to be read whole too: runs of them would each be a copy from the device."""
    base = torch.arange(shape[0] * shape[1], dtype=torch.int64).remainder(251).to(torch.float16).reshape(shape)
    live, _ = pins(base, there, monkeypatch)
    taken: list[int] = []
    theirs = on_device.reduce_block

    def counted(block: torch.Tensor, *rest: Any) -> bool:
        taken.append(block.numel())
        return theirs(block, *rest)

    monkeypatch.setattr(on_device, "reduce_block", counted)
    found = reduction.preview(live, SliceView(0, 1), range(shape[0]), range(shape[1]), 90, 110)
    assert not found.exact
    assert len(taken) == 1
    assert sum(taken) <= reduction.PREVIEW_BYTES
    assert (found.height, found.width) == (min(90, shape[0]), min(110, shape[1]))
    assert np.all((found.low >= 0) & (found.high <= 250) & (found.low <= found.high))
    assert np.nanmax(found.high) > 240


@pytest.mark.parametrize("dtype", TAKEN)
def test_statistics_are_those_of_arrays(dtype: str, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "AT_ONCE", 2000)
    live, copy = pins(some(dtype, (7, 131, 9), 2), there, monkeypatch)
    for region in (None, "[2, :, 1:5]"):
        mine, theirs = (statistics.statistics(one, region) for one in (live, copy))
        assert np.array_equal(mine.code_counts, theirs.code_counts)
        for name in ("count", "minimum", "maximum", "zeros", "nan", "posinf", "neginf", "distinct"):
            assert getattr(mine, name) == getattr(theirs, name)
        assert (mine.mean, mine.std, mine.l2) == pytest.approx((theirs.mean, theirs.std, theirs.l2), rel=1e-9)


def test_what_lies_on_the_cpu_is_read_as_before() -> None:
    with weightedit.open({"w": torch.randn(3)}) as document:
        assert not is_elsewhere(document.pin("w"))
