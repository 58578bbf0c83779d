"""What many renames come to in a few words: patterns of names, and how many names each has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weightedit.core.words.labels import called
from weightedit.core.words.paths import counted
from weightedit.doctor.load_report.rules import change_of
from weightedit.doctor.load_report.units import without_numbers

_TOLD = 4
"""Patterns that are told."""


def moves(pairs: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Return (old pattern, new pattern, how many names) for names that change alike; the names where it is one alone.

    Parameters
    ----------
    pairs
        Old names by new ones.
    """
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for new, old in pairs.items():
        _, out, into, _ = change_of(old, new)
        groups.setdefault((without_numbers(out), without_numbers(into)), {})[new] = old
    return [(_pattern(some.values()), _pattern(some), len(some)) for some in groups.values()]


def patterns_text(pairs: Mapping[str, str]) -> str:
    """Return `layers.*.w is named layers.*.weight in the model (16 tensors)`; the arguments are those of `moves`."""
    every = sorted(moves(pairs), key=lambda move: -move[2])
    said = [f"{called(old)} {'is' if place else 'is named'} {called(new)}{'' if place else ' in the model'} "
            f"({counted(count, 'tensor')})" for place, (old, new, count) in enumerate(every[:_TOLD])]  # fmt: skip
    left = sum(count for _, _, count in every[_TOLD:])
    said += [f"{counted(left, 'tensor')} in other ways"] if left else []
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]


def _pattern(names: Collection[str]) -> str:
    """Return what names have in common, with `*` for what they have not and for numbers."""
    parts = [name.split(".") for name in names]
    if len(set(map(len, parts))) == 1:
        found = [column[0] if len(set(column)) == 1 else "*" for column in zip(*parts, strict=True)]
        return ".".join(found)
    shortest = min(map(len, parts))
    first = next((place for place in range(shortest) if len({part[place] for part in parts}) > 1), shortest - 1)
    last = next((place for place in range(shortest - first) if len({part[-1 - place] for part in parts}) > 1),
                shortest - first - 1)  # fmt: skip
    return ".".join([*parts[0][:first], "*", *(parts[0][-last:] if last else ())])
