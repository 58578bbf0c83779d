"""Which tensor of a checkpoint is which of a model: by name, by another spelling of it, then by shape and order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.alike import Alike, alike
from weightedit.doctor.load_report.copies import Copy, copies_in
from weightedit.doctor.load_report.dialect_names import of_other_code
from weightedit.doctor.load_report.differences import difference
from weightedit.doctor.load_report.evidence import Evidence
from weightedit.doctor.load_report.part import rank
from weightedit.doctor.load_report.prefixes import MOST_RULES, Prefix, best_prefixes
from weightedit.doctor.load_report.renames import Names, renames
from weightedit.doctor.load_report.rules import changed
from weightedit.doctor.load_report.spelling import spelled
from weightedit.doctor.load_report.surroundings import Pairs

FEW = 0.25
"""Of the model's tensors; where fewer are found by name the checkpoint is of another model, unless shapes say more."""
MOST = 0.75
"""Of the rest, which must be found by shape and order where few are by name, or all of both sides."""
_SMALL = 4


@dataclass(frozen=True, slots=True)
class Matched:
    """What is which.

    Attributes
    ----------
    spelled
        Names of the checkpoint by those of the model, the same or other spellings of them.
    alike
        Those that agree by shape and order alone.
    choices
        For what could be one of several: the pairs of each.
    orders
        For several of one shape that could be as many others in any order: the pairs of each order that is told.
    dialect
        Those whose names another code base of the same architecture gives.
    doubtful
        What agrees in shape where nothing else speaks for it; most likely these are different tensors.
    copies
        Where there are several copies of the model: each, that which is matched first.
    is_other
        Whether so little agrees that the checkpoint is of another model.
    pairs
        All names of the checkpoint by those of the model.
    """

    spelled: Pairs
    alike: Pairs
    choices: tuple[tuple[Pairs, ...], ...] = ()
    orders: tuple[tuple[Pairs, ...], ...] = ()
    doubtful: tuple[Pairs, ...] = ()
    dialect: Pairs = field(default_factory=dict)
    copies: tuple[Copy, ...] = ()
    is_other: bool = False
    pairs: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Put all pairs together."""
        object.__setattr__(self, "pairs", {**self.spelled, **self.dialect, **self.alike})


Tensors = Mapping[str, TensorFacts]


def match(model: Tensors, found: Tensors) -> Matched:
    """Match tensors.

    Parameters
    ----------
    model, found
        What the state_dict of the model has, and what the checkpoint has, in order.
    """
    dialect = of_other_code(model, found)
    if dialect:
        gone = set(dialect.values())
        rest = match({name: facts for name, facts in model.items() if name not in dialect},
                     {key: facts for key, facts in found.items() if key not in gone})  # fmt: skip
        return replace(rest, dialect=dialect, is_other=False)
    pairs, rivals = by_name(model, found)
    pairs = {name: pairs[name] for name in model if name in pairs}
    copies = copies_in(model, found, pairs)
    if copies:
        gone = {key for one in copies[1:] for key in one.keys}
        rest = match(model, {key: facts for key, facts in found.items() if key not in gone})
        return replace(rest, copies=copies)
    known = sum(len(one) for one in rivals[:1]) + len(pairs)
    is_strange = known < FEW * len(model) and len(model) > _SMALL
    if is_strange and _shapes_in_common(model, found) < 0.5 * len(model):
        return Matched(pairs, {}, is_other=True)
    by_shape = _by_shape(model, found, pairs, rivals)
    swapped: set[str] = set()
    differences = {name: difference(model[name], found[key]) for name, key in pairs.items()}
    unfit = {name for name, one in differences.items() if one is not None and one.kind == "shape"}
    if unfit:  # names that changed places
        kept = {name: key for name, key in pairs.items() if name not in unfit}
        other = _by_shape(model, found, kept, rivals)
        if unfit <= other.pairs.keys():
            pairs, by_shape, swapped = kept, other, unfit
    guessed = {name for options in by_shape.orders for name in options[0]}
    named = len(by_shape.pairs)
    all_guessed = named + len(guessed) == len(model) - known == len(found) - known
    if is_strange and not all_guessed and named <= MOST * (len(model) - known):
        return Matched(pairs, {}, is_other=True)
    if not known and not by_shape.pairs and not by_shape.choices and not by_shape.orders:
        return Matched({}, {}, is_other=True)
    by_shape, doubtful = _backed(model, pairs, by_shape, swapped)
    by_rule = _by_rule(model, found, pairs, by_shape)
    doubtful = [some for some in doubtful if not some.keys() & by_rule.keys() and
                not {*some.values()} & {*by_rule.values()}]  # fmt: skip
    return Matched(pairs, by_shape.pairs | by_rule, (*((rivals,) if rivals else ()), *by_shape.choices),
                   tuple(by_shape.orders), tuple(doubtful))  # fmt: skip


def _backed(model: Tensors, known: Pairs, found: Alike, sure: set[str]) -> tuple[Alike, list[dict[str, str]]]:
    """Return what more than shapes speaks for, and what nothing else does.

    Parameters
    ----------
    sure
        Names of the model that changed places, as the shapes of all of them say.
    """
    evidence = Evidence(model, known)
    first = {name: key for options in (*found.choices, *found.orders) for name, key in options[0].items()}
    if evidence.is_most(found.pairs | first):
        return found, []
    sure = sure | found.placed
    kept = {name: key for name, key in found.pairs.items() if name in sure}
    backed, rest = evidence.backed({name: key for name, key in found.pairs.items() if name not in sure})
    choices, orders = ([options for options in some if options[0].keys() <= sure or
                        not evidence.backed(options[0])[1]] for some in (found.choices, found.orders))  # fmt: skip
    rest += [dict(options[0]) for options in (*found.choices, *found.orders)
             if options not in choices and options not in orders]  # fmt: skip
    return Alike(kept | backed, choices, orders), rest


def _by_rule(model: Tensors, found: Tensors, pairs: Pairs, by_shape: Alike) -> dict[str, str]:
    """Return what the renames of its neighbours would rename to a name of the model, and is as large."""
    gone = {*pairs.values(), *by_shape.pairs.values(),
            *(key for choice in (*by_shape.choices, *by_shape.orders) for one in choice for key in one.values())}
    left = {name for name in model if name not in pairs and name not in by_shape.pairs}
    rest = [key for key in found if key not in gone]
    if not left or not rest or not by_shape.pairs:
        return {}
    then = {key: key for key in rest}
    names = Names(list(found), frozenset(pairs.values()))
    for edit in renames({key: name for name, key in by_shape.pairs.items()}, names):
        made = changed(edit, then.values())
        then = {key: made.get(now, now) for key, now in then.items()}
    return {name: key for key, name in then.items() if name in left and name != key and
            _is_as_large(model[name], found[key])}  # fmt: skip


def _shapes_in_common(model: Tensors, found: Tensors) -> int:
    """Return how many tensors of the model could be in the checkpoint under other names."""
    ours, theirs = (Counter(facts.shape for facts in tensors.values()) for tensors in (model, found))
    return (ours & theirs).total()


def _by_shape(model: Tensors, found: Tensors, pairs: Pairs, rivals: tuple[Pairs, ...]) -> Alike:
    """Return what agrees by shape and order of what is left; what is tied to another tensor of the model has its."""
    undecided = {name for one in rivals for name in (*one, *one.values())}
    left = {name: facts for name, facts in model.items() if name not in pairs and name not in undecided}
    gone = {*pairs.values(), *undecided}
    rest = {name: facts for name, facts in found.items() if name not in gone}
    left = {name: facts for name, facts in left.items()
            if facts.same_as not in pairs and facts.same_as not in left}  # fmt: skip
    return alike(left, rest, pairs, list(model), found)


def by_name(model: Tensors, found: Tensors) -> tuple[dict[str, str], tuple[Pairs, ...]]:
    """Return what agrees by name or by another spelling of it; and the pairs of prefixes that fit equally well."""
    pairs = {name: name for name in model if name in found}
    ours = spelled(name for name in model if name not in pairs)
    theirs = spelled(name for name in found if name not in pairs)
    for short in [short for short in ours if short in theirs]:
        if theirs[short].rpartition(".")[2] == ours[short].rpartition(".")[2] or \
                _is_as_large(model[ours[short]], found[theirs[short]]):  # fmt: skip
            pairs[ours.pop(short)] = theirs.pop(short)
    for _ in range(MOST_RULES):
        best = best_prefixes({short: model[name] for short, name in ours.items()},
                             {short: found[name] for short, name in theirs.items()},
                             partial(_is_backed, Evidence(model, pairs), len(model)))  # fmt: skip
        if len(best) > 1 and not all("" in (one.found, one.wanted) for one in best):
            break  # modules rather than prefixes, which their surroundings may tell
        if len(best) > 1 and all(one.pairs.keys() == best[0].pairs.keys() for one in best):
            best = sorted(best, key=lambda one: rank(one.found))  # copies, of which the usual one is compared
        elif len(best) > 1:
            return pairs, tuple({ours[short]: theirs[other] for short, other in one.pairs.items()} for one in best)
        if not best:
            break
        for short, other in best[0].pairs.items():
            pairs[ours.pop(short)] = theirs.pop(other)
    return pairs, ()


def _is_backed(evidence: Evidence, count: int, prefix: Prefix) -> bool:
    """Whether more than shapes speaks for a prefix: all names have it, or what speaks for any rename."""
    is_all = "" in (prefix.found, prefix.wanted) and len(prefix.pairs) == count
    return is_all or evidence.is_most(prefix.pairs) or evidence.speaks_for(prefix.pairs)


def _is_as_large(ours: TensorFacts, theirs: TensorFacts) -> bool:
    return prod(ours.shape) == prod(theirs.shape)
