"""Which of several units of one shape is which: by what their names say, or by an order that something backs."""

from __future__ import annotations

from collections.abc import Sequence

from weightedit.doctor.load_report.likeness import said_alike
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
    if len(alike) == len(ours) - 1 >= _FEWEST - 1:
        last = next(place for place in range(len(ours)) if place not in alike)
        left = next(place for place in range(len(theirs)) if place not in set(alike.values()))
        if ours[last].last_words & _OUT and theirs[left].last_words & _OUT:
            alike[last] = left
    return [(ours[place], theirs[found]) for place, found in alike.items()]


def are_told_apart(ours: Sequence[Unit], theirs: Sequence[Unit], named: Named, runs: Sequence[list[Unit]]) -> bool:
    """Whether more than the order of a file says which of several units of one shape is which.

    Between each and the next there stands another one on both sides, or both are numbered, or names say the same of one
    of them as the order; and of none do they say anything else.

    Parameters
    ----------
    ours, theirs
        The units, in order.
    named
        Those of which names say something.
    runs
        All units of both sides that have as many of their shape on the other, in order.
    """
    place = {id(unit): number for run in runs for number, unit in enumerate(run)}
    in_order = {(id(unit), id(other)) for unit, other in zip(ours, theirs, strict=True)}
    if any((id(unit), id(other)) not in in_order for unit, other in named):
        return False
    sure = {id(unit) for pair in named for unit in pair}
    return all(not sure.isdisjoint((id(units[at]), id(units[at + 1]))) or _are_apart(units[at], units[at + 1], place)
               for at in range(len(ours) - 1) for units in (ours, theirs))  # fmt: skip


def _are_apart(unit: Unit, following: Unit, place: dict[int, int]) -> bool:
    return numbers(unit.name) < numbers(following.name) or place[id(following)] - place[id(unit)] > 1
