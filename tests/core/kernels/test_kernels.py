"""The inner loops, plain and compiled, against numpy's float64: every pattern of 16 bits, every kind of value."""

import importlib.util
import math
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weightedit.core import kernels
from weightedit.core.kernels import kept, plain
from weightedit.core.kernels.arrays import Moments, PixelArrays
from weightedit.core.values.codes import code_values, wide_codes

HAS_NUMBA = importlib.util.find_spec("numba") is not None
SIXTEEN = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
CLASSES = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, "largest", "least", "tiny", "-tiny", "subnormal"]


@pytest.fixture(scope="module", params=["plain", pytest.param("compiled", marks=pytest.mark.skipif(
    not HAS_NUMBA, reason="numba is not installed"))])  # fmt: skip
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each room of kernels, the compiled one fully loaded."""
    if request.param == "plain":
        return plain
    if kept.folder() is None:
        pytest.skip("nothing can be written where compiled kernels are kept")
    kernels.prepare(wait=True)
    from weightedit.core.kernels import compiled

    if not compiled._LOADED:  # another test may have kept them from being compiled in a process of their own
        compiled.load(lambda: False)
    assert compiled._LOADED
    return compiled


def empty(height: int, width: int, ends: type = np.float32) -> PixelArrays:
    shape = (height, width)
    return PixelArrays(np.full(shape, np.inf, ends), np.full(shape, -np.inf, ends), np.zeros(shape), np.zeros(shape),
                       *(np.zeros(shape, np.int64) for _ in range(3)))  # fmt: skip


def reduced(kernel: Any, block: np.ndarray, dtype: str, rows: list[int], columns: list[int]) -> PixelArrays:
    into = empty(len(rows) - 1, len(columns) - 1, np.float64 if block.dtype == np.float64 else np.float32)
    is_finite = kernel.reduce_block(block, dtype, np.array(rows), np.array(columns), into)
    assert is_finite == (into.nan.sum() + into.posinf.sum() + into.neginf.sum() == 0)
    return into


def widened(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a signalling NaN warns
        return values.astype(np.float64)


def check(found: PixelArrays, wide: np.ndarray, rows: list[int], columns: list[int]) -> None:
    """Compare with what float64 gives, pixel by pixel; sums but for its rounding."""
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            part = wide[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            finite = part[np.isfinite(part)]
            assert found.low[i, j] == finite.min(initial=np.inf)
            assert found.high[i, j] == finite.max(initial=-np.inf)
            assert found.nan[i, j] == np.isnan(part).sum()
            assert (found.posinf[i, j], found.neginf[i, j]) == ((part == np.inf).sum(), (part == -np.inf).sum())
            with np.errstate(over="ignore"):
                size = np.abs(finite).sum()
                assert found.total[i, j] == pytest.approx(finite.sum(), rel=0, abs=size * 1e-12 + 1e-300)
                assert found.square[i, j] == pytest.approx((finite * finite).sum(), rel=1e-12)


def neighbours(dtype: str) -> np.ndarray:
    """Return a value of every class, as bits."""
    facts = ml_dtypes.finfo(SIXTEEN[dtype])
    named = {"largest": facts.max, "least": -facts.max, "tiny": facts.smallest_subnormal,
             "-tiny": -facts.smallest_subnormal, "subnormal": facts.smallest_normal / 2}  # fmt: skip
    return np.array([named.get(one, one) for one in CLASSES]).astype(SIXTEEN[dtype])


@pytest.mark.parametrize("dtype", SIXTEEN)
def test_every_pattern_alone(kernel: Any, dtype: str) -> None:
    """A pixel of one value shows it, whatever its bits are: the rule for blocks of one sign."""
    block = np.arange(1 << 16, dtype=np.uint16).view(SIXTEEN[dtype]).reshape(256, 256)
    found = reduced(kernel, block, dtype, list(range(257)), list(range(257)))
    wide = widened(block)
    finite = np.isfinite(wide)
    for ends, empty_end in ((found.low, np.inf), (found.high, -np.inf)):
        assert np.array_equal(ends, np.where(finite, wide, empty_end))
    assert np.array_equal(found.total, np.where(finite, wide, 0))
    assert np.array_equal(found.nan, np.isnan(wide))
    assert np.array_equal(found.posinf, wide == np.inf)
    assert np.array_equal(found.neginf, wide == -np.inf)


@pytest.mark.parametrize("dtype", SIXTEEN)
def test_every_pattern_beside_every_class_of_value(kernel: Any, dtype: str) -> None:
    """Signs in any mixture, zeros of both, subnormals, infinities and NaN of any payload: each with each."""
    patterns = np.arange(1 << 16, dtype=np.uint16).view(SIXTEEN[dtype])
    beside = neighbours(dtype)
    for one in beside:
        for other in beside:
            block = np.stack([np.full_like(patterns, one), patterns, np.full_like(patterns, other)])
            found = reduced(kernel, block, dtype, [0, 3], list(range(len(patterns) + 1)))
            wide = widened(block)
            finite = np.isfinite(wide)
            assert np.array_equal(found.low[0], np.where(finite, wide, np.inf).min(axis=0))
            assert np.array_equal(found.high[0], np.where(finite, wide, -np.inf).max(axis=0))
            assert np.array_equal(found.nan[0], np.isnan(wide).sum(axis=0))
            infinite = np.where(np.isinf(wide), np.sign(wide), 0).sum(axis=0)
            assert np.array_equal(found.posinf[0] - found.neginf[0], infinite)
            kept = np.where(finite, wide, 0)
            off = np.abs(found.total[0] - kept.sum(axis=0))
            assert (off <= 1e-15 * np.abs(kept).sum(axis=0)).all()


ODD = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 3e38, -3e38, 1.0]
DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32, "float64": np.float64,
          "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2,
          "float8_e8m0fnu": ml_dtypes.float8_e8m0fnu, "int8": np.int8, "uint8": np.uint8, "bool": np.bool_,
          "int32": np.int32, "int64": np.int64, "uint16": np.uint16}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_any_block_of_any_dtype(kernel: Any, dtype: str, data: st.DataObject) -> None:
    """Blocks of any size and strides, cut anywhere, of one sign or with values of every kind."""
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 12))
    elements = st.floats(0, 100) if data.draw(st.booleans()) else st.sampled_from(ODD) | st.floats(-50, 50)
    if np.dtype(DTYPES[dtype]).kind in "iub":
        elements = st.integers(-100, 100) if np.dtype(DTYPES[dtype]).kind == "i" else st.integers(0, 100)
    values = data.draw(hnp.arrays(np.float64, (height, width), elements=elements.map(float)))
    with np.errstate(all="ignore"):
        block = values.astype(DTYPES[dtype])
    layout = data.draw(st.sampled_from(["plain", "turned", "spread", "frozen"]))
    if layout == "turned":
        block = np.asfortranarray(block)
    elif layout == "spread":
        roomy = np.zeros((2 * height, 2 * width), block.dtype)
        roomy[::2, ::2] = block
        block = roomy[::2, ::2]
    elif layout == "frozen":
        block.flags.writeable = False
    rows = [0, *sorted(data.draw(st.sets(st.integers(1, height - 1)))), height] if height > 1 else [0, 1]
    columns = [0, *sorted(data.draw(st.sets(st.integers(1, width - 1)))), width] if width > 1 else [0, 1]
    wide = widened(block)
    ends = np.float64 if dtype in ("float64", "int32", "int64") else np.float32
    into = empty(len(rows) - 1, len(columns) - 1, ends)
    kernel.reduce_block(block, dtype, np.array(rows), np.array(columns), into)
    check(into, wide, rows, columns)


@pytest.mark.parametrize("dtype", SIXTEEN)
@given(data=st.data())
def test_sums_of_values_of_any_size(kernel: Any, dtype: str, data: st.DataObject) -> None:
    """Columns of one size each, from the least to the largest: squares that float32 cannot hold are not lost."""
    facts = ml_dtypes.finfo(SIXTEEN[dtype])
    sizes = data.draw(st.lists(st.integers(int(facts.minexp) - 6, int(facts.maxexp) - 1), min_size=1, max_size=6))
    some = np.random.default_rng(data.draw(st.integers(0, 99))).uniform(-1.9, 1.9, (17, len(sizes)))
    block = (some * np.exp2(np.array(sizes, np.float64))).astype(SIXTEEN[dtype])
    columns = list(range(len(sizes) + 1))
    check(reduced(kernel, block, dtype, [0, 9, 17], columns), widened(block), [0, 9, 17], columns)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_an_outlier_and_a_nan_in_a_wide_block_are_found(kernel: Any, dtype: str) -> None:
    """Blocks wider than what is worked on at once, with the odd cells in the last columns and rows."""
    values = np.random.default_rng(0).standard_normal((37, 2500)) * 0.02
    values[36, 2499], values[5, 1024], values[6, 1023] = 300.0, math.nan, -math.inf
    block = values.astype(DTYPES[dtype])
    rows, columns = [0, 1, 6, 37], [0, 1000, 1023, 1024, 1025, 2499, 2500]
    check(reduced(kernel, block, dtype, rows, columns), widened(block), rows, columns)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
@pytest.mark.parametrize("widths", [(9000, 1, 599, 0), (600, 3000, 5000, 1000), (9600, 0, 0, 0)])
def test_pixels_wider_than_what_is_worked_on_at_once(kernel: Any, dtype: str, widths: tuple[int, ...]) -> None:
    """A row of a thousand columns under each pixel, or a tensor of one dimension: its runs are put one under the other,
    and chunks end anywhere in a pixel."""
    values = np.random.default_rng(0).standard_normal((3, 9600)) + 5
    values[1, 8999], values[2, 700], values[0, 9599] = -7.0, math.inf, math.nan
    block = values.astype(DTYPES[dtype])
    columns = [0, *(end for size, end in zip(widths, np.cumsum(widths).tolist(), strict=True) if size)]
    check(reduced(kernel, block, dtype, [0, 1, 3], columns), widened(block), [0, 1, 3], columns)


def test_a_block_takes_part_in_pixels_that_others_filled(kernel: Any) -> None:
    """Chunks end in the middle of pixels: what one adds, the next goes on from."""
    values = np.arange(24, dtype=np.float32).reshape(6, 4) - 10
    into = empty(1, 2)
    for part in (values[:1], values[1:4], values[4:]):
        kernel.reduce_block(part, "float32", np.array([0, len(part)]), np.array([0, 1, 4]), into)
    check(into, values.astype(np.float64), [0, 6], [0, 1, 4])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_patterns_are_counted(kernel: Any, kind: type) -> None:
    """However many there are of one, and where their number is odd."""
    patterns = np.random.default_rng(1).integers(0, np.iinfo(kind).max, 20_001).astype(kind)
    patterns[5000:] = 7
    counts = np.zeros((2, np.iinfo(kind).max + 1), np.int64)
    for part in (patterns[:3], patterns[3:3], patterns[3:]):
        kernel.count(part, counts)
    assert np.array_equal(counts.sum(axis=0), np.bincount(patterns, minlength=counts.shape[1]))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_patterns_of_every_other_column_are_counted(kernel: Any, kind: type) -> None:
    """A region with a step has its elements apart: `[:, ::3]` of a matrix."""
    patterns = np.arange(3000).astype(kind)
    counts = np.zeros((2, np.iinfo(kind).max + 1), np.int64)
    kernel.count(patterns[1::3], counts)
    assert np.array_equal(counts.sum(axis=0), np.bincount(patterns[1::3], minlength=counts.shape[1]))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_moments_of_every_other_column(kernel: Any, kind: type) -> None:
    """Of the same region, in wide floats."""
    values = np.arange(3000).astype(kind)
    found = kernel.moments(values[1::3], np.zeros((2, 1 << 16), np.int64))
    assert (found.finite, found.minimum, found.maximum, found.mean) == (1000, 1.0, 2998.0, 1499.5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@given(values=hnp.arrays(np.float64, st.integers(0, 40), elements=st.sampled_from(ODD) | st.floats(-1e150, 1e150)))
def test_moments_are_those_of_float64(kernel: Any, kind: type, values: np.ndarray) -> None:
    """Mean, deviation and ends of the finite values, counts of the others, and the code of each."""
    with np.errstate(over="ignore"):
        values = values.astype(kind)
    counts = np.zeros((2, 1 << 16), np.int64)
    found = kernel.moments(values, counts)
    wide = values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    assert (found.finite, found.zeros) == (len(finite), int((wide == 0).sum()))
    assert (found.nan, found.posinf, found.neginf) == (np.isnan(wide).sum(), (wide == np.inf).sum(),
                                                       (wide == -np.inf).sum())  # fmt: skip
    assert (found.minimum, found.maximum) == (finite.min(initial=np.inf), finite.max(initial=-np.inf))
    if len(finite):
        assert found.mean == pytest.approx(finite.mean(), rel=1e-12, abs=np.abs(finite).sum() * 1e-14)
        unit = float(np.spacing(np.abs(finite).max()))  # numpy's mean of equal values may be off by a few of these
        assert found.deviation == pytest.approx(((finite - finite.mean()) ** 2).sum(), rel=1e-9,
                                                abs=len(finite) * (8 * unit) ** 2)  # fmt: skip
        assert found.square == pytest.approx((finite**2).sum(), rel=1e-12)
    assert np.array_equal(counts.sum(axis=0), np.bincount(wide_codes(values), minlength=1 << 16))


def test_moments_join_as_those_of_all_values() -> None:
    """Threads collect apart: what they have together is what one would have."""
    values = np.random.default_rng(2).standard_normal(5000) * 3 + 1e6
    whole = Moments()
    for part in np.array_split(values, [0, 0, 7, 4000]):
        whole = whole.joined(plain.moments(part, np.zeros((2, 1 << 16), np.int64)))
    assert whole.mean == pytest.approx(values.mean(), rel=1e-15)
    assert whole.deviation / len(values) == pytest.approx(values.var(), rel=1e-9)
    assert (whole.minimum, whole.maximum, whole.finite) == (values.min(), values.max(), 5000)


def test_the_codes_of_exact_dtypes_are_their_patterns() -> None:
    """Which the counts rest on: code i of a dtype of 8 or 16 bits has the value of pattern i."""
    patterns = np.arange(1 << 16, dtype=np.uint16)
    values = code_values("bfloat16")
    assert np.array_equal(values, widened(patterns.view(ml_dtypes.bfloat16)), equal_nan=True)


def test_numbers_of_32_bits_go_into_pixels_of_64(kernel: Any) -> None:
    """What was widened already, such as a sample, may be narrower than what keeps it."""
    values = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
    into = empty(1, 2, np.float64)
    kernel.reduce_block(values, "float64", np.array([0, 3]), np.array([0, 2, 4]), into)
    check(into, values.astype(np.float64), [0, 3], [0, 2, 4])


@pytest.mark.parametrize(("down", "across"), [([0, 1, 3, 4], [1, 2, 4, 6]), ([0, 4], [0, 1, 9]), ([0, 2, 4], [2, 9])])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_go_into_pixels(kernel: Any, dtype: type, down: list[int], across: list[int]) -> None:
    """Of one, of two and of many blocks, beside what pixels hold already; blocks without a value count nothing."""
    some = np.random.default_rng(3).normal(size=(4, 4, 9)).astype(dtype)
    some[0, 1, 2], some[1, 1, 2], some[2:, 1, 2] = np.inf, -np.inf, 0.0
    shape = (len(down) - 1, len(across) - 1)
    ends, sums = (np.full(shape, 0.5, dtype), np.full(shape, -np.inf, dtype)), (np.ones(shape), np.zeros(shape))
    kernel.join_ends((some[0], some[1]), np.array(down), np.array(across), ends)
    kernel.join_sums((some[2], some[3]), np.array(down), np.array(across), sums)
    for i, j in np.ndindex(shape):
        low, high, total, square = some[:, down[i] : down[i + 1], across[j] : across[j + 1]].astype(np.float64)
        assert (ends[0][i, j], ends[1][i, j]) == (min(0.5, low.min()), high.max())
        assert sums[0][i, j] == pytest.approx(1 + total.sum(), rel=1e-12, abs=1e-12)
        assert sums[1][i, j] == pytest.approx(square.sum(), rel=1e-12, abs=1e-12)


def test_nothing_is_compiled_where_it_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold the window up at each start: plain kernels serve."""
    (tmp_path / "file").touch()
    monkeypatch.setattr("weightedit.core.files.folders.cache_folder", lambda: tmp_path / "file")
    kept.folder.cache_clear()
    try:
        assert kept.folder() is None
        assert not kept.compile_them(lambda: False)
    finally:
        kept.folder.cache_clear()


def test_compiling_ends_with_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that compiles is not left behind, and what it did not finish counts as not there."""
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr(kept, "_COMPILE", "import time; time.sleep(60)")
    assert not kept.compile_them(lambda: True)
    assert not (tmp_path / "complete").exists()


def test_compiling_runs_no_code_from_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a downloaded one: a checkpoint beside a file named as a module of ours or of others."""
    for name in ("numba", "numpy", "weightedit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code of the folder ran')")
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr(kept, "_COMPILE", "import numpy, weightedit.core.words.sizes")
    monkeypatch.chdir(tmp_path)
    assert kept.compile_them(lambda: False)


def test_a_compiler_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    """Nobody would know why pictures are slow: the log has what it wrote, and About the last line of it."""
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr(kept, "_COMPILE", "raise ImportError('llvmlite is of another version')")
    monkeypatch.setattr(kernels, "is_installed", lambda: True)
    loading = kernels._Loading()
    monkeypatch.setattr(kernels, "_LOADING", loading)
    kernels.prepare(wait=True)
    assert isinstance(kernels.trouble(), kept.NotCompiled)
    assert kernels.state_text() == \
        "Loops cannot be compiled, numpy does their work: ImportError: llvmlite is of another version"
    assert "Traceback" in caplog.text
    assert kernels.best() is plain
    assert not (tmp_path / "complete").exists()


def test_kernels_are_kept_for_one_version_of_numba_and_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is complete is what numba finds, else it would compile in a thread of ours; a copy finds it just as well."""
    monkeypatch.setattr("weightedit.core.files.folders.cache_folder", lambda: tmp_path)

    def name() -> str:
        kept.folder.cache_clear()
        found = kept.folder()
        assert found is not None
        return found.name

    try:
        here = name()
        assert name() == here
        with monkeypatch.context() as other:
            other.setattr(kept, "version", lambda package: "0.0.1")
            assert name() != here
        shutil.copytree(Path(kept.__file__).parent, tmp_path / "copy", copy_function=shutil.copyfile)
        monkeypatch.setattr(kept, "__file__", str(tmp_path / "copy" / "kept.py"))
        assert name() == here
        with (tmp_path / "copy" / "elements.py").open("a") as source:
            source.write("\n")
        assert name() != here
    finally:
        kept.folder.cache_clear()


def test_numba_keeps_kernels_where_we_look_for_them(kernel: ModuleType) -> None:
    """It would ask for the path of a source, and when it was written: every checkout would compile anew."""
    if kernel is plain:
        pytest.skip("plain kernels are not kept")
    for kind in (kernel.reduce, kernel.count_patterns, kernel.moments_of, kernel.loops_of_blocks.join_ends):
        assert kind.stats.cache_path == str(kept.folder())


def test_kernels_that_nobody_loads_any_more_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, used, old, other = (tmp_path / name for name in ("0" * 16, "1" * 16, "2" * 16, "of somebody else"))
    for path in (mine, used, old, other):
        path.mkdir()
        (path / "complete").touch()
        for one in (path / "complete", path):
            os.utime(one, (0, 0))
    (used / "complete").touch()
    (mine / "complete").unlink()
    monkeypatch.setattr(kept, "folder", lambda: mine)
    monkeypatch.setattr(kept, "_COMPILE", "")
    assert kept.compile_them(lambda: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in (mine, used, other))
