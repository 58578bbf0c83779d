"""The finding of a checkpoint that holds several copies of a model, with a mend that takes each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from weightedit.core.edit import Edit
from weightedit.core.words.labels import listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.copies import Copy, innermost
from weightedit.doctor.load_report.naming import Naming
from weightedit.doctor.load_report.part_names import edits_of
from weightedit.doctor.load_report.surroundings import Pairs

_MOST = 8
"""Copies that have a mend each."""


def copies(compared: Comparison) -> Iterator[Told]:
    """Yield the finding that there are several copies, with a mend for each; the first is what is compared."""
    every = compared.matched.copies
    if not every:
        return
    first, *others = every
    mends = tuple(_taken(compared, one, [other for other in every if other is not one]) for one in every[:_MOST])
    tensors = compared.part.tensors
    same = all(tensors[key].same_as == (tensors[first.pairs[name]].same_as or tensors[first.pairs[name]].name)
               for other in others for name, key in other.pairs.items())  # fmt: skip
    said = f"The checkpoint holds {len(every)} copies of the model, {listed([one.name for one in every])}, " \
           f"{counted(len(first.pairs), 'tensor')} each, and load_state_dict takes one; {first.name} is compared here"
    said += "; they are the same tensors" if same else ""
    gone = [key for other in others for key in other.keys]
    compared.naming.drop([tensors[key].name for key in gone])
    compared.naming.follow([edit for edit in mends[0].edits if edit.operation == "rename"])
    renamed = tuple(first.pairs) if first.start else ()
    yield Told(Finding("copies", "", tensors[first.keys[0]].name, said, mends), renamed, tuple(gone))


def _taken(compared: Comparison, one: Copy, others: Sequence[Copy]) -> Mend:
    """Return the mend that drops the other copies, and then gives this one the names of the model."""
    tensors = compared.part.tensors
    first = compared.matched.copies[0]
    keys, starts = {key for other in others for key in other.keys}, [other.start for other in (one, *others)]
    keys |= {key for key in one.beside if first.start + key[len(one.start) :] not in tensors}  # that no other copy has
    own = {*one.pairs.values(), *one.beside}
    keys |= {key for key in tensors if key not in own and innermost(key, starts) not in ("", one.start)}
    gone = [tensors[key].name for key in tensors if key in keys]
    left = Naming(name for name in compared.naming.names if name not in set(gone))
    after = {key: name for name, key in one.pairs.items()}
    matched = replace(compared.matched, spelled={**compared.matched.spelled, **one.pairs},
                      alike=_without(compared.matched.alike, keys), dialect=_without(compared.matched.dialect, keys))
    edits = edits_of(replace(compared, naming=left, matched=matched), after)
    count = sum(key != name for key, name in after.items())
    detail = f"{counted(count, 'tensor')} {'is' if count == 1 else 'are'} renamed, " if count else ""
    title = f"Take {one.name if one.start else 'the copy without a prefix'}"
    return Mend(title, (Edit("delete", _targets(compared, one, others, gone)), *edits),
                f"{detail}{counted(len(gone), 'tensor')} dropped")  # fmt: skip


def _without(pairs: Pairs, keys: Collection[str]) -> dict[str, str]:
    return {name: key for name, key in pairs.items() if key not in keys}


def _targets(compared: Comparison, one: Copy, others: Sequence[Copy], gone: Sequence[str]) -> tuple[str, ...]:
    """Return targets of what is dropped: a pattern for a copy where all that begins so goes, else names."""
    left = set(compared.naming.names).difference(gone)
    whole: list[str] = []
    for other in others:
        inner = one.start.removeprefix(other.start) if one.start.startswith(other.start) else ""
        pattern = re.escape(compared.part.start + other.start) + (f"(?!{re.escape(inner)})" if inner else "") + ".+"
        if other.start and not any(re.fullmatch(pattern, name) for name in left):
            whole.append(pattern)
    single = tuple(name for name in gone if not any(re.fullmatch(pattern, name) for pattern in whole))
    return (*(f"re:{pattern}" for pattern in whole), *single)
