"""Findings of what could be one of several tensors: nothing tells which, so a person chooses."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.fresh import fresh_edits
from weightedit.doctor.load_report.naming import common_module, starred, together
from weightedit.doctor.load_report.part_names import edits_of
from weightedit.doctor.load_report.surroundings import Pairs
from weightedit.doctor.load_report.units import split


def undecided(compared: Comparison) -> Iterator[Told]:
    """Yield a finding for each tensor or module that could be one of several, with a mend for each."""
    for options in compared.matched.choices:
        by_model = len({tuple(pairs) for pairs in options}) == 1
        ours, theirs = ([together(list(names)) for names in many] for many in
                        (options, [pairs.values() for pairs in options]))  # fmt: skip
        one, several = (ours[0], theirs) if by_model else (theirs[0], ours)
        where = "of the checkpoint" if by_model else "of the model"
        said = f"{one} could be {several[0]} {where}: the shapes agree, but nothing in the names says so" \
            if len(several) == 1 else \
            f"{one} could be {' or '.join(dict.fromkeys(several))} {where}: nothing tells which"  # fmt: skip
        mends = []
        for pairs, our, their in zip(options, ours, theirs, strict=True):
            edits = edits_of(compared, {key: name for name, key in pairs.items()}, "undecided")
            mends += [Mend(f"Rename {their} to {our}", tuple(edits))] if edits else []
        keys = list(dict.fromkeys(key for pairs in options for key in pairs.values()))
        names = [compared.part.tensors[key].name for key in keys]
        mends.append(Mend(f"Drop {together(keys)}", (Edit("delete", compared.naming.targets(names)),)))
        about = list(dict.fromkeys(name for pairs in options for name in pairs))
        yield Told(Finding("undecided", common_module(about), names[0], said, tuple(mends)), tuple(about), tuple(keys))
    for options in compared.matched.orders:
        yield _in_some_order(compared, options)
    for some in compared.matched.doubtful:
        yield _doubtful(compared, some)


def _in_some_order(compared: Comparison, options: tuple[Pairs, ...]) -> Told:
    """Return the finding of several modules of one shape, all under other names: a mend for each order of a few."""
    pairs = options[0]
    to = _modules(pairs)
    ours, theirs = list(to.values()), list(to)
    names = [compared.part.tensors[key].name for key in pairs.values()]
    said = f"{listed(theirs)} of the checkpoint could be {listed(ours)} of the model in any order: all have the same " \
           "shapes, which cannot tell one from another, and neither can their names"  # fmt: skip
    said += "; the order of the file is a guess" if len(options) == 1 else ""
    mends = []
    for one in options:
        edits = edits_of(compared, {key: name for name, key in one.items()}, "undecided")
        title = listed([f"{called(old)} to {called(new)}" for old, new in _modules(one).items()])
        detail = f"A guess by order, {counted(len(one), 'tensor')}; where it is wrong nothing raises."
        mends += [Mend(f"Rename {title}", tuple(edits), detail)] if edits else []
    mends.append(Mend(f"Drop {listed(theirs)}", (Edit("delete", compared.naming.targets(names)),)))
    return Told(Finding("undecided", common_module(list(pairs)), names[0], said, tuple(mends)), tuple(pairs),
                tuple(pairs.values()))  # fmt: skip


def _modules(pairs: Pairs) -> dict[str, str]:
    """Return modules of the model by those of the checkpoint, the same one of each block once, with `*` for numbers."""
    modules = {split(key)[0] or key: split(name)[0] or name for name, key in pairs.items()}
    stacks = {(starred(old), starred(new)) for old, new in modules.items()}
    is_one_to_one = len(stacks) == len({old for old, _ in stacks}) == len({new for _, new in stacks})
    is_several = is_one_to_one and len(stacks) < len(modules)
    return {starred(old): starred(new) for old, new in modules.items()} if is_several else modules


def _doubtful(compared: Comparison, pairs: Pairs) -> Told:
    """Return the finding of what agrees in shape alone: most likely these are others, so that comes first."""
    ours, theirs = together(list(pairs)), together(list(pairs.values()))
    names = [compared.part.tensors[key].name for key in pairs.values()]
    is_one = len(pairs) == 1
    said = f"{ours} {'is' if is_one else 'are'} not in the checkpoint, and {theirs} not in the model: the shapes are " \
           f"the same, and nothing else says that {'one is the other' if is_one else 'these are those'}"  # fmt: skip
    anew = (Edit("delete", compared.naming.targets(names)), *fresh_edits(compared, list(pairs)))
    renames = edits_of(compared, {key: name for name, key in pairs.items()}, "undecided")
    mends = [Mend(f"Add {ours} with fresh values and drop {theirs}", anew)]
    mends += [Mend(f"Rename {theirs} to {ours}", tuple(renames), "Where you know that they are the same.")] \
        if renames else []  # fmt: skip
    return Told(Finding("undecided", common_module(list(pairs)), names[0], said, tuple(mends)), tuple(pairs),
                tuple(pairs.values()))  # fmt: skip


def left_over(compared: Comparison) -> list[Edit]:
    """Return the edits that add and drop what is left once the first mend of each choice was taken."""
    matched = compared.matched
    options = [*matched.choices, *matched.orders]
    names = {name for some in options for pairs in some for name in pairs}
    keys = {key for some in options for pairs in some for key in pairs.values()}
    for some in options:
        first = next((pairs for pairs in some if edits_of(compared, {key: name for name, key in pairs.items()},
                                                          "undecided")), None)  # fmt: skip
        names -= first.keys() if first is not None else set()
        keys -= set(first.values()) if first is not None else {key for pairs in some for key in pairs.values()}
    gone = [compared.part.tensors[key].name for key in compared.part.tensors if key in keys]
    drop = [Edit("delete", compared.naming.targets(gone))] if gone else []
    return [*drop, *fresh_edits(compared, [name for name in compared.wanted if name in names])]
