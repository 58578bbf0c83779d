"""Expressions give what the PyTorch code they print gives, for every dtype and however the tensor is cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.bench import bits, by_torch, evaluated, pin, source_of, worked_out
from weightedit.core.errors import ExpressionError
from weightedit.search.expression import parse
from weightedit.search.functions import FUNCTIONS

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
WHOLES = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
ELEMENTWISE = [one for one in FUNCTIONS.values() if one.arity == "values" and one.most == 1]
OF_REALS = [one for one in ELEMENTWISE if one.name != "imag"]


def normal(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)


def special(dtype: torch.dtype) -> torch.Tensor:
    """11 × 13: values of every size, NaN, infinities, both zeros."""
    found = normal(11, 13) * 3
    found[0, :6] = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 1.0])
    return found.to(dtype)


def as_computed(tensor: torch.Tensor) -> torch.Tensor:
    """The dtype expressions compute in, which the printed code leaves to its reader."""
    if tensor.dtype == torch.bool or tensor.is_complex():
        return tensor.to(torch.complex64) if tensor.dtype == torch.complex32 else tensor
    if tensor.is_floating_point():
        return tensor.to(torch.float32) if tensor.element_size() < 4 else tensor
    return tensor.to(torch.int64)


def assert_close(got: torch.Tensor, expected: torch.Tensor) -> None:
    single = got.dtype in (torch.float32, torch.complex64)
    loose = {"rtol": 2e-6, "atol": 1e-6} if single else {"rtol": 1e-12, "atol": 0}
    wide = torch.complex128 if got.is_complex() or expected.is_complex() else torch.float64
    torch.testing.assert_close(got.to(wide), expected.to(wide), equal_nan=True, **loose)


@pytest.mark.parametrize("facts", OF_REALS, ids=lambda facts: facts.name)
def test_functions_of_each_value_are_those_of_torch(facts):
    for dtype in FLOATS:
        tensor = special(dtype)
        got = worked_out(f"{facts.name}(w)", tensor)
        assert_close(got, by_torch(f"{facts.name}(w)", as_computed(tensor)))
        assert (got.dtype == torch.bool) == (facts.gives == "condition")


@pytest.mark.parametrize("facts", OF_REALS, ids=lambda facts: facts.name)
def test_functions_of_whole_numbers_keep_them_or_compute_in_float64(facts):
    tensor = torch.arange(-6, 9, dtype=torch.int16).reshape(3, 5)
    got = worked_out(f"{facts.name}(w)", tensor)
    wide = tensor.to(torch.int64 if facts.whole == "keep" else torch.float64)
    expected = by_torch(f"{facts.name}(w)", wide)
    kept = torch.bool if facts.gives == "condition" else torch.int64 if facts.whole == "keep" else torch.float64
    assert got.dtype == kept
    assert_close(got.to(torch.float64), expected)


@pytest.mark.parametrize("facts", ELEMENTWISE, ids=lambda facts: facts.name)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_functions_of_complex_values_are_those_of_torch_or_refused(facts):
    for dtype in (torch.complex64, torch.complex128, torch.complex32):
        tensor = torch.complex(normal(5, 7), normal(7, 5).T).to(dtype)
        if facts.complex:
            assert_close(worked_out(f"{facts.name}(w)", tensor), by_torch(f"{facts.name}(w)", as_computed(tensor)))
            continue
        with pytest.raises(ExpressionError, match="complex"):
            worked_out(f"{facts.name}(w)", tensor)


@pytest.mark.parametrize("text", ["w * 2 + 1", "w - 3", "-w", "w // 2", "w % 3", "w ** 2", "w > 2", "w == 1",
                                  "minimum(w, 2)", "clamp(w, 1, 3)", "where(w > 1, w, 7)"])  # fmt: skip
def test_whole_numbers_leave_every_dtype_as_it_is(text):
    for dtype in (*FLOATS, *WHOLES, torch.bool):
        tensor = (normal(6, 9) * 3).abs().to(dtype)
        got = worked_out(text, tensor)
        wide = tensor.to(torch.int64) if dtype == torch.bool else as_computed(tensor)
        expected = by_torch(text, wide)
        assert bits(got) == bits(expected)
        assert got.dtype == expected.dtype


@pytest.mark.parametrize("text", ["w * 0.5", "w / 4", "w + 0.25", "w ** -1", "w ** 0.5", "w > 1.5"])
def test_whole_numbers_with_fractions_compute_in_float64(text):
    for dtype in WHOLES:
        tensor = torch.tensor([[1, 2, 3], [100, 101, 17]], dtype=dtype)
        assert_close(worked_out(text, tensor), by_torch(text, tensor.to(torch.float64)))


def test_whole_numbers_past_float_digits_stay_exact():
    tensor = torch.tensor([2**53 + 1, -(2**62), 3], dtype=torch.int64)
    assert worked_out("w + 1", tensor).tolist() == [2**53 + 2, -(2**62) + 1, 4]
    assert worked_out("max(w) - w", tensor).tolist() == [0, 2**62 + 2**53 + 1, 2**53 - 2]
    assert worked_out("sum(w)", tensor).tolist() == [2**53 + 4 - 2**62] * 3


def test_a_uint64_past_int64_is_refused_in_words():
    with pytest.raises(ExpressionError, match="int64 ends"):
        worked_out("w + 1", torch.tensor([2**63], dtype=torch.uint64))


def test_two_dtypes_compute_in_the_wider_and_whole_numbers_with_floats_in_float64():
    half, single, whole = (normal(4, 5, dtype=torch.float16), normal(5), torch.arange(2**24, 2**24 + 5))
    got = worked_out("w * 'v'", half, {"v": single})
    assert bits(got) == bits(half.double() * single)
    assert bits(worked_out("'v' + w", half, {"v": whole})) == bits(half.double() + whole)


def test_division_by_zero_gives_what_torch_gives_and_whole_numbers_are_refused():
    tensor = torch.tensor([-1.0, 0.0, 1.0])
    assert bits(worked_out("1 / w", tensor)) == bits(1 / tensor)
    assert str(worked_out("w / 0", tensor).tolist()) == "[-inf, nan, inf]"
    for text in ("w // 0", "w % (w - w)", "5 // w"):
        with pytest.raises(ExpressionError, match="divided by 0") as caught:
            worked_out(text, torch.tensor([3, 0]))
        assert "column" in str(caught.value)
    with pytest.raises(ExpressionError, match="power below 0"):
        worked_out("2 ** w", torch.tensor([3, -1]))


def test_a_number_is_compared_as_the_dtype_holds_it():
    half = torch.tensor([0.1, 0.0, 1e-4, math.inf, 60000.0], dtype=torch.float16)
    assert worked_out("w == 0.1", half).tolist() == [True, False, False, False, False]
    assert worked_out("0.1 >= w", half).tolist() == [True, True, True, False, False]
    assert worked_out("w < 0.1", half).tolist() == [False, True, True, False, False]
    assert worked_out("-abs(w) == -0.1", half).tolist() == [True, False, False, False, False]
    assert worked_out("w < 1e-30", half).tolist() == [False, True, False, False, False]
    assert worked_out("w == 1e30", half).tolist() == [False] * 5
    assert worked_out("w > 1e30", half).tolist() == [False, False, False, True, False]
    exponents = torch.tensor([2.0**-127, 1.0]).to(torch.float8_e8m0fnu)  # which holds no 0
    assert worked_out("w > 0", exponents).tolist() == [True, True]
    single = torch.tensor([0.0, 1.0, math.inf])
    assert worked_out("abs(w) < 1e-60", single).tolist() == [True, False, False]
    assert worked_out("w == 1e60", single).tolist() == [False] * 3


STEADY = ["sigmoid(w)", "gelu(w)", "silu(w)", "tanh(w)", "exp(w) / 3", "w ** 3.3", "w ** 'v'", "w % 0.3", "w // 0.3",
          "erf(w) + log1p(abs(w))", "sin(w) * cos('v')", "(w - mean(w, 0)) / std(w, 0)", "rsqrt(abs(w)) + index(1)",
          "w * 'v' + norm(w)", "clamp(w, 'v', 0.5)", "where(w > mean(w), exp2(w), tan(w))"]  # fmt: skip


@pytest.mark.parametrize("text", STEADY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_cutting_a_tensor_changes_no_bit(text, dtype):
    tensor, other = normal(13, 301, dtype=dtype) * 4, normal(301, dtype=dtype)
    source, named = source_of(tensor), {"v": pin(other)}
    bound = parse(text).bind(source, named)
    whole = evaluated(bound, source, 10**9)
    for cells in (19, 100, 1_000):
        assert bits(evaluated(bound, source, cells)) == bits(whole)
    small = parse(text).bind(source, named, nbytes=16)
    assert bits(evaluated(small, source, 333)) == bits(whole)


@pytest.mark.parametrize("text", ["w * (2+3j)", "w / (w + 1)", "w ** 2", "exp(w)"])
def test_cutting_complex_values_changes_no_bit(text):
    tensor = torch.complex(normal(20, 50), normal(50, 20).T).to(torch.complex64)
    whole = worked_out(text.replace("(2+3j)", "(2 + 3j)"), tensor)
    assert bits(worked_out(text, tensor, cells=37)) == bits(whole)


def numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda op, a, b: f"({a} {op} {b})", st.sampled_from(["+", "-", "*", "//", "%"]), inner, inner),
        st.builds(lambda f, a: f"{f}({a})", st.sampled_from(["abs", "sign", "floor", "square", "relu", "-"]), inner),
        st.builds(lambda f, a, b: f"{f}({a}, {b})", st.sampled_from(["minimum", "maximum"]), inner, inner),
        st.builds(lambda op, a, b, c, d: f"where({a} {op} {b}, {c}, {d})",
                  st.sampled_from(["<", "<=", "==", "!=", ">"]), inner, inner, inner, inner),
        st.builds(lambda a, b, c: f"where(({a} < 1) & ~({b} == {c}) or isnan({a}), {b}, {c})", inner, inner, inner),
    )  # fmt: skip


VALUES = st.recursive(
    st.sampled_from(["w", "w", "(w > 1)", "mean(w > 0)", "std(index(1), 1)", "sqrt(4)",
                     "where(isnan(0 / 0.0), 1, w)", "'v'", "1", "2.5", "-3", "0.0", "mean(w, 0)",
                     "sum(w)", "max('v')", "min(w, -1)", "inf",
                     "count(w > 0, 1)", "index(0)", "size(1)"]),
    numbers, max_leaves=8)  # fmt: skip


@given(VALUES, st.sampled_from([5, 64, 10**6]))
@settings(max_examples=60, deadline=None)
def test_any_expression_gives_what_its_pytorch_code_gives(text, cells):
    tensor = torch.randint(-4, 5, (8, 16), generator=torch.Generator().manual_seed(3)).double()
    others = {"v": torch.arange(-8, 8).double()}
    try:
        got = worked_out(text, tensor, others, cells=cells)
    except ExpressionError as error:
        if "divided by 0" in str(error) or "64 bits" in str(error):
            return
        raise
    assert_close(got.to(torch.float64), by_torch(text, tensor, others))


@pytest.mark.parametrize(
    ("region", "index"),
    [("[3, :]", slice(3, 4)), ("[2:7, 1:9:2]", (slice(2, 7), slice(1, 9, 2))),
     ("[:, 4]", (slice(None), slice(4, 5))), ("[1, 2]", (slice(1, 2), slice(2, 3)))],
)
@pytest.mark.parametrize("text", ["w - mean(w, -1)", "w / max(abs(w))", "index(-1) + w * 0", "w * 'v' - size(0)"])
def test_a_region_is_a_tensor_of_its_own_with_as_many_dimensions(text, region, index):
    tensor = normal(9, 11)
    part = tensor[index]
    others = {"v": normal(part.shape[-1])}
    got = worked_out(text, tensor, others, region=region)
    assert_close(got, by_torch(text, part, others))


@pytest.mark.parametrize(
    "build", [lambda t: t.T, lambda t: t[::2, ::3], lambda t: t[:, :1].expand(9, 4), lambda t: t[3]]
)
def test_any_stride_is_read(build):
    tensor = build(normal(9, 11))
    assert_close(worked_out("w - mean(w, 0)", tensor), by_torch("w - mean(w, 0)", tensor))


def test_scalars_and_empty_tensors():
    assert worked_out("w * 2", torch.tensor(3.0)).tolist() == 6.0
    assert worked_out("mean(w)", torch.tensor(3.0)).tolist() == 3.0
    assert worked_out("w * 2 + sum(w)", torch.empty(0, 3)).shape == (0, 3)
    assert worked_out("7", torch.zeros(2, 2)).tolist() == [[7, 7], [7, 7]]
    root = torch.sqrt(torch.tensor(2.0, dtype=torch.float64)).item()  # with AVX-512 the last bit is not math's
    assert worked_out("sqrt(2)", torch.zeros(2)).tolist() == [root] * 2


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("w + 'missing'", 4, "no tensor 'missing'"),
        ("w + 'v'", 2, "4 × 5 and 7 do not broadcast"),
        ("mean(w, 2)", 0, "no dimension 2 in 4 × 5"),
        ("mean(w, 0, -2)", 0, "twice"),
        ("'v'", 0, "does not broadcast to the region"),
        ("'column' * 'v'", 9, "more values than the region"),
        ("index(2) + w", 0, "no dimension 2"),
        ("w and true", 2, "compare it"),
        ("where(w, 1, 2)", 0, "where takes conditions"),
        ("w + 'q'", 4, "no values to compute with"),
        ("'c' < w", 4, "no order"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_read(text, column, says, monkeypatch):
    from weightedit.core.spec import TensorSpec
    from weightedit.core.storage import Resident
    from weightedit.core.values.pinned import PinnedTensor

    quantized = PinnedTensor("q", TensorSpec.contiguous("qint8", (5,)), Resident(memoryview(bytearray(5))))
    named = {"v": pin(normal(7)), "column": pin(normal(10, 1)), "c": pin(torch.zeros(5, dtype=torch.complex64)),
             "q": quantized}  # fmt: skip
    source = source_of(normal(4, 5))
    monkeypatch.setattr(PinnedTensor, "read", lambda *given: pytest.fail("a value was read"))
    with pytest.raises(ExpressionError) as caught:
        parse(text).bind(source, named)
    assert caught.value.column == column
    assert says in str(caught.value)
