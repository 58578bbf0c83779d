"""The ranges of dtypes, and values brought into them before they are stored, in one rounding and nothing past the ends.

`torch.clamp` alone does not do it: it is missing for unsigned integers above 8 bits and for 8-bit floats, and a limit
such as 2**63 - 1 is no float, so that a float clamped to it leaves int64 all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.dtypes import DTYPES

if TYPE_CHECKING:
    import torch

Limits = tuple[int, int] | tuple[float, float]
_PART = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


def limits(dtype: str) -> Limits | None:
    """Return the lowest and the highest finite value of a dtype, of a part for complex ones; None for bool."""
    import torch

    from weightedit.core.dtypes import torch_dtype

    facts = DTYPES[dtype]
    if facts.family in ("bool", "opaque"):
        return None
    if facts.is_integer:
        whole = torch.iinfo(torch_dtype(dtype))
        return whole.min, whole.max
    info = torch.finfo(torch_dtype(_PART.get(dtype, dtype)))
    return info.min, info.max


def smallest(dtype: str) -> float | None:
    """Return the smallest magnitude of a float dtype that is not 0, a subnormal where it has them; None for others."""
    import torch

    from weightedit.core.dtypes import torch_dtype

    facts = DTYPES[dtype]
    if facts.family not in ("float", "complex"):
        return None
    name = _PART.get(dtype, dtype)
    if name == "float8_e8m0fnu":
        return float(torch.finfo(torch_dtype(name)).tiny)  # all its values are powers of two
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[DTYPES[name].itemsize]
    return float(torch.ones((), dtype=bits).view(torch_dtype(name)).to(torch.float64))


def covers(dtype: str, source: str) -> bool:
    """Whether every value of `source`, infinities aside, lies within the range of `dtype`."""
    ends, of = limits(dtype), limits(source)
    if ends is None or of is None:
        return True
    return ends[0] <= of[0] and of[1] <= ends[1]


def clamped(values: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return what is stored of values in `dtype` where those past its ends, ±Inf among them, get the end.

    NaN stays what the dtype makes of it. Complex values are clamped part by part; the imaginary part is dropped where
    the dtype is real.
    """
    import torch

    from weightedit.core.dtypes import torch_dtype
    from weightedit.core.losing.conversion import part
    from weightedit.core.stage import staged

    ends = limits(dtype)
    if ends is None or values.dtype == torch.bool:
        return staged(values, dtype)
    if DTYPES[dtype].family == "complex":
        halves = [_into(part(values, name), _PART[dtype], ends) for name in ("real", "imag")]
        return torch.view_as_complex(torch.stack(halves, -1)).to(torch_dtype(dtype))
    return _into(part(values, "real"), dtype, ends)


def _into(values: torch.Tensor, dtype: str, ends: Limits) -> torch.Tensor:
    """Clamp real values."""
    import torch

    from weightedit.core.stage import staged
    from weightedit.core.values.precision import outside

    low, high = ends
    is_integer = DTYPES[dtype].is_integer
    if values.is_floating_point() and not is_integer:
        wide = torch.float64 if max(values.element_size(), DTYPES[dtype].itemsize) == 8 else torch.float32
        return staged(values.to(wide).clamp(low, high), dtype)
    if values.is_floating_point():
        exact = values.to(torch.float64)
        if DTYPES[dtype].itemsize < 8:
            return staged(exact.clamp(low, high), dtype)
        stored = staged(exact.clamp(min=float(low)), dtype)
        return torch.where(exact >= float(high), torch.tensor(high, dtype=stored.dtype), stored)
    if not is_integer:
        return staged(values if _reaches(ends) else values.to(torch.float64).clamp(low, high), dtype)
    own, stored = torch.iinfo(values.dtype), staged(values, dtype)
    for out, end in ((outside(values, int(low), own.max), low), (outside(values, own.min, int(high)), high)):
        stored = torch.where(out, torch.tensor(end, dtype=stored.dtype), stored)
    return stored


def _reaches(ends: Limits) -> bool:
    """Whether every 64-bit integer lies within these ends."""
    return ends[0] <= -(2.0**63) and ends[1] >= 2.0**64


def clamp_code(source: str, dtype: str) -> str:
    """Return PyTorch code that does what `clamped` does to `{current}`, a tensor of the dtype `source`.

    Lines before the last set names.
    """
    ends, facts = limits(dtype), DTYPES[dtype]
    if ends is None or DTYPES[source].family == "bool":
        return f"{{current}}.to(torch.{dtype})"
    if DTYPES[source].family != "complex":
        if facts.family != "complex":
            return _clamp_code("{current}", source, dtype, ends)
        return f"{_clamp_code('{current}', source, _PART[dtype], ends)}.to(torch.{dtype})"
    if facts.family != "complex":
        return _clamp_code("torch.view_as_real({current})[..., 0]", _PART[source], dtype, ends)
    return f"torch.view_as_complex({_clamp_code('torch.view_as_real({current})', _PART[source], _PART[dtype], ends)})"


def _clamp_code(values: str, source: str, dtype: str, ends: Limits) -> str:
    low, high = ends
    by_value, to = DTYPES[source], f".to(torch.{dtype})"
    if by_value.is_floating and not DTYPES[dtype].is_integer:
        wide = "float64" if max(by_value.itemsize, DTYPES[dtype].itemsize) == 8 else "float32"
        widened = "" if source == wide else f".to(torch.{wide})"
        return f"{values}{widened}.clamp({low!r}, {high!r}){'' if dtype == wide else to}"
    exact = f"{values}.to(torch.float64)"
    if by_value.is_floating and DTYPES[dtype].itemsize < 8:
        return f"{exact}.clamp({low}, {high}){to}"
    if by_value.is_floating:
        return f"exact = {exact}\ntorch.where(exact >= {float(high)!r}, torch.tensor({high}, dtype=torch.{dtype}), " \
               f"exact.clamp(min={float(low)!r}){to})"  # fmt: skip
    if not DTYPES[dtype].is_integer:
        return f"{values}{to}" if _reaches(ends) else f"{exact}.clamp({low!r}, {high!r}){to}"
    if source == "uint64":
        signed = f"{values}.view(torch.int64)"
        return f"torch.where({signed} < 0, {2**63 - 1}, {signed}).clamp(max={min(int(high), 2**63 - 1)}){to}" \
            if dtype != "uint64" else values  # fmt: skip
    bounded = f"{max(int(low), -(2**63))}, {min(int(high), 2**63 - 1)}"
    return f"{values}.to(torch.int64).clamp({bounded}){to}"
