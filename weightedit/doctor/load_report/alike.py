"""Which tensors are the same under names that have nothing in common, told by shape and order; nothing is guessed."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report import units
from weightedit.doctor.load_report.possible import MOST_CHOICES, choices_of, orders_of, pairs_of
from weightedit.doctor.load_report.same_shapes import are_told_apart, by_names
from weightedit.doctor.load_report.similar import similar
from weightedit.doctor.load_report.surroundings import Pairs, agree, surroundings
from weightedit.doctor.load_report.units import Unit

Fits = Callable[[str, str], bool]
_LONG = 3
"""Units in a row whose shapes agree, which is no chance."""


@dataclass(slots=True)
class Alike:
    """What was found.

    Attributes
    ----------
    pairs
        What is which.
    choices
        For what could be one of several the pairs of each.
    orders
        For several of one shape that could be as many others in any order: the pairs of each order that is told.
    """

    pairs: dict[str, str] = field(default_factory=dict)
    choices: list[tuple[Pairs, ...]] = field(default_factory=list)
    orders: list[tuple[Pairs, ...]] = field(default_factory=list)


def alike(model: Mapping[str, TensorFacts], found: Mapping[str, TensorFacts], known: Pairs, names: Sequence[str],
          order: Mapping[str, TensorFacts]) -> Alike:  # fmt: skip
    """Match what is left over after the names.

    Parameters
    ----------
    model, found
        What is left, by name, in order.
    known
        What is matched already: what stands between matched neighbours must do so in the checkpoint too.
    names, order
        All names of the model, and all tensors of the checkpoint, in order.
    """
    made = Alike()
    if not model or not found:
        return made
    said = _says_something(order)
    heads = {units.split(name)[0] for name in found}
    numeric = not said and len(heads) > 1 and len({units.without_numbers(head) for head in heads}) == 1
    sequence = sorted(order, key=lambda name: (units.numbers(name), name)) if numeric else list(order)
    between = _between(known, names, sequence) if said or numeric else _anywhere
    here, there = surroundings(known)
    by_module = units.numbered if numeric else units.modules
    for ours, theirs, is_ordered, how in (
            (units.stacks, units.stacks, said, "within"), (units.modules, by_module, said or numeric, "within"),
            (units.stacks, units.stacks, said, "anywhere"), (units.modules, by_module, said or numeric, "anywhere"),
            (units.stacks, units.stacks, said, "nearly"), (units.modules, by_module, said or numeric, "nearly"),
            (units.singles, units.singles, said, "anywhere")):  # fmt: skip
        taken = {name for choice in (*made.choices, *made.orders) for pairs in choice
                 for name in (*pairs, *pairs.values())}  # fmt: skip
        left = {name: facts for name, facts in model.items() if name not in taken and name not in made.pairs}
        gone = taken | set(made.pairs.values())
        rest = {name: facts for name, facts in found.items() if name not in gone}
        if not left or not rest:
            break
        if how == "within" and not known:
            continue
        some, others = ([unit for unit in every if unit.where or how != "within"]
                        for every in (ours(left, here), theirs(rest, there)))  # fmt: skip
        if how == "nearly":
            made.pairs |= similar(some, others)
        else:
            _match(some, others, is_ordered, between, made, how == "within")
    return made


def _says_something(order: Mapping[str, TensorFacts]) -> bool:
    """Whether the order of names tells of the order of modules: safetensors sorts them by dtype and name."""
    by_dtype: dict[str, list[str]] = {}
    for name, facts in order.items():
        by_dtype.setdefault(facts.dtype, []).append(name)
    return any(later < earlier for names in by_dtype.values() for earlier, later in pairwise(names))


def _match(model: list[Unit], found: list[Unit], is_ordered: bool, between: Fits, made: Alike, within: bool) -> None:
    """Match units of one signature: one with one, as many with as many by names, or by an order that something backs.

    Parameters
    ----------
    within
        Whether they must lie in the same module, which says as much as their names would.
    """
    ours, theirs = _by_key(model, within), _by_key(found, within)
    even = {one for one, some in ours.items() if len(some) == len(theirs.get(one, ()))}
    runs = [[unit for unit in some if _key(unit, within) in even] for some in (model, found)]
    in_order = is_ordered and [_key(unit, within) for unit in runs[0]] == [_key(unit, within) for unit in runs[1]]
    is_whole = len(runs[0]) == len(model) and len(runs[1]) == len(found)
    says_much = (is_whole or (in_order and len(runs[0]) >= _LONG)) and _is_telling(ours, even)
    for key, some in ours.items():
        others = theirs.get(key, [])
        is_even, is_distinct = key in even, some[0].is_distinct
        named = by_names(some, others) if is_even and len(some) > 1 else []
        if len(named) == len(some):
            for unit, other in named:
                made.pairs |= pairs_of(unit, other) if agree(unit.where, other.where) else {}
        elif is_even and (len(some) == 1 or (in_order and are_told_apart(some, others, named, runs))):
            is_alone = len(some) == 1
            for unit, other in zip(some, others, strict=True):
                fits = between(unit.tensors[0], other.tensors[0])
                by_place = within and (fits or is_alone) and (unit.is_distinct or len(unit.tensors) > 1)
                by_itself = is_alone and unit.is_distinct and len(unit.tensors) > _LONG
                if not agree(unit.where, other.where):
                    continue
                if unit.words & other.words or (says_much and fits) or by_place or by_itself:
                    made.pairs |= pairs_of(unit, other)
                elif unit.is_distinct and not within:
                    made.choices.append((pairs_of(unit, other),))
        elif is_even and is_distinct and (orders := orders_of(some, others, in_order)):
            made.orders.append(orders)
        elif others and is_distinct and max(len(some), len(others)) <= MOST_CHOICES and (is_even or not within):
            made.choices += choices_of(some, others)


def _key(unit: Unit, within: bool) -> Hashable:
    return (unit.where, unit.signature) if within else unit.signature


def _is_telling(ours: Mapping[Hashable, list[Unit]], even: set[Hashable]) -> bool:
    """Whether shapes are such that others would not have them by chance: of a matrix, or of many vectors."""
    run = [unit for key in even for unit in ours[key]]
    is_distinct = any(unit.is_distinct for unit in run)
    if any(isinstance(part, tuple) for unit in run for part in unit.signature):  # of modules, with names of tensors
        return is_distinct or sum(len(unit.tensors) for unit in run) > _LONG
    return is_distinct and len(run) >= _LONG and len({unit.signature for unit in run}) > 1


def _by_key(some: Iterable[Unit], within: bool) -> dict[Hashable, list[Unit]]:
    found: dict[Hashable, list[Unit]] = {}
    for unit in some:
        found.setdefault(_key(unit, within), []).append(unit)
    return found


def _anywhere(name: str, other: str) -> bool:
    return True


def _between(known: Pairs, names: Sequence[str], order: Sequence[str]) -> Fits:
    """Return what tells whether a name of the checkpoint stands between the same neighbours as one of the model."""
    place, ours = ({name: number for number, name in enumerate(all_of)} for all_of in (order, names))
    matched = sorted((ours[name], place[other]) for name, other in known.items())
    starts = [number for number, _ in matched]

    def fits(name: str, other: str) -> bool:
        at = bisect(starts, ours[name])
        after = at == 0 or matched[at - 1][1] < place[other]
        return after and (at == len(matched) or place[other] < matched[at][1])

    return fits
