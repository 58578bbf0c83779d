"""Tensors that go together, so that what has another name is known again by what stands around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.likeness import words
from weightedit.doctor.load_report.spelling import LEGACY
from weightedit.doctor.load_report.surroundings import Where

_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[./]")
_WORD = re.compile(r"[a-z]{2,}")
_EVERYWHERE = {"layer", "layers", "block", "blocks", "module", "modules", "model", "net", "stage", "stages", "features"}
"""Words that names of quite different modules have in common."""


@dataclass(slots=True)
class Unit:
    """Tensors that go together.

    Attributes
    ----------
    name
        Of the module; `#` stands for numbers where it is several.
    signature
        What it must have in common with another one: last parts of names, and shapes.
    tensors
        In the order of the signature.
    where
        The innermost module of the model that they are known to lie in, `#` for numbers; empty where nothing is known.
    """

    name: str
    signature: tuple[Any, ...]
    tensors: list[str]
    where: str

    @property
    def keys(self) -> list[object]:
        """What tells its tensors from each other: the last parts of names, with the place of the module in a stack."""
        return [part[:-1] for part in self._flat]

    @property
    def parts(self) -> set[object]:
        """The same with the shapes."""
        return set(self._flat)

    @property
    def _flat(self) -> list[tuple[object, ...]]:
        stack = self.signature if isinstance(self.signature[0][0], tuple) else (self.signature,)
        return [(place, *part) for place, parts in enumerate(stack) for part in parts]

    @property
    def is_distinct(self) -> bool:
        """Whether it has a tensor of two dimensions or more: vectors are alike everywhere."""
        return _is_distinct(self.signature)

    @property
    def own_name(self) -> str:
        """The last part of its name that is no number."""
        parts = [part for part in self.name.split(".") if not _NUMBER.fullmatch(part) and part != "#"]
        return parts[-1] if parts else ""

    @property
    def last_words(self) -> set[str]:
        """What the last part of its name that is no number says."""
        return set(words(self.own_name))

    @property
    def words(self) -> set[str]:
        """What its own name says."""
        return set(_WORD.findall(self.own_name.lower())) - _EVERYWHERE


def stacks(tensors: Mapping[str, TensorFacts], where: Where) -> list[Unit]:
    """Return a unit for all modules whose names differ in numbers alone, such as the same one of each block."""
    groups = _grouped(tensors)
    found: dict[str, list[str]] = {}
    for head in groups:
        found.setdefault(without_numbers(head), []).append(head)
    made = []
    for name, heads in found.items():
        heads.sort(key=numbers)
        signature = tuple(tuple((last, shape) for last, shape, _ in groups[head]) for head in heads)
        of_all = [name for head in heads for _, _, name in groups[head]]
        made.append(Unit(name, signature, of_all, without_numbers(where(heads[0]))))
    return made


def modules(tensors: Mapping[str, TensorFacts], where: Where) -> list[Unit]:
    """Return a unit for each module, in order."""
    return [Unit(head, tuple((last, shape) for last, shape, _ in group), [name for _, _, name in group],
                 where(head)) for head, group in _grouped(tensors).items()]  # fmt: skip


def numbered(tensors: Mapping[str, TensorFacts], where: Where) -> list[Unit]:
    """Return a unit for each module, by the numbers in its name."""
    return sorted(modules(tensors, where), key=lambda unit: numbers(unit.name))


def singles(tensors: Mapping[str, TensorFacts], where: Where) -> list[Unit]:
    """Return a unit for each tensor, whatever the last part of its name, in order."""
    return [Unit(split(name)[0], facts.shape, [name], where(name)) for name, facts in tensors.items()]


def split(name: str) -> tuple[str, str]:
    """Return module and last part of a name, in TensorFlow's manner too: `layer1/kernel:0`."""
    parts = _SEPARATORS.split(name.removesuffix(":0"))
    return ".".join(parts[:-1]), LEGACY.get(parts[-1], parts[-1])


def numbers(name: str) -> tuple[int, ...]:
    """Return the numbers in a name."""
    return tuple(int(number[:18]) for number in _NUMBER.findall(name))


def without_numbers(name: str) -> str:
    """Return a name with `#` for each number."""
    return _NUMBER.sub("#", name)


def _grouped(tensors: Mapping[str, TensorFacts]) -> dict[str, list[tuple[str, tuple[int, ...], str]]]:
    """Return (last part, shape, name) of the tensors of each module, sorted."""
    groups: dict[str, list[tuple[str, tuple[int, ...], str]]] = {}
    for name, facts in tensors.items():
        head, last = split(name)
        groups.setdefault(head, []).append((last, facts.shape, name))
    return {head: sorted(group) for head, group in groups.items()}


def _is_distinct(signature: object) -> bool:
    if not isinstance(signature, tuple):
        return False
    return (len(signature) > 1 and all(isinstance(size, int) for size in signature)) or \
        any(_is_distinct(part) for part in signature)  # fmt: skip
