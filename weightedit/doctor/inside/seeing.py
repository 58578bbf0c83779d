"""Describes arguments and outputs of modules: tensors wherever they are nested, and anything else by its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch

from weightedit.doctor.shape_trace.trace import Seen

DEEPEST = 16
"""Levels of nesting."""
MOST = 200
"""Values of one argument list or output that are described."""
LONGEST = 80


def seen_of(value: Any, place: str = "") -> tuple[Seen, ...]:
    """Describe a value: itself, or what is in it with dotted places."""
    found: list[Seen] = []
    for where, one in leaves(value, place):
        if len(found) >= MOST:
            break
        found.append(seen_one(one, where))
    return tuple(found)


def seen_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Seen, ...]:
    """Describe what a module is called with: by position, then by name."""
    given = [*enumerate(args), *kwargs.items()]
    return tuple(one for place, value in given for one in seen_of(value, str(place)))[:MOST]


def seen_one(value: Any, place: str) -> Seen:
    """Describe one value that holds no others."""
    if isinstance(value, torch.Tensor):
        try:
            shape = tuple(int(size) for size in value.shape)
        except Exception:  # nested and symbolic ones have no sizes of their own
            shape = ()
        return Seen(place, "Tensor", shape, str(value.dtype).removeprefix("torch."), str(value.device))
    says = repr(value)[:LONGEST] if value is None or isinstance(value, bool | int | float | str) else ""
    return Seen(place, type(value).__name__[:LONGEST], says=says)


def leaves(value: Any, place: str = "", outer: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Give what is nested in tuples, lists, dicts and dataclasses, each with its dotted place.

    Parameters
    ----------
    value, place
        What is taken apart, and what its place is called.
    outer
        The containers it is in, by identity: one that holds itself is a leaf there.
    """
    inner = parts(value) if len(outer) < DEEPEST and id(value) not in outer else None
    if inner is None:
        yield place, value
        return
    for key, one in inner:
        yield from leaves(one, f"{place}.{key}" if place else str(key), (*outer, id(value)))


def parts(value: Any) -> list[tuple[Any, Any]] | None:
    """Return what a container holds by key, or None where it is none."""
    if isinstance(value, torch.Tensor):
        return None
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=False))
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in fields(value)]
    return None


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Give the tensors wherever they are nested."""
    return (one for _, one in leaves(value) if isinstance(one, torch.Tensor))
