"""Whether unexpected keys are the missing ones under other names, and the renaming that says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Mend
from weightedit.doctor.load_report.evidence import Evidence
from weightedit.doctor.load_report.renames import Names, renames

COUNTER = "num_batches_tracked"
"""What batch norms call the number of batches they have seen."""
_MOST_TRIED = 64


def prefix_change(unexpected: Sequence[str], missing: Sequence[str]) -> tuple[str, str] | None:
    """Return the prefix that unexpected keys have and the one that missing keys have in its place.

    None where no one change makes every unexpected key a missing one. A batch norm makes up the counter that it lacks,
    so that one is never missing.
    """
    sure = [key for key in unexpected if not key.endswith(COUNTER)]
    if not sure or not missing:
        return None
    wanted = set(missing)
    for old, new in _candidates(sure[0], missing):
        if all(key.startswith(old) for key in unexpected) and \
                all(f"{new}{key.removeprefix(old)}" in wanted for key in sure):  # fmt: skip
            return old, new
    return None


def is_likely(change: tuple[str, str], unexpected: Sequence[str], missing: Sequence[str],
              names: Collection[str]) -> bool:  # fmt: skip
    """Whether more than the ends of names speaks for a change of prefixes, as in the load report.

    Parameters
    ----------
    change
        The prefixes.
    unexpected, missing
        The keys that a message lists.
    names
        All names in the document; those that are not unexpected have the same name in the model.
    """
    old, new = change
    if not old or not new:
        return True
    known = {name: name for name in names if not name.endswith(tuple(unexpected))}
    wanted = set(missing)
    pairs = {to: key for key in unexpected if (to := f"{new}{key.removeprefix(old)}") in wanted}
    evidence = Evidence([*missing, *known], known)
    return evidence.speaks_for(pairs) or (bool(known) and evidence.is_most(pairs))


def _candidates(key: str, missing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield changes that turn one key into a missing one, those that keep most of the name first."""
    tried: dict[tuple[str, str], int] = {}
    parts = key.split(".")
    last = parts[-1]
    for other in missing:
        if other.rpartition(".")[2] != last:
            continue
        others = other.split(".")
        same = 0
        while same < min(len(parts), len(others)) and parts[-1 - same] == others[-1 - same]:
            same += 1
        change = tuple("".join(f"{part}." for part in whole[: len(whole) - same]) for whole in (parts, others))
        tried.setdefault((change[0], change[1]), same)
        if len(tried) >= _MOST_TRIED:
            break
    yield from sorted(tried, key=lambda change: -tried[change])


def place_of(keys: Sequence[str], names: Collection[str]) -> str | None:
    """Return what stands before the keys in the names of a document, `state_dict.` or nothing; None where they are not.

    None too where they are in several places.
    """
    if not keys:
        return None
    if all(key in names for key in keys):
        return ""
    before = [name.removesuffix(keys[0]) for name in names if name.endswith(f".{keys[0]}")][:_MOST_TRIED]
    fitting = [place for place in before if all(f"{place}{key}" in names for key in keys)]
    return fitting[0] if len(fitting) == 1 else None


def renamed(keys: Sequence[str], change: tuple[str, str], place: str, names: Collection[str]) -> Mend:
    """Return the renaming of tensors, by few patterns that mean no others.

    Parameters
    ----------
    keys
        What they are called in the message.
    change
        The prefix they have and the one they get.
    place
        What stands before the keys in the document.
    names
        All names in the document.
    """
    old, new = change
    after = [f"{place}{new}{key.removeprefix(old)}" for key in keys]
    pairs = {f"{place}{key}": to for key, to in zip(keys, after, strict=True)}
    edits = tuple(renames(pairs, Names(names, frozenset(names).difference(pairs), start=place)))
    what = counted(len(keys), "name")
    title = f"Put `{new}` before {what}" if not old else f"Change `{old}` to `{new}` in {what}" if new else \
        f"Take `{old}` off {what}"  # fmt: skip
    return Mend(title, edits, f"{place}{keys[0]} → {after[0]}")
