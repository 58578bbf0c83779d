"""The renames that give tensors of a part other names, each within the container that it stays in."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.core.edit import Edit
from weightedit.doctor.load_report.comparison import Comparison
from weightedit.doctor.load_report.rules import changed, renames, without
from weightedit.doctor.load_report.spelling import wrappers_in


def edits_of(compared: Comparison, after: Mapping[str, str], are_wrappers: bool = False) -> list[Edit]:
    """Return the renames that give tensors of the part other names within it; none where one cannot have its own.

    Parameters
    ----------
    after
        Names within the part by keys.
    """
    tensors, naming, part = compared.part.tensors, compared.naming, compared.part
    by_container: dict[str, dict[str, str]] = {}
    for key, name in after.items():
        container = tensors[key].container
        start = f"{container}." if container else ""
        if not (part.start + name).startswith(start):
            return []
        by_container.setdefault(start, {})[naming.then(tensors[key].name)] = part.start + name
    wanted = {naming.then(compared.theirs(name).name): part.start + name for name in compared.matched.pairs}
    fixed = {then for then, name in wanted.items() if then == name}
    made: list[Edit] = []
    for start, pairs in by_container.items():
        if are_wrappers and (edit := _unwrapping(pairs, naming.names, start)) is not None:
            made.append(edit)
        else:
            made += renames(pairs, naming.names, fixed, start)
    return made


def _unwrapping(pairs: Mapping[str, str], names: list[str], start: str) -> Edit | None:
    """Return the one edit that takes wrappers out of all names, where they do not just stand in front of them."""
    inside = {old: wrappers_in(old[len(start) :]) for old in pairs}
    if all(old[len(start) :].startswith(f"{'.'.join(parts)}.") for old, parts in inside.items()) and \
            len({tuple(parts) for parts in inside.values()}) == 1:  # fmt: skip
        return None
    edit = without({part for parts in inside.values() for part in parts}, max(map(len, inside.values())), start)
    made = changed(edit, names)
    last = [made.get(name, name) for name in names]
    return edit if all(made.get(old) == new for old, new in pairs.items()) and len(set(last)) == len(last) else None
