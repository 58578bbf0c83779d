"""An input spec reads as people write it, prints so that it reads back the same, and says where it does not read."""

from __future__ import annotations

from math import nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightedit.doctor.bringing.input_spec import (
    DictItem,
    FileItem,
    InputSpec,
    NumbersItem,
    SeveralItem,
    TensorItem,
    ValueItem,
    parse_inputs,
    parse_item,
    spec_of,
)
from weightedit.doctor.bringing.spec_tokens import SpecError
from weightedit.doctor.inside.inputs import Making, make_inputs

F = TensorItem("float32", (2, 3))


@pytest.mark.parametrize(("text", "args", "kwargs"), [
    ("float32[2,3,224,224]", [TensorItem("float32", (2, 3, 224, 224))], {}),
    ("f16[ 1, 16 ]", [TensorItem("float16", (1, 16))], {}),
    ("torch.bfloat16[]", [TensorItem("bfloat16", ())], {}),
    ("float32[2,3]; int64[2]<10", [F, TensorItem("int64", (2,), 10)], {}),
    ("float32[2,3], mask: bool[2], scale=0.5", [F], {"mask": TensorItem("bool", (2,)), "scale": ValueItem(0.5)}),
    ("input_ids: [[101, 2003, 102]]", [], {"input_ids": NumbersItem((101, 2003, 102), (1, 3))}),
    ("[0.5, 1]", [NumbersItem((0.5, 1), (2,))], {}),
    ("[float32[2,3], (float32[2,3], None)]", [SeveralItem((F, SeveralItem((F, ValueItem(None)), False)), True)], {}),
    ("{'image': float32[2,3], flag: True}", [DictItem((("image", F), ("flag", ValueItem(True))))], {}),
    ("tokens.npy", [FileItem("tokens.npy")], {}),
    ("a/b-1/x.pt:batch.0, ../y.safetensors:w", [FileItem("a/b-1/x.pt", "batch.0"),
                                                FileItem("../y.safetensors", "w")], {}),
    (r"C:\data\x.npy", [FileItem(r"C:\data\x.npy")], {}),
    ("'with space, comma.npy'", [FileItem("with space, comma.npy")], {}),
    ("x: tokens.npy", [], {"x": FileItem("tokens.npy")}),
    ("'sum', -3, 1e-3", [ValueItem("sum"), ValueItem(-3), ValueItem(0.001)], {}),
])  # fmt: skip
def test_what_people_write_reads(text, args, kwargs):
    assert parse_inputs(text) == InputSpec(tuple(args), tuple(kwargs.items()))


@pytest.mark.parametrize(("text", "column", "says"), [
    ("", 0, "there is none"), ("  ", 0, "there is none"), ("float32", 7, "shape of float32"),
    ("flaot32[2]", 0, "no dtype"), ("float32[2,-1]", 10, "whole number"), ("float32[2", 9, "comma or ]"),
    ("float32[2] int64[2]", 11, "comma"), ("a: float32[2], float32[2]", 15, "without a name"),
    ("a: float32[2], a: float32[2]", 15, "twice"), ("float32[2]<5", 11, "integers only"),
    ("int64[2]<0", 9, "above 0"), ("{'a' float32[2]}", 1, "colon"), ("float32[2]!", 10, "means nothing"),
    ("(float32[2]", 11, "comma or )"), ("float32[9999999999,9999999999]", 19, "larger"), ("[" * 50, 21, "deep"),
])  # fmt: skip
def test_what_does_not_read_has_its_column(text, column, says):
    with pytest.raises(SpecError) as raised:
        parse_inputs(text)
    assert says in str(raised.value)
    assert raised.value.column == column


def test_a_target_is_one_item():
    assert parse_item("float32[2,3]") == F
    for text in ("float32[2,3], float32[2,3]", "a: float32[2,3]"):
        with pytest.raises(SpecError, match="one tensor"):
            parse_item(text)


TENSORS = st.builds(TensorItem, st.sampled_from(["float32", "bool", "complex64", "float8_e4m3fn"]),
                    st.lists(st.integers(0, 99), max_size=4).map(tuple))  # fmt: skip
ODD = st.text(alphabet="ab.\\ '\":;,=()[]{}<\n\té0", max_size=8)
"""What means something in a spec, in names and in paths."""
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False), st.just(nan))
PATHS = st.builds(lambda name, suffix: name + suffix, ODD, st.sampled_from([".npy", ".pt", ".safetensors", ".NPZ"]))
LEAVES = st.one_of(
    TENSORS, st.builds(TensorItem, st.just("int64"), st.just((2,)), st.integers(1, 99)),
    st.builds(ValueItem, st.one_of(st.none(), st.booleans(), NUMBERS, ODD, PATHS)),
    st.builds(FileItem, PATHS, st.one_of(st.just(""), ODD, PATHS)), st.sampled_from([
        FileItem("x.npy"), FileItem("a, b.pt"), FileItem("a/x.pt", "y.z"), FileItem("C:\\data\\x.npz", "w")]),
    st.builds(lambda values: NumbersItem(tuple(values), (len(values),)), st.lists(NUMBERS, min_size=1, max_size=3)),
    st.builds(lambda values: NumbersItem(tuple(values), (2, 1, 2)), st.lists(NUMBERS, min_size=4, max_size=4)))
ITEMS = st.recursive(LEAVES, lambda inner: st.one_of(
    st.builds(SeveralItem, st.lists(inner, max_size=3).map(tuple), st.booleans()),
    st.builds(DictItem, st.dictionaries(ODD, inner, max_size=2)
              .map(lambda found: tuple(found.items())))), max_leaves=5)  # fmt: skip
NAMES = st.sampled_from(["ids", "mask", "inf", "nan", "list", "str", "float32", "größe", "_"])


@given(st.lists(ITEMS, min_size=1, max_size=3), st.dictionaries(NAMES, ITEMS))
def test_a_spec_prints_as_it_reads(args, kwargs):
    spec = InputSpec(tuple(args), tuple(kwargs.items()))
    assert parse_inputs(str(spec)) == spec


@pytest.mark.parametrize("given", [
    ([1, 2], [[1, 2], [3, 4]]), ("x.npy", "it's \"so\""), (float("inf"), -float("inf")), ({"it's": 1, "b.c": [2.5]},),
])  # fmt: skip
def test_arguments_as_they_are_come_back_from_their_spec(given):
    """A list of numbers stays a list, and a text one that only looks like a file."""
    spec = spec_of(given, {"flag": None})
    assert spec is not None
    args, kwargs = make_inputs(parse_inputs(str(spec)), Making("cpu", Path()))
    assert (args, kwargs) == (given, {"flag": None})


@given(st.text(alphabet="float32[], (){}:='\"<x.npy0;", max_size=40))
def test_any_text_reads_or_is_refused_with_a_column(text):
    column = 0
    try:
        parse_inputs(text)
    except SpecError as error:
        column = error.column
    assert 0 <= column <= len(text)
