"""What numpy pickled, as people read it: a scalar's number, an array's shape, dtype and first numbers.

A scalar is `numpy.core.multiarray.scalar(dtype, bytes)`. An array is `_reconstruct(…)` of the same module with the
state `(version, shape, dtype, column-major, bytes)`, or since protocol 5 `_frombuffer(bytes, dtype, shape, order)`.
"""

from __future__ import annotations

import struct
from typing import Any

from weightedit.core.described.placeholder import Placeholder

FIRST = 6
"""Numbers of an array that are shown."""
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_CODES = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H",
          "u1": "B", "b1": "?"}  # fmt: skip
_NAMES = {"f": "float", "i": "int", "u": "uint", "b": "bool"}


def scalar_text(value: Any) -> str | None:
    """Return a pickled numpy number as text, such as `0.001 (numpy float64)`; None for anything else."""
    if not isinstance(value, Placeholder) or value.type.name != "scalar" or value.type.module not in _MODULES:
        return None
    if type(value.args) is not tuple or len(value.args) != 2:
        return None
    dtype, raw = _dtype(value.args[0]), value.args[1]
    if dtype is None or type(raw) is not bytes or len(raw) != dtype[1]:
        return None
    code, _, name = dtype
    return f"{struct.unpack(code, raw)[0]!r} (numpy {name})"


def array_text(value: Placeholder) -> str | None:
    """Return what a pickled numpy array is in a line, with its first numbers; None for anything else."""
    if value.type.module not in _MODULES:
        return None
    match value.type.name, value.state, value.args:
        case "_reconstruct", (_, tuple() as shape, described, bool() as by_columns, raw), _:
            order = "F" if by_columns else "C"
        case "_frombuffer", _, (raw, described, tuple() as shape, str() as order):
            pass
        case _:
            return None
    if len(shape) > 64 or any(type(size) is not int or not 0 <= size < 1 << 63 for size in shape):
        return None
    text = f"numpy array of {' × '.join(map(str, shape)) or 'one number'}"
    dtype = _dtype(described)
    if dtype is None or type(raw) not in (bytes, bytearray):
        return text
    code, itemsize, name = dtype
    numbers = [repr(struct.unpack_from(code, raw, at)[0]) for at in range(0, min(len(raw), FIRST * itemsize), itemsize)
               if at + itemsize <= len(raw)]  # fmt: skip
    more = ", …" if len(raw) > FIRST * itemsize else ""
    return f"{text}, {name}{' by columns' if order == 'F' and len(shape) > 1 else ''}: {', '.join(numbers)}{more}"


def _dtype(value: Any) -> tuple[str, int, str] | None:
    """Return struct's code of a number, its bytes, and numpy's name of it."""
    if not isinstance(value, Placeholder) or (value.type.module, value.type.name) != ("numpy",
                                                                                      "dtype") or not value.args:
        return None
    text = value.args[0]
    code = _CODES.get(text) if type(text) is str else None
    if code is None:
        return None
    state = value.state
    big = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    itemsize = int(text[1:])
    name = _NAMES[text[0]] + (str(8 * itemsize) if text != "b1" else "")
    return (">" if big else "<") + code, itemsize, name
