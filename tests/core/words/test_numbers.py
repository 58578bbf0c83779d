"""Texts of numbers, against torch: every bit pattern of the small floats reads back."""

from datetime import datetime

import numpy as np
import pytest
import torch

from weightedit.core.dtypes import DTYPES, numpy_dtype, torch_dtype
from weightedit.core.words.numbers import (
    NumberError,
    bits_text,
    bytes_text,
    count_text,
    index_text,
    moment_text,
    parse_number,
    percent_text,
    plain,
    shape_text,
    statistic_text,
    stored,
    value_text,
    value_texts,
)

SMALL = [name for name, dtype in DTYPES.items() if dtype.is_floating and dtype.itemsize <= 2]


def same_bits_but_nan(read: np.ndarray, bits: np.ndarray, dtype: str) -> np.ndarray:
    kind, unsigned = numpy_dtype(dtype), bits.dtype
    nan = np.isnan(bits.view(kind).astype(np.float32))
    return (read.view(unsigned) == bits) | (nan & np.isnan(read.astype(np.float32)))


@pytest.mark.parametrize("dtype", SMALL)
def test_every_small_float_reads_back_in_torch(dtype: str) -> None:
    width = DTYPES[dtype].itemsize
    bits = np.arange(1 << (8 * width), dtype=f"u{width}")
    texts = value_texts(bits.view(numpy_dtype(dtype)), dtype)
    numbers = torch.tensor([float(text) for text in texts], dtype=torch.float64)
    back = numbers.to(torch_dtype(dtype)).view(torch.uint8).numpy().view(bits.dtype)
    assert same_bits_but_nan(back.view(numpy_dtype(dtype)), bits, dtype).all()
    ours = np.concatenate([stored(parse_number(text, dtype), dtype) for text in texts[:: 37 if width == 2 else 1]])
    assert same_bits_but_nan(ours, bits[:: 37 if width == 2 else 1], dtype).all()


def test_half_floats_are_as_short_as_numpy_prints_them() -> None:
    bits = np.arange(0, 1 << 16, 11, dtype=np.uint16)
    for value in bits.view(np.float16)[np.isfinite(bits.view(np.float16))]:
        digits = np.format_float_scientific(value, unique=True, trim="-").partition("e")[0].strip("-").replace(".", "")
        ours = value_text(value, "float16").partition("e")[0].strip("-").replace(".", "").strip("0")
        assert len(ours) <= len(digits), value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_bit_patterns_of_wide_floats_read_back(dtype: str) -> None:
    width = DTYPES[dtype].itemsize
    bits = np.frombuffer(np.random.default_rng(1).bytes(20_000 * width), f"u{width}")
    values = bits.view(numpy_dtype(dtype))
    back = np.array([float(text) for text in value_texts(values, dtype)]).astype(numpy_dtype(dtype))
    assert ((back.view(bits.dtype) == bits) | (np.isnan(back) & np.isnan(values))).all()


@pytest.mark.parametrize(
    ("number", "dtype", "text", "bits"),
    [
        (-0.8125, "bfloat16", "-0.812", "0xBF50"),
        (70144.0, "float32", "70144.0", "0x47890000"),
        (0.1, "bfloat16", "0.1", "0x3DCD"),
        (0.1, "float32", "0.1", "0x3DCCCCCD"),
        (-0.0, "float16", "-0.0", "0x8000"),
        (1e-7, "float64", "1e-7", "0x3E7AD7F29ABCAF48"),
        (1.5e20, "float32", "1.5e20", "0x61021AB1"),
        (0.00012, "float64", "0.00012", "0x3F1F75104D551D69"),
        (float("inf"), "float16", "inf", "0x7C00"),
        (float("-inf"), "float32", "-inf", "0xFF800000"),
        (-1, "int64", "-1", "0xFFFFFFFFFFFFFFFF"),
        (200, "uint8", "200", "0xC8"),
        (True, "bool", "True", "0x01"),
        (1.0 - 0.5j, "complex64", "1.0-0.5j", "0x3F800000 0xBF000000"),
        (1.0 - 0.5j, "complex32", "1.0-0.5j", "0x3C00 0xB800"),
    ],
)
def test_text_and_bits(number: complex, dtype: str, text: str, bits: str) -> None:
    element = stored(number, dtype)[0]
    assert value_text(element, dtype) == text
    assert bits_text(element, dtype) == bits
    assert stored(parse_number(text, dtype), dtype).tobytes() == stored(number, dtype).tobytes()


def test_opaque_values_show_their_bits() -> None:
    assert value_text(np.uint8(0x3F), "float4_e2m1fn_x2") == "0x3F"
    with pytest.raises(NumberError, match="no numbers to type"):
        parse_number("1", "bits8")


@pytest.mark.parametrize(
    ("text", "dtype", "number"),
    [
        (" 0.125 ", "float32", 0.125), ("−2", "float16", -2), ("0xBF50", "bfloat16", -0.8125), ("0x10", "int32", 16),
        ("1.5", "int64", 1.5), ("9007199254740993", "int64", 9007199254740993), ("70000", "float16", 70000),
        ("true", "bool", True), ("1+2i", "complex64", 1 + 2j), ("-inf", "float32", float("-inf")),
        ("1e-3", "uint8", 1e-3),
    ],
)  # fmt: skip
def test_typed_numbers(text: str, dtype: str, number: complex) -> None:
    assert parse_number(text, dtype) == number


@pytest.mark.parametrize(("text", "dtype"), [("abc", "float32"), ("", "int8"), ("1_0", "float16"), ("1,5", "float64"),
                                             ("0x1FFFF", "bfloat16"), ("1+", "complex64")])  # fmt: skip
def test_text_that_is_no_number_says_what_is(text: str, dtype: str) -> None:
    with pytest.raises(NumberError, match=dtype):
        parse_number(text, dtype)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1.336, "−1.336"), (-1.62e-5, "−1.62e−5"), (171.3456, "171.3"), (0.0418, "0.0418"), (0, "0"), (7, "7"),
        (70144.0, "70,144"), (254_900.0, "2.55e5"), (1234.567, "1,235"), (float("nan"), "NaN"), (None, "–"),
        (float("inf"), "+Inf"), (0.001, "0.001"), (0.00099, "9.90e−4"), (99_999.9, "100,000"),
    ],
)  # fmt: skip
def test_statistics(value: float | None, text: str) -> None:
    assert statistic_text(value) == text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(33_554_432, "33.6 MB"), (8192, "8.19 kB"), (999, "999 B"), (999_900, "1.00 MB"), (13_200_000_000, "13.2 GB"),
     (262_144_000, "262 MB"), (0, "0 B"), (9_996, "10.0 kB"), (999_499, "999 kB")],
)  # fmt: skip
def test_bytes(nbytes: int, text: str) -> None:
    assert bytes_text(nbytes) == text


def test_counts_shapes_percent_and_moments() -> None:
    assert count_text(16_777_216) == "16,777,216"
    assert shape_text((4096, 11008)) == "4096 × 11008"
    assert shape_text(()) == "scalar"
    assert index_text((1208, 2894)) == "[1208, 2894]"
    assert percent_text(9204, 393_216) == "2.34 %"
    assert percent_text(1, 10**9) == "under 0.01 %"
    assert percent_text(10**9 - 1, 10**9) == "99.99 %"
    assert percent_text(1, 1) == "100 %"
    assert percent_text(0, 0) == "–"
    assert plain("−1,336 × 2") == "-1336 x 2"
    now = datetime(2026, 11, 13, 12, 0)
    assert moment_text(datetime(2026, 11, 13, 10, 42), now) == "10:42"
    assert moment_text(datetime(2026, 11, 12, 23, 0), now) == "yesterday"
    assert moment_text(datetime(2026, 11, 2, 23, 0), now) == "2 Nov"
