"""Numbers as text: cell values that read back to the same bits, and the short forms people read.

Cell values and everything that is copied use ASCII; the labels (statistics, bytes, counts) use the true minus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import DTYPES, numpy_dtype
from weightedit.core.errors import WeightEditError

if TYPE_CHECKING:
    import numpy as np

Number = bool | int | float | complex
UNKNOWN = "–"
_SCIENTIFIC = re.compile(r"(-?)(\d)\.?(\d*)e([+-]\d+)")
_BITS = re.compile(r"0x[0-9a-f]+", re.IGNORECASE)


class NumberError(WeightEditError):
    """Typed text that is no number of the dtype."""


def value_text(value: Any, dtype: str) -> str:
    """Return the shortest text that reads back to the same bits.

    Parameters
    ----------
    value
        One element as `numpy_dtype(dtype)` stores it: a numpy scalar or a 0-d array.
    dtype
        torch's name of the stored dtype.

    Returns
    -------
    str
        `-0.8125`, `1.5e-7`, `nan`, `inf`, `-inf`, `12`, `True`, `1.0-0.5j`; the bits where the dtype has no values.
        A NaN is `nan` whatever its payload; `bits_text` shows that.
    """
    return value_texts(_array(value, dtype), dtype)[0]


def value_texts(values: np.ndarray[Any, Any], dtype: str) -> list[str]:
    """Return `value_text` of every element, in row-major order."""
    import numpy as np

    facts = DTYPES[dtype]
    flat = np.ascontiguousarray(values).reshape(-1)
    if facts.family == "opaque":
        return [bits_text(value, dtype) for value in flat]
    if facts.family == "bool":
        return ["True" if value else "False" for value in flat.tolist()]
    if facts.is_integer:
        return [str(value) for value in flat.tolist()]
    if facts.family == "complex":
        real, imag, part = _parts(flat, dtype)
        return [f"{a}{'' if b.startswith('-') else '+'}{b}j" for a, b in zip(value_texts(real, part),
                value_texts(imag, part), strict=True)]  # fmt: skip
    if facts.itemsize <= 2:
        bits = flat.view(f"u{facts.itemsize}").tolist()
        return [_small_float_text(pattern, dtype) for pattern in bits]
    if dtype == "float32":
        return [_laid_out(np.format_float_scientific(v, unique=True)) if math.isfinite(v) else _odd(float(v))
                for v in flat]  # fmt: skip
    return [_laid_out(np.format_float_scientific(np.float64(v), unique=True)) if math.isfinite(v) else _odd(v)
            for v in flat.tolist()]  # fmt: skip


def bits_text(value: Any, dtype: str) -> str:
    """Return the stored bits of one element, `0xBF50`; real and imaginary part apart for complex dtypes."""
    facts = DTYPES[dtype]
    array = _array(value, dtype)
    halves = 2 if facts.family == "complex" else 1
    width = facts.itemsize // halves
    return " ".join(f"0x{part:0{2 * width}X}" for part in array.view(f"u{width}").tolist())


def parse_number(text: str, dtype: str) -> Number:
    """Return the number a person typed for a cell of `dtype`, as exact as it was typed.

    What storing it would lose (rounding, overflow, a dropped fraction) is for the preflight to say. Bits, `0xBF50`,
    mean the value with these bits in a float dtype.

    Raises
    ------
    NumberError
        If the text is no number that the dtype could take.
    """
    typed = text.strip().replace("−", "-").replace("_", " ")  # Python reads 1_000, tensors are not typed so
    facts = DTYPES[dtype]
    try:
        if facts.family == "opaque":
            raise NumberError(f"Values of {dtype} have no numbers to type; edit what they are packed from.")
        if typed.lower() in ("true", "false"):
            return typed.lower() == "true"
        if facts.is_floating and _BITS.fullmatch(typed):
            return float(_from_bits(int(typed, 16), dtype))
        return _plain_number(typed, facts.family)
    except ValueError:
        raise NumberError(f"{text.strip() or 'Nothing'} is not a number; {dtype} takes {_takes(dtype)}.") from None


def stored(number: Number, dtype: str) -> np.ndarray[Any, Any]:
    """Return `number` as one stored element, a 1-d array of size 1, rounded as torch rounds it."""
    import numpy as np

    facts = DTYPES[dtype]
    with np.errstate(all="ignore"):
        if dtype == "complex32":
            parts = np.array([complex(number).real, complex(number).imag], np.float32).astype(np.float16)
            return parts.view(numpy_dtype(dtype))
        if facts.is_floating and facts.itemsize <= 2:
            return np.array([number], np.float32).astype(numpy_dtype(dtype))
        return np.array([number]).astype(numpy_dtype(dtype))


def _plain_number(typed: str, family: str) -> Number:
    if family == "complex":
        return complex(typed.replace(" ", "").replace("i", "j") if "inf" not in typed else typed.replace(" ", ""))
    try:
        return int(typed, 0) if typed.lower().startswith(("0x", "0b", "-0x")) else int(typed)
    except ValueError:
        number = float(typed)
    if family in ("int", "uint") and abs(number) < 2.0**64:
        whole = Fraction(typed.replace(" ", ""))  # 5.13285360076729e+16 has more digits than float64 keeps
        return int(whole) if whole.denominator == 1 else number
    return number


def _takes(dtype: str) -> str:
    facts = DTYPES[dtype]
    if facts.family == "bool":
        return "True, False, 1 and 0"
    if facts.is_integer:
        low = -(1 << (8 * facts.itemsize - 1)) if facts.family == "int" else 0
        high = (1 << (8 * facts.itemsize - (facts.family == "int"))) - 1
        return f"{count_text(low)} to {count_text(high)}"
    if facts.family == "complex":
        return "numbers such as 1.5-0.5j"
    return "numbers such as 0.125 or 1e-3, nan, inf, -inf, and bits such as 0x" + "0" * 2 * facts.itemsize


def _array(value: Any, dtype: str) -> np.ndarray[Any, Any]:
    import numpy as np

    array: np.ndarray[Any, Any] = np.ascontiguousarray(np.asarray(value, numpy_dtype(dtype))).reshape(1)
    return array


def _parts(flat: np.ndarray[Any, Any], dtype: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], str]:
    if dtype == "complex32":
        return flat["real"], flat["imag"], "float16"
    return flat.real, flat.imag, "float32" if dtype == "complex64" else "float64"


def _from_bits(bits: int, dtype: str) -> np.ndarray[Any, Any]:
    import numpy as np

    width = DTYPES[dtype].itemsize
    if bits >> (8 * width):
        raise NumberError(f"0x{bits:X} has more than the {8 * width} bits of {dtype}.")
    return np.array([bits], f"u{width}").view(numpy_dtype(dtype))[0]  # type: ignore[no-any-return]


@lru_cache(1 << 17)
def _small_float_text(bits: int, dtype: str) -> str:
    """Find the fewest digits by trying: no library prints bfloat16 or float8 shortest."""
    value = float(_from_bits(bits, dtype))
    if not math.isfinite(value):
        return _odd(value)
    if value == 0.0:
        return "-0.0" if math.copysign(1.0, value) < 0 else "0.0"
    exact = Decimal(value)
    for digits in range(1, 20):
        step = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        below = exact.quantize(step, rounding="ROUND_FLOOR")
        both = sorted((below, below + step), key=lambda candidate: (abs(candidate - exact), candidate / step % 2 != 0))
        for candidate in both:
            if _reads_back(float(candidate), bits, dtype):
                return _laid_out(f"{candidate:.{digits - 1}e}")
    raise AssertionError(f"{value} has no short text")  # 17 digits always read back


def _reads_back(candidate: float, bits: int, dtype: str) -> bool:
    """Whether both roundings in use agree: by way of float32, as torch does, and straight from float64."""
    import numpy as np

    kind, unsigned = numpy_dtype(dtype), f"u{DTYPES[dtype].itemsize}"
    with np.errstate(all="ignore"):
        straight = np.array([candidate]).astype(kind).view(unsigned)[0]
        by_float32 = np.array([candidate], np.float32).astype(kind).view(unsigned)[0]
    return bool(straight == bits and by_float32 == bits)


def _odd(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _laid_out(scientific: str) -> str:
    """Lay out digits and exponent as people write them: `70144.0`, `0.00012`, `1.5e-7`, `3e38`."""
    found = _SCIENTIFIC.fullmatch(scientific)
    assert found is not None
    sign, lead, rest, power = found.groups()
    digits, exponent = (lead + rest).rstrip("0") or "0", int(power)
    if digits == "0":
        return f"{sign}0.0"
    if not -5 <= exponent < 9:
        return f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{exponent}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return f"{sign}{whole}.{digits[exponent + 1 :] or '0'}"


def statistic_text(value: float | int | None) -> str:
    """Return a statistic with 4 significant digits, or `1.62e−5` below 10⁻³ and from 10⁵; None is an en dash."""
    if value is None:
        return UNKNOWN
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "−Inf"
    if value == 0:
        return "0"
    size = abs(value)
    if not 1e-3 <= size < 1e5:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return _minus(f"{mantissa}e{int(exponent)}")
    if float(value).is_integer():
        return count_text(int(value))
    decimals = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def count_text(count: int) -> str:
    """Return a count, an offset or a number of bytes with separators, `16,777,216`."""
    return _minus(f"{count:,}")


def bytes_text(nbytes: int) -> str:
    """Return a size in decimal units and 3 digits, `33.6 MB`; below 1 kB the exact count."""
    if nbytes < 1000:
        return f"{nbytes} B"
    size = float(nbytes)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        size /= 1000
        if float(f"{size:.3g}") < 1000 or unit == "PB":
            break
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {unit}"


def percent_text(part: int | float, whole: int | float) -> str:
    """Return `2.34 %`, two decimals at most; what is not zero never shows as 0, what is not all never as 100."""
    if not whole:
        return UNKNOWN
    share = 100 * part / whole
    if part and share < 0.01:
        return "under 0.01 %"
    if part < whole and share > 99.99:
        return "99.99 %"
    return f"{share:.2f}".rstrip("0").rstrip(".") + " %"


def shape_text(shape: Sequence[int]) -> str:
    """Return `4096 × 11008`; a tensor without dimensions is a `scalar`."""
    return " × ".join(map(str, shape)) if shape else "scalar"


def index_text(index: Sequence[int]) -> str:
    """Return `[1208, 2894]`."""
    return "[" + ", ".join(map(str, index)) + "]"


def moment_text(moment: datetime, now: datetime | None = None) -> str:
    """Return `10:42` for today, `yesterday`, or `12 Nov`."""
    now = now or datetime.now(moment.tzinfo)
    if moment.date() == now.date():
        return moment.strftime("%H:%M")
    if moment.date() == now.date() - timedelta(days=1):
        return "yesterday"
    return f"{moment.day} {moment.strftime('%b')}"


def plain(text: str) -> str:
    """Return a label as it is copied: ASCII minus, `x` for ×, no separators inside numbers."""
    return re.sub(r"(?<=\d),(?=\d{3})", "", text.replace("−", "-").replace("×", "x"))


def _minus(text: str) -> str:
    return text.replace("-", "−")
