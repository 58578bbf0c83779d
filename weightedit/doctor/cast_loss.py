"""What a cast from one dtype to another loses of the values, in words."""

from __future__ import annotations

from weightedit.core.dtypes import DTYPES

_BITS = {"float64": (11, 52), "float32": (8, 23), "bfloat16": (8, 7), "float16": (5, 10)}
"""Bits of exponent and fraction."""
_PARTS = {"complex128": "float64", "complex64": "float32", "complex32": "float16"}
"""What the parts of complex numbers are."""


def cast_loss(before: str, after: str) -> str:
    """Return what a cast does to values that the other dtype cannot hold; empty where it keeps them all.

    Parameters
    ----------
    before, after
        dtypes of floats or complex numbers, without `torch.`; of others nothing is said.
    """
    old, new = _PARTS.get(before, before), _PARTS.get(after, after)
    lost = []
    if DTYPES[before].family == "complex" and DTYPES[after].family != "complex":
        lost.append("drops the imaginary parts")
    if old in _BITS and new in _BITS:
        exponent, fraction = (now >= was for was, now in zip(_BITS[old], _BITS[new], strict=True))
        lost += [] if fraction else ["rounds"]
        lost += [] if exponent else [f"turns what is past the range of {new} into inf"]
    return " and ".join(lost)
