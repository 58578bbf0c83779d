"""Which tensors are the same under names that have nothing in common, told by shape and order; nothing is guessed."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise, permutations

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report import units
from weightedit.doctor.load_report.similar import similar
from weightedit.doctor.load_report.surroundings import agree, surroundings
from weightedit.doctor.load_report.units import Unit

Pairs = Mapping[str, str]
"""Names of the checkpoint by those of the model."""
Fits = Callable[[str, str], bool]
MOST_CHOICES = 4
"""Of what a tensor could be; of more nothing is said."""
_LONG = 3
"""Units in a row whose shapes agree, which is no chance."""


@dataclass(slots=True)
class Alike:
    """What was found: pairs, and for what could be one of several the pairs of each."""

    pairs: dict[str, str] = field(default_factory=dict)
    choices: list[tuple[Pairs, ...]] = field(default_factory=list)


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
        taken = {name for choice in made.choices for pairs in choice for name in (*pairs, *pairs.values())}
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
    """Match units of one signature: one with one, as many with as many where the order of all is the same.

    Parameters
    ----------
    within
        Whether they must lie in the same module, which says as much as their names would.
    """
    ours, theirs = _by_key(model, within), _by_key(found, within)
    even = {one for one, some in ours.items() if len(some) == len(theirs.get(one, ()))}
    runs = [[key for unit in some if (key := _key(unit, within)) in even] for some in (model, found)]
    in_order = is_ordered and runs[0] == runs[1]
    is_whole = len(runs[0]) == len(model) and len(runs[1]) == len(found)
    says_much = (is_whole or (in_order and len(runs[0]) >= _LONG)) and _is_telling(ours, even)
    for key, some in ours.items():
        others = theirs.get(key, [])
        if key in even and _called_apart(some, others):
            by_name = {other.own_name: other for other in others}
            for unit in some:
                if agree(unit.where, by_name[unit.own_name].where):
                    made.pairs |= _pairs(unit, by_name[unit.own_name])
        elif key in even and (in_order or len(some) == 1):
            for unit, other in zip(some, others, strict=True):
                fits = between(unit.tensors[0], other.tensors[0])
                if not agree(unit.where, other.where):
                    continue
                by_place = within and (fits or len(some) == 1) and (unit.is_distinct or len(unit.tensors) > 1)
                by_itself = len(some) == 1 and unit.is_distinct and len(unit.tensors) > _LONG
                if unit.words & other.words or (says_much and fits) or by_place or by_itself:
                    made.pairs |= _pairs(unit, other)
                elif unit.is_distinct and not within:
                    made.choices.append((_pairs(unit, other),))
        elif others and some[0].is_distinct and len(some) <= MOST_CHOICES and len(others) <= MOST_CHOICES and \
                (not within or key in even):  # fmt: skip
            made.choices += _choices(some, others)


def _called_apart(some: list[Unit], others: list[Unit]) -> bool:
    """Whether modules are called the same within theirs on both sides, and each something else."""
    ours, theirs = ({unit.own_name for unit in units} for units in (some, others))
    return ours == theirs and len(ours) == len(some) > 1


def _key(unit: Unit, within: bool) -> Hashable:
    return (unit.where, unit.signature) if within else unit.signature


def _choices(ours: list[Unit], theirs: list[Unit]) -> list[tuple[Pairs, ...]]:
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
        made.append(tuple(_pairs(one, other) if few is ours else _pairs(other, one) for other in order))
    return made


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


def _pairs(unit: Unit, other: Unit) -> dict[str, str]:
    return dict(zip(unit.tensors, other.tensors, strict=True))


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
