"""Which of several units of one shape is which: by what their names say, or by an order that something backs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from weightedit.doctor.load_report.likeness import in_turn, said_alike
from weightedit.doctor.load_report.places import Places
from weightedit.doctor.load_report.surroundings import Pairs
from weightedit.doctor.load_report.units import Unit, numbers

_FEWEST = 3
"""Units of which all but one are known by their names, so that the last is what is left."""
_OUT = {"out", "dense", "proj", "projection"}
"""What the last of queries, keys, values and outputs is called."""
Named = list[tuple[Unit, Unit]]


def by_names(ours: Sequence[Unit], theirs: Sequence[Unit]) -> Named:
    """Return the units that are called the same within their modules, or say the same with other words.

    Parameters
    ----------
    ours, theirs
        As many units on either side, of one shape, so that nothing but names and order tells them apart.
    """
    own, other = ({unit.own_name: unit for unit in units} for units in (ours, theirs))
    if own.keys() == other.keys() and len(own) == len(ours):
        return [(unit, other[name]) for name, unit in own.items()]
    alike = said_alike([unit.name for unit in ours], [unit.name for unit in theirs])
    turns = by_turns(ours, theirs)
    if turns and any(turns[place] != found for place, found in alike.items()):
        return []  # the norm after attention is not that which is called after it and stands before
    if len(alike) == len(ours) - 1 >= _FEWEST - 1:
        last = next(place for place in range(len(ours)) if place not in alike)
        left = next(place for place in range(len(theirs)) if place not in set(alike.values()))
        if ours[last].last_words & _OUT and theirs[left].last_words & _OUT:
            alike[last] = left
    return [(ours[place], theirs[found]) for place, found in alike.items()]


def by_turns(ours: Sequence[Unit], theirs: Sequence[Unit]) -> dict[int, int]:
    """Return which norm of a block comes as the first and which as the second, by their places; empty if unsaid."""
    if any(unit.is_distinct for unit in ours):
        return {}
    return in_turn([unit.own_name for unit in ours], [unit.own_name for unit in theirs])


def are_told_apart(ours: Sequence[Unit], theirs: Sequence[Unit], named: Named, places: Places, sure: Pairs) -> bool:
    """Whether more than the order of a file says which of several units of one shape is which.

    Between each and the next there stands one and the same other on both sides, which is told for sure, or both are
    numbered, or names say the same of one of them as the order; and of none do they say anything else.

    Parameters
    ----------
    ours, theirs
        The units, in order.
    named
        Those of which names say something.
    places
        Where all tensors stand.
    sure
        What is told by its own name or shape.
    """
    in_order = {(id(unit), id(other)) for unit, other in zip(ours, theirs, strict=True)}
    if any((id(unit), id(other)) not in in_order for unit, other in named):
        return False
    told = {id(unit) for unit, _ in named}
    return all(not told.isdisjoint(map(id, two)) or (are_numbered(two) and are_numbered(others)) or
               places.are_apart(two, others, sure)
               for two, others in zip(pairwise(ours), pairwise(theirs), strict=True))  # fmt: skip


def are_numbered(some: Sequence[Unit]) -> bool:
    """Whether the names of units have numbers, and these are in order."""
    return all(numbers(unit.name) < numbers(following.name) for unit, following in pairwise(some))
