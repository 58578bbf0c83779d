"""Takes apart what modules are given and give back: every tensor is handed on, the nesting is written down."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

import torch

from weightedit.doctor.activations.form import KEYED, Form, Key

DEEPEST = 32
MOST_PARTS = 10_000
"""Parts of one container that are looked at."""
LONGEST = 200
"""Characters of a text or a key that are kept."""
Take = Callable[[torch.Tensor, str], Form]
"""Is given a tensor with the dotted name of its place, and returns its form."""
_PLAIN = (bool, int, float, str)


class Forms:
    """Turns values into forms.

    Parameters
    ----------
    take
        What becomes of tensors.

    Attributes
    ----------
    classes
        Those of named tuples, dataclasses and other containers that were seen, by the name in their forms.
    """

    def __init__(self, take: Take) -> None:
        self.classes: dict[str, type] = {}
        self._take = take

    def form(self, value: Any, name: str) -> Form:
        """Return the form of a value whose tensors are named after `name`."""
        return self._form(value, name, ())

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str) -> tuple[Form, Form]:
        """Return the forms of what a module is called with; a single argument has the name itself."""
        if len(args) == 1 and not kwargs:
            return Form("tuple", parts=(self.form(args[0], name),)), Form("dict")
        return self.form(tuple(args), name), self.form(dict(kwargs), name)

    def _form(self, value: Any, name: str, outer: tuple[int, ...]) -> Form:
        if isinstance(value, torch.Tensor):
            return self._take(value, name)
        if value is None or type(value) in _PLAIN:
            return _plain(value)
        kind = kind_of(value)
        if not kind or id(value) in outer or len(outer) >= DEEPEST:  # it holds itself, or is too deep
            return Form("other", type(value).__name__[:LONGEST])
        try:
            found = list(islice(parts_of(value, kind), MOST_PARTS + 1))
        except Exception:  # a container of the person's own may not be ready to be looked through
            return Form("other", type(value).__name__[:LONGEST])
        keys, parts = [], []
        for number, (key, part) in enumerate(found[:MOST_PARTS]):
            keys.append(_key(key, number))
            parts.append(self._form(part, f"{name}.{keys[-1]}", (*outer, id(value))))
        if len(found) > MOST_PARTS:
            keys.append("…")
            parts.append(Form("other", said=f"what comes after {MOST_PARTS:,} parts is not looked at"))
        known = "" if type(value) in (tuple, list, dict) else self._named(type(value))
        return Form(kind, known, tuple(keys) if kind in KEYED else (), tuple(parts))

    def _named(self, kind: type) -> str:
        """Return the name of a class, which is another one for each; those that can be made again are remembered."""
        name, number = kind.__name__[:LONGEST], 1
        while self.classes.setdefault(name, kind) is not kind:
            number += 1
            name = f"{kind.__name__[:LONGEST]} #{number}"
        return name


def kind_of(value: Any) -> str:
    """Return what kind of container a value is; empty where it is none. Nothing is taken out of it."""
    if isinstance(value, type | torch.nn.Module):
        return ""
    if is_dataclass(value):
        return "dataclass"
    if isinstance(value, tuple):
        is_named = isinstance(getattr(value, "_fields", None), tuple) or type(value).__module__ == "torch.return_types"
        return "named tuple" if is_named else "tuple"
    if isinstance(value, list | deque):
        return "list"
    return "dict" if isinstance(value, Mapping) else ""


def parts_of(value: Any, kind: str) -> Iterator[tuple[Any, Any]]:
    """Yield what a container holds, each with its key, field or position."""
    if kind == "dict":
        yield from value.items()
    elif kind == "dataclass":
        yield from ((field.name, getattr(value, field.name, None)) for field in fields(value))
    elif kind == "named tuple":
        yield from zip(getattr(value, "_fields", type(value).__match_args__), value, strict=False)
    else:
        yield from enumerate(value)


def found_in(value: Any, wanted: type | tuple[type, ...], outer: tuple[int, ...] = ()) -> Iterator[Any]:
    """Yield the objects of some class wherever they are nested in a value."""
    if isinstance(value, wanted):
        yield value
    elif (kind := kind_of(value)) and not isinstance(value, torch.Tensor) and id(value) not in outer \
            and len(outer) < DEEPEST:  # fmt: skip
        for _, part in parts_of(value, kind):
            yield from found_in(part, wanted, (*outer, id(value)))


def _plain(value: Any) -> Form:
    if isinstance(value, float) and not math.isfinite(value):
        return Form("value", "float", value=repr(value))
    if isinstance(value, str):
        return Form("value", value=value[:LONGEST])
    if type(value) is int and value.bit_length() > 64:
        return Form("other", "int")
    return Form("value", value=value)


def _key(key: Any, number: int) -> Key:
    """Return a key that can be written down; one that is no plain value goes by its class and position."""
    if isinstance(key, str):
        return str(key)[:LONGEST]
    if key is None or isinstance(key, bool | int) or (isinstance(key, float) and math.isfinite(key)):
        return key
    return f"{type(key).__name__} {number}"
