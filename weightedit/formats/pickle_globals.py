"""The few functions and classes a pickle may really use, all of them our own and free of effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weightedit.core.described.placeholder import Placeholder
from weightedit.core.dtypes import DTYPES
from weightedit.formats.pickle_budget import Budget, Unreadable
from weightedit.formats.pickle_values import Known, Ordered, OrderedState, SizeValue, StorageType, constructed

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


def known_globals(budget: Budget) -> dict[tuple[str, str], Known]:
    """Return a fresh table of everything but the tensors: storage types, dtypes, containers, plain values.

    What copies its argument takes steps of the budget: a pickle can hand over one long list again and again.
    """
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

    def items_of(items: Any, *kinds: type) -> Any:
        if type(items) not in kinds:
            raise Unreadable("a set, an OrderedDict or a torch.Size is made of something that is no list")
        budget.spend(len(items))
        return items

    def set_of(items: Any) -> set[Any]:
        keys = [*items_of(items, list, tuple, set)]
        budget.admit(keys, items)
        found: set[Any] = set()
        budget.fill(found.update, keys)
        return found

    def ordered(items: Any) -> OrderedState:
        pairs = items_of(items, list, tuple, dict)
        pairs = [*pairs.items()] if type(pairs) is dict else pairs
        if any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs):
            raise Unreadable("an OrderedDict is made of something that is no list of pairs")
        made = OrderedState()
        keys = [key for key, _ in pairs]
        budget.admit(keys, made)
        budget.fill(made.update, keys, [value for _, value in pairs])
        return made

    def text_of(data: Any) -> Any:
        budget.spend(len(data) >> 3 if type(data) in (str, bytes, bytearray) else 0)
        return data

    know("torch", "Size", lambda sizes=(): SizeValue(items_of(sizes, list, tuple)))
    table["collections", "OrderedDict"] = Ordered("collections", "OrderedDict", ordered)
    for module in ("builtins", "__builtin__"):
        know(module, "set", lambda items=(): set_of(items))
        know(module, "frozenset", lambda items=(): frozenset(set_of(items)))
        know(module, "bytearray", lambda data=b"", *how: _bytearray(text_of(data), *how))
        know(module, "complex", _complex)
        know(module, "slice", _slice)
    know("builtins", "range", _range)
    know("__builtin__", "xrange", _range)
    know("_codecs", "encode", lambda text, *how: _encode(text_of(text), *how))
    for module in ("copyreg", "copy_reg"):
        know(module, "_reconstructor", _reconstructor)
        know(module, "__newobj__", lambda type_, *args: constructed(type_, args, None, "newobj"))
        know(module, "__newobj_ex__", _newobj_ex)
    return table


def _bytearray(data: object = b"", encoding: object = None) -> bytearray:
    if isinstance(data, str) and encoding in ("latin-1", "latin1"):
        return bytearray(data, "latin-1")
    if type(data) is bytes or type(data) is bytearray:  # a number would allocate as many bytes as it says
        return bytearray(data)
    raise Unreadable("a bytearray is made of something that is no bytes")


def _complex(real: object, imaginary: object = 0.0) -> complex:
    if isinstance(real, int | float) and isinstance(imaginary, int | float):
        return complex(real, imaginary)
    raise Unreadable("a complex number is made of something that is no number")


def _slice(*bounds: Any) -> slice:
    plain = all(bound is None or isinstance(bound, int | float | str | Placeholder) for bound in bounds)
    if not plain or not 1 <= len(bounds) <= 3:  # what is inside would be printed, and since Python 3.12 hashed, with it
        raise Unreadable("a slice is made of something that is no number")
    return slice(*bounds)


def _range(*bounds: int) -> range:
    if any(type(bound) is not int or abs(bound) > _LONGEST_RANGE for bound in bounds):
        raise Unreadable("a range is made of something that is no number")
    if not 1 <= len(bounds) <= 3 or bounds[2:] == (0,):
        raise Unreadable("a range has no end or no step")
    return range(*bounds)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if type(text) is str and encoding in ("latin1", "latin-1"):  # how protocol 2 spells bytes
        return text.encode("latin1")
    raise Unreadable("text is encoded by something else than latin1")


def _newobj_ex(type_: Any, args: Any, kwargs: Any) -> Any:
    if type(args) is not tuple or type(kwargs) is not dict:
        raise Unreadable("it makes an object with arguments that are no tuple and dict")
    return constructed(type_, args, kwargs, "newobj_ex")


def _reconstructor(type_: Any, base: Any, state: Any) -> Any:
    if state is None:
        return constructed(type_, (), None, "newobj")
    return constructed(type_, (state,), None, "newobj")
