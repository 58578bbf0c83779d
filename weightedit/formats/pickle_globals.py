"""The few functions and classes a pickle may really use, all of them our own and free of effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.formats.pickle_values import Known, OrderedState, SizeValue, StorageType, constructed

_STORAGE_TYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64", "QInt8Storage": "qint8", "QUInt8Storage": "quint8", "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
}  # fmt: skip
STORAGE_OF: dict[str, str] = {dtype: name for name, dtype in _STORAGE_TYPES.items()}
"""torch's storage class by dtype; dtypes that are not in here are saved as bytes without a type."""
_LONGEST_RANGE = 1 << 62


def known_globals() -> dict[tuple[str, str], Known]:
    """Return a fresh table of everything but the tensors: storage types, dtypes, containers, plain values."""
    table: dict[tuple[str, str], Known] = {}

    def know(module: str, name: str, call: Callable[..., Any] | None = None) -> None:
        table[module, name] = Known(module, name, call)

    for name, dtype in _STORAGE_TYPES.items():
        for module in ("torch", "torch.cuda"):
            table[module, name] = StorageType(module, name, dtype)
    for module, name in (("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"),
                         ("torch.storage", "_UntypedStorage"), ("torch.cuda", "UntypedStorage")):  # fmt: skip
        table[module, name] = StorageType(module, name, None)
    for dtype in DTYPES:
        know("torch", dtype)
    know("torch", "Size", _size)
    know("collections", "OrderedDict", _ordered)
    for module in ("builtins", "__builtin__"):
        know(module, "set", lambda items=(): set(_listed(items)))
        know(module, "frozenset", lambda items=(): frozenset(_listed(items)))
        know(module, "bytearray", _bytearray)
        know(module, "complex", _complex)
        know(module, "slice", slice)
    know("builtins", "range", _range)
    know("__builtin__", "xrange", _range)
    know("_codecs", "encode", _encode)
    for module in ("copyreg", "copy_reg"):
        know(module, "_reconstructor", _reconstructor)
        know(module, "__newobj__", lambda type_, *args: constructed(type_, args, None, "newobj"))
        know(module, "__newobj_ex__", lambda type_, args, kwargs: constructed(type_, args, kwargs, "newobj_ex"))
    return table


def _listed(items: object) -> list[Any] | tuple[Any, ...] | set[Any]:
    if type(items) not in (list, tuple, set):
        raise TypeError("a set is made of something that is no list")
    return items  # type: ignore[return-value]  # just checked


def _ordered(items: object = ()) -> OrderedState:
    if type(items) not in (list, tuple, dict):
        raise TypeError("an OrderedDict is made of something that is no list of pairs")
    return OrderedState(items)  # type: ignore[call-overload,no-any-return]  # just checked


def _size(sizes: object = ()) -> SizeValue:
    if type(sizes) not in (list, tuple):
        raise TypeError("a torch.Size is made of something that is no list")
    return SizeValue(sizes)  # type: ignore[arg-type]  # just checked


def _bytearray(data: object = b"", encoding: object = None) -> bytearray:
    if isinstance(data, str) and encoding in ("latin-1", "latin1"):
        return bytearray(data, "latin-1")
    if type(data) is bytes or type(data) is bytearray:  # a number would allocate as many bytes as it says
        return bytearray(data)
    raise TypeError("a bytearray is made of something that is no bytes")


def _complex(real: object, imaginary: object = 0.0) -> complex:
    if isinstance(real, int | float) and isinstance(imaginary, int | float):
        return complex(real, imaginary)
    raise TypeError("a complex number is made of something that is no number")


def _range(*bounds: int) -> range:
    if any(type(bound) is not int or abs(bound) > _LONGEST_RANGE for bound in bounds):
        raise TypeError("a range is made of something that is no number")
    return range(*bounds)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if isinstance(text, str) and encoding in ("latin1", "latin-1"):  # how protocol 2 spells bytes
        return text.encode("latin1")
    raise TypeError("text is encoded by something else than latin1")


def _reconstructor(type_: Any, base: Any, state: Any) -> Any:
    if state is None:
        return constructed(type_, (), None, "newobj")
    return constructed(type_, (state,), None, "newobj")
