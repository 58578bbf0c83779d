"""Pictures made of blocks that are kept: against numpy over any pans, zooms and edits, and by the bytes they read."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightedit
from tests.core.test_statistics import pin
from weightedit.core.looking import pyramid
from weightedit.core.looking.pixels import Reduced
from weightedit.core.looking.pyramid import Pyramid
from weightedit.core.reduction import SliceView, cells, reduce
from weightedit.core.source import ByteSource
from weightedit.core.values.codes import numbers
from weightedit.core.values.pinned import PinnedTensor

DTYPES = ["float32", "float64", "bfloat16", "float16", "int8", "int64", "uint8", "bool", "float8_e4m3fn", "complex64",
          "uint16", "uint64", "complex128", "float8_e8m0fnu", "float4_e2m1fn_x2"]  # fmt: skip


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramid, "WORTH_KEEPING", 0)


class Counted:
    """A content that counts the bytes that are read of it."""

    def __init__(self, content: ByteSource) -> None:
        self.content, self.nbytes, self.read = content, content.nbytes, 0

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        self.read += buffer.nbytes
        self.content.read_into(buffer, offset)

    def since(self) -> int:
        """Return the bytes read since this was asked last."""
        found, self.read = self.read, 0
        return found


def counted(tensor: torch.Tensor) -> tuple[PinnedTensor, Counted]:
    found = pin(tensor)
    content = Counted(found.content)
    return PinnedTensor("w", found.spec, content), content


def values_of(pinned: PinnedTensor, view: SliceView, rows: range, columns: range) -> np.ndarray:
    return numbers(cells(pinned, view, rows, columns), pinned.spec.dtype)


def check(found: Reduced, pinned: PinnedTensor, view: SliceView, rows: range, columns: range) -> None:
    """Compare a picture with numpy, pixel by pixel."""
    whole = view.size(pinned.spec.shape)
    for mine, asked, size in ((found.rows, rows, whole[0]), (found.columns, columns, whole[1])):
        assert mine.start <= asked.start
        assert mine.stop >= asked.stop
        assert mine.stop <= size
    values = values_of(pinned, view, found.rows, found.columns)
    if found.edges is None:
        down, across = (np.arange(many + 1) * len(axis) // many
                        for axis, many in ((found.rows, found.height), (found.columns, found.width)))  # fmt: skip
    else:
        down, across = found.edges
    assert (down[0], down[-1], across[0], across[-1]) == (0, len(found.rows), 0, len(found.columns))
    assert (np.diff(down) > 0).all()
    assert (np.diff(across) > 0).all()

    def over(ufunc: np.ufunc, array: np.ndarray) -> np.ndarray:
        return ufunc.reduceat(ufunc.reduceat(array, down[:-1], axis=0), across[:-1], axis=1)

    finite = np.isfinite(values)
    many = over(np.add, finite.astype(np.int64))
    for ends, ufunc, none in ((found.low, np.minimum, np.inf), (found.high, np.maximum, -np.inf)):
        want = over(ufunc, np.where(finite, values, none).astype(values.dtype)) + values.dtype.type(0)
        assert np.array_equal(ends, np.where(many > 0, want, np.nan), equal_nan=True)
    for counts, mask in ((found.nan, np.isnan(values)), (found.posinf, values == np.inf),
                         (found.neginf, values == -np.inf)):  # fmt: skip
        assert np.array_equal(counts, over(np.add, mask.astype(np.int64)))
    wide = np.where(finite, values, 0).astype(np.float64)
    with np.errstate(all="ignore"):
        square = over(np.add, wide * wide)
        assert np.allclose(found.rms, np.sqrt(square / many), rtol=1e-6, equal_nan=True)
        size = over(np.add, np.abs(wide)) / many
        assert (np.abs(found.mean - over(np.add, wide) / many) <= 1e-6 * size + 1e-300).all() or not finite.all()
        assert np.allclose(found.row_rms, np.sqrt(square.sum(1) / many.sum(1)), rtol=1e-6, equal_nan=True)
        assert np.allclose(found.column_rms, np.sqrt(square.sum(0) / many.sum(0)), rtol=1e-6, equal_nan=True)


def some(dtype: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    kind = getattr(torch, dtype)
    if dtype == "float4_e2m1fn_x2":  # which torch converts nothing to
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).view(kind)
    if kind == torch.bool or not (kind.is_floating_point or kind.is_complex):
        return torch.randint(0, 2 if kind == torch.bool else 100, shape, generator=generator).to(kind)
    values = torch.randn(shape, generator=generator, dtype=torch.float64) * 10
    odd = torch.rand(shape, generator=generator)
    if seed % 3:
        values[odd < 0.01] = float("nan")
        values[odd > 0.99] = float("inf")
        values[(odd > 0.5) & (odd < 0.51)] = -float("inf")
    return values.to(kind)


Look = tuple[torch.Tensor, SliceView, list[tuple[range, range, int, int]]]


@st.composite
def looks(draw: st.DrawFn, dtype: str) -> Look:
    shape = draw(st.sampled_from([(300, 500), (1, 9000), (700, 3), (129, 257), (3, 200, 150)]))
    tensor = some(dtype, shape, draw(st.integers(0, 5)))
    layout = draw(st.sampled_from(["plain", "turned", "strided"]))
    if layout == "turned":
        tensor = tensor.transpose(-1, -2)
    elif layout == "strided":
        tensor = tensor[..., ::2]
    view = SliceView.of(tuple(tensor.shape))
    sizes = view.size(tuple(tensor.shape))
    asked = []
    for _ in range(draw(st.integers(1, 6))):
        axes = []
        for size in sizes:
            start = draw(st.integers(0, size - 1))
            axes.append(range(start, draw(st.integers(start + 1, size))))
        asked.append((axes[0], axes[1], draw(st.integers(1, 40)), draw(st.integers(1, 40))))
    return tensor, view, asked


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_any_pans_and_zooms_are_exact(dtype: str, data: st.DataObject) -> None:
    tensor, view, asked = data.draw(looks(dtype))
    pinned, _ = counted(tensor)
    kept = Pyramid(budget=1 << 20)
    for rows, columns, height, width in asked:
        found = kept.reduce(pinned, view, rows, columns, height, width, nbytes=5000)
        check(found, pinned, view, rows, columns)
        assert found.height <= height
        assert found.width <= width


def test_a_pan_reads_what_comes_into_sight_and_zooms_read_nothing_within_an_octave() -> None:
    pinned, content = counted(torch.randn(2000, 3000))
    view, kept = SliceView(0, 1), Pyramid()
    kept.reduce(pinned, view, range(2000), range(3000), 150, 150)
    assert content.since() >= 2000 * 3000 * 4
    assert kept.has(pinned, view, range(10, 2000), range(3000), 150, 150)
    for rows, columns in ((range(7, 2000), range(3000)), (range(1990), range(5, 2900)),
                          (range(300, 1700), range(2600))):  # fmt: skip
        kept.reduce(pinned, view, rows, columns, 150, 150)
        assert content.since() <= 4
    kept.reduce(pinned, view, range(200, 900), range(3000), 150, 150)
    assert content.since() <= 1024 * 3000 * 4
    kept.reduce(pinned, view, range(210, 910), range(3000), 150, 150)
    assert content.since() <= 4
    kept.reduce(pinned, view, range(500, 1200), range(3000), 150, 150)
    assert content.since() <= 256 * 3000 * 4  # one more row of tiles


def test_smaller_blocks_that_are_kept_make_larger_ones() -> None:
    pinned, content = counted(torch.randn(1000, 1000))
    view, kept = SliceView(0, 1), Pyramid()
    kept.reduce(pinned, view, range(1000), range(1000), 450, 450)
    content.since()
    for size in (220, 100, 30, 7):
        check(kept.reduce(pinned, view, range(1000), range(1000), size, size), pinned, view, range(1000), range(1000))
        assert content.since() <= 1000 * 1000 * 4 + 4  # what `check` reads, and one value
        content.since()


@dataclass
class Opened:
    """A checkpoint with one matrix, and pins whose reads are counted together."""

    document: weightedit.Document

    def pin(self) -> PinnedTensor:
        return self.document.pin("w")


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    from safetensors.torch import save_file

    save_file({"w": torch.randn(1024, 512, generator=torch.Generator().manual_seed(1))}, tmp_path / "w.safetensors")
    with weightedit.open(tmp_path / "w.safetensors") as document:
        yield Opened(document)


REGIONS = ["[3, :]", "[:, 7]", "[100:300, 20:30]", "[-1, -1]", "[0:1024:50, :]", "[[1, 5, 900], :]"]


def test_an_edit_leaves_the_blocks_it_does_not_touch(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    view, kept, read = SliceView(0, 1), Pyramid(), []
    whole = PinnedTensor.chunks_of

    def chunks_of(self: PinnedTensor, *given: object) -> object:
        for box, values in whole(self, *given):
            read.append(values.nbytes)
            yield box, values

    monkeypatch.setattr(PinnedTensor, "chunks_of", chunks_of)

    def look() -> int:
        read.clear()
        pinned = opened.pin()
        found = kept.reduce(pinned, view, range(1024), range(512), 200, 100)
        seen = sum(read)
        check(found, pinned, view, range(1024), range(512))
        return seen

    assert look() == 1024 * 512 * 4
    opened.document.apply("fill", "w", value=3.0, region="[3, :]")
    assert look() <= 4 * 512 * 4
    opened.document.apply("fill", "w", value=float("nan"), region="[:, 7]")
    assert look() <= 1024 * 512
    opened.document.undo()
    assert look() <= 4
    opened.document.undo()
    assert look() <= 4
    opened.document.redo()
    assert look() <= 4 * 512 * 4


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(REGIONS), st.sampled_from([0.0, 1e30, float("nan"), -5.0]), st.booleans()),
                min_size=1, max_size=6))  # fmt: skip
def test_any_edits_and_undos_are_exact(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("pyramid") / "w.safetensors"
    save_file({"w": torch.randn(1024, 512, generator=torch.Generator().manual_seed(1))}, path)
    with weightedit.open(path) as document:
        view, kept = SliceView(0, 1), Pyramid()
        for region, value, undoes in steps:
            for shown in ((range(1024), range(512)), (range(100, 900), range(512))):
                found = kept.reduce(document.pin("w"), view, *shown, 100, 60)
                check(found, document.pin("w"), view, *shown)
            if undoes and document.can_undo:
                document.undo()
            else:
                document.apply("fill", "w", value=value, region=region)
        found = kept.reduce(document.pin("w"), view, range(1024), range(512), 100, 60)
        check(found, document.pin("w"), view, range(1024), range(512))


def test_the_budget_holds_whatever_is_looked_at() -> None:
    pinned, _ = counted(torch.randn(1500, 1500))
    kept = Pyramid(budget=300_000)
    for number, size in enumerate((40, 20, 60, 10, 30)):
        kept.reduce(pinned, SliceView(0, 1), range(100 * number, 1500), range(1500), size, size)
        assert kept.nbytes <= 300_000
    pinned, _ = counted(torch.randn(1500, 1500))
    gc.collect()
    kept.reduce(pinned, SliceView(0, 1), range(1500), range(1500), 10, 10)
    assert len(kept._levels) == 1  # what is gone holds nothing


def test_a_file_that_changed_is_noticed_without_a_read(opened: Opened) -> None:
    view, kept, pinned = SliceView(0, 1), Pyramid(), opened.pin()
    kept.reduce(pinned, view, range(1024), range(512), 100, 100)
    path = opened.document.path
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"abcd")
    with pytest.raises(weightedit.CheckpointError):
        kept.reduce(pinned, view, range(1024), range(512), 100, 100)


def test_without_pixels_larger_than_values_nothing_is_kept() -> None:
    pinned, _ = counted(torch.randn(30, 30))
    kept = Pyramid()
    mine = kept.reduce(pinned, SliceView(0, 1), range(30), range(30), 30, 20)
    theirs = reduce(pinned, SliceView(0, 1), range(30), range(30), 30, 20)
    assert np.array_equal(mine.low, theirs.low)
    assert mine.edges is None
    assert kept.nbytes == 0
