"""Arguments as people give them, made into what an Edit keeps."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.described.info import TensorInfo
from weightedit.core.dtypes import DTYPES, dtype_named
from weightedit.core.edit import TENSORS, TensorName, TensorValue
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.operation import REQUIRED, Operation, Parameter
from weightedit.core.undo.spill import Spill
from weightedit.core.values.devices import TAG, full_name

if TYPE_CHECKING:
    import torch

CHUNK = 4 << 20
MOST_LEVELS = 32
"""How deep a value that is no tensor may be nested."""


def normalized(operation: Operation, arguments: Mapping[str, Any], spill: Spill) -> dict[str, Any]:
    """Return the arguments by name, checked, with defaults filled in and tensors taken as independent bytes.

    Raises
    ------
    EditRefused
        If one is unknown, missing or of the wrong kind; the sentence says which and what would do.
    """
    unknown = [name for name in arguments if operation.parameter(name) is None]
    if unknown:
        takes = ", ".join(parameter.name for parameter in operation.parameters) or "none"
        raise _refused(f"{operation.name} has no argument {unknown[0]!r}", f"It takes: {takes}.")
    found: dict[str, Any] = {}
    for parameter in operation.parameters:
        value = arguments.get(parameter.name, parameter.default)
        if value is REQUIRED:
            raise _refused(f"{operation.name} needs {parameter.name!r}", parameter.help)
        found[parameter.name] = _normalize(operation, parameter, value, spill)
    return found


def _refused(title: str, detail: str = "") -> EditRefused:
    return EditRefused([refusal("argument", title, detail)])


def _normalize(operation: Operation, parameter: Parameter, value: Any, spill: Spill) -> Any:
    what = f"{parameter.name} of {operation.name}"
    if value is None and parameter.optional:
        return None
    kind = parameter.type
    if kind in _PLAIN:
        return _PLAIN[kind](what, value)
    if kind == "choice":
        if value not in parameter.choices:
            raise _refused(f"{what} is {value!r}", f"It takes one of: {', '.join(parameter.choices)}.")
        return value
    if kind == "tensors":
        given = [value] if isinstance(value, (str, *TENSORS)) else value
        if not isinstance(given, list | tuple) or not given:
            raise _refused(f"{what} is {value!r}", "It takes a list of tensors.")
        return tuple(_tensor(what, one, spill) for one in given)
    if kind == "operand" and isinstance(value, bool | int | float | complex):
        return _number(what, value)
    return _tensor(what, value, spill)


def _tensor(what: str, value: Any, spill: Spill) -> Any:
    if isinstance(value, str):
        return TensorName(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | Path) and isinstance(value[1], str):
        return TensorName(value[1], str(value[0]))
    if isinstance(value, TensorInfo | Mapping):
        raise _refused(f"{what} is a {type(value).__name__}, which has no values",
                       'Give doc.read("name"), a name of this document, or ("file", "name").')  # fmt: skip
    return tensor_value(value, spill, what)


def _integer(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise _refused(f"{what} is {value!r}", "It takes a whole number.")
    return int(value)


def _integers(what: str, value: Any) -> tuple[int, ...]:
    given = [value] if isinstance(value, numbers.Integral) else value
    if isinstance(given, str | bytes | dict) or not hasattr(given, "__iter__"):
        raise _refused(f"{what} is {value!r}", "It takes whole numbers, such as [2, 0, 1].")
    return tuple(_integer(what, one) for one in given)


def _boolean(what: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(f"{what} is {value!r}", "It takes True or False.")
    return value


def _dtype(what: str, value: Any) -> str:
    try:
        return dtype_named(value).name
    except KeyError:
        raise _refused(f"{what} is {value!r}, which is no dtype of torch",
                       f"For example: {', '.join(list(DTYPES)[:6])}.") from None  # fmt: skip


def _device(what: str, value: Any) -> str:
    if not TAG.fullmatch(str(value)):
        raise _refused(f"{what} is {value!r}", "It takes a device, such as cpu or cuda:0.")
    return full_name(str(value))


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _refused(f"{what} is {value!r}", "It takes text.")
    return value


def _plain(what: str, value: Any, depth: int = 0) -> Any:
    """Return an independent copy of a value that is no tensor; containers keep their type."""
    if depth > MOST_LEVELS:
        raise _refused(f"{what} has more than {MOST_LEVELS} levels", "Give a flatter value.")
    if isinstance(value, list | tuple):
        return type(value)(_plain(what, one, depth + 1) for one in value) if type(value) in (list, tuple) else \
            [_plain(what, one, depth + 1) for one in value]  # fmt: skip
    if isinstance(value, dict):
        return {_plain(what, key, depth + 1): _plain(what, one, depth + 1) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float | complex | str):
        return value
    raise _refused(f"{what} is a {type(value).__name__}",
                   "It takes None, True, False, a number, a text, or a list, tuple or dict of these.")  # fmt: skip


def _number(what: str, value: Any) -> int | float | complex:
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "numel", lambda: 1)() == 1 and getattr(value, "size", 1) is not None:
        value = item()
    if isinstance(value, bool | int) and not -(2**63) <= value < 2**64:
        try:
            return float(value)  # torch has no integer past 64 bits
        except OverflowError:
            raise _refused(f"{what} has {len(str(abs(value) // 10**300)) + 300:,} digits",
                           "float64 ends at 1.8e308.") from None  # fmt: skip
    if isinstance(value, bool | int | float | complex):
        return int(value) if isinstance(value, bool) else value
    raise _refused(f"{what} is {value!r}", "It takes one number.")


_PLAIN: dict[str, Callable[[str, Any], Any]] = {
    "number": _number, "integer": _integer, "integers": _integers, "boolean": _boolean, "dtype": _dtype,
    "device": _device, "text": _text, "expression": _text, "plain": _plain,
}  # fmt: skip


def tensor_value(value: Any, spill: Spill, what: str) -> TensorValue:
    """Take an independent copy of a number, nested list, array or tensor.

    Python floats are kept as float64 and whole numbers as int64, so that what a narrower dtype rounds is seen.
    """
    import torch

    if isinstance(value, TENSORS):
        return value  # type: ignore[return-value]
    if isinstance(value, torch.Tensor):
        name, shape, buffer = _bytes_of_tensor(value, spill, what)
    else:
        name, shape, buffer = _bytes_of_array(value, spill, what)
    digest = hashlib.sha256(f"{name} {shape}".encode())
    for start in range(0, buffer.nbytes, CHUNK):
        digest.update(buffer[start : start + CHUNK])
    return TensorValue(digest.hexdigest(), name, shape, buffer)


def _bytes_of_tensor(tensor: torch.Tensor, spill: Spill, what: str) -> tuple[str, tuple[int, ...], memoryview]:
    import torch

    from weightedit.core.stage import copy_out

    if torch.nn.parameter.is_lazy(tensor) or tensor.is_nested:
        kind = "nested" if tensor.is_nested else "uninitialized"
        raise _refused(f"{what} is a tensor that is {kind}", "Give a dense one, such as tensor.to_padded_tensor(0).")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise _refused(f"{what} is a sparse, quantized or meta tensor", "Give a dense one, such as tensor.to_dense().")
    name = str(tensor.dtype).removeprefix("torch.")
    buffer = spill.allocate(tensor.numel() * tensor.element_size())
    copy_out(tensor, buffer)
    return name, tuple(tensor.shape), buffer


def _bytes_of_array(value: Any, spill: Spill, what: str) -> tuple[str, tuple[int, ...], memoryview]:
    import numpy as np

    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(f"{what} is no tensor and no nested list of numbers", f"{error}.") from None
    dtype = DTYPES.get(array.dtype.name)
    if dtype is None or dtype.numpy is None:
        raise _refused(f"{what} is no tensor and no nested list of numbers", f"It reads as {array.dtype.name}.")
    buffer = spill.allocate(array.nbytes)
    np.frombuffer(buffer, array.dtype.newbyteorder("=")).reshape(array.shape)[...] = array
    return dtype.name, array.shape, buffer
