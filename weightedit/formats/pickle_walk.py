"""Walks over what a pickle holds, without recursion: everything reachable, and whether two of them are alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.core.slots import HeldTensor
from weightedit.formats.pickle_values import Known, OrderedState, PickledTensor, StorageRef


def leaves(root: Any, ask: Ask = unasked) -> Iterator[HeldTensor | StorageRef]:
    """Yield every tensor, and every storage that stands without one, once each and in order."""
    seen: set[int] = set()
    stack = [root]
    turn = 0
    while stack:
        turn += 1
        if not turn % OFTEN:
            ask()
        value = stack.pop()
        parts = _parts(value)
        if parts is None or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, HeldTensor | StorageRef):
            yield value
        stack += reversed(parts)


def _parts(value: Any) -> list[Any] | None:
    """Return what is directly inside, or None for a plain value."""
    if isinstance(value, dict):
        inside = [part for pair in value.items() for part in pair]
        state = value.state if isinstance(value, OrderedState) else None
        return [*inside, state]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, Placeholder):
        pairs = [part for pair in value.pairs for part in pair]
        return [value.args, value.kwargs, value.state, *value.items, *pairs]
    if isinstance(value, PickledTensor):
        extras = value.extras
        return [] if extras is None else [extras.hooks, extras.metadata, extras.state, extras.quantizer]
    return [] if isinstance(value, HeldTensor | StorageRef) else None


def named(root: Any) -> set[GlobalName]:
    """Return the classes and functions that what is there would be made with, beyond those that the reader knows."""
    found: set[GlobalName] = set()
    seen: set[int] = set()
    stack = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, GlobalName) and not isinstance(value, Known):
            found.add(value)
        parts = _parts(value)
        if parts is None or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Placeholder) and not isinstance(value.type, Known):
            found.add(value.type)
        stack += parts
    return found


def matched(now: Any, first: Any) -> dict[HeldTensor, PickledTensor] | None:
    """Compare what a document holds with what its file held, tensors by place only.

    Returns
    -------
    dict or None
        For each tensor the one that stood in its places; None if anything else differs, or a tie does.
    """
    pairs: dict[HeldTensor, PickledTensor] = {}
    taken: set[int] = set()
    seen: set[tuple[int, int]] = set()
    stack = [(now, first)]
    while stack:
        mine, theirs = stack.pop()
        if isinstance(mine, HeldTensor):
            if not isinstance(theirs, PickledTensor) or pairs.setdefault(mine, theirs) is not theirs:
                return None
            taken.add(id(theirs))
            continue
        inside = _alike(mine, theirs)
        if inside is None:
            return None
        if inside and (id(mine), id(theirs)) not in seen:
            seen.add((id(mine), id(theirs)))
            stack += inside
    return pairs if len(taken) == len(pairs) else None


def _alike(mine: Any, theirs: Any) -> list[tuple[Any, Any]] | None:
    """Return what is to be compared inside, empty for equal values, None for different ones."""
    if type(mine) is not type(theirs) and not (isinstance(mine, OrderedDict) and isinstance(theirs, OrderedDict)):
        return None
    if isinstance(mine, dict):
        return _alike_dicts(mine, theirs)
    if isinstance(mine, list | tuple):
        return list(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else None
    if isinstance(mine, Placeholder):
        if (mine.type, mine.how, mine.has_state) != (theirs.type, theirs.how, theirs.has_state):
            return None
        names = ("args", "kwargs", "state", "items", "pairs")
        return [(getattr(mine, name), getattr(theirs, name)) for name in names]
    if isinstance(mine, StorageRef):
        same = (mine.stored.key, mine.numel, mine.location) == (theirs.stored.key, theirs.numel, theirs.location)
        return [] if same else None
    if isinstance(mine, set | frozenset):
        return [] if len(mine) == len(theirs) else None  # nothing edits a set
    try:
        return [] if mine is theirs or mine == theirs or (mine != mine and theirs != theirs) else None
    except Exception:  # a key of the person's own class may compare in any way
        return None


def _alike_dicts(mine: dict[Any, Any], theirs: dict[Any, Any]) -> list[tuple[Any, Any]] | None:
    if len(mine) != len(theirs):
        return None
    inside: list[tuple[Any, Any]] = list(zip(mine.values(), theirs.values(), strict=True))
    for key, other in zip(mine, theirs, strict=True):
        if isinstance(key, str):
            if key != other:
                return None
        else:
            inside.append((key, other))
    state = getattr(mine, "state", None), getattr(theirs, "state", None)
    return inside if state == (None, None) else [*inside, state]
