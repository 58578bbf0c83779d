"""Casts of every dtype to every other: what is stored, what is lost and by how much, counted in Python beside torch."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from weightedit.core.dtypes import DTYPES
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.core.values.ranges import covers, limits, smallest

REAL = [dtype for dtype in oracle.copyable_dtypes() if not dtype.is_complex]
FLOATS = [dtype for dtype in REAL if dtype.is_floating_point]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.1, 127.5, -128.5, 255.0, 256.0, 448.0, 464.0, 65504.0, 65520.0, 70144.0, -1e30, 1e30,
         3.4e38, 1e39, -1e300, 1e-9, 1e-46, 5e-324, 2.0**31, 2.0**53, 2.0**63, 2.0**64, -(2.0**63), math.inf, -math.inf,
         math.nan]  # fmt: skip
WHOLE = [0, 1, -1, 2**24 + 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63 - 512, 255, 256, -129, 65504, 65505, 449]


def numbers(tensor: torch.Tensor) -> list[Any]:
    """Python's own numbers, exact."""
    return tensor.to(torch.float64).tolist() if tensor.is_floating_point() else tensor.tolist()


def source_of(values: list[float], dtype: torch.dtype) -> torch.Tensor:
    """Return values of a dtype; floats are stored as torch stores them, integers taken modulo their range."""
    if dtype.is_floating_point:
        return oracle.stored(torch.tensor(values, dtype=torch.float64), dtype)
    if dtype == torch.bool:
        return torch.tensor([bool(value) for value in values])
    info = torch.iinfo(dtype)
    span = info.max - info.min + 1
    whole = [0 if not math.isfinite(value) else int(value) for value in values]
    return torch.tensor([(value - info.min) % span + info.min for value in whole], dtype=dtype)


PAIRS = [(source, dtype) for source in REAL for dtype in REAL if source != dtype]
VALUES = st.lists(st.sampled_from(EDGES) | st.sampled_from(list(map(float, WHOLE))) | st.floats(width=32),
                  min_size=1, max_size=12)  # fmt: skip


def expected_clamped(value: Any, dtype: torch.dtype) -> Any:
    """What a value becomes before it is stored: within the ends of the dtype."""
    if dtype == torch.bool or (isinstance(value, float) and math.isnan(value)):
        return value
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min if value < info.min else info.max if value > info.max else value


@settings(max_examples=150)
@example(values=EDGES, pair=(torch.float64, torch.int64))
@example(values=EDGES, pair=(torch.float64, torch.uint64))
@example(values=EDGES, pair=(torch.float64, torch.float8_e8m0fnu))
@given(values=VALUES, pair=st.sampled_from(PAIRS))
def test_a_clamping_cast_stores_the_end_of_the_range_and_nothing_past_it(values, pair):
    """Every value is the same as clamped by Python and then stored by torch; the printed code does the same."""
    source, dtype = source_of(values, pair[0]), pair[1]
    name = oracle.name_of(dtype)
    is_nan = [isinstance(value, float) and math.isnan(value) for value in numbers(source)]
    within = [expected_clamped(value, dtype) for value in numbers(source)]
    whole = all(isinstance(value, int) for value in within)
    kind = torch.uint64 if whole and max(within) >= 2**63 else torch.int64 if whole else torch.float64
    exact = [oracle.stored(torch.tensor([value], dtype=torch.uint64 if isinstance(value, int) and value >= 2**63 else
             torch.int64 if isinstance(value, int) and not isinstance(value, bool) else kind), dtype)
             for value in within]  # fmt: skip
    with weightedit.open({"w": source.clone()}) as doc:
        edit = doc.apply("cast", "w", dtype=dtype, out_of_range="clamp", accept="all")
        assert edit.arguments["out_of_range"] == "clamp"
        got = doc.read("w")
        for place, (one, nan) in enumerate(zip(exact, is_nan, strict=True)):
            if not (nan and not dtype.is_floating_point):  # NaN has no place in integers, whatever torch makes of it
                assert oracle.same_values(got[place : place + 1], one), (numbers(source)[place], name)
        doc.undo()
        root = {"checkpoint": {"w": source.clone()}}
        exec(as_pytorch(doc, edit), root)
        assert oracle.same_values(root["checkpoint"]["w"], got)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("source", "value"), [(torch.uint64, 2**64 - 1), (torch.uint64, 2**64 - 513),
                                               (torch.uint64, 2**63 + 1), (torch.int64, 2**63 - 1),
                                               (torch.int64, 2**63 - 257), (torch.int64, 1 - 2**63),
                                               (torch.int64, 2**53 + 1)])  # fmt: skip
def test_the_error_of_the_largest_integers_is_exact(source, value, dtype):
    """The largest ones round to a number that their own dtype does not hold, where float64 finds no difference."""
    whole = torch.tensor([value], dtype=source)
    off = abs(value - int(whole.to(dtype).to(torch.float64).item()))
    with weightedit.open({"w": whole}) as doc:
        losses = doc.preview("cast", "w", dtype=dtype).losses["w"]
    assert losses.rounded.count == 1
    assert losses.worst_error == float(off) > 0


@settings(max_examples=150)
@example(values=[2.0**53, 2.0**63, 1e30, 3.0], pair=(torch.int64, torch.float32))
@example(values=[1e-46, 5e-324, 0.1, 1e300], pair=(torch.float64, torch.float8_e5m2))
@example(values=[-1.0], pair=(torch.uint64, torch.float32))
@given(values=VALUES, pair=st.sampled_from(PAIRS))
def test_losses_say_how_many_change_and_by_how_much(values, pair):
    """Counts, the largest error and the largest relative error agree with exact fractions in Python."""
    source, dtype = source_of(values, pair[0]), pair[1]
    stored = oracle.stored(source, dtype)
    errors, relatives, overflow, underflow = [0.0], [0.0], 0, 0
    for before, after in zip(numbers(source), numbers(stored), strict=True):
        if not (math.isfinite(before) and math.isfinite(after)):
            saturates = dtype == torch.float8_e4m3fn and math.isinf(before) and math.isfinite(after)
            overflow += math.isfinite(before) or saturates  # this torch gives it the largest value of the dtype
            continue
        past = dtype.is_floating_point and dtype.itemsize == 1 and \
            (abs(before) > {torch.float8_e4m3fn: 464}.get(dtype, math.inf) or (before < 0 < after))  # fmt: skip
        if past or (not dtype.is_floating_point and dtype != torch.bool and isinstance(before, int)
                    and not isinstance(before, bool) and before != after):  # fmt: skip
            overflow += 1
            continue
        underflow += dtype.is_floating_point and before != 0 and after == 0
        off = abs(Fraction(before) - Fraction(after))
        errors.append(float(off))
        relatives.append(0.0 if not off else 1.0 if not before else float(off / abs(Fraction(before))))
    with weightedit.open({"w": source}) as doc:
        losses = doc.preview("cast", "w", dtype=dtype).losses["w"]
    assert losses.overflow.count == overflow
    assert losses.underflow.count == underflow
    assert losses.worst_error == pytest.approx(max(errors), rel=1e-6)
    assert losses.worst_relative == pytest.approx(max(relatives), rel=1e-6)
    assert losses.total == len(values)


@pytest.mark.parametrize("dtype", ["complex64", "complex32", "float16", "int16"])
def test_complex_values_are_clamped_part_by_part(dtype: str):
    """The real part goes into real dtypes; NaN parts stay."""
    source = torch.tensor([1e39 + 2j, -70000 - 1e39j, complex(math.nan, 3), 1 + 1j], dtype=torch.complex128)
    with weightedit.open({"w": source.clone()}) as doc:
        edit = doc.apply("cast", "w", dtype=dtype, out_of_range="clamp", accept="all")
        got = doc.read("w")
        low, high = limits(dtype)
        for place, value in enumerate(source.tolist()):
            if math.isnan(value.real):
                continue
            real, imag = (min(max(part, low), high) for part in (value.real, value.imag))
            if DTYPES[dtype].family == "complex":
                halves = torch.view_as_real(got)[place].to(torch.float64).tolist()
                assert halves == [float(torch.tensor(part).to(halves_of(dtype))) for part in (real, imag)]
            else:
                assert got[place].item() == real
        doc.undo()
        root = {"checkpoint": {"w": source.clone()}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(as_pytorch(doc, edit), root)
        assert oracle.same_values(root["checkpoint"]["w"], got)


def halves_of(dtype: str) -> torch.dtype:
    return {"complex64": torch.float32, "complex32": torch.float16}[dtype]


@pytest.mark.parametrize("dtype", list(map(oracle.name_of, REAL)))
def test_the_ends_of_each_dtype_are_torchs(dtype: str):
    """The next value past the largest is not finite, or there is none; nothing lies between 0 and the smallest."""
    kind = getattr(torch, dtype)
    if dtype == "bool":
        assert limits(dtype) is None
        assert smallest(dtype) is None
        return
    low, high = limits(dtype)
    if not kind.is_floating_point:
        assert (low, high) == (torch.iinfo(kind).min, torch.iinfo(kind).max)
        return
    every = None
    if kind.itemsize <= 2:
        bits = torch.arange(256**kind.itemsize)
        every = bits.to(torch.uint8 if kind.itemsize == 1 else torch.uint16).view(kind).to(torch.float64)
        finite = every[every.isfinite()]
        assert (low, high) == (float(finite.min()), float(finite.max()))
        assert smallest(dtype) == float(finite[finite > 0].min())
    assert covers("float64", dtype)
    assert covers(dtype, "float32") == (high >= torch.finfo(torch.float32).max)


def test_an_overflow_offers_the_casts_that_have_none():
    """Each way out is an edit that applies without a warning about overflow, and its label says what it is."""
    source = torch.tensor([[70144.0, 1.0], [-1e5, 2.0]])
    with weightedit.open({"w": source.clone()}) as doc:
        [hazard] = [one for one in doc.preflight("cast", "w", dtype="float16") if one.kind == "overflow"]
        assert hazard.labels == ("Cast to bfloat16", "Clamp first")
        for edit in hazard.alternatives:
            found = doc.preflight("cast", "w", **edit.arguments)
            assert not [one for one in found if one.level == "warning"]
            doc.apply("cast", "w", **edit.arguments)
            assert bool(doc.read("w").isfinite().all())
            doc.undo()
        [notice] = [one for one in doc.preflight("cast", "w", dtype="float16", out_of_range="clamp")
                    if one.kind == "overflow"]  # fmt: skip
        assert (notice.level, notice.count) == ("notice", 2)
        assert "±65,504" in notice.title
    with weightedit.open({"w": torch.tensor([1e300], dtype=torch.float64), "i": torch.tensor([300])}) as doc:
        [hazard] = [one for one in doc.preflight("cast", "w", dtype="float32") if one.kind == "overflow"]
        assert hazard.labels == ("Clamp first",)
        [hazard] = [one for one in doc.preflight("cast", "i", dtype="int8") if one.kind == "overflow"]
        assert hazard.labels == ("Clamp first",)


def test_losses_name_the_cells_with_what_they_were_and_become():
    """The first cells of each kind carry both values as text that reads back to the same bits."""
    source = torch.zeros(3, 4)
    source[1, 2], source[2, 0], source[0, 1] = 70144.0, -1e6, 1e-9
    with weightedit.open({"w": source}) as doc:
        losses = doc.preview("cast", "w", dtype="float16").losses["w"]
    assert [(cell.place, cell.exact, cell.stored) for cell in losses.overflow.cells] == [
        ("[1, 2]", "70144.0", "inf"), ("[2, 0]", "-1000000.0", "-inf")]  # fmt: skip
    assert [cell.place for cell in losses.underflow.cells] == ["[0, 1]"]


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(("operation", "arguments", "values", "title"), [
    ("scale", {"factor": 2.0}, [NAN, NAN, 1.0], "2 NaN stay NaN"),
    ("replace_nonfinite", {"nan": 0.0, "posinf": 0.25, "neginf": 0.0}, [INF, INF, 1.0], "2 +Inf become 0.25"),
    ("fill", {"value": NAN}, [1.0, 2.0, NAN], "1 NaN stays NaN, 2 NaN come new"),
    ("cast", {"dtype": "float16", "out_of_range": "clamp"}, [INF, -INF, 1.0],
     "1 +Inf becomes 65500.0, 1 −Inf becomes -65500.0"),
    ("cast", {"dtype": "float16"}, [1.0, 70000.0, 2.0], ""),
    ("add", {"value": 1.0}, [1.0, 2.0, 3.0], ""),
    ("flip", {"dims": (0,)}, [1.0, NAN, 3.0], ""),
])  # fmt: skip
def test_what_is_not_finite_is_counted_before_and_after(operation, arguments, values, title):
    """A notice where an edit meets NaN or Inf, with the first place; none where there are none, or they only move."""
    with weightedit.open({"w": torch.tensor(values)}) as doc:
        found = [one for one in doc.preflight(operation, "w", **arguments) if one.kind == "non-finite"]
        assert [one.title for one in found] == ([title] if title else [])
        assert all(one.level == "notice" and one.places for one in found)
