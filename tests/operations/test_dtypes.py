"""Each operation on each dtype: the bits torch would store, or one sentence that says why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from torch.nn import functional

import weightedit
from tests.operations import oracle
from tests.operations.test_arithmetic import values

DTYPES = oracle.copyable_dtypes()
FLOATS = [dtype for dtype in DTYPES if dtype.is_floating_point]
COMPLEX = [dtype for dtype in DTYPES if dtype.is_complex]
WHOLE = [dtype for dtype in DTYPES if dtype not in FLOATS + COMPLEX]
EACH = pytest.mark.parametrize("dtype", DTYPES, ids=oracle.name_of)


def any_bits(dtype: torch.dtype) -> torch.Tensor:
    """A 6 × 8 tensor of random bits, and so of every kind of NaN too; bools are 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    found = torch.randint(0, 256, (6, 8 * dtype.itemsize), generator=generator).to(torch.uint8)
    return found.bool() if dtype == torch.bool else found.view(dtype)


def result(tensor: torch.Tensor, operation: str, more: dict[str, torch.Tensor] | None = None,
           **arguments: Any) -> torch.Tensor:  # fmt: skip
    """The tensor after an edit in a file-backed document."""
    with weightedit.open({"w": tensor.clone(), **(more or {})}) as doc:
        doc.apply(operation, "w", accept="all", **arguments)
        return doc.read("w")


def chosen(tensor: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The elements at row-major offsets, as bytes: what a move has to give."""
    data = torch.frombuffer(bytearray(oracle.bits(tensor)), dtype=torch.uint8).reshape(-1, tensor.element_size())
    return data[index.reshape(-1)].reshape(-1).view(tensor.dtype).reshape(index.shape)


PLACES = torch.arange(48).reshape(6, 8)
MOVES: list[tuple[str, dict[str, Any], Callable[[torch.Tensor], torch.Tensor]]] = [
    ("flip", {"dims": [1, 0]}, lambda at: at.flip(0, 1)),
    ("roll", {"shifts": [-11], "dims": [1]}, lambda at: at.roll(-11, 1)),
    ("permute_rows", {"order": [7, 6, 5, 0, 1, 2, 4, 3], "dim": 1}, lambda at: at[:, [7, 6, 5, 0, 1, 2, 4, 3]]),
    ("permute", {"dims": [1, 0]}, lambda at: at.t()),
    ("reshape", {"shape": [-1]}, lambda at: at.reshape(-1)),
    ("pad", {"pad": [-2, -1, -1, 0]}, lambda at: at[1:, 2:-1]),
    ("pad", {"pad": [3, 2], "mode": "reflect"},
     lambda at: functional.pad(at[None].double(), (3, 2), mode="reflect")[0].long()),
    ("repeat", {"repeats": [2, 2, 1]}, lambda at: at.repeat(2, 2, 1)),
    ("concat", {"tensors": ["w"]}, lambda at: torch.cat([at, at])),
    ("insert_rows", {"method": "copy", "row": -1, "index": 2}, lambda at: torch.cat([at[:2], at[-1:], at[2:]])),
    ("delete_rows", {"rows": "1:-1"}, lambda at: at[[0, -1]]),
]  # fmt: skip


@EACH
def test_moves_keep_every_bit(dtype):
    """NaN payloads included, which arithmetic would not keep."""
    tensor = any_bits(dtype)
    for operation, arguments, moved in MOVES:
        assert oracle.same_bits(result(tensor, operation, **arguments), chosen(tensor, moved(PLACES))), operation


@EACH
def test_new_cells_among_old_ones(dtype):
    """What surrounds the values is stored as `copy_` stores it, and the values keep every bit."""
    tensor = any_bits(dtype)
    new = oracle.filled(torch.empty(1, 8, dtype=dtype), 3)
    old = [chosen(tensor, PLACES[:4]), chosen(tensor, PLACES[4:])]
    for operation, arguments, parts in (
        ("pad", {"pad": [0, 0, 1, 1], "value": 3}, [new, *old, new]),
        ("insert_rows", {"index": 4, "method": "constant", "value": 3}, [old[0], new, old[1]]),
    ):
        want = b"".join(oracle.bits(part) for part in parts)
        assert oracle.bits(result(tensor, operation, **arguments)) == want, operation


def exactly(tensor: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """A function of float32 (or float64) values, stored back by `copy_`."""
    wide = tensor if tensor.dtype == torch.float64 else tensor.to(torch.float32)
    return oracle.stored(function(wide), tensor.dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=oracle.name_of)
def test_limits_of_floats(dtype):
    tensor = values(dtype)
    small = float(torch.tensor(7.3).to(dtype)) if dtype.itemsize > 1 else 7.3
    info = torch.finfo(dtype)
    for operation, arguments, function in (
        ("clamp", {"min": -3, "max": 10.3}, lambda w: w.clamp(-3, 10.3)),
        ("clamp", {"min": 0.25}, lambda w: w.clamp(0.25)),
        ("replace_nonfinite", {}, lambda w: w.nan_to_num(0.0, info.max, info.min)),
        ("replace_nonfinite", {"nan": 1, "posinf": 5, "neginf": -5}, lambda w: w.nan_to_num(1.0, 5.0, -5.0)),
        ("round", {}, lambda w: w.round()),
        ("round", {"decimals": -1}, lambda w: w.round(decimals=-1)),
        ("zero_small", {"threshold": 7.3}, lambda w: torch.where(w.abs() <= small, 0, w)),
    ):  # fmt: skip
        assert oracle.same_values(result(tensor, operation, **arguments), exactly(tensor, function)), operation
    native = dtype.itemsize > 1
    if native:  # what torch's own kernels make of it, without a detour
        assert oracle.same_values(result(tensor, "clamp", min=-3, max=10.3), tensor.clamp(-3, 10.3))
        assert oracle.same_values(result(tensor, "replace_nonfinite"), tensor.nan_to_num())
        assert oracle.same_values(result(tensor, "zero_small", threshold=7.3), functional.hardshrink(tensor, 7.3))
        rounded = tensor.round(decimals=2)
        assert oracle.same_values(result(tensor, "round", decimals=2), torch.where(rounded.isfinite(), rounded, tensor))


@pytest.mark.parametrize("dtype", WHOLE, ids=oracle.name_of)
def test_limits_of_whole_numbers(dtype):
    """Against Python's own integers; limits past the range of the dtype are no reason to wrap around."""
    tensor = values(dtype)
    plain = [int(one) for one in tensor.reshape(-1).tolist()]
    least, most = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    for low, high in ((-5, 20), (2.5, 1e30), (None, 3.5), (-3.5, None), (-math.inf, 2**63), (300, 2**70), (1, 1)):
        bottom = least if low is None or low < least else min(math.ceil(low), most)
        top = most if high is None or high > most else max(math.floor(high), least)
        want = [min(max(one, bottom), top) for one in plain]
        assert [int(one) for one in result(tensor, "clamp", min=low, max=high).reshape(-1).tolist()] == want
    for threshold in (0, 2.5, 127, 128, 1e18, 2.0**63, math.inf):
        want = [0 if abs(one) <= threshold else one for one in plain]
        assert [int(one) for one in result(tensor, "zero_small", threshold=threshold).reshape(-1).tolist()] == want
    assert oracle.same_bits(result(tensor, "round", decimals=2), tensor)
    assert oracle.same_bits(result(tensor, "replace_nonfinite"), tensor)


@EACH
def test_prune_on_every_dtype(dtype):
    """The exact number goes, the least magnitudes first and of equal ones the first, and the rest keeps its bits."""
    tensor = any_bits(dtype)
    wide = tensor.to(torch.complex64) if dtype == torch.complex32 else tensor
    plain = [abs(one) for one in wide.reshape(-1).tolist()]
    order = sorted(range(48), key=lambda at: (math.isnan(plain[at]), plain[at] if plain[at] == plain[at] else 0, at))
    zero = oracle.bits(oracle.filled(torch.empty(1, dtype=dtype), 0))
    for amount in (0, 0.2, 0.5, 1):
        want = [oracle.bits(tensor.reshape(-1)[at : at + 1]) for at in range(48)]
        for at in order[: round(amount * 48)]:
            want[at] = zero
        assert oracle.bits(result(tensor, "prune", amount=amount)) == b"".join(want)


@pytest.mark.parametrize("dtype", FLOATS + COMPLEX, ids=oracle.name_of)
def test_normalize_rounds_once(dtype):
    generator = torch.Generator().manual_seed(1)
    wide = torch.randn(6, 8, generator=generator, dtype=torch.float64).abs() + 0.1
    wide = torch.complex(wide, wide.flip(0)) if dtype.is_complex else wide
    tensor = oracle.stored(wide, dtype)
    exact = tensor.to(torch.complex64 if dtype == torch.complex32 else torch.float32 if dtype.itemsize == 1 else dtype)
    exact = exact.to(torch.complex128 if dtype.is_complex else torch.float64)
    want = exact / torch.linalg.vector_norm(exact, dim=1, keepdim=True)
    got = result(tensor, "normalize", per="row")
    stored = oracle.stored(want, dtype)
    if dtype.itemsize >= 8:
        torch.testing.assert_close(got, stored, rtol=1e-7, atol=0)
    else:
        assert oracle.same_bits(got, stored)


REFUSED = [
    ("clamp", COMPLEX, {"min": 0}), ("round", COMPLEX, {}), ("round", WHOLE, {"decimals": -1}),
    ("normalize", WHOLE, {}), ("low_rank", WHOLE, {"rank": 1}), ("initialize", WHOLE + COMPLEX, {"method": "normal"}),
    ("insert_rows", WHOLE + COMPLEX, {}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "dtypes", "arguments"), REFUSED)
def test_what_a_dtype_cannot_is_refused_in_a_sentence(operation, dtypes, arguments):
    for dtype in dtypes:
        tensor = any_bits(dtype)
        with weightedit.open({"w": tensor}) as doc:
            hazards = doc.preflight(operation, "w", **arguments)
            assert [hazard.level for hazard in hazards] == ["refusal"]
            assert "w is" in hazards[0].message
            assert oracle.name_of(dtype) in hazards[0].message


def test_replace_nonfinite_of_complex_numbers():
    parts = torch.tensor([[1.0, math.nan], [math.inf, -math.inf], [math.nan, 2.0]])
    for dtype in (torch.complex64, torch.complex128):
        tensor = torch.view_as_complex(parts).to(dtype)
        assert oracle.same_bits(result(tensor, "replace_nonfinite", nan=5), tensor.nan_to_num(5.0))


@EACH
def test_initialize_without_chance(dtype):
    """zeros, ones, constant, eye and dirac: bit-equal with torch.nn.init where it takes the dtype."""
    for method, shape, arguments in (("zeros", (3, 4), {}), ("ones", (3, 4), {}), ("constant", (5,), {"value": 2}),
                                     ("eye", (3, 5), {}), ("dirac", (6, 2, 3, 3), {"groups": 3}),
                                     ("dirac", (4, 5, 4), {})):  # fmt: skip
        tensor = torch.zeros(shape, dtype=torch.float32)
        plain = [arguments[key] for key in ("value", "groups") if key in arguments]
        want = oracle.stored(getattr(torch.nn.init, f"{method}_")(tensor, *plain), dtype)
        got = result(torch.zeros(shape).to(dtype), "initialize", method=method, **arguments)
        assert oracle.same_bits(got, want), method


OTHERS = [torch.float16, torch.float32, torch.float64, torch.int32, torch.bool, torch.complex64, torch.uint64]


@pytest.mark.parametrize("other", OTHERS, ids=oracle.name_of)
@EACH
def test_arithmetic_with_a_tensor(dtype, other):
    """As torch does it in the dtype both are promoted to; halves in float32, whole numbers and fractions in float64."""
    tensor, second = values(dtype)[:, 3:], values(other)[0, 3:]
    if dtype in (torch.int64, torch.uint64):
        tensor = oracle.stored(torch.arange(30).reshape(5, 6), dtype)
    if other == torch.uint64:
        second = oracle.stored(torch.arange(6), other)
    family = torch.complex128 if dtype.is_complex or other.is_complex else torch.float64
    if not (family.is_complex or dtype.is_floating_point or other.is_floating_point):
        family = torch.int64
    elif max(dtype.itemsize // (1 + dtype.is_complex), other.itemsize // (1 + other.is_complex)) <= 4 and (
        dtype.is_floating_point or dtype.is_complex
    ) and (other.is_floating_point or other.is_complex):
        family = torch.complex64 if family.is_complex else torch.float32
    first, last = (one.to(torch.complex64) if one.dtype == torch.complex32 else one for one in (tensor, second))
    first, last = (one.to(torch.float32) if one.is_floating_point() and one.element_size() == 1 else one
                   for one in (first, last))  # fmt: skip
    for operation, name, exact in (("multiply", "other", first.to(family) * last.to(family)),
                                   ("add", "value", first.to(family) + last.to(family))):  # fmt: skip
        keep = oracle.well_defined(exact, dtype)
        got, want = result(tensor, operation, **{name: second}), oracle.stored(exact, dtype)
        assert oracle.same_values(got[keep], want[keep]), operation


def test_global_pruning_is_torch_prunes():
    """With values that all differ; torch leaves open which of equal ones go."""
    tensor = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    for amount in (0.0, 0.01, 1 / 3, 0.999, 1.0):
        want = torch_prune.L1Unstructured(amount).prune(tensor) + 0.0
        assert oracle.same_bits(result(tensor, "prune", amount=amount), want)


@pytest.mark.parametrize("dtype", [dtype for dtype in WHOLE if dtype != torch.bool], ids=oracle.name_of)
@pytest.mark.parametrize("second", [torch.int8, torch.int64, torch.uint64], ids=oracle.name_of)
def test_whole_numbers_that_wrap_are_counted(dtype, second):
    """Arithmetic with a tensor says how many results leave the range of the dtype, against Python's integers."""
    info, edges = torch.iinfo(dtype), torch.iinfo(second)
    numbers = [0, 1, 2, 3, 5, info.max // 3, info.max // 2, info.max // 2 + 1, info.max - 1, info.max, info.min,
               info.min + 1]  # fmt: skip
    others = [0, 1, 2, 3, 7, edges.max // 2, edges.max, edges.min, -1 if edges.min else 4]
    tensor = torch.tensor([[one] * len(others) for one in numbers], dtype=dtype)
    given = torch.tensor([others] * len(numbers), dtype=second)
    for operation, name, results in (("multiply", "other", [a * b for a in numbers for b in others]),
                                     ("add", "value", [a + b for a in numbers for b in others])):  # fmt: skip
        wanted = [(one - info.min) % (info.max - info.min + 1) + info.min for one in results]
        wraps = sum(not info.min <= one <= info.max for one in results)
        with weightedit.open({"w": tensor.clone()}) as doc:
            hazards = doc.preflight(operation, "w", **{name: given})
            assert [hazard.count for hazard in hazards if hazard.kind in ("overflow", "truncation")] == \
                ([wraps] if wraps else [])  # fmt: skip
            doc.apply(operation, "w", accept="all", **{name: given})
            assert doc.read("w").reshape(-1).tolist() == wanted
