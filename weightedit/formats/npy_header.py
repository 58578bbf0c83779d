"""The header of a .npy array: read without evaluating it, and written as numpy writes it.

Format: numpy's NEP 1, and numpy.lib.format for versions 2.0 and 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from weightedit.core.errors import CheckpointError
from weightedit.core.spec import TensorSpec, contiguous_stride

MAGIC = b"\x93NUMPY"
MOST_HEADER = 1 << 16
"""Bytes; numpy itself trusts no more than 10,000."""
MOST_DIMS = 64
_MOST_BYTES = (1 << 63) - 1
_ALIGNMENT = 64
_TO_TORCH = {
    "f8": "float64", "f4": "float32", "f2": "float16", "c16": "complex128", "c8": "complex64", "i8": "int64",
    "i4": "int32", "i2": "int16", "i1": "int8", "u8": "uint64", "u4": "uint32", "u2": "uint16", "u1": "uint8",
    "b1": "bool",
}  # fmt: skip
FROM_TORCH = {name: code for code, name in _TO_TORCH.items()}
"""numpy's code of a dtype; dtypes that are not in here have none."""
_FIELD = re.compile(r"""\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"]*)\3|(True|False)|"""
                    r"""\(([\d,\sL]*)\)|(\[).*)\s*(?:,|$)""", re.ASCII)  # fmt: skip
_CODE = re.compile(r"([<>=|]?)([a-zA-Z])(\d*)(?:\[\w+\])?", re.ASCII)
_SIZES = re.compile(r"\s*(?:\d{1,19}L?\s*(?:,\s*\d{1,19}L?\s*)*,?\s*)?", re.ASCII)  # 3L: Python 2
_NO_NUMBERS = {
    "O": "holds Python objects, which only running the pickle in it could give back",
    "V": "holds raw items, the form numpy gives to dtypes it does not know, such as bfloat16: which one is not in it",
    "U": "holds texts", "S": "holds texts", "a": "holds texts", "M": "holds dates", "m": "holds times",
}  # fmt: skip

Fail = Callable[[str], CheckpointError]
"""Makes the error about one array of what is to follow the file's name."""


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a header says.

    Attributes
    ----------
    spec
        Of the tensor over the bytes behind the header.
    start
        How many bytes the header has.
    swapped
        Bytes of each number that lie big end first; 0 where they do not.
    """

    spec: TensorSpec
    start: int
    swapped: int


def header_bytes(head: bytes, fail: Fail) -> int:
    """Return how many bytes the header has, out of its first 12.

    Raises
    ------
    CheckpointError
        If it is none, or of a version numpy never wrote.
    """
    if head[:6] != MAGIC:
        raise fail("is no numpy array: it does not begin as one")
    if len(head) < 12:  # no header is shorter
        raise fail(f"is cut short: a numpy array has a header, and this has {len(head)} bytes")
    version = head[6]
    if version not in (1, 2, 3):
        raise fail(f"is a numpy array of version {version}.{head[7]}, which weightedit does not know")
    fixed = 10 if version == 1 else 12
    size = fixed + int.from_bytes(head[8:fixed], "little")
    if size > MOST_HEADER:
        raise fail(f"is damaged: its header has {size:,} bytes")
    return size


def parse_header(raw: bytes, nbytes: int, fail: Fail) -> NpyHeader:
    """Read a whole header.

    Parameters
    ----------
    raw
        Its bytes.
    nbytes
        Of header and data, as far as the file has them.
    fail
        Makes the error.

    Raises
    ------
    CheckpointError
        If it does not read, holds no numbers, or promises more than there is.
    """
    fixed = 10 if raw[6] == 1 else 12
    fields = _fields(raw[fixed:].decode("utf-8" if raw[6] == 3 else "latin1", "replace").strip(), fail)
    dtype, width = _dtype(fields["descr"], fail)
    shape = _shape(fields["shape"], fail)
    fortran = fields["fortran_order"] == "True"
    stride = tuple(reversed(contiguous_stride(tuple(reversed(shape))))) if fortran else contiguous_stride(shape)
    spec = TensorSpec(dtype, shape, stride)
    if prod(max(size, 1) for size in shape) * spec.type.itemsize > _MOST_BYTES:  # as strides of empty ones need it
        raise fail(f"is damaged: the shape ({fields['shape'][:80]}) of {dtype} needs more bytes than 63 bits count")
    if spec.nbytes > nbytes - len(raw):
        raise fail(f"is cut short: its header promises {spec.nbytes:,} bytes of {dtype}, and "
                   f"{nbytes - len(raw):,} follow")  # fmt: skip
    return NpyHeader(spec, len(raw), width)


def _fields(text: str, fail: Fail) -> dict[str, str]:
    """Read `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` without evaluating it."""
    found: dict[str, str] = {}
    if text[:1] == "{" and text[-1:] == "}":
        inside, at = text[1:-1].rstrip(), 0
        while at < len(inside) and (match := _FIELD.match(inside, at)) is not None:
            if match[7]:
                raise fail("holds records of several fields, not numbers")
            if match[2] in found:
                raise fail(f"is damaged: its header says its {match[2]} twice")
            found[match[2]] = next(part for part in (match[4], match[5], match[6]) if part is not None)
            at = match.end()
        if at == len(inside) and len(found) == 3 and found["fortran_order"] in ("True", "False"):
            return found
    raise fail("is damaged: its header does not read")


def _dtype(descr: str, fail: Fail) -> tuple[str, int]:
    """Return torch's name of the dtype, and how many bytes to swap."""
    match = _CODE.fullmatch(descr)
    if match is None:
        raise fail(f"is damaged: its dtype is {descr[:40]!r}")
    order, kind, size = match.groups()
    if kind in _NO_NUMBERS:
        raise fail(_NO_NUMBERS[kind])
    name = _TO_TORCH.get(kind + size)
    if name is None:
        raise fail(f"has the dtype {descr[:40]}, which torch does not have")
    width = int(size) // (2 if kind == "c" else 1)
    return name, width if order == ">" and width > 1 else 0


def _shape(text: str, fail: Fail) -> tuple[int, ...]:
    sizes = [part.strip().removesuffix("L") for part in text.split(",") if part.strip()]
    if len(sizes) > MOST_DIMS or _SIZES.fullmatch(text) is None:
        raise fail(f"is damaged: its shape is ({text[:40]})")
    return tuple(map(int, sizes))


def make_header(spec: TensorSpec) -> bytes:
    """Return the header of a row-major array, byte for byte as numpy writes it."""
    code = FROM_TORCH[spec.dtype]
    order = "|" if spec.type.itemsize == 1 else "<"
    text = f"{{'descr': '{order}{code}', 'fortran_order': False, 'shape': {spec.shape}, }}".encode("latin1")
    # Room to grow the first dimension in place, which numpy leaves too.
    text += b" " * (21 - len(str(spec.shape[0])) if spec.shape else 0)
    fixed = 10
    padding = _ALIGNMENT - (fixed + len(text) + 1) % _ALIGNMENT
    body = text + b" " * padding + b"\n"
    return MAGIC + bytes((1, 0)) + len(body).to_bytes(2, "little") + body
