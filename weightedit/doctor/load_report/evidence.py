"""What speaks for a rename besides shapes: words in both names, a place among neighbours that match, many alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from weightedit.doctor.load_report.likeness import are_akin, words
from weightedit.doctor.load_report.rules import change_of
from weightedit.doctor.load_report.surroundings import Pairs, surroundings
from weightedit.doctor.load_report.units import split, without_numbers

MANY = 3
"""Modules that change their names in the same way, which is no chance."""
_TELLING = 2
"""Last parts of names that not every layer has, such as `weight_ih_l0`; so many tell a module by themselves."""
_GENERIC = """
act attention attn base batches bias block blocks bn body conv convolution decoder dense emb embed embedding
embeddings encoder fc feature features feed ffn final fn forward func head heads hidden in inner input inputs
kernel layer layernorm layers lin linear lm ln main mean mlp model models module modules net network norm
normalization num out output outputs param params prediction predictions proj projection running scale self seq
stage stages sub submodule summary tensor tracked transform transformer var weight weights wrapped
"""
"""Words that names of quite different modules have in common."""
_COMMON = frozenset(_GENERIC.split())
_LAST = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


class Evidence:
    """What is known of two sets of names already.

    Parameters
    ----------
    names
        All names of the model.
    known
        What is matched by name.
    """

    def __init__(self, names: Collection[str], known: Pairs) -> None:
        self._count, self._known = len(names), known
        self._here, self._there = surroundings(known)
        self._sizes = Counter(module for name in names for module in _above(name))

    def backed(self, pairs: Pairs) -> tuple[dict[str, str], list[dict[str, str]]]:
        """Split pairs that agree in shape into those that more speaks for, and the rest.

        Returns
        -------
        tuple
            The pairs that are to be renamed, and the others, those together whose names change in the same way.
        """
        if self.is_most(pairs):
            return dict(pairs), []
        sure: dict[str, str] = {}
        rest: list[dict[str, str]] = []
        for some in _alike(pairs):
            if self.speaks_for(some):
                sure |= some
            else:
                rest.append(some)
        return sure, rest

    def is_most(self, pairs: Pairs) -> bool:
        """Whether pairs are most of the model, so that all names are of another manner."""
        enough = len(_modules(pairs)) >= (MANY if self._known else 2)
        return enough and 2 * len(pairs) > self._count

    def speaks_for(self, pairs: Pairs) -> bool:
        """Whether more than shapes speaks for names that change in the same way."""
        if self._are_elsewhere(pairs):
            return False
        if len(_modules(pairs)) >= MANY or len(_telling(pairs)) >= _TELLING:
            return True
        return all((_share_words(name, key) and not self._is_outside(name, key)) or self._are_neighbours(name, key)
                   for name, key in pairs.items())  # fmt: skip

    def _are_elsewhere(self, pairs: Pairs) -> bool:
        """Whether names of the checkpoint begin as those that are known to lie in another module of the model."""
        for name, key in pairs.items():
            here, there = self._here(name), self._there(key)
            if here and there and not f"{here}.".startswith(f"{there}.") and not f"{there}.".startswith(f"{here}."):
                return True
        return False

    def _is_outside(self, name: str, key: str) -> bool:
        """Whether what stands around a name is known, and the name of the checkpoint lies nowhere near it."""
        here = self._here(name)
        return bool(here) and not self._there(key) and 2 * self._sizes[here] <= self._count

    def _are_neighbours(self, name: str, key: str) -> bool:
        """Whether both lie in one module that is known by others in it, and that is not most of the model."""
        here, there = self._here(name), self._there(key)
        return bool(here) and here == there and 2 * self._sizes[here] <= self._count


def _alike(pairs: Pairs) -> Iterable[dict[str, str]]:
    """Return pairs in groups: those whose names change in the same way but for numbers."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name, key in pairs.items():
        _, out, into, _ = change_of(key, name)
        groups.setdefault((without_numbers(out), without_numbers(into)), {})[name] = key
    return groups.values()


def _modules(pairs: Pairs) -> set[str]:
    return {split(name)[0] for name in pairs}


def _telling(pairs: Pairs) -> set[str]:
    return {last for name, key in pairs.items() if (last := split(name)[1]) == split(key)[1] and last not in _LAST}


def _share_words(name: str, key: str) -> bool:
    """Whether two names have a word in common, or one is short for the other, that few modules are called by."""
    _, out, into, behind = change_of(key, name)
    return bool(_words(behind)) or any(are_akin(one, other) for one in _words(out) for other in _words(into))


def _words(name: str) -> set[str]:
    return set(words(name)) - _COMMON


def _above(name: str) -> Iterable[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
