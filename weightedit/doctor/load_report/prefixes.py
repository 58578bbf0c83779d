"""Which prefix a checkpoint's names have that the model's have not, found by where most names then agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from weightedit.doctor.facts import TensorFacts

MOST_RULES = 8
"""Prefixes that are looked for, one after the other."""
_MOST_HEADS = 8
"""Names of the model with the same ending; an ending that more have tells nothing."""
_MANY = 8


@dataclass(frozen=True, slots=True)
class Prefix:
    """Names that agree but for how they begin.

    Attributes
    ----------
    found, wanted
        How names of the checkpoint begin, and those of the model; empty for nothing, else without the last dot.
    pairs
        The names of the checkpoint by those of the model.
    fitting
        How many of them have as many values in both.
    """

    found: str
    wanted: str
    pairs: Mapping[str, str]
    fitting: int


def best_prefixes(model: Mapping[str, TensorFacts], found: Mapping[str, TensorFacts],
                  is_backed: Callable[[Prefix], bool]) -> list[Prefix]:  # fmt: skip
    """Return the prefix that makes most names agree, with those that do so equally well; none where nothing agrees.

    Parameters
    ----------
    model, found
        The tensors that are not matched yet, by name.
    is_backed
        Whether more than shapes speaks for a prefix.
    """
    fitting: Counter[tuple[str, str]] = Counter()
    votes: Counter[tuple[str, str]] = Counter()
    for name, other, heads in _agreeing(model, found):
        votes[heads] += 1
        fitting[heads] += prod(model[other].shape) == prod(found[name].shape)
    good = [heads for heads, count in votes.items() if _is_likely(count, fitting[heads], heads, len(model))]
    by_count: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for heads in good:
        by_count.setdefault((fitting[heads], votes[heads]), []).append(heads)
    for count in sorted(by_count, reverse=True):
        best = [_prefix(model, found, heads) for heads in by_count[count]]
        backed = [one for one in best if is_backed(one)]
        if backed:
            rivals = backed if all("" in (one.found, one.wanted) for one in best) else best
            return [one for one in rivals if one.pairs.keys() & backed[0].pairs.keys() or
                    set(one.pairs.values()) & set(backed[0].pairs.values())]  # fmt: skip
    return []


def _is_likely(count: int, fitting: int, heads: tuple[str, str], names: int) -> bool:
    """Whether a prefix is more than chance: the sizes agree, or it explains most of the model."""
    if 2 * count >= names and count >= _MANY:
        return True
    return 2 * fitting >= count and fitting >= (1 if "" in heads else 2)


def _agreeing(model: Mapping[str, TensorFacts],
              found: Mapping[str, TensorFacts]) -> Iterator[tuple[str, str, tuple[str, str]]]:  # fmt: skip
    """Yield (name, name in the model, how they begin) for names whose longest ending is that of a name of the model."""
    by_ending: dict[str, list[str]] = {ending: [] for name in found for ending in _endings(name)}
    for name in model:
        for ending in _endings(name):
            if ending in by_ending:
                by_ending[ending].append(name)
    for name in found:
        for ending in _endings(name):
            others = by_ending[ending]
            if 0 < len(others) <= _MOST_HEADS:
                head = name[: -len(ending)].removesuffix(".")
                whole = [other for other in others if not head or other == ending or "." in ending]
                yield from ((name, other, (head, other[: -len(ending)].removesuffix("."))) for other in whole)
            if others:
                break


def _endings(name: str) -> Iterator[str]:
    """Yield a name and its endings, the longest first."""
    yield name
    dot = name.find(".")
    while dot >= 0:
        yield name[dot + 1 :]
        dot = name.find(".", dot + 1)


def _prefix(model: Mapping[str, TensorFacts], found: Mapping[str, TensorFacts], heads: tuple[str, str]) -> Prefix:
    start, instead = (f"{head}." if head else "" for head in heads)
    pairs = {instead + name[len(start) :]: name for name in found
             if name.startswith(start) and instead + name[len(start) :] in model}  # fmt: skip
    fitting = sum(prod(model[other].shape) == prod(found[name].shape) for other, name in pairs.items())
    return Prefix(*heads, pairs, fitting)
