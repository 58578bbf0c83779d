"""Findings of names: what wrappers and prefixes do to them, what older code calls them, those told by shape alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Level, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.dialect_names import is_rotated
from weightedit.doctor.load_report.naming import common_module, starred
from weightedit.doctor.load_report.part_names import edits_of
from weightedit.doctor.load_report.patterns import moves, patterns_text
from weightedit.doctor.load_report.rotated import in_rows_of_transformers
from weightedit.doctor.load_report.rules import heads
from weightedit.doctor.load_report.spelling import WRAPPERS, dotted, joined, split, without_wrappers, wrappers_in

_MOST_KINDS = 4
"""Prefixes that have findings of their own; where names begin in more ways they have one together."""
_MOST_MOVES = 4
"""Patterns of names that a mend tells."""


def renamed(compared: Comparison) -> Iterator[Told]:
    """Yield findings of the names, each as the names are after the mends of those before it."""
    yield from _slashed(compared)
    yield from _wrapped(compared)
    yield from _prefixed(compared)
    yield from _legacy(compared)
    yield from _dialect(compared)
    alike = compared.matched.alike
    if alike:
        yield from _finding(compared, "renamed", alike, {name: name for name in alike}, _told_by_shape(alike))


def _dialect(compared: Comparison) -> Iterator[Told]:
    """Yield the finding of names of another code base; its first mend turns queries and keys where they need it."""
    pairs = compared.matched.dialect
    if not pairs:
        return
    name, key = next(iter(pairs.items()))
    said = f"{counted(len(pairs), 'name')} of the checkpoint {'is' if len(pairs) == 1 else 'are'} of another code of " \
           f"the same architecture, Meta's or that of transformers: {called(key)} is {called(name)}"  # fmt: skip
    (told,) = _finding(compared, "renamed", pairs, {name: name for name in pairs}, said)
    if is_rotated(pairs) and told.finding.mends:
        (rename,) = told.finding.mends
        edits = in_rows_of_transformers(compared)
        said += "; Meta's has the rows of queries and keys in another order"
        turned = replace(rename, title=f"{rename.title} and turn the rows of queries and keys",
                         edits=(*rename.edits, *edits))  # fmt: skip
        rename = replace(rename, detail="Where the rows of queries and keys are in the model's order already.")
        told = replace(told, finding=replace(told.finding, message=said, mends=(turned, rename)[not edits :]))
    yield told


def _slashed(compared: Comparison) -> Iterator[Told]:
    pairs = {name: key for name, key in compared.matched.spelled.items()
             if dotted(key) != key and _key_then(compared, key) != name}  # fmt: skip
    after = {name: dotted(key) for name, key in pairs.items()}
    verb = "has" if len(pairs) == 1 else "have"
    said = f"{counted(len(pairs), 'name')} of the checkpoint {verb} slashes for dots, as TensorFlow writes them"
    yield from _finding(compared, "slashes", pairs, after, said)


def _wrapped(compared: Comparison) -> Iterator[Told]:
    pairs = {name: key for name, key in compared.matched.spelled.items()
             if wrappers_in(dotted(key)) and not wrappers_in(name) and _key_then(compared, key) != name}  # fmt: skip
    after = {name: without_wrappers(dotted(key)) for name, key in pairs.items()}
    yield from _finding(compared, "wrapper", pairs, after, _wraps(pairs))


def _prefixed(compared: Comparison) -> Iterator[Told]:
    """Yield a finding for each way in which beginnings differ, as the last parts of names are spelled in the file."""
    after = {name: joined(split(name)[0], split(dotted(key))[1]) for name, key in compared.matched.spelled.items()}
    kinds: dict[tuple[str, str], dict[str, str]] = {}
    for name, key in compared.matched.spelled.items():
        before = _key_then(compared, key)
        if before != after[name]:
            old, new = heads(before, after[name])
            kinds.setdefault((starred(old), starred(new)), {})[name] = key
    if len(kinds) > _MOST_KINDS:
        kinds = {("", ""): {name: key for pairs in kinds.values() for name, key in pairs.items()}}
    for head, pairs in kinds.items():
        left = {name: key for name, key in pairs.items() if _key_then(compared, key) != after[name]}
        if left:
            yield from _finding(compared, "prefix", left, after, _begins(len(left), *head))


def _legacy(compared: Comparison) -> Iterator[Told]:
    pairs = {name: key for name, key in compared.matched.spelled.items()
             if _key_then(compared, key) != name and split(dotted(key))[1] != split(name)[1]}  # fmt: skip
    mapped = {name: key for name, key in pairs.items() if _torch_renames(compared, name, key)}
    others = {name: key for name, key in pairs.items() if name not in mapped}
    yield from _finding(compared, "legacy", others, {name: name for name in others}, _ends(others))
    said = f"{_ends(mapped)}; torch's weight_norm takes both"
    yield from _finding(compared, "legacy", mapped, {name: name for name in mapped}, said, "notice")


def _torch_renames(compared: Comparison, name: str, key: str) -> bool:
    """Whether torch's own weight_norm takes the older names when it loads."""
    head, last, common = split(name)
    tensor = last.split(".")[1] if last.startswith("parametrizations.") else ""
    module = joined(head, f"parametrizations.{tensor}.0")
    return bool(tensor) and compared.types.get(module) == "_WeightNorm" and split(key)[1] == common


def _key_then(compared: Comparison, key: str) -> str:
    """Return the name of a tensor within its part, after the renames so far."""
    return compared.naming.then(compared.part.tensors[key].name)[len(compared.part.start) :]


def _finding(compared: Comparison, kind: str, pairs: Mapping[str, str], after: Mapping[str, str],
             said: str, level: Level = "refusal") -> Iterator[Told]:  # fmt: skip
    """Yield the finding that names of a part are to become others, with its mend; nothing where there are none."""
    if not pairs:
        return
    edits = edits_of(compared, {key: after[name] for name, key in pairs.items()}, kind)
    start = compared.part.start
    tensor = compared.part.tensors[next(iter(pairs.values()))].name
    then = {start + after[name]: compared.naming.then(compared.part.tensors[key].name) for name, key in pairs.items()}
    detail = ", ".join(f"{called(old)} → {called(new)}" for old, new, _ in moves(then)[:_MOST_MOVES])
    mends = (Mend(f"Rename {counted(len(pairs), 'tensor')}", tuple(edits), detail),) if edits else ()
    if edits:
        compared.naming.follow(edits)
    yield Told(Finding(kind, common_module(list(pairs)), tensor, said, mends, level), tuple(pairs))


def _wraps(pairs: Mapping[str, str]) -> str:
    parts = list(dict.fromkeys(part for key in pairs.values() for part in wrappers_in(dotted(key))))
    makers = [maker for part in parts for maker in WRAPPERS[part]]
    what, by = listed([f"{part}." for part in parts]), listed(makers, len(makers))
    verb = "has" if len(pairs) == 1 else "have"
    return f"{counted(len(pairs), 'name')} of the checkpoint {verb} {what} in front of a module's name, as {by} " \
           f"{'puts' if len(makers) == 1 else 'put'} it there"  # fmt: skip


def _begins(count: int, found: str, wanted: str) -> str:
    names = f"{counted(count, 'name')} of the checkpoint"
    one = count == 1
    if found and wanted:
        return f"{names} {'begins' if one else 'begin'} with {called(found)}, where the model has {called(wanted)}"
    if found:
        return f"{names} {'begins' if one else 'begin'} with {called(found)}, which the model does not have"
    if wanted:
        return f"{names} {'lacks' if one else 'lack'} {called(wanted)}, with which " \
               f"{'its name in the model begins' if one else 'their names in the model begin'}"  # fmt: skip
    return f"{names} begin in other ways than the model's"


def _ends(pairs: Mapping[str, str]) -> str:
    found = listed(list(dict.fromkeys(split(dotted(key))[1] for key in pairs.values())))
    wanted = listed(list(dict.fromkeys(split(name)[1] for name in pairs)))
    verb = "ends" if len(pairs) == 1 else "end"
    return f"{counted(len(pairs), 'name')} of the checkpoint {verb} in {found}, where the model has {wanted}"


def _told_by_shape(pairs: Mapping[str, str]) -> str:
    return f"{patterns_text(pairs)}: told by shapes, places, and what names say alike"
