"""The lists of parameters in an optimizer: new ones put where the old ones are, and the old ones put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

State = dict[str, Any]
"""What an optimizer keeps for one parameter, such as `{"step": …, "exp_avg": …}`."""
Named = list[tuple[Any, Any]]
"""Parameters with their names, or None for each."""


@dataclass(frozen=True, slots=True)
class Entering:
    """A parameter that comes into an optimizer.

    Attributes
    ----------
    new
        The parameter.
    beside
        One that the optimizer holds: `new` takes its place where it goes, and stands after it where it stays.
    state
        What the optimizer keeps for `new` from now on; None lets it start anew.
    """

    new: torch.Tensor
    beside: torch.Tensor
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Rearranged:
    """A list of a group that was changed in place.

    Attributes
    ----------
    place
        Of the group.
    values
        The list itself.
    before, now
        What it had and has.
    """

    place: int
    values: list[Any]
    before: list[Any]
    now: list[Any]


def rearrange(optimizer: Any, gone: Iterable[torch.Tensor], come: Iterable[Entering]) -> Iterator[Rearranged]:
    """Change each list of parameters and of their names, and yield what was done once it is."""
    left = {id(tensor) for tensor in gone}
    beside: dict[int, list[Entering]] = {}
    for entering in come:
        beside.setdefault(id(entering.beside), []).append(entering)
    for place, group in enumerate(optimizer.param_groups):
        before = _named(group)
        now = _rearranged(before, left, beside)
        if not same_objects([one for one, _ in before], [one for one, _ in now]):
            yield from _put(place, group, now)


def _named(group: Mapping[str, Any]) -> Named:
    params, names = group["params"], group.get("param_names") or []
    named = isinstance(names, list) and len(names) == len(params)
    return list(zip(params, names, strict=True)) if named else [(one, None) for one in params]


def _put(place: int, group: Mapping[str, Any], items: Named) -> Iterator[Rearranged]:
    names = group.get("param_names")
    pairs = [(group["params"], [one for one, _ in items])]
    if isinstance(names, list) and names and len(names) == len(group["params"]):
        pairs.append((names, [name for _, name in items]))
    for values, now in pairs:
        done = Rearranged(place, values, list(values), now)
        values[:] = now
        yield done


def _rearranged(items: Named, gone: set[int], beside: Mapping[int, list[Entering]]) -> Named:
    order: Named = []
    listed = {id(parameter) for parameter, _ in items} - gone
    for parameter, name in items:
        if id(parameter) not in gone:
            order.append((parameter, name))
        for entering in beside.get(id(parameter), ()):
            if id(entering.new) not in listed:
                order.append((entering.new, name if id(parameter) in gone else f"{name} (untied)"))
                listed.add(id(entering.new))
    return order


def put_back(optimizer: Any, kept: Sequence[Rearranged], gone: Sequence[torch.Tensor],
             come: Sequence[Entering]) -> None:  # fmt: skip
    """Take the new parameters out again and put the old ones back, in the lists there are now.

    A list that other code has added to, or put in another's place, keeps what it has besides.
    """
    as_left = set()
    for one in reversed(kept):
        if same_objects(one.values, one.now):
            one.values[:] = one.before
            as_left.add(id(one.values))
    taken = {id(entering.new): entering.beside for entering in come if entering.new is not entering.beside}
    back = {id(tensor) for tensor in gone}
    for place, group in enumerate(optimizer.param_groups):
        if id(group["params"]) not in as_left:
            items = _taken_back(_named(group), taken, back)
            for _ in _put(place, group, items):
                pass
    _put_in_missing(optimizer, kept, gone)


def _taken_back(items: Named, taken: Mapping[int, torch.Tensor], gone: set[int]) -> Named:
    found: Named = []
    listed = {id(parameter) for parameter, _ in items}
    for parameter, name in items:
        old = taken.get(id(parameter))
        if old is None:
            found.append((parameter, name))
        elif id(old) in gone and id(old) not in listed:
            found.append((old, name))
            listed.add(id(old))
    return found


def _put_in_missing(optimizer: Any, kept: Sequence[Rearranged], gone: Sequence[torch.Tensor]) -> None:
    """Put a parameter that nothing stands for in its group again, after the one it came after."""
    groups = optimizer.param_groups
    there = {id(parameter) for group in groups for parameter in group["params"]}
    for tensor in gone if groups else ():
        if id(tensor) in there:
            continue
        for one in kept:
            at = next((at for at, value in enumerate(one.before) if value is tensor), None)
            if at is not None:
                group = groups[min(one.place, len(groups) - 1)]
                earlier = {id(value) for value in one.before[:at]}
                after = max((place for place, value in enumerate(group["params"]) if id(value) in earlier), default=-1)
                _insert(group, after + 1, tensor, kept, one, at)
                break


def _insert(group: Mapping[str, Any], place: int, tensor: torch.Tensor, kept: Sequence[Rearranged], one: Rearranged,
            at: int) -> None:  # fmt: skip
    names = group.get("param_names")
    if isinstance(names, list) and names and len(names) == len(group["params"]):
        known = next((other.before for other in kept if other.place == one.place and other is not one), [])
        names.insert(place, known[at] if at < len(known) else f"{len(names)}")
    group["params"].insert(place, tensor)


def same_objects(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two sequences hold the very same objects; `==` of tensors asks for their values."""
    return len(values) == len(others) and all(one is other for one, other in zip(values, others, strict=True))
