"""Each write operation on each dtype stores what plain torch stores, whole and by region, file-backed and live."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from weightedit.operations.arithmetic import add, scale

DTYPES = oracle.copyable_dtypes()
NUMBERS = [0, 1, -1, 2, 7, 0.5, -1.7, 0.1, 1 / 3, 300, 1e-3, 1e9, 2**40, 2**62, 2**63, 2**64 - 1, float("inf")]


def values(dtype: torch.dtype) -> torch.Tensor:
    """A 5 × 9 tensor: small, large and special values."""
    if dtype in (torch.int64, torch.uint64):
        info = torch.iinfo(dtype)
        edges = [0, 1, 2, info.max, info.min, info.max // 2, info.max // 3 + 1, 2**53 + 1, 2**62]
        return torch.tensor([edges] * 5, dtype=torch.uint64 if info.min == 0 else torch.int64)
    generator = torch.Generator().manual_seed(5)
    base = torch.randn(5, 9, generator=generator, dtype=torch.float64) * 30
    if dtype in oracle.INTEGERS:
        info = torch.iinfo(dtype)
        edges = torch.tensor([info.max, info.min, info.max // 2, 0, 1], dtype=torch.float64)
        base = base.abs() if info.min == 0 else base
        base[:, 0] = edges
    elif dtype.is_floating_point and dtype != torch.float8_e8m0fnu:
        base[:, 0] = torch.tensor([torch.finfo(dtype).max, float("nan"), float("inf"), -0.0, torch.finfo(dtype).tiny])
    elif dtype.is_complex:
        base = torch.complex(base, torch.randn(5, 9, generator=generator, dtype=torch.float64))
    return oracle.stored(base, dtype)


def undefined(tensor: torch.Tensor, what: str, number: complex) -> torch.Tensor:
    """Where C leaves the result of a fraction out of an integer's range open."""
    if tensor.dtype not in oracle.INTEGERS or isinstance(number, int):
        return torch.zeros(tensor.shape, dtype=torch.bool)
    exact = tensor.to(torch.float64)
    return ~oracle.well_defined(exact * number if what == "scale" else exact + number, tensor.dtype)


def as_torch_takes_it(tensor: torch.Tensor, number: complex) -> complex:
    """Past 64 bits torch takes no Python integer; integers wrap by 2**64, and floats take the nearest float."""
    if isinstance(number, int) and number >= 2**63:
        whole = tensor.dtype in (*oracle.INTEGERS, torch.bool)
        return number - 2**64 if whole else float(number)
    return number


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=oracle.name_of)
@pytest.mark.parametrize("what", ["scale", "add"])
def test_arithmetic(what, dtype, number):
    tensor = values(dtype)
    expected = oracle.arithmetic(tensor, what, as_torch_takes_it(tensor, number))
    keep = ~undefined(tensor, what, number)
    with weightedit.open({"w": tensor.clone()}) as doc:
        doc.apply(what, "w", accept="all", **{"factor" if what == "scale" else "value": number})
        got = doc.read("w")
    assert oracle.same_values(got[keep], expected[keep])


@pytest.mark.parametrize("dtype", DTYPES, ids=oracle.name_of)
@pytest.mark.parametrize("number", [*NUMBERS, True, float("nan"), -(2**63), 1 + 2j])
def test_fill(dtype, number):
    tensor = values(dtype)
    kind = {float: torch.float64, complex: torch.complex128}.get(type(number), torch.int64)
    kind = torch.uint64 if isinstance(number, int) and number >= 2**63 else kind
    source = torch.tensor(number, dtype=kind)
    expected = oracle.stored(source.expand(tensor.shape), dtype)
    with weightedit.open({"w": tensor.clone()}) as doc:
        doc.apply("fill", "w", accept="all", value=number)
        got = doc.read("w")
    if bool(oracle.well_defined(source, dtype).all()):
        assert oracle.same_values(got, expected)


@pytest.mark.parametrize("source", DTYPES, ids=oracle.name_of)
@pytest.mark.parametrize("dtype", DTYPES, ids=oracle.name_of)
def test_cast_and_set_store_what_copy_stores(source, dtype):
    given_values = values(source)
    expected, keep = oracle.stored(given_values, dtype), oracle.well_defined(given_values, dtype)
    with weightedit.open({"w": torch.zeros(5, 9).to(dtype), "s": given_values.clone()}) as doc:
        doc.apply("set", "w", accept="all", values=given_values)
        assert oracle.same_values(doc.read("w")[keep], expected[keep])
        doc.apply("cast", "s", accept="all", dtype=oracle.name_of(dtype))
        assert oracle.same_values(doc.read("s")[keep], expected[keep])
        doc.undo()
        assert oracle.same_bits(doc.read("s"), given_values)


INTEGERS = st.integers(-(2**63), 2**64 - 1) | st.integers(-300, 300)


@settings(max_examples=300)
@given(dtype=st.sampled_from(oracle.INTEGERS), number=INTEGERS, data=st.data())
def test_which_integers_fit(dtype, number, data):
    """The bounds that say where whole-number arithmetic wraps, against Python's own integers."""
    info = torch.iinfo(dtype)
    value = data.draw(st.integers(info.min, info.max) | st.sampled_from([info.min, info.max, 0]))
    for operation, exact in ((scale, value * number), (add, value + number)):
        low, high = operation.fits(info.min, info.max, number)
        assert (low <= value <= high) == (info.min <= exact <= info.max)


def test_passes_stay_below_what_torch_splits_over_threads():
    """A sum of as many values as a pass looks at is the same for any number of threads, as it is not split."""
    from weightedit.operations.passes import PIECE

    values, threads, sums = torch.randn(PIECE, generator=torch.Generator().manual_seed(0)), torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            sums.append(float(values.double().sum()))
    finally:
        torch.set_num_threads(threads)
    assert PIECE < 1 << 15
    assert len(set(sums)) == 1
