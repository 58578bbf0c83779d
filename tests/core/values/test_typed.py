"""What is said of a typed number is what torch stores of it, in every dtype."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from weightedit.core.values.typed import typed_note
from weightedit.core.words.numbers import NumberError, parse_number

SAID = [
    ("0.1", "bfloat16", "Stored as 0.10009765625 in bfloat16", False),
    ("0.125", "bfloat16", "Stored in bfloat16 exactly", False),
    ("0.1", "float64", "Stored in float64 exactly", False),
    ("0.1000000000000000000001", "float64", "Stored as 0.1 in float64", False),
    ("70000", "float16", "Becomes inf: past 65,504, the largest float16", True),
    ("-70000", "float16", "Becomes -inf: below −65,504, the lowest float16", True),
    ("1e400", "float64", "Becomes inf: past 1.79769e+308, the largest float64", True),
    ("1e-9", "float16", "Becomes 0: too small for float16", True),
    ("300", "uint8", "Becomes 44: past 255, the largest uint8", True),
    ("-1", "uint8", "Becomes 255: below 0, the lowest uint8", True),
    ("2.5", "int64", "Becomes 2: int64 keeps no fractions", True),
    ("9007199254740993", "float64", "Stored as 9007199254740992.0 in float64", False),
    ("9007199254740993", "int64", "Stored in int64 exactly", False),
    ("18446744073709551615", "uint64", "Stored in uint64 exactly", False),
    ("9223372036854775808", "int64", "past 9,223,372,036,854,775,807, the largest int64", True),
    ("nan", "float16", "Stored in float16 exactly", False),
    ("inf", "float16", "Stored in float16 exactly", False),
    ("nan", "int64", "int64 has no NaN", True),
    ("inf", "int32", "int32 has no infinity", True),
    ("inf", "float8_e4m3fn", "float8_e4m3fn has no infinity", True),
    ("-1", "float8_e8m0fnu", "the lowest float8_e8m0fnu", True),
    ("2", "bool", "Becomes True: bool has only True and False", True),
    ("1", "bool", "Stored in bool exactly", False),
    ("0x7e01", "float16", "Stored as nan in float16, bit for bit", False),
    ("0x3c00", "float16", "Stored as 1.0 in float16, bit for bit", False),
    ("1+2j", "complex64", "Stored in complex64 exactly", False),
    ("0.1+2j", "complex32", "Stored as 0.0999755859375+2j in complex32", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "dtype", "words", "is_lost"), SAID)
def test_the_words(text: str, dtype: str, words: str, is_lost: bool):
    """Rounded, exact, past the range, too small, cut, wrapped, NaN and bits."""
    found = typed_note(text, dtype)
    assert found is not None
    assert found.text.endswith(words)
    assert found.is_lost == is_lost


def test_what_is_no_number_has_no_note():
    """The field says so itself."""
    assert typed_note("abc", "float32") is None
    assert typed_note("", "float32") is None


TEXTS = st.floats().map(repr) | st.integers(-(2**70), 2**70).map(str) | st.decimals(-1000, 1000, places=25).map(str)


@settings(max_examples=60)
@example(text="464.5", dtype=torch.float8_e4m3fn)
@example(text="124.9999999999999928945726424", dtype=torch.int16)
@example(text="1e39", dtype=torch.bfloat16)
@given(text=TEXTS, dtype=st.sampled_from([one for one in oracle.copyable_dtypes() if not one.is_complex]))
def test_a_note_agrees_with_what_an_edit_stores(text: str, dtype: torch.dtype):
    """Exact is exact, the value said is the value read back, and a loss is one that the preflight names."""
    name = oracle.name_of(dtype)
    try:
        number = parse_number(text, name)
    except NumberError:
        return
    found = typed_note(text, name)
    assert found is not None
    with weightedit.open({"w": torch.zeros(1).to(dtype)}) as doc:
        kinds = {hazard.kind for hazard in doc.preflight("fill", "w", value=number)}
        doc.apply("fill", "w", value=number, accept="all")
        kept = doc.read("w").to(torch.float64).item() if dtype.is_floating_point else doc.read("w").item()
    if found.text.startswith("Becomes"):
        said = found.text.removeprefix("Becomes ").partition(":")[0]
        assert said == str(kept) or float(said) == kept or (said == "nan" and math.isnan(kept))
        assert kinds & {"overflow", "underflow", "truncation"} or "inf" in text or not math.isfinite(float(text))
    elif found.text.endswith("exactly") and not isinstance(kept, bool) and math.isfinite(kept):
        assert Fraction(kept) == Fraction(text) or repr(kept) == repr(float(text))
    elif found.text.startswith("Stored as"):
        assert float(found.text.split()[2]) == kept
        assert Fraction(kept) != Fraction(text)
