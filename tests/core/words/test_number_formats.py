"""Formats of cells, compared with Python's own formatting, struct and torch's views of bits."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from weightedit.core.words.number_formats import KINDS, NumberFormat
from weightedit.core.words.numbers import value_texts

VALUES = np.array([1.5, -0.1, 3.4e38, float("nan"), -float("inf"), 0.0], np.float32)


def test_decimal_formats_are_pythons() -> None:
    fixed = NumberFormat("fixed", 3).texts(VALUES, "float32")
    assert fixed[:2] == [f"{1.5:.3f}", f"{float(np.float32(-0.1)):.3f}"]
    assert fixed[3:5] == ["nan", "-inf"]
    assert NumberFormat("scientific", 2).texts(VALUES, "float32")[2] == f"{float(np.float32(3.4e38)):.2e}"
    assert NumberFormat().texts(VALUES, "float32") == value_texts(VALUES, "float32")


def test_bits_are_those_that_struct_packs() -> None:
    for value, hexed, binary, signed, unsigned in zip(
        VALUES, *(NumberFormat(kind).texts(VALUES, "float32") for kind in ("hex", "binary", "signed", "unsigned")),
        strict=True):  # fmt: skip
        packed = struct.pack(">f", value)
        assert hexed == "0x" + packed.hex().upper()
        assert binary.replace(" ", "") == f"{int.from_bytes(packed, 'big'):032b}"
        assert [len(part) for part in binary.split()] == [1, 8, 23]
        assert int(signed) == int.from_bytes(packed, "big", signed=True)
        assert int(unsigned) == int.from_bytes(packed, "big")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_has_every_format(dtype: str, kind: str) -> None:
    tensor = torch.tensor([0, 1, 3]).to(getattr(torch, dtype))
    raw = tensor.view(torch.uint8).numpy()
    from weightedit.core.dtypes import numpy_dtype

    texts = NumberFormat(kind).texts(raw.view(numpy_dtype(dtype)), dtype)  # type: ignore[arg-type]
    assert len(texts) == 3
    if kind == "unsigned":
        width = tensor.element_size()
        assert [int(text) for text in texts] == [int.from_bytes(bytes(raw[width * at : width * at + width]), "little")
                                                 for at in range(3)]  # fmt: skip
    if kind == "fixed" and tensor.is_floating_point():
        assert texts == [f"{value:.4f}" for value in tensor.double().tolist()]


def test_complex_parts_are_shown_apart() -> None:
    values = np.array([1.25 - 0.5j], np.complex64)
    assert NumberFormat("fixed", 1).texts(values, "complex64") == ["1.2-0.5j"]
    assert NumberFormat("hex").texts(values, "complex64") == ["0x3FA00000 0xBF000000"]
