"""Which tensors are the same under names that have nothing in common, told by shape and order; nothing is guessed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report import units
from weightedit.doctor.load_report.places import Places
from weightedit.doctor.load_report.possible import MOST_CHOICES, choices_of, orders_of, pairs_of
from weightedit.doctor.load_report.same_shapes import are_numbered, are_told_apart, by_names
from weightedit.doctor.load_report.similar import similar
from weightedit.doctor.load_report.surroundings import Pairs, agree, surroundings
from weightedit.doctor.load_report.units import Unit

_LONG = 3
"""Units in a row whose shapes agree, which is no chance."""


@dataclass(frozen=True, slots=True)
class _How:
    """How units are matched.

    Attributes
    ----------
    within
        They must lie in the same module, which says as much as their names would.
    vectors
        Vectors that nothing else tells are a guess by shape and order; that comes last.
    """

    within: bool = False
    vectors: bool = False


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
    placed
        Names of the model, of vectors alone, for which their place speaks: beside the same module on both sides.
    """

    pairs: dict[str, str] = field(default_factory=dict)
    choices: list[tuple[Pairs, ...]] = field(default_factory=list)
    orders: list[tuple[Pairs, ...]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)


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
    places = Places(known, names, sequence if said or numeric else None)
    here, there = surroundings(known)
    by_module = units.numbered if numeric else units.modules
    is_ordered = said or numeric
    rounds = ((units.stacks, units.stacks, said), (units.modules, by_module, is_ordered))
    of_tensors = (units.singles, units.singles, said)
    for (ours, theirs, in_order), how in (
            *((some, _How(within=True)) for some in rounds), *((some, _How()) for some in rounds),
            *((some, None) for some in rounds), (of_tensors, _How()),
            *((some, _How(within=True, vectors=True)) for some in rounds),
            *((some, _How(vectors=True)) for some in rounds)):  # fmt: skip
        taken = {name for choice in (*made.choices, *made.orders) for pairs in choice
                 for name in (*pairs, *pairs.values())}  # fmt: skip
        left = {name: facts for name, facts in model.items() if name not in taken and name not in made.pairs}
        gone = taken | set(made.pairs.values())
        rest = {name: facts for name, facts in found.items() if name not in gone}
        if not left or not rest:
            break
        within = how is not None and how.within
        if within and not known:
            continue
        some, others = ([unit for unit in every if unit.where or not within]
                        for every in (ours(left, here), theirs(rest, there)))  # fmt: skip
        if how is None:
            made.pairs |= similar(some, others)
        else:
            _match(some, others, in_order, places, made, how)
    return made


def _says_something(order: Mapping[str, TensorFacts]) -> bool:
    """Whether the order of names tells of the order of modules: safetensors sorts them by dtype and name."""
    by_dtype: dict[str, list[str]] = {}
    for name, facts in order.items():
        by_dtype.setdefault(facts.dtype, []).append(name)
    return any(later < earlier for names in by_dtype.values() for earlier, later in pairwise(names))


def _match(model: list[Unit], found: list[Unit], is_ordered: bool, places: Places, made: Alike, how: _How) -> None:
    """Match units of one signature: one with one, as many with as many by names, or by an order that something backs.

    What nothing tells is a choice, or has several orders.
    """
    ours, theirs = _by_key(model, how.within), _by_key(found, how.within)
    even = {one for one, some in ours.items() if len(some) == len(theirs.get(one, ()))}
    runs = [[unit for unit in some if _key(unit, how.within) in even] for some in (model, found)]
    in_order = is_ordered and \
        [_key(unit, how.within) for unit in runs[0]] == [_key(unit, how.within) for unit in runs[1]]  # fmt: skip
    is_whole = len(runs[0]) == len(model) and len(runs[1]) == len(found)
    says_much = (is_whole or (in_order and len(runs[0]) >= _LONG)) and _is_telling(ours, even)
    named = {key: by_names(ours[key], theirs[key]) if len(ours[key]) > 1 else [] for key in even}
    sure = {**places.known, **made.pairs, **_told(ours, theirs, named, in_order)}
    for key, some in ours.items():
        others = theirs.get(key, [])
        is_even, is_alone = key in even, len(some) == 1
        if is_even and len(named[key]) == len(some):
            for unit, other in named[key]:
                made.pairs |= pairs_of(unit, other) if agree(unit.where, other.where) else {}
        elif is_even and (is_alone or (in_order and are_told_apart(some, others, named[key], places, sure))):
            for unit, other in zip(some, others, strict=True):
                if agree(unit.where, other.where):
                    _match_two(unit, other, is_alone, says_much, places, made, how)
        elif is_even and _may_be_guessed(some[0], how) and (orders := orders_of(some, others, in_order)):
            made.orders.append(orders)
            made.placed |= orders[0].keys() if how.within and how.vectors else set()
        elif others and some[0].is_distinct and max(len(some), len(others)) <= MOST_CHOICES and \
                (is_even or not how.within):  # fmt: skip
            made.choices += choices_of(some, others)


def _match_two(unit: Unit, other: Unit, is_alone: bool, says_much: bool, places: Places, made: Alike,
               how: _How) -> None:  # fmt: skip
    """Match two units that can only be one another, where more than their shape says so."""
    fits = places.fits(unit, other)
    by_place = how.within and (fits or is_alone) and (unit.is_distinct or len(unit.tensors) > 1)
    by_itself = is_alone and unit.is_distinct and len(unit.tensors) > _LONG
    is_beside = not unit.is_distinct and _has_names(unit) and places.is_beside(unit, other)
    if unit.words & other.words or (says_much and fits) or by_place or by_itself or is_beside:
        made.pairs |= pairs_of(unit, other)
        made.placed |= set(unit.tensors) if is_beside else set()
    elif _may_be_guessed(unit, how) and (how.vectors or not how.within):
        made.choices.append((pairs_of(unit, other),))


def _may_be_guessed(unit: Unit, how: _How) -> bool:
    return unit.is_distinct or (how.vectors and _has_names(unit))


def _told(ours: Mapping[Hashable, list[Unit]], theirs: Mapping[Hashable, list[Unit]],
          named: Mapping[Hashable, list[tuple[Unit, Unit]]], in_order: bool) -> dict[str, str]:  # fmt: skip
    """Return what is told by names, by numbers, or because nothing else has its shape; order alone tells nothing."""
    made: dict[str, str] = {}
    for key, some in named.items():
        by_number = len(ours[key]) == 1 or (in_order and all(map(are_numbered, (ours[key], theirs[key]))))
        for unit, other in zip(ours[key], theirs[key], strict=True) if by_number else some:
            made |= pairs_of(unit, other)
    return made


def _key(unit: Unit, within: bool) -> Hashable:
    return (unit.where, unit.signature) if within else unit.signature


def _is_telling(ours: Mapping[Hashable, list[Unit]], even: set[Hashable]) -> bool:
    """Whether shapes are such that others would not have them by chance: of a matrix, or of many vectors."""
    run = [unit for key in even for unit in ours[key]]
    is_distinct = any(unit.is_distinct for unit in run)
    if any(map(_has_names, run)):
        return is_distinct or sum(len(unit.tensors) for unit in run) > _LONG
    return is_distinct and len(run) >= _LONG and len({unit.signature for unit in run}) > 1


def _by_key(some: Iterable[Unit], within: bool) -> dict[Hashable, list[Unit]]:
    found: dict[Hashable, list[Unit]] = {}
    for unit in some:
        found.setdefault(_key(unit, within), []).append(unit)
    return found


def _has_names(unit: Unit) -> bool:
    """Whether a unit is of modules, whose tensors have names in common with others, rather than a tensor."""
    return any(isinstance(part, tuple) for part in unit.signature)
