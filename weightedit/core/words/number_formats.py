"""The ways a table can show a stored value: shortest, with fixed digits, or as its bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.dtypes import DTYPES, numpy_dtype
from weightedit.core.words.numbers import bits_text, value_texts

if TYPE_CHECKING:
    from weightedit.core.values.codes import Array

Kind = Literal["shortest", "fixed", "scientific", "hex", "binary", "signed", "unsigned"]
KINDS: dict[Kind, str] = {
    "shortest": "Shortest decimal", "fixed": "Fixed digits", "scientific": "Scientific", "hex": "Hex bits",
    "binary": "Binary bits", "signed": "Bits as signed integer", "unsigned": "Bits as unsigned integer",
}  # fmt: skip
"""Each kind and what menus call it."""
MOST_DIGITS = 17
"""Digits after the point at most; a float64 has no more to tell."""
_EXPONENT_BITS = {"float16": 5, "bfloat16": 8, "float32": 8, "float64": 11, "float8_e4m3fn": 4, "float8_e4m3fnuz": 4,
                  "float8_e5m2": 5, "float8_e5m2fnuz": 5}  # fmt: skip


@dataclass(frozen=True)
class NumberFormat:
    """How cells are shown.

    Attributes
    ----------
    kind
        A key of `KINDS`. Only `shortest`, `hex`, `binary` and the two integers say every bit.
    digits
        After the point, for `fixed` and `scientific`.
    """

    kind: Kind = "shortest"
    digits: int = 4

    @classmethod
    def parse(cls, text: str) -> NumberFormat:
        """Read what `text` wrote; the shortest decimal for anything else."""
        kind, _, digits = text.partition(":")
        found = next((known for known in KINDS if known == kind), None)
        if found is None or not (digits.isdecimal() and int(digits) <= MOST_DIGITS):
            return cls()
        return cls(found, int(digits))

    @property
    def text(self) -> str:
        """As settings keep it: `fixed:4`."""
        return f"{self.kind}:{self.digits}"

    @property
    def is_exact(self) -> bool:
        """Whether the text tells every value from its neighbours."""
        return self.kind not in ("fixed", "scientific")

    def texts(self, values: Array, dtype: str) -> list[str]:
        """Return the text of every element of a stored array, in row-major order."""
        import numpy as np

        facts = DTYPES[dtype]
        flat = np.ascontiguousarray(values).reshape(-1)
        if self.kind == "hex":
            return [bits_text(value, dtype) for value in flat]
        if self.kind in ("binary", "signed", "unsigned"):
            return [self._bits(value, dtype) for value in flat]
        if self.kind == "shortest" or facts.is_integer or facts.family in ("bool", "opaque"):
            return value_texts(values, dtype)
        if facts.family == "complex":
            half = flat.view(np.float16) if dtype == "complex32" else flat.view(flat.real.dtype)
            texts = [self._rounded(float(part)) for part in half]
            return [f"{real}{'' if imag.startswith('-') else '+'}{imag}j"
                    for real, imag in zip(texts[::2], texts[1::2], strict=True)]  # fmt: skip
        with np.errstate(all="ignore"):
            return [self._rounded(value) for value in flat.astype(np.float64).tolist()]

    def _rounded(self, value: float) -> str:
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        return f"{value:.{self.digits}{'f' if self.kind == 'fixed' else 'e'}}"

    def _bits(self, value: Any, dtype: str) -> str:
        import numpy as np

        facts = DTYPES[dtype]
        halves = 2 if facts.family == "complex" else 1
        width = facts.itemsize // halves
        parts = np.asarray(value, numpy_dtype(dtype)).reshape(1).view(f"{'i' if self.kind == 'signed' else 'u'}{width}")
        if self.kind != "binary":
            return " ".join(map(str, parts.tolist()))
        part_dtype = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
        return " ".join(_binary(part, 8 * width, _EXPONENT_BITS.get(part_dtype, 0)) for part in parts.tolist())


def _binary(bits: int, width: int, exponent: int) -> str:
    """Return bits with gaps: between sign, exponent and mantissa of a float, else after each eight."""
    text = f"{bits:0{width}b}"
    if exponent:
        return f"{text[0]} {text[1 : 1 + exponent]} {text[1 + exponent :]}"
    return " ".join(text[at : at + 8] for at in range(0, width, 8))
