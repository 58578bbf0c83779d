"""Whether a model was built with other sizes than a checkpoint was made with, and which: widths, classes, layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.load_report.comparison import Comparison
from weightedit.doctor.load_report.differences import Difference

_TOLD = 3
"""Sizes that are told."""
Sizes = dict[int, int]
"""What the checkpoint has by what the model has."""


def other_sizes(compared: Comparison, differences: Mapping[str, Difference], names: Iterable[str]) -> Sizes | None:
    """Return the sizes with which shapes differ; None where that is no other size, but some tensors that differ.

    Most tensors that have a size in the model have one and the same other size in the checkpoint in its place.

    Parameters
    ----------
    differences
        Of all tensors whose shapes differ, by name of the model.
    names
        Those that are asked about.
    """
    found: Sizes = {}
    for name in names:
        one = differences[name]
        if len(one.found) != len(one.wanted):
            return None
        for had, wanted in zip(one.found, one.wanted, strict=True):
            if had != wanted and found.setdefault(wanted, had) != had:
                return None
    changed, same = _counts(compared)
    return found if found and all(changed[wanted] > same[wanted] for wanted in found) else None


def _counts(compared: Comparison) -> tuple[Counter[int], Counter[int]]:
    """Return how many tensors have each size of the model elsewhere, and how many the same."""
    changed: Counter[int] = Counter()
    same: Counter[int] = Counter()
    for name in compared.matched.pairs:
        found, wanted = compared.theirs(name).shape, compared.ours(name).shape
        if len(found) == len(wanted):
            sizes = list(zip(found, wanted, strict=True))
            changed.update({new for old, new in sizes if old != new})
            same.update({new for old, new in sizes if old == new})
    return changed, same


def sizes_text(compared: Comparison, sizes: Sizes) -> str:
    """Return `128 where the model has 64, in 14 tensors: build the model with 128`, with layers where they differ."""
    changed, _ = _counts(compared)
    most = sorted(sizes, key=lambda wanted: -changed[wanted])
    said = [f"{sizes[wanted]:,} where {'it' if place else 'the model'} has {wanted:,}, in "
            f"{counted(changed[wanted], 'tensor')}" for place, wanted in enumerate(most[:_TOLD])]  # fmt: skip
    said += [f"{len(most) - _TOLD:,} more"] if len(most) > _TOLD else []
    built = {with_size(compared, wanted, sizes[wanted]): bool(_key(compared, wanted)) for wanted in most}
    for stack, (found, wanted) in stacks(compared).items():
        said.append(f"{counted(found, 'module')} in {called(stack)} where it has {wanted:,}")
        built[with_size(compared, wanted, found)] = bool(_key(compared, wanted))
    text = f"{'; '.join(said[:-1])}; and {said[-1]}" if len(said) > 1 else said[0]
    known = [one for one, is_known in built.items() if is_known]  # what others come of
    return f"{text}: build the model with {listed(known or list(built), 2 * _TOLD)}"


def with_size(compared: Comparison, wanted: int, found: int) -> str:
    """Return the size to build a model with, and the argument or key of its config that says it, where one alone can.

    Parameters
    ----------
    wanted, found
        What the model has, and what the checkpoint has.
    """
    key = _key(compared, wanted)
    return f"{called(key)} {found:,}" if key else f"{found:,}"


def _key(compared: Comparison, size: int) -> str:
    """Return the one argument or key that has a size; empty where none has, or several have."""
    keys = [name for name, value in compared.model.given.items() if value == size]
    return keys[0] if len(keys) == 1 else ""


def stacks(compared: Comparison) -> dict[str, tuple[int, int]]:
    """Return how many numbered modules there are in the checkpoint and in the model, where only the last are too many.

    By what holds them: `layers` of `layers.0` to `layers.11`.
    """
    start = len(compared.part.start)
    names = [compared.naming.then(compared.part.tensors[key].name)[start:] for key in compared.unexpected]
    theirs, ours = _numbered([*compared.matched.pairs, *names]), _numbered(compared.wanted)
    found = {stack: (len(theirs[stack]), len(some)) for stack, some in ours.items()
             if some != theirs.get(stack, some) and _are_first(theirs[stack]) and _are_first(some)}  # fmt: skip
    return {stack: counts for stack, counts in found.items()
            if not any(stack.startswith(f"{other}.") for other in found)}  # fmt: skip


def stacks_text(compared: Comparison, names: Iterable[str]) -> str:
    """Return what to say of tensors that are in stacks with more or fewer modules on one side; empty where none is."""
    starts = {name[:place] for name in names for place, char in enumerate(name) if char == "."}
    said = [f"; the checkpoint has {counted(found, 'module')} in {called(stack)} and the model {wanted:,}: build the "
            f"model with {with_size(compared, wanted, found)} to take it as it is" for stack, (found, wanted) in
            stacks(compared).items() if stack in starts]  # fmt: skip
    return "".join(said)


def _numbered(names: Iterable[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for name in names:
        parts = name.split(".")
        for place, part in enumerate(parts[1:-1], 1):
            if part.isdecimal() and part.isascii():
                found.setdefault(".".join(parts[:place]), set()).add(int(part[:18]))
    return found


def _are_first(numbers: set[int]) -> bool:
    return numbers == set(range(len(numbers)))
