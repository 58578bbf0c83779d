"""Plain records that go between processes as JSON, read back as a stranger's word: every part is checked."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
LONGEST = 20_000
"""Characters of one text."""
MOST = 1_000_000
"""Parts of one list."""


class Garbled(Exception):
    """A process said something that is no such record."""


def to_json(record: Any) -> dict[str, Any]:
    """Return a record, a dataclass of texts, numbers, tuples, dicts and such records, as plain JSON data."""
    return asdict(record)


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
    hints = _hints(named)
    made: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in found:
            made[field.name] = _value(hints[field.name], found[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Garbled(f"{kind.__name__} lacks {field.name}")
    return kind(**made)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, found: Any) -> Any:
    if get_origin(hint) is UnionType:
        for one in get_args(hint):
            try:
                return _value(one, found)
            except Garbled:
                continue
        raise Garbled(f"{str(found)[:80]!r} is not {hint}")
    if get_origin(hint) is tuple and isinstance(found, list) and len(found) <= MOST:
        return tuple(_value(get_args(hint)[0], one) for one in found)
    if get_origin(hint) is dict and isinstance(found, dict) and len(found) <= MOST:
        return {_value(str, key): _value(get_args(hint)[1], one) for key, one in found.items()}
    if hint is float and type(found) in (int, float):
        return float(found)
    if hint in (int, bool, NoneType) and type(found) is hint:
        return found
    if hint is str and isinstance(found, str) and len(found) <= LONGEST:
        return found
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, found)
    raise Garbled(f"{str(found)[:80]!r} is not {hint}")
