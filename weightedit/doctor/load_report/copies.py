"""Which tensors of a checkpoint are copies of one model, such as its weights and their moving average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from weightedit.core.words.labels import called
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.surroundings import Pairs

_FEWEST = 2
"""Tensors of a model, below which anything would be a copy of it."""
_MOST_TRIED = 64
Tensors = Mapping[str, TensorFacts]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a model in a checkpoint.

    Attributes
    ----------
    start
        How its names begin; empty where they have no prefix.
    pairs
        Names of the checkpoint by those of the model.
    beside
        What else begins so and no copy has: how often a moving average was updated.
    """

    start: str
    pairs: Pairs
    beside: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """All that goes where another one is taken."""
        return [*self.pairs.values(), *self.beside]

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return called(self.start.removesuffix(".")) if self.start else "the one without a prefix"


def copies_in(model: Tensors, found: Tensors, pairs: Pairs) -> tuple[Copy, ...]:
    """Return the copies of a model, that which is matched first; none where it is the only one.

    A copy has all tensors that are matched, under the same names but for how all of them begin, and of the same
    shapes; what else begins so is a single number, or is in the first copy too.

    Parameters
    ----------
    model, found
        What the state_dict of the model has, and what the checkpoint has.
    pairs
        What is matched by name.
    """
    if len(pairs) < _FEWEST or 2 * len(pairs) < len(model):
        return ()
    start = _start(pairs)
    inside = {key[len(start) :]: name for name, key in pairs.items()}
    longest = max(inside, key=len)
    starts = [key.removesuffix(longest) for key in found if key.endswith(f".{longest}") or key == longest]
    every, taken = {start: pairs}, set(pairs.values())
    for other in starts[:_MOST_TRIED]:
        keys = {name: other + short for short, name in inside.items()}
        if taken.isdisjoint(keys.values()) and \
                all(_is_in(key, found[pairs[name]], found) for name, key in keys.items()):  # fmt: skip
            every[other] = keys
            taken |= set(keys.values())
    beside: dict[str, list[str]] = {}
    for key in found:
        if key not in taken:
            beside.setdefault(innermost(key, every), []).append(key)
    first, *others = every
    made = [Copy(other, every[other], tuple(beside.get(other, ()) if other else ())) for other in others
            if not other or all(prod(found[key].shape) == 1 or _is_in(start + key[len(other) :], found[key], found)
                                for key in beside.get(other, ()))]  # fmt: skip
    return (Copy(first, pairs), *made) if made else ()


def innermost(key: str, starts: Iterable[str]) -> str:
    """Return how a key begins of what copies begin with, the longest: a copy may lie within another one."""
    return max((start for start in starts if key.startswith(start)), key=len, default="")


def _is_in(key: str, facts: TensorFacts, found: Tensors) -> bool:
    return key in found and found[key].shape == facts.shape


def _start(pairs: Pairs) -> str:
    """Return how all names of the checkpoint begin, but for what those of the model have there too."""
    ours, theirs = (_in_common([name.split(".")[:-1] for name in names]) for names in (list(pairs), pairs.values()))
    while ours and theirs and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    return "".join(f"{part}." for part in theirs)


def _in_common(names: Sequence[list[str]]) -> list[str]:
    first, last = min(names), max(names)
    same = next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), None)
    return first[: min(len(first), len(last)) if same is None else same]
