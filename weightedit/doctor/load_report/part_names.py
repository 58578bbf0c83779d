"""The renames that give tensors of a part other names, each within the container that it stays in."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.core.edit import Edit
from weightedit.doctor.load_report.comparison import Comparison
from weightedit.doctor.load_report.renames import Names, renames
from weightedit.doctor.load_report.rules import changed, with_dots, without
from weightedit.doctor.load_report.spelling import wrappers_in


def edits_of(compared: Comparison, after: Mapping[str, str], kind: str = "") -> list[Edit]:
    """Return the renames that give tensors of the part other names within it; none where one cannot have its own.

    Parameters
    ----------
    after
        Names within the part by keys.
    kind
        `wrapper` and `slashes` have patterns of their own, where those do it; `renamed` and `undecided` leave alone
        what they do not mean, where a prefix takes unexpected names along.
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
    fixed = frozenset(then for then, name in wanted.items() if then == name)
    if kind in ("renamed", "undecided"):
        fixed = frozenset(naming.names).difference(naming.then(tensors[key].name) for key in after)
    reserved = frozenset(part.start + name for name in compared.wanted)
    made: list[Edit] = []
    for start, pairs in by_container.items():
        edits = _unwrapping(pairs, start) if kind == "wrapper" else []
        edits = _with_dots(pairs, start) if kind == "slashes" else edits
        made += edits if edits and _do(edits, pairs, naming.names) else \
            renames(pairs, Names(naming.names, fixed, reserved, start))
    return made


def _do(edits: list[Edit], pairs: Mapping[str, str], names: list[str]) -> bool:
    """Whether edits give these names their new ones, and no two tensors one name."""
    last = {name: name for name in names}
    for edit in edits:
        made = changed(edit, last.values())
        last = {name: made.get(now, now) for name, now in last.items()}
    return all(last[old] == new for old, new in pairs.items()) and len(set(last.values())) == len(names)


def _unwrapping(pairs: Mapping[str, str], start: str) -> list[Edit]:
    """Return the edit that takes wrappers out of all names, wherever they stand in them."""
    inside = [wrappers_in(old[len(start) :]) for old in pairs]
    first = inside[0]
    if all(parts == first and old[len(start) :].startswith(f"{'.'.join(parts)}.")
           for old, parts in zip(pairs, inside, strict=True)):  # fmt: skip
        return renames(pairs, Names(list(pairs), start=start))
    return [without({part for parts in inside for part in parts}, max(map(len, inside)), start)]


def _with_dots(pairs: Mapping[str, str], start: str) -> list[Edit]:
    return [with_dots(slashes, start) for slashes in sorted({old[len(start) :].count("/") for old in pairs})]
