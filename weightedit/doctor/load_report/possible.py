"""What units of one shape could be, where nothing tells which is which: each order of a few, or each of several."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import permutations

from weightedit.doctor.load_report.same_shapes import by_names, by_turns
from weightedit.doctor.load_report.surroundings import Pairs
from weightedit.doctor.load_report.units import Unit

MOST_CHOICES = 4
"""Of what a tensor could be; of more nothing is said."""
_MOST_ORDERED = 3
"""Units of one shape whose orders are all told."""


def orders_of(ours: list[Unit], theirs: list[Unit], in_order: bool) -> tuple[Pairs, ...]:
    """Return the pairs of every order in which a few units can be others; of more the order of the file alone.

    Where names say something, what they say comes first, else the order of the file, where it has one.
    """
    likest = by_turns(ours, theirs) or \
        {ours.index(unit): theirs.index(other) for unit, other in by_names(ours, theirs)}  # fmt: skip
    if len(ours) > _MOST_ORDERED:
        orders: list[tuple[int, ...]] = [tuple(range(len(ours)))] if in_order else []
    else:
        orders = sorted(permutations(range(len(ours))),
                        key=lambda order: -sum(likest.get(place) == other for place, other in enumerate(order)))
    options = []
    for order in orders:
        pairs: dict[str, str] = {}
        for unit, place in zip(ours, order, strict=True):
            pairs |= pairs_of(unit, theirs[place])
        options.append(pairs)
    return tuple(options)


def choices_of(ours: list[Unit], theirs: list[Unit]) -> list[tuple[Pairs, ...]]:
    """Return what each unit of the smaller side could be; the first of each are different ones, with names alike."""
    few, many = (ours, theirs) if len(ours) <= len(theirs) else (theirs, ours)
    alike = {(id(one), id(other)): SequenceMatcher(None, one.name, other.name).ratio()
             for one in few for other in many}  # fmt: skip
    best = max(permutations(many, len(few)),
               key=lambda order: sum(alike[id(one), id(other)] for one, other in zip(few, order, strict=True)))
    made: list[tuple[Pairs, ...]] = []
    for one, first in zip(few, best, strict=True):
        order = [first, *sorted((other for other in many if other is not first),
                                key=lambda other: -alike[id(one), id(other)])]  # fmt: skip
        made.append(tuple(pairs_of(one, other) if few is ours else pairs_of(other, one) for other in order))
    return made


def pairs_of(unit: Unit, other: Unit) -> dict[str, str]:
    """Return the names of the tensors of one unit by those of another."""
    return dict(zip(unit.tensors, other.tensors, strict=True))
