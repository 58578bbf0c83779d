"""From what a person names to the slots it means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import translate
from typing import Protocol

from weightedit.core.described.slot_list import Slots
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Ask
from weightedit.core.slots import Entry, Slot

ASK_EVERY = 4096
"""Names between two looks whether to stop."""


class SlotIndex(Protocol):
    """What finding slots needs of a document."""

    @property
    def slots(self) -> Slots:
        """All slots in file order."""
        ...

    def find(self, key: object) -> Slot | None:
        """Return the slot with this exact name or path."""
        ...


def all_below(prefix: str) -> str:
    """Return the pattern that all names below a prefix match, and no other, whatever letters the prefix has."""
    literal = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in prefix)
    return f"[r]{literal[1:]}.*" if literal.startswith("re:") else f"{literal}.*"


def matcher(target: str) -> Callable[[str], object]:
    """Return what tells whether a name matches a pattern: `*` crosses dots, and `re:` is a full match.

    Raises
    ------
    EditRefused
        If a regular expression does not read.
    """
    try:
        return re.compile(target[3:] if target.startswith("re:") else translate(target)).fullmatch
    except re.error as error:
        raise EditRefused([refusal("not-found", f"The pattern {target} does not read", f"{error}.")]) from None


def find_slots(index: SlotIndex, targets: object) -> list[Slot]:
    """Return the slots that targets mean, in file order of each pattern, without repeats.

    An exact name or path wins; then `fnmatchcase`, where `*` crosses dots; `re:` is a full match; a list is a union.

    Raises
    ------
    EditRefused
        If one of them matches nothing.
    """
    found: dict[int, Slot] = {}
    for target in patterns(index, targets):
        for slot in _match(index, target):
            found.setdefault(id(slot), slot)
    if not found:
        raise EditRefused([refusal("not-found", "No tensor is named", "Name at least one tensor or pattern.")])
    return list(found.values())


def count_meant(names: Collection[str], targets: Sequence[str], ask: Ask) -> int:
    """Return how many names targets mean at most, without looking at a tensor: names are patterns of themselves.

    Raises
    ------
    EditRefused
        If a regular expression does not read.
    Cancelled
        When `ask` says so, which is asked every few thousand names.
    """
    fits = [matcher(target) for target in targets]
    found = 0
    for number, name in enumerate(names):
        if not number % ASK_EVERY:
            ask()
        found += any(fit(name) for fit in fits)
    return found


def find_entries(entries: Sequence[Entry], root: object, targets: Sequence[str], subject: str,
                 takes_groups: bool = False) -> list[Entry]:  # fmt: skip
    """Return the entries of the tree that targets mean, in order; those inside another one that is meant are left out.

    Parameters
    ----------
    entries, root
        Of the document; an empty target is the root itself.
    targets
        As for `find_slots`.
    subject
        `value` leaves tensors out.
    takes_groups
        Whether a dotted prefix means every entry below it; one that an entry has as its name ends in a dot.

    Raises
    ------
    EditRefused
        If one of them matches nothing.
    """
    found: dict[int, Entry] = {}
    by_name: dict[str, Entry] = {}
    for entry in entries:
        by_name.setdefault(entry.name, entry)
    for target in targets:
        matched = _matching(entries, by_name, target, takes_groups) if target else [Entry((), "", "root", value=root)]
        matched = [entry for entry in matched if subject != "value" or entry.kind != "tensor"]
        if not matched:
            kind = "value" if subject == "value" else "entry"
            raise EditRefused([refusal("not-found", f"No {kind} is named {target}",
                                       "Names are dotted, such as optimizer.param_groups.0.lr.")])  # fmt: skip
        found.update((id(entry), entry) for entry in matched)
    paths = {entry.path for entry in found.values()}
    return [entry for entry in found.values()
            if not any(entry.path[:length] in paths for length in range(len(entry.path)))]  # fmt: skip


def group_target(entries: Sequence[Entry], prefix: str) -> str:
    """Return the target that means all entries below a dotted prefix, also where an entry has this name."""
    return f"{prefix}." if any(entry.name == prefix for entry in entries) else prefix


def below(entries: Sequence[Entry], prefix: str) -> list[Entry]:
    """Return the entries whose names begin with a prefix and a dot, without those inside another one of them."""
    start, found = f"{prefix}.", []
    inside: set[tuple[object, ...]] = set()
    for entry in entries:
        if entry.name.startswith(start):
            if not entry.path[:-1] or entry.path[:-1] not in inside:
                found.append(entry)
            inside.add(entry.path)
    return found


def _matching(entries: Sequence[Entry], by_name: Mapping[str, Entry], target: str, takes_groups: bool) -> list[Entry]:
    if target in by_name:
        return [by_name[target]]
    if takes_groups and (group := below(entries, target.removesuffix("."))):
        return group
    fits = matcher(target)
    return [entry for entry in entries if fits(entry.name)]


def patterns(index: SlotIndex, targets: object) -> list[object]:
    """Return targets as a list; a tuple is a path where it names a slot, and a union otherwise."""
    if isinstance(targets, str) or (isinstance(targets, tuple) and index.find(targets) is not None):
        return [targets]
    return list(targets) if isinstance(targets, Sequence | set | frozenset) else [targets]


def _match(index: SlotIndex, target: object) -> list[Slot]:
    exact = index.find(target)
    if exact is not None:
        return [exact]
    if not isinstance(target, str):
        raise EditRefused([refusal("not-found", f"No tensor is at {target!r}", "Give a name, a pattern or a path.")])
    fits = matcher(target)
    matched = [index.slots[place] for place, name in enumerate(index.slots.names) if fits(name)]
    if not matched:
        raise EditRefused([missing(index, target)])
    return matched


def only_name(slots: Sequence[Slot], file: str) -> str:
    """Return the name of the one tensor in a file; raises `EditRefused`, with the names, where there are several."""
    if len(slots) == 1 or any(not slot.name for slot in slots):
        return slots[0].name if len(slots) == 1 else ""
    names = ", ".join(slot.name for slot in slots[:5]) + (", …" if len(slots) > 5 else "")
    what = f"{file} has {len(slots):,} tensors" if slots else f"{file} has no tensor"
    raise EditRefused([refusal("not-found", what, f"Name one of them: {names}." if slots else "")])


def missing(index: SlotIndex, target: str) -> Hazard:
    """Return the refusal for a name or pattern that nothing matches, with the nearest name."""
    names = index.slots.names[:2_000]
    near = difflib.get_close_matches(target, names, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"The document has {len(index.slots):,} tensors."
    what = f"Nothing matches {target}" if any(c in target for c in "*?[") or target.startswith("re:") else \
        f"There is no tensor {target!r}"  # fmt: skip
    return refusal("not-found", what, hint)
