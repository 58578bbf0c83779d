"""How one name becomes another, as a pattern that does the same to all names that change alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from weightedit.core.edit import Edit

_PIECES = re.compile(r"(?<=[./])")
_DIGITS = re.compile(r"(\d+)")
Rule = tuple[str, str]
"""Pattern and new name, with groups."""
Change = tuple[str, str, str, str]
"""What two names have in common in front, what becomes what behind that, and what they have in common at the end."""
BEFORE, BEHIND = r"(.+[./])", "(.+)"
"""How patterns of rules begin and end that take any names."""


def changed(edit: Edit, names: Collection[str]) -> dict[str, str]:
    """Return what a rename makes of names, as far as it changes them."""
    target, to = edit.targets[0], edit.arguments["to"]
    if not target.startswith("re:"):
        return {target: to} if target in names else {}
    pattern = re.compile(rf"(?:{target[3:]})\Z")  # sub knows its template the second time, which expand does not
    found = {name: pattern.sub(to, name, 1) for name in names if pattern.match(name) is not None}
    return {name: new for name, new in found.items() if new != name}


def pieces(name: str) -> list[str]:
    """Return the parts of a name, each with the dot or slash behind it."""
    return _PIECES.split(name)


def heads(old: str, new: str) -> tuple[str, str]:
    """Return how two names begin that end alike, `module.` and nothing for `module.fc.weight` and `fc.weight`."""
    if old.endswith(new) and old[: -len(new)].endswith((".", "/")):
        return old[: -len(new)], ""
    if new.endswith(old) and new[: -len(old)].endswith((".", "/")):
        return "", new[: -len(old)]
    ours, theirs = pieces(old), pieces(new)
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
    return Edit("rename", (f"re:{re.escape(start)}{one}{more}(.+)",), None, {"to": f"{escaped(start)}{groups}"})


def with_dots(slashes: int, start: str = "") -> Edit:
    """Return the edit that puts dots in the place of so many slashes, and takes `:0` from the end."""
    parts = "/".join(["([^/]+)"] * slashes + ["([^/]+?)(?::0)?"])
    to = ".".join(rf"\{number}" for number in range(1, slashes + 2))
    return Edit("rename", (f"re:{re.escape(start)}{parts}",), None, {"to": f"{escaped(start)}{to}"})


def change_of(old: str, new: str) -> Change:
    """Return how one name becomes another, part by part."""
    out, into = heads(old, new)
    behind = old[len(out) :]
    ours, theirs = pieces(out), pieces(into)
    before = in_common(ours, theirs)
    return "".join(ours[:before]), "".join(ours[before:]), "".join(theirs[before:]), behind


def rule_of(change: Change, general: bool) -> Rule:
    """Return how names change, with groups for what stays, and for numbers that come through where it is general."""
    kept, out, into, behind = change
    pattern, to = "", ""
    if kept:
        where = numbered(re.escape(kept)) if general else re.escape(kept)
        pattern, to = BEFORE if out else f"({where})", _group(1, into)
    group = int(bool(kept))
    if general:
        out, into, group = _with_numbers(out, into, group)
    else:
        out, into = re.escape(out), escaped(into)
    return (pattern + out + BEHIND, to + into + _group(group + 1, "")) if behind else (pattern + out, to + into)


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
                 else escaped(piece) for number, piece in enumerate(instead))  # fmt: skip
    return pattern, to, group + len(groups)


def _group(number: int, following: str) -> str:
    """Return a reference to a group, which a digit behind it must not become part of."""
    return rf"\g<{number}>" if following[:1].isdigit() else rf"\{number}"


def escaped(text: str) -> str:
    """Return a text as it stands in a new name with groups."""
    return text.replace("\\", r"\\")


def numbered(pattern: str) -> str:
    """Return a pattern for a text that takes any number where the text has one."""
    return _DIGITS.sub(r"\\d+", pattern)
