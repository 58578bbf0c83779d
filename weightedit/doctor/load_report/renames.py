"""Renaming many tensors by few edits: one with a `re:` pattern for all names that change in the same way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from weightedit.core.edit import Edit
from weightedit.doctor.load_report.rules import (
    BEFORE,
    BEHIND,
    Change,
    Rule,
    change_of,
    changed,
    escaped,
    numbered,
    pieces,
    rule_of,
)

_MOST_LOOKS = 1_000_000
"""Names times patterns that are tried; with more each tensor is renamed by itself."""
_FEW = 12
"""First parts of names that a pattern lists."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a document, and what may become of them.

    Attributes
    ----------
    all
        Every name.
    fixed
        Those that must stay as they are.
    reserved
        Names that no tensor may get but the one that is meant to have it.
    start
        How all names begin that are to be others, and those they are to have: a rename never leaves its container.
    """

    all: Collection[str]
    fixed: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    start: str = ""


def renames(pairs: Mapping[str, str], names: Names) -> list[Edit]:
    """Return edits that give tensors their new names, in an order in which every name is free when it is given.

    Parameters
    ----------
    pairs
        New names by old ones.
    names
        Of the whole document.
    """
    pairs = {old: new for old, new in pairs.items() if old != new}
    groups = _grouped(pairs, pairs, names.start, general=True)
    too_long = len(groups) * len(names.all) > _MOST_LOOKS
    made: list[tuple[Edit, dict[str, str]]] = []
    for rule, olds in groups.items():
        edits = None if too_long else _patterns(rule, olds, pairs, names)
        made += [(edit, changed(edit, names.all)) for edit in edits or ()]
        if edits is None:
            made += [(Edit("rename", (old,), None, {"to": pairs[old]}), {old: pairs[old]}) for old in olds]
    edits = _needed(_ordered(made, set(names.all), names.start), names.all, pairs)
    if edits is None:
        single = [(Edit("rename", (old,), None, {"to": new}), {old: new}) for old, new in pairs.items()]
        edits = _ordered(single, set(names.all), names.start)
    return edits


def _needed(edits: list[Edit], names: Collection[str], pairs: Mapping[str, str]) -> list[Edit] | None:
    """Return the edits that still rename something when it is their turn; None where other names come of all of them.

    A pattern may take names of a later one along, or what one of before has renamed.
    """
    now = {name: name for name in names}
    needed: list[Edit] = []
    for edit in edits:
        made = changed(edit, now.keys())
        if not made:
            continue
        needed.append(edit)
        moved = {new: now.pop(old) for old, new in made.items()}
        if len(moved) < len(made) or moved.keys() & now.keys():  # two of one name
            return None
        now |= moved
    return needed if all(now.get(new) == old for old, new in pairs.items()) else None


def _grouped(pairs: Mapping[str, str], olds: Collection[str], start: str, general: bool) -> dict[Rule, list[str]]:
    """Return the names that change by the same rule."""
    alike: dict[Change, list[str]] = {}
    for old in olds:
        kept, out, into, behind = change_of(old[len(start) :], pairs[old][len(start) :])
        same = (kept if not out else kept and ".", out, into, behind and ".")  # what a rule does not look at is one
        alike.setdefault(same, []).append(old)
    groups: dict[Rule, list[str]] = {}
    for change, some in alike.items():
        groups.setdefault(rule_of(change, general), []).extend(some)
    return groups


def _patterns(rule: Rule, olds: list[str], pairs: Mapping[str, str], names: Names) -> list[Edit] | None:
    """Return the edits for names of one rule: one, or one for each number in them, or one that lists them."""
    if len(olds) == 1:
        return None
    start = names.start
    firsts = _alternatives(dict.fromkeys(pieces(old[len(start) :])[0] for old in olds))
    if rule[0] == BEHIND and firsts is not None:  # everything there is, plain values and optimizers too
        rule = (f"(?={firsts}){rule[0]}", rule[1])
    if _holds(edit := _edit(rule, start), olds, pairs, names):
        return [edit]
    exact = {one: some for one, some in _grouped(pairs, olds, start, general=False).items() if one != rule}
    edits = [_edit(one, start) for one in exact]
    if exact and all(_holds(edit, some, pairs, names) for edit, some in zip(edits, exact.values(), strict=True)):
        return edits
    for narrow in _narrowed(rule, [change_of(old[len(start) :], pairs[old][len(start) :]) for old in olds]):
        if _holds(edit := _edit(narrow, start), olds, pairs, names):
            return [edit]
    meant = set(olds)
    caught = [name for name in changed(_edit(rule, start), names.all) if name not in meant]
    ahead = [] if firsts is None else [f"(?={firsts})"]
    ahead += [rf"(?!{_listed(caught, start)}\Z)"] if len(caught) < len(olds) else []
    ahead.append(rf"(?={_listed(olds, start)}\Z)")
    tried = (_edit((one + rule[0], rule[1]), start) for one in ahead)
    found = next((edit for edit in tried if _holds(edit, olds, pairs, names)), None)
    return None if found is None else [found]


def _narrowed(rule: Rule, changes: list[Change]) -> Iterator[Rule]:
    """Yield rules for the same changes that take fewer names: how those begin and end that are meant."""
    begins, ends = (_alternatives(dict.fromkeys(change[place] for change in changes)) for place in (0, 3))
    begins = f"({begins})" if begins and rule[0].startswith(BEFORE) else None
    ends = f"({ends})" if ends and rule[0].endswith(BEHIND) else None
    if ends is not None:
        yield rule[0].removesuffix(BEHIND) + ends, rule[1]
    if begins is not None:
        yield begins + rule[0].removeprefix(BEFORE), rule[1]
    if begins is not None and ends is not None:
        yield begins + rule[0].removeprefix(BEFORE).removesuffix(BEHIND) + ends, rule[1]


def _alternatives(texts: Collection[str]) -> str | None:
    """Return a pattern for one of a few texts, with any numbers where it would be too many; None where it still is."""
    patterns = list(dict.fromkeys(map(re.escape, texts)))
    if len(patterns) > _FEW:
        patterns = list(dict.fromkeys(map(numbered, patterns)))
    return "|".join(patterns) if len(patterns) <= _FEW else None


def _listed(names: Collection[str], start: str) -> str:
    return f"(?:{'|'.join(re.escape(name[len(start) :]) for name in names)})"


def _edit(rule: Rule, start: str) -> Edit:
    return Edit("rename", (f"re:{re.escape(start)}{rule[0]}",), None, {"to": escaped(start) + rule[1]})


def _holds(edit: Edit, olds: list[str], pairs: Mapping[str, str], names: Names) -> bool:
    """Whether an edit renames these as it should, no other that matters, and none to a name that another has."""
    made = changed(edit, names.all)
    if any(made.get(old) != pairs[old] for old in olds):
        return False
    for name, new in made.items():
        if name in names.fixed or (pairs[name] != new if name in pairs else new in names.reserved):
            return False
    last = [made.get(name) or pairs.get(name) or name for name in names.all]
    return len(set(last)) == len(last)


def _ordered(made: list[tuple[Edit, dict[str, str]]], names: set[str], start: str) -> list[Edit]:
    """Return edits so that each new name is free; where names change places all of them wait under other names."""
    ready: list[Edit] = []
    left = list(made)
    while left:
        free = next((one for one in left if not any(new in names and new not in one[1] for new in one[1].values())),
                    None)  # fmt: skip
        if free is None:
            break
        left.remove(free)
        ready.append(free[0])
        names.difference_update(free[1])
        names.update(free[1].values())
    return [*ready, *_by_way_of_others(left, names, start)] if left else ready


def _by_way_of_others(left: list[tuple[Edit, dict[str, str]]], names: Collection[str], start: str) -> list[Edit]:
    """Return edits that give all of them names that nobody has, and then the names they are to have."""
    used = {*names, *(new for _, renamed in left for new in renamed.values())}
    tried = (f"renaming{number or ''}." for number in count())
    meanwhile = next(one for one in tried if not any(name.startswith(start + one) for name in used))
    made = []
    for edit, renamed in left:
        target, to, body = edit.targets[0], escaped(edit.arguments["to"]), "(?s:.+)"
        if target.startswith("re:"):
            body, to = target[3:].removeprefix(re.escape(start)), edit.arguments["to"]
        made.append(_edit((rf"(?={_listed(renamed, start)}\Z){body}", meanwhile + to[len(escaped(start)) :]), start))
    return [*made, _edit((f"{re.escape(meanwhile)}((?s:.+))", r"\1"), start)]
