"""What PyTorch does silently is said beforehand: first what bare torch does, then what the editor says of it.

Counts are compared with Python's own integers and floats, value by value.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, Document, EditRefused, Hazard

FLOATS = [dtype for dtype in oracle.copyable_dtypes() if dtype.is_floating_point]
# Up to where values round to the largest one instead of leaving the range: half a step past it.
LAST_ROUNDED = {torch.float8_e4m3fn: 464.0}


def only(hazards: list[Hazard], kind: str) -> Hazard:
    found = [hazard for hazard in hazards if hazard.kind == kind]
    assert len(found) == 1, f"{kind} is not once among {hazards}"
    return found[0]


def counts(hazards: list[Hazard]) -> dict[str, int]:
    return {hazard.kind: hazard.count for hazard in hazards}


def expect_refused(doc: Document, kind: str, *edit: Any, **arguments: Any) -> Hazard:
    """Apply and preflight agree on a refusal, and the document stays as it was."""
    before = {name: oracle.bits(doc.read(name)) for name in doc.tensors}
    with pytest.raises(EditRefused) as caught:
        doc.apply(*edit, accept="all", **arguments)
    hazard = only(list(caught.value.hazards), kind)
    assert hazard.level == "refusal"
    assert hazard.message in str(caught.value)
    assert only(doc.preflight(*edit, **arguments), kind) == hazard
    assert {name: oracle.bits(doc.read(name)) for name in doc.tensors} == before
    assert not doc.history
    assert not doc.is_modified
    return hazard


def expect_asked(doc: Document, kind: str, *edit: Any, **arguments: Any) -> Hazard:
    """Apply asks once: raises without `accept`, leaves everything alone, and goes through with it."""
    before = {name: oracle.bits(doc.read(name)) for name in doc.tensors}
    hazard = only(doc.preflight(*edit, **arguments), kind)
    assert hazard.level == "warning"
    for accept in ((), {"values-dropped"}):
        with pytest.raises(ConfirmationNeeded) as caught:
            doc.apply(*edit, accept=accept, **arguments)
        assert hazard in caught.value.hazards
    assert {name: oracle.bits(doc.read(name)) for name in doc.tensors} == before
    assert not doc.history
    applied = doc.apply(*edit, accept={kind}, **arguments)
    assert applied.accepted == (kind,)
    assert len(doc.history) == 1
    return hazard


# ---------------------------------------------------------------- shapes


def test_shape_mismatch_with_every_alternative_that_fits():
    """`copy_` raises on another shape; each edit offered instead really applies."""
    target, transposed, larger, smaller, flat = (torch.zeros(3, 4), torch.ones(4, 3), torch.ones(5, 6),
                                                 torch.ones(2, 4), torch.ones(12))  # fmt: skip
    for source in (transposed, larger, smaller, flat):
        with pytest.raises(RuntimeError):
            target.copy_(source)
        with weightedit.open({"w": target.clone()}) as doc:
            hazard = expect_refused(doc, "shape-mismatch", "set", "w", values=source)
            assert len(hazard.alternatives) >= 2, source.shape
            for edit in hazard.alternatives:
                doc.apply(edit.operation, edit.targets, region=edit.region, accept="all", **edit.arguments)
                if edit.operation == "pad":  # the values fit after it
                    doc.apply("set", "w", values=source)
                    doc.undo()
                else:
                    assert bool((doc.read("w") == 1).any())
                doc.undo()


def test_a_shape_that_nothing_fits_still_offers_to_replace():
    with weightedit.open({"w": torch.zeros(3, 4)}) as doc:
        hazard = expect_refused(doc, "shape-mismatch", "set", "w", values=torch.ones(7))
        assert [edit.operation for edit in hazard.alternatives] == ["replace"]


def test_broadcast_is_asked_for():
    """`copy_` of one row into many fills them all, and says nothing."""
    target = torch.zeros(10, 20)
    target.copy_(torch.arange(20.0))
    assert bool((target[9] == torch.arange(20.0)).all())
    with weightedit.open({"w": torch.zeros(10, 20)}) as doc:
        hazard = expect_asked(doc, "broadcast", "set", "w", values=torch.arange(20.0))
        assert hazard.count == 10
        assert oracle.same_bits(doc.read("w"), target)


@pytest.mark.parametrize("region", ["[10]", "[0:11]", "[-11:]", "[:, 20]", "[0, 0, 0]", "[[0, 10]]", "[x]"])
def test_out_of_range_is_refused(region):
    """A slice past the end silently selects less; an index past it raises."""
    assert torch.zeros(10, 20)[5:999].shape == (5, 20)
    with weightedit.open({"w": torch.zeros(10, 20)}) as doc:
        expect_refused(doc, "out-of-range", "fill", "w", value=1, region=region)
        with pytest.raises(EditRefused):
            doc.read("w", region)


def test_a_region_must_fit_every_target():
    with weightedit.open({"large": torch.zeros(10), "small": torch.zeros(4)}) as doc:
        hazard = expect_refused(doc, "out-of-range", "fill", "*", value=1, region="[5:6]")
        assert hazard.targets == ("small",)


# ---------------------------------------------------------------- values


def as_numbers(tensor: torch.Tensor) -> list[Any]:
    """Python's numbers, exact."""
    wide = tensor.to(torch.float64) if tensor.is_floating_point() else tensor
    return wide.reshape(-1).tolist()


def expected_losses(source: torch.Tensor, stored: torch.Tensor) -> dict[str, int]:
    """Count by Python what a conversion loses."""
    found = dict.fromkeys(("overflow", "underflow", "precision-loss", "truncation", "imaginary-lost"), 0)
    if source.is_complex():
        found["imaginary-lost"] = sum(value.imag != 0 for value in source.reshape(-1).tolist())
        source = source.real
    last = LAST_ROUNDED.get(stored.dtype, math.inf)
    for before, after in zip(as_numbers(source), as_numbers(stored), strict=True):
        if stored.is_floating_point():
            lost_sign = stored.dtype == torch.float8_e8m0fnu and before < 0
            if (not math.isinf(before) and not math.isnan(before) and not math.isfinite(after)) or \
                    abs(before) > last or lost_sign:  # fmt: skip
                found["overflow"] += 1
            elif before != 0 and after == 0:
                found["underflow"] += 1
            elif math.isfinite(after) and before != after:
                found["precision-loss"] += 1
        elif isinstance(before, float):
            found["truncation"] += before != after
        elif stored.dtype == torch.bool:
            found["truncation"] += before not in (0, 1)
        else:
            found["overflow"] += before != after
    return {kind: count for kind, count in found.items() if count}


def odd(tensor: torch.Tensor) -> list[bool]:
    """Which values are NaN or infinite."""
    return [not math.isfinite(value) for value in as_numbers(tensor)] if tensor.is_floating_point() else []


def with_odd(expected: dict[str, int], count: int) -> dict[str, int]:
    return expected | ({"non-finite": count} if count else {})


def expect_counted(source: torch.Tensor, dtype: torch.dtype) -> None:
    stored = oracle.stored(source, dtype)
    expected = expected_losses(source, stored)
    were, come = sum(odd(source)), sum(a and b for a, b in zip(odd(source), odd(stored), strict=False))
    with weightedit.open({"w": source.clone(), "t": torch.zeros(source.shape).to(dtype)}) as doc:
        cast = with_odd(expected, were) if dtype != source.dtype else {}  # to what it is already, nothing happens
        assert counts(doc.preflight("cast", "w", dtype=dtype)) == cast, stored
        assert counts(doc.preflight("set", "t", values=source)) == with_odd(expected, come), stored
        asked = {"overflow", "underflow", "truncation", "imaginary-lost"} & expected.keys()
        if asked:
            with pytest.raises(ConfirmationNeeded):
                doc.apply("cast", "w", dtype=dtype)
        doc.apply("cast", "w", dtype=dtype, accept=asked)
        assert oracle.same_values(doc.read("w"), stored)


ANY_FLOAT = st.floats(width=64) | st.floats(-1e5, 1e5) | st.sampled_from([464.0, 464.1, 448.0, 65504.0, 65520.0, 1e-46])
EDGES = [0, 1, -1, 2**53 + 1, 2**24 + 1, 2**63 - 1, -(2**63), 2**63 - 512, 255, 256, -129]
SMALL = settings(max_examples=60)


@SMALL
@example(values=[-1.0, 0.0, 3.0, 1e39, -0.0, 1e-40], dtype=torch.float8_e8m0fnu)
@example(values=[math.inf], dtype=torch.float64)
@example(values=[464.0, 464.1, -465.0, math.inf, math.nan, 17.0, 1e-4], dtype=torch.float8_e4m3fn)
@given(values=st.lists(ANY_FLOAT, min_size=1, max_size=40), dtype=st.sampled_from(FLOATS))
def test_what_a_smaller_float_loses(values, dtype):
    """float64 to less rounds, overflows and underflows, silently."""
    expect_counted(torch.tensor(values, dtype=torch.float64), dtype)


@SMALL
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(EDGES), min_size=1, max_size=40),
       dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]))  # fmt: skip
def test_what_a_float_loses_of_int64(values, dtype):
    """2**53 + 1 is no float64; comparing in float64 would not see it."""
    expect_counted(torch.tensor(values, dtype=torch.int64), dtype)


@SMALL
@given(values=st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([2**63, 2**64 - 1, 2**63 + 1025]), min_size=1),
       dtype=st.sampled_from([torch.float64, torch.float32, torch.int64, torch.uint8, torch.bool]))  # fmt: skip
def test_what_is_lost_of_uint64(values, dtype):
    expect_counted(torch.tensor(values, dtype=torch.uint64), dtype)


@SMALL
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(EDGES), min_size=1, max_size=40),
       dtype=st.sampled_from([*oracle.INTEGERS, torch.bool]))  # fmt: skip
def test_what_integers_lose_wrapping(values, dtype):
    expect_counted(torch.tensor(values, dtype=torch.int64), dtype)


@SMALL
@given(values=st.lists(st.floats(-100, 100) | st.integers(-100, 100).map(float), min_size=1, max_size=40),
       dtype=st.sampled_from([torch.int8, torch.int32, torch.int64, torch.bool]))  # fmt: skip
def test_what_truncation_loses(values, dtype):
    expect_counted(torch.tensor(values, dtype=torch.float64), dtype)


@SMALL
@given(values=st.lists(st.complex_numbers(max_magnitude=100), min_size=1, max_size=20))
def test_what_is_lost_of_complex(values):
    expect_counted(torch.tensor(values, dtype=torch.complex128), torch.float64)


def test_a_complex_value_that_rounds_counts_once():
    with weightedit.open({"w": torch.tensor([0.1 + 0.1j, 1.0 + 0.1j, 1 + 1j], dtype=torch.complex128)}) as doc:
        hazard = only(doc.preflight("cast", "w", dtype="complex64"), "precision-loss")
        assert hazard.count == 2
        assert "2 of 3" in hazard.title


@SMALL
@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30),
       factor=st.sampled_from([2.0, 1e-30, 1e30, -0.5, 1e-300, 3.0]),
       dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2]))  # fmt: skip
def test_what_scaling_a_float_loses(values, factor, dtype):
    source = oracle.stored(torch.tensor(values), dtype)
    stored = oracle.arithmetic(source, "scale", factor)
    pairs = list(zip(as_numbers(source), as_numbers(stored), strict=True))
    expected = {"overflow": sum(math.isfinite(a) and not math.isfinite(b) for a, b in pairs),
                "underflow": sum(a != 0 and b == 0 for a, b in pairs)}  # fmt: skip
    with weightedit.open({"w": source}) as doc:
        found = {kind: n for kind, n in expected.items() if n}
        assert counts(doc.preflight("scale", "w", factor=factor)) == with_odd(found, sum(odd(source)))


@SMALL
@given(data=st.data(), dtype=st.sampled_from(oracle.INTEGERS), what=st.sampled_from(["scale", "add"]),
       number=st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300))  # fmt: skip
def test_where_whole_numbers_wrap(data, dtype, what, number):
    """An int64 overflow leaves no trace: it wraps in the very product one would compare with."""
    info = torch.iinfo(dtype)
    values = data.draw(st.lists(st.integers(info.min, info.max) | st.integers(0, 3), min_size=1, max_size=20))
    source = torch.tensor(values, dtype=dtype)
    exact = [value * number if what == "scale" else value + number for value in values]
    expected = sum(not info.min <= value <= info.max for value in exact)
    arguments = {"factor" if what == "scale" else "value": number}
    with weightedit.open({"w": source.clone()}) as doc:
        assert counts(doc.preflight(what, "w", **arguments)) == ({"overflow": expected} if expected else {})
        doc.apply(what, "w", accept="all", **arguments)
        span = info.max - info.min + 1
        assert doc.read("w").tolist() == [(value - info.min) % span + info.min for value in exact]


BECOMES = [
    ("float16", 70000.0, "Inf"), ("bfloat16", 1e39, "Inf"), ("float32", 1e39, "Inf"), ("float8_e5m2", 7e4, "Inf"),
    ("float8_e4m3fnuz", 500.0, "NaN"), ("int8", 300, "wrap"), ("uint64", -1, "wrap"), ("uint8", 256, "wrap"),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "becomes"), BECOMES)
def test_overflow_says_what_values_become(dtype, value, becomes):
    expected = oracle.stored(torch.tensor([value]), getattr(torch, dtype))
    with weightedit.open({"w": torch.zeros(3).to(getattr(torch, dtype))}) as doc:
        hazard = expect_asked(doc, "overflow", "fill", "w", value=value, region="[1:]")
        assert hazard.count == 2
        assert hazard.places == ("[1]", "[2]")
        assert becomes in hazard.title
        assert oracle.same_values(doc.read("w", "[1:2]"), expected)


@pytest.mark.parametrize("value", [500.0, 1e30, float("inf")])
def test_float8_e4m3fn_overflows_to_whatever_this_torch_makes_of_it(value):
    """It has no infinity: older torch gives NaN, newer ones the largest value, and neither says so."""
    stored = oracle.stored(torch.tensor([value]), torch.float8_e4m3fn).to(torch.float32)
    with weightedit.open({"w": torch.zeros(2).to(torch.float8_e4m3fn)}) as doc:
        hazard = expect_asked(doc, "overflow", "fill", "w", value=value)
        assert ("NaN" if bool(stored.isnan()) else f"{stored.item():g}") in hazard.title


def test_underflow():
    tensor = torch.zeros(1, dtype=torch.float16)
    tensor.copy_(torch.tensor([1e-9]))
    assert tensor.item() == 0
    with weightedit.open({"w": torch.tensor([1e-9, 1.0, 0.0])}) as doc:
        assert expect_asked(doc, "underflow", "cast", "w", dtype="float16").count == 1


def test_truncation():
    tensor = torch.zeros(3, dtype=torch.int64)
    tensor.copy_(torch.tensor([0.5, float("nan"), 1e30]))
    assert tensor[0] == 0
    with weightedit.open({"w": torch.tensor([0.5, float("nan"), 1e30, 3.0])}) as doc:
        assert expect_asked(doc, "truncation", "cast", "w", dtype="int64").count == 3


def test_imaginary_lost():
    torch.set_warn_always(True)  # it says so once in a process otherwise
    try:
        with weightedit.open({"w": torch.tensor([1 + 2j])}) as doc:
            doc.preflight("cast", "w", dtype="float32")  # said as a hazard, not as one of torch's warnings
    finally:
        torch.set_warn_always(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.zeros(1).copy_(torch.tensor([1 + 2j])).item() == 1
    with weightedit.open({"w": torch.tensor([1 + 2j, 3 + 0j])}) as doc:
        assert expect_asked(doc, "imaginary-lost", "cast", "w", dtype="float32").count == 1


def test_precision_loss_says_how_large():
    """float64 to float32 rounds silently; worth knowing, not worth asking."""
    source = torch.tensor([0.1, 0.5, 1 / 3, 2**24 + 1], dtype=torch.float64)
    stored = source.to(torch.float32).to(torch.float64)
    with weightedit.open({"w": source}) as doc:
        hazard = only(doc.preflight("cast", "w", dtype="float32"), "precision-loss")
        assert (hazard.level, hazard.count) == ("notice", 3)
        assert hazard.places == ("[0]", "[2]", "[3]")
        assert f"{float((source - stored).abs().max()):.3g}" in hazard.detail
        assert f"{float(((source - stored) / source).abs().max()):.3g}" in hazard.detail
        doc.apply("cast", "w", dtype="float32")


def test_nothing_is_said_of_what_loses_nothing():
    tensors = {"w": torch.arange(6.0).view(2, 3), "i": torch.arange(4), "n": torch.tensor([math.nan, 1])}
    with weightedit.open(tensors) as doc:
        assert doc.preflight("scale", "w", factor=0.5) == []
        assert doc.preflight("cast", "w", dtype="float16") == []
        assert doc.preflight("scale", "i", factor=3) == []
        assert doc.preflight("fill", "n", value=2, region="[1]") == []
        assert counts(doc.preflight("cast", "n", dtype="bfloat16")) == {"non-finite": 1}


# ---------------------------------------------------------------- sharing


def shared() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0)
    return {"whole": base.view(4, 6), "row": base[6:12], "tail": base[20:], "alone": torch.ones(3)}


def test_shared_storage_names_what_else_changes():
    tensors = shared()
    tensors["whole"][1, 2:4] = -1
    assert tensors["row"][2:4].tolist() == [-1, -1]
    with weightedit.open(shared()) as doc:
        hazard = only(doc.preflight("fill", "whole", value=-1, region="[1, 2:4]"), "shared-storage")
        assert (hazard.level, hazard.targets, hazard.count, hazard.places) == ("notice", ("row",), 2, ("[2:4]",))
        doc.apply("fill", "whole", value=-1, region="[1, 2:4]")
        assert oracle.same_bits(doc.read("row"), tensors["row"])


@SMALL
@given(data=st.data())
def test_the_cells_that_change_elsewhere_are_counted(data):
    base = torch.zeros(24)
    rows, columns = data.draw(st.sampled_from([(4, 6), (6, 4), (3, 8)]))
    start, step = data.draw(st.integers(0, 8)), data.draw(st.integers(1, 3))
    views = {"w": base.view(rows, columns), "v": base[start::step]}
    low = data.draw(st.integers(0, rows - 1))
    high = data.draw(st.integers(low + 1, rows))
    region = f"[{low}:{high}, ::{data.draw(st.integers(1, 3))}]"
    with weightedit.open(views) as doc:
        found = [one for one in doc.preflight("fill", "w", value=1, region=region) if one.kind == "shared-storage"]
        doc.apply("fill", "w", value=1, region=region)
    assert sum(one.count for one in found) == int((views["v"] == 1).sum())
    if found:
        changed = (views["v"] == 1).nonzero().reshape(-1)
        assert found[0].places == (f"[{int(changed.min())}:{int(changed.max()) + 1}]",)


def test_targets_that_overlap_in_part_are_refused():
    """Each element is computed once; in which order would decide otherwise."""
    tensors = shared()
    for name in ("whole", "row"):
        tensors[name].mul_(2)
    assert tensors["row"][0] == 6 * 4
    with weightedit.open(shared()) as doc:
        expect_refused(doc, "overlap", "scale", ["whole", "row"], factor=2)
        doc.apply("scale", ["row", "tail"], factor=2)  # they do not meet
        assert doc.read("row").tolist() == [12.0, 14, 16, 18, 20, 22]


def test_views_of_all_elements_in_another_order():
    """Whole, they are one target; by region they are different cells, and both must change or neither."""
    base = torch.arange(12.0)
    views = {"w": base.view(3, 4), "t": base.view(3, 4).t(), "flat": base}
    with weightedit.open(views) as doc:
        doc.apply("scale", "*", factor=2)
        assert base.tolist() == [2.0 * i for i in range(12)]
        doc.undo()
        expect_refused_by_region = doc.preflight("fill", ["w", "flat"], value=-1, region="[0]")
        assert only(expect_refused_by_region, "overlap").level == "refusal"
        doc.apply("fill", ["w", "flat"], value=-1, region="[2:3]")  # row 2 and cell 2: they do not meet
        assert (base == -1).nonzero().reshape(-1).tolist() == [2, 8, 9, 10, 11]


def test_unties_asks_for_all_or_one():
    """A cast of one of two tied parameters separates them in torch."""
    module = nn.ModuleDict({"a": nn.Linear(2, 3, bias=False), "b": nn.Linear(2, 3, bias=False)})
    module["b"].weight = module["a"].weight
    with weightedit.open(module) as doc:
        both = only(doc.preflight("cast", "a.weight", dtype="float64"), "unties")
        assert set(both.targets) == {"a.weight", "b.weight"}
        (untie,) = both.alternatives
        assert untie.tied == "untie"
        one = only(doc.preflight("cast", "a.weight", dtype="float64", tied="untie"), "unties")
        assert (one.targets, one.alternatives[0].tied) == (("a.weight", "b.weight"), "all")
        doc.apply("cast", "a.weight", dtype="float64")
        assert module["b"].weight is module["a"].weight
        assert module["a"].weight.dtype == torch.float64
        doc.undo()
        doc.apply("cast", "a.weight", dtype="float64", tied="untie")
        assert module["b"].weight is not module["a"].weight
        assert module["b"].weight.dtype == torch.float32


def test_leaving_a_shared_storage_is_said():
    with weightedit.open(shared()) as doc:
        hazard = only(doc.preflight("transpose", "whole"), "unties")
        assert set(hazard.targets) == {"row", "tail"}
        doc.apply("transpose", "whole")
        doc.apply("fill", "whole", value=0)
        assert doc.read("row").tolist() == [6.0, 7, 8, 9, 10, 11]


def test_an_expanded_tensor_is_cloned_first():
    expanded = torch.arange(3.0).view(3, 1).expand(3, 4)
    with pytest.raises(RuntimeError):
        expanded.mul_(2)
    tensors = {"w": expanded}
    with weightedit.open(tensors) as doc:
        assert only(doc.preflight("fill", "w", value=7, region="[0, 0]"), "overlap").level == "notice"
        doc.apply("fill", "w", value=7, region="[0, 0]")
        assert doc.read("w").tolist() == [[7, 0, 0, 0], [1] * 4, [2] * 4]
        assert expanded.tolist() == [[0] * 4, [1] * 4, [2] * 4]
        doc.undo()
        assert tensors["w"] is expanded


# ---------------------------------------------------------------- live objects


def test_grad_dtype():
    with pytest.raises(RuntimeError):
        torch.arange(3).requires_grad_()
    module = nn.Linear(2, 2)
    with weightedit.open(module) as doc:
        hazards = doc.preflight("cast", "weight", dtype="int8")
        assert only(hazards, "grad-dtype").level == "notice"
        doc.apply("cast", "weight", dtype="int8", accept="all")
        assert isinstance(module.weight, nn.Parameter)
        assert not module.weight.requires_grad
        with pytest.raises(EditRefused) as caught:
            doc.apply("requires_grad", "weight", value=True)
        assert caught.value.hazards[0].kind == "grad-dtype"
        doc.undo()
        assert module.weight.requires_grad


@pytest.mark.parametrize("edit", [("scale", {"factor": 2.0}), ("transpose", {}), ("cast", {"dtype": "float64"})])
def test_changed_elsewhere_asks_before_undo(edit):
    """A training step after the edit is lost by undo, which torch could not know."""
    module = nn.Linear(2, 2, bias=False)
    original, before = module.weight, module.weight.detach().clone()
    with weightedit.open(module) as doc:
        doc.apply(edit[0], "weight", **edit[1])
        with torch.no_grad():
            module.weight.add_(1)
        with pytest.raises(ConfirmationNeeded) as caught:
            doc.undo()
        hazard = only(list(caught.value.hazards), "changed-elsewhere")
        assert (hazard.level, hazard.targets) == ("warning", ("weight",))
        assert doc.can_undo
        doc.undo(accept={"changed-elsewhere"})
        assert module.weight is original
        assert oracle.same_bits(module.weight.detach(), before)


def test_our_own_later_edits_are_not_changes_elsewhere():
    with weightedit.open(nn.Linear(2, 2)) as doc:
        doc.apply("cast", "weight", dtype="float64")
        doc.apply("scale", "weight", factor=2.0)
        doc.undo()
        doc.redo()
        doc.go_to(0)
        doc.go_to(2)
        doc.go_to(0)
        assert not doc.is_modified


def test_a_write_through_data_is_a_change_elsewhere():
    """`.data` leaves the version counter alone: only the bytes tell."""
    module = nn.Linear(2, 2)
    with weightedit.open(module) as doc:
        doc.apply("cast", "weight", dtype="float64")
        module.weight.data += 1
        with pytest.raises(ConfirmationNeeded):
            doc.undo()


def test_optimizer_state_of_another_shape_is_asked_for():
    """The next step of Adam fails on moments of the old shape."""
    module = nn.Module()  # without sizes of its own, which would be asked about too
    module.weight = nn.Parameter(torch.ones(2, 3))
    optimizer = torch.optim.Adam(module.parameters())
    module.weight.sum().backward()
    optimizer.step()
    with weightedit.open(module, optimizer=optimizer) as doc:
        assert not [one for one in doc.preflight("scale", "weight", factor=2.0) if one.kind == "optimizer-state-shape"]
        expect_asked(doc, "optimizer-state-shape", "replace", "weight", source=torch.ones(2, 2))
        assert module.weight not in optimizer.state
        module.weight.grad = torch.ones_like(module.weight)
        optimizer.step()


# ---------------------------------------------------------------- the rest


def test_refusals_come_first_and_all_at_once():
    with weightedit.open({"a": torch.zeros(3), "b": torch.zeros(4)}) as doc:
        with pytest.raises(EditRefused) as caught:
            doc.apply("set", "*", values=torch.zeros(7))
        assert [hazard.targets for hazard in caught.value.hazards] == [("a",), ("b",)]
        assert {hazard.level for hazard in caught.value.hazards} == {"refusal"}


NONSENSE = [
    ("no_such", "w", {}), ("scale", "w", {}), ("scale", "w", {"factor": "two"}), ("scale", "nothing*", {"factor": 1}),
    ("scale", "re:(", {"factor": 1}), ("scale", [], {"factor": 1}), ("scale", "w", {"factor": 2, "x": 1}),
    ("cast", "w", {"dtype": "float17"}), ("cast", "w", {"dtype": "quint8"}), ("transpose", "w", {"dim0": 5}),
    ("transpose", "w", {"dim0": 0.5}), ("set", "w", {"values": "text"}), ("set", "w", {"values": [[1], [1, 2]]}),
    ("set", "w", {"values": torch.ones(2).to_sparse()}), ("fill", "w", {"value": 10**400}),
    ("fill", "w", {"value": None}), ("replace", "w", {"source": "missing"}), ("requires_grad", "w", {"value": 1}),
    ("rename", "w", {"to": "v"}), ("rename", "*", {"to": "x"}), ("rename", "w", {"to": 3}),
    ("scale", "w", {"factor": 1, "device": "cuda:99"}), ("scale", "w", {"factor": 1, "tied": "maybe"}),
    ("cast", "w", {"dtype": "float16", "region": "[0]"}), ("scale", "w", {"factor": 1, "region": 3}),
    ("slice", "w", {"region": ["[0]", "[1]"]}), ("replace", "w", {"source": ("/no/such/file.pt", "w")}),
    ("scale", ("w", "x"), {"factor": 1}), ("fill", "w", {"value": [1, 2]}), ("set", "w", {"values": {1: 2}}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "targets", "arguments"), NONSENSE, ids=str)
def test_nonsense_is_refused_in_one_sentence(operation, targets, arguments):
    """Nothing raw reaches a caller: each is an EditRefused (or a CheckpointError for a file) with a sentence."""
    with weightedit.open({"w": torch.ones(3, 4), "v": torch.ones(2)}) as doc:
        with pytest.raises((EditRefused, weightedit.CheckpointError)) as caught:
            doc.apply(operation, targets, accept="all", **arguments)
        assert str(caught.value).endswith(".")
        assert len(str(caught.value)) < 300
        assert not doc.history


def test_a_row_that_scales_every_row_is_noticed_and_not_asked_about(tmp_path):
    """`w * row` broadcasts in torch too, and is meant; `copy_` of a row into a matrix is asked about."""
    torch.save({"w": torch.ones(4, 3), "row": torch.arange(3.0)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        found = document.preflight("multiply", "w", other="row")
        assert [(hazard.kind, hazard.level) for hazard in found] == [("broadcast", "notice")]
        found = document.preflight("set", "w", values=[0.0, 1.0, 2.0])
        assert ("broadcast", "warning") in [(hazard.kind, hazard.level) for hazard in found]


def test_a_replacement_of_another_shape_is_noticed(tmp_path):
    """torch rebinds a name to anything; code that loads the file later is what fails."""
    torch.save({"b": torch.zeros(8), "nine": torch.ones(9), "eight": torch.ones(8)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        found = document.preflight("replace", "b", source="nine")
        assert {(one.kind, one.level) for one in found} == {("shape-mismatch", "notice"), ("alias", "notice")}
        assert "8 becomes 9" in next(one for one in found if one.kind == "shape-mismatch").message
        assert [one.kind for one in document.preflight("replace", "b", source="eight")] == ["alias"]
