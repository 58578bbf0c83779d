"""Renaming many tensors by few rules: an edit with a `re:` pattern for all names that change in the same way."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from weightedit.core.edit import Edit

_PIECES = re.compile(r"(?<=[./])")
_DIGITS = re.compile(r"(\d+)")
_MEANWHILE = "renaming."
"""How names begin that are only needed until another name is free."""
_MOST_LOOKS = 1_000_000
"""Names times patterns that are tried; with more each tensor is renamed by itself."""
_FEW = 12
"""First parts of names that a pattern lists."""
Rule = tuple[str, str]
"""Pattern and new name, with groups."""


def renames(pairs: Mapping[str, str], names: Sequence[str], fixed: Collection[str], start: str = "") -> list[Edit]:
    """Return edits that give tensors their new names, in an order in which every name is free when it is given.

    Parameters
    ----------
    pairs
        New names by old ones.
    names
        All names of the document.
    fixed
        Those that must stay as they are.
    start
        How all names of `pairs` begin, old and new: a rename never leaves its container.
    """
    pairs = {old: new for old, new in pairs.items() if old != new}
    groups = _grouped(pairs, pairs, start, general=True)
    too_long = len(groups) * len(names) > _MOST_LOOKS
    made: list[tuple[Edit, dict[str, str]]] = []
    for rule, olds in groups.items():
        edits = None if too_long else _patterns(rule, olds, pairs, names, fixed, start)
        made += [(edit, changed(edit, names)) for edit in edits or ()]
        if edits is None:
            made += [(Edit("rename", (old,), None, {"to": pairs[old]}), {old: pairs[old]}) for old in olds]
    return _ordered(made, set(names), start)


def changed(edit: Edit, names: Collection[str]) -> dict[str, str]:
    """Return what a rename makes of names, as far as it changes them."""
    target, to = edit.targets[0], edit.arguments["to"]
    if not target.startswith("re:"):
        return {target: to} if target in names else {}
    pattern = re.compile(rf"(?:{target[3:]})\Z")  # sub knows its template the second time, which expand does not
    found = {name: pattern.sub(to, name, 1) for name in names if pattern.match(name) is not None}
    return {name: new for name, new in found.items() if new != name}


def heads(old: str, new: str) -> tuple[str, str]:
    """Return how two names begin that end alike, `module.` and nothing for `module.fc.weight` and `fc.weight`."""
    ours, theirs = _PIECES.split(old), _PIECES.split(new)
    behind = in_common(ours[::-1], theirs[::-1])
    return "".join(ours[: len(ours) - behind]), "".join(theirs[: len(theirs) - behind])


def in_common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Return how many parts two names have in common, from the first on."""
    for place, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            return place
    return min(len(ours), len(theirs))


def without(parts: Collection[str], most: int, start: str = "") -> Edit:
    """Return the edit that takes parts such as `_orig_mod` out of all names, `most` of them in one name."""
    part = "|".join(map(re.escape, sorted(parts)))
    one = rf"((?:.*?\.)??){part if len(parts) == 1 else f'(?:{part})'}\."
    more = f"(?:{one})?" * (most - 1)
    groups = "".join(rf"\{number}" for number in range(1, most + 2))
    return Edit("rename", (f"re:{re.escape(start)}{one}{more}(.+)",), None, {"to": f"{_escaped(start)}{groups}"})


def with_dots(slashes: int, start: str = "") -> Edit:
    """Return the edit that puts dots in the place of so many slashes, and takes `:0` from the end."""
    parts = "/".join(["([^/]+)"] * slashes + ["([^/]+?)(?::0)?"])
    to = ".".join(rf"\{number}" for number in range(1, slashes + 2))
    return Edit("rename", (f"re:{re.escape(start)}{parts}",), None, {"to": f"{_escaped(start)}{to}"})


def _grouped(pairs: Mapping[str, str], olds: Collection[str], start: str, general: bool) -> dict[Rule, list[str]]:
    alike: dict[tuple[str, str, str, bool], list[str]] = {}
    for old in olds:
        alike.setdefault(_change(old[len(start) :], pairs[old][len(start) :]), []).append(old)
    groups: dict[Rule, list[str]] = {}
    for change, some in alike.items():
        groups.setdefault(_rule(*change, general), []).extend(some)
    return groups


def _patterns(rule: Rule, olds: list[str], pairs: Mapping[str, str], names: Sequence[str], fixed: Collection[str],
              start: str) -> list[Edit] | None:  # fmt: skip
    """Return the edits for names of one rule: one, or one for each number in them, or one that lists them."""
    if len(olds) == 1:
        return None
    firsts = _alternatives(dict.fromkeys(_PIECES.split(old[len(start) :])[0] for old in olds))
    if rule[0] == "(.+)" and firsts is not None:  # everything there is, plain values and optimizers too
        rule = (f"(?={firsts}){rule[0]}", rule[1])
    if _holds(edit := _edit(rule, start), olds, pairs, names, fixed):
        return [edit]
    exact = {one: some for one, some in _grouped(pairs, olds, start, general=False).items() if one != rule}
    edits = [_edit(one, start) for one in exact]
    if exact and all(_holds(edit, some, pairs, names, fixed) for edit, some in zip(edits, exact.values(), strict=True)):
        return edits
    caught = [name for name in changed(_edit(rule, start), names) if name not in set(olds)]
    ahead = [] if firsts is None else [f"(?={firsts})"]
    ahead += [rf"(?!{_listed(caught, start)}\Z)"] if len(caught) < len(olds) else []
    ahead.append(rf"(?={_listed(olds, start)}\Z)")
    tried = (_edit((one + rule[0], rule[1]), start) for one in ahead)
    found = next((edit for edit in tried if _holds(edit, olds, pairs, names, fixed)), None)
    return None if found is None else [found]


def _alternatives(texts: Collection[str]) -> str | None:
    """Return a pattern for one of a few texts; numbers as such where there are more."""
    patterns = list(dict.fromkeys(map(re.escape, texts)))
    if len(patterns) > _FEW:
        patterns = list(dict.fromkeys(_DIGITS.sub(r"\\d+", one) for one in patterns))
    return "|".join(patterns) if len(patterns) <= _FEW else None


def _listed(names: Collection[str], start: str) -> str:
    return f"(?:{'|'.join(re.escape(name[len(start) :]) for name in names)})"


def _edit(rule: Rule, start: str) -> Edit:
    return Edit("rename", (f"re:{re.escape(start)}{rule[0]}",), None, {"to": _escaped(start) + rule[1]})


def _holds(edit: Edit, olds: list[str], pairs: Mapping[str, str], names: Sequence[str], fixed: Collection[str]) -> bool:
    """Whether an edit renames these as it should, no other that matters, and none to a name that another has."""
    made = changed(edit, names)
    if any(made.get(old) != pairs[old] for old in olds):
        return False
    if any(name in fixed or pairs.get(name, new) != new for name, new in made.items()):
        return False
    last = [made.get(name) or pairs.get(name) or name for name in names]
    return len(set(last)) == len(last)


def _change(old: str, new: str) -> tuple[str, str, str, bool]:
    """Return what two names have in common in front, what becomes what, and whether something stays behind that."""
    ours, theirs = _PIECES.split(old), _PIECES.split(new)
    behind = in_common(ours[::-1], theirs[::-1])
    ours, theirs = ours[: len(ours) - behind], theirs[: len(theirs) - behind]
    before = in_common(ours, theirs)
    return "".join(ours[:before]), "".join(ours[before:]), "".join(theirs[before:]), behind > 0


def _rule(kept: str, out: str, into: str, goes_on: bool, general: bool) -> Rule:
    """Return how names change, with groups for what stays and for numbers that come through."""
    pattern, to = "", ""
    if kept:
        where = _DIGITS.sub(r"\\d+", re.escape(kept)) if general else re.escape(kept)
        pattern, to = r"(.+[./])" if out else f"({where})", _group(1, into)
    group = int(bool(kept))
    if general:
        out, into, group = _with_numbers(out, into, group)
    else:
        out, into = re.escape(out), _escaped(into)
    return (pattern + out + "(.+)", to + into + _group(group + 1, "")) if goes_on else (pattern + out, to + into)


def _with_numbers(out: str, into: str, group: int) -> tuple[str, str, int]:
    """Return a pattern for a part of a name, and what it becomes, with a group for each number that comes through."""
    pieces, instead = _DIGITS.split(out), _DIGITS.split(into)
    places: dict[int, int] = {}
    at = 1
    for number in range(1, len(instead), 2):
        same = next((place for place in range(at, len(pieces), 2) if pieces[place] == instead[number]), None)
        if same is not None:
            places[number], at = same, same + 2
    groups = {place: group + count for count, place in enumerate(places.values(), 1)}
    pattern = "".join(r"(\d+)" if place in groups else re.escape(piece) for place, piece in enumerate(pieces))
    to = "".join(_group(groups[places[number]], (instead[number + 1 :] or [""])[0]) if number in places
                 else _escaped(piece) for number, piece in enumerate(instead))  # fmt: skip
    return pattern, to, group + len(groups)


def _group(number: int, following: str) -> str:
    """Return a reference to a group, which a digit behind it must not become part of."""
    return rf"\g<{number}>" if following[:1].isdigit() else rf"\{number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\")


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
    for edit, renamed in left:
        target, to = edit.targets[0], _escaped(edit.arguments["to"])
        body = ".+"
        if target.startswith("re:"):
            body, to = target[3:].removeprefix(re.escape(start)), edit.arguments["to"]
        ready.append(_edit((rf"(?={_listed(renamed, start)}\Z){body}", _MEANWHILE + to[len(_escaped(start)) :]), start))
    return [*ready, _edit((f"{re.escape(_MEANWHILE)}(.+)", r"\1"), start)] if left else ready
