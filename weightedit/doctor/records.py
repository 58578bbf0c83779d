"""Plain records that go between processes as JSON, read back as a stranger's word: every part is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
LONGEST = 20_000
"""Characters of one text."""
MOST = 1_000_000
"""Parts of one list."""
_LARGEST = 1 << 1000
"""Whole numbers that are floats too."""
_AS_THEY_ARE = (str, int, float, bool, NoneType)


class Garbled(Exception):
    """A process said something that is no such record."""


def to_json(record: Any) -> dict[str, Any]:
    """Return a record, a dataclass of texts, numbers, tuples, dicts and such records, as plain JSON data."""
    kind: Any = type(record)
    return {name: _plain(getattr(record, name)) for name in _names(kind)}


def _plain(value: Any) -> Any:
    """Return a part of a record as JSON has it; most are texts and numbers, and a trace has tens of thousands."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is tuple or kind is list:
        return [_plain(one) for one in value]
    if kind is dict:
        return {key: _plain(one) for key, one in value.items()}
    return to_json(value) if is_dataclass(value) else value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def from_json(kind: type[T], found: Any) -> T:
    """Read what `to_json` gave.

    Parameters
    ----------
    kind
        The dataclass. Its fields are `str`, `int`, `float`, `bool`, `None`, `tuple[X, ...]`, `dict[str, X]`, unions of
        these, or such dataclasses; what has a default may be missing.
    found
        What came out of JSON.

    Raises
    ------
    Garbled
        If any part is not what it must be.
    """
    if not isinstance(found, dict):
        raise Garbled(f"{kind.__name__} is no record")
    named: Any = kind
    made: dict[str, Any] = {}
    for name, read, is_needed in _readers(named):
        if name in found:
            made[name] = read(found[name])
        elif is_needed:
            raise Garbled(f"{kind.__name__} lacks {name}")
    return kind(**made)


Read = Callable[[Any], Any]


@cache
def _readers(kind: Any) -> tuple[tuple[str, Read, bool], ...]:
    """Return what reads each field, and whether it must be there."""
    hints = get_type_hints(kind)
    return tuple((field.name, _reader(hints[field.name]),
                  field.default is MISSING and field.default_factory is MISSING) for field in fields(kind))  # fmt: skip


@cache
def _reader(hint: Any) -> Read:
    """Return what reads one part: made once for each kind, as a trace has tens of thousands of parts."""
    if get_origin(hint) is UnionType:
        return partial(_either, hint, tuple(map(_reader, get_args(hint))))
    if get_origin(hint) is tuple:
        return partial(_listed, hint, _reader(get_args(hint)[0]))
    if get_origin(hint) is dict:
        return partial(_named, hint, _reader(get_args(hint)[1]))
    if is_dataclass(hint):
        return partial(from_json, hint)  # type: ignore[arg-type]
    return partial(_single, hint)


def _either(hint: Any, readers: tuple[Read, ...], found: Any) -> Any:
    for read in readers:
        try:
            return read(found)
        except Garbled:
            continue
    raise _garbled(hint, found)


def _listed(hint: Any, read: Read, found: Any) -> tuple[Any, ...]:
    if not isinstance(found, list) or len(found) > MOST:
        raise _garbled(hint, found)
    return tuple([read(one) for one in found])


def _named(hint: Any, read: Read, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or len(found) > MOST:
        raise _garbled(hint, found)
    return {_single(str, key): read(one) for key, one in found.items()}


def _single(hint: Any, found: Any) -> Any:
    if type(found) is hint and (hint is not str or len(found) <= LONGEST):
        return found
    if hint is float and type(found) is int and abs(found) < _LARGEST:
        return float(found)
    raise _garbled(hint, found)


def _garbled(hint: Any, found: Any) -> Garbled:
    return Garbled(f"{str(found)[:80]!r} is not {hint}")
