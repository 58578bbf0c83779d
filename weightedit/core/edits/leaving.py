"""The tensors that an edit's targets mean and that stay as they are, whatever else the edit does.

Nothing that is left ever changes through an edit, by no way round: where one of two tied slots is left and the other
is not, or a tensor that is left lies over elements that are written, the edit is refused, and leaving both (or
untying them, where the edit makes a new tensor) is offered instead. Leaving both by itself would skip a tensor that
was named, editing both would change one that was not to change; either would be a surprise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from weightedit.core.dtypes import DTYPES, dtype_named
from weightedit.core.edits.reached import is_computed, reached
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import Box
from weightedit.core.slots import Entry, Slot

if TYPE_CHECKING:
    from weightedit.core.edit import Edit
    from weightedit.core.edits.plan import Target

FAMILIES = {
    "integer": ("int", "uint"), "int": ("int", "uint"), "uint": ("uint",), "float": ("float",),
    "complex": ("complex",), "bool": ("bool",),
}  # fmt: skip
"""What `dtype:` takes besides the name of one dtype; `int` and `float` mean all of them, as people say it."""


@dataclass(frozen=True)
class Left:
    """What is left, read from patterns: exact names first, then as for targets, and `dtype:` with a dtype.

    A pattern that matches nothing leaves nothing; `core.checks.leaving` says so.

    Parameters
    ----------
    patterns
        Names, globs (`*norm*`), `re:` with a regular expression for the whole name, `dtype:` with torch's name of a
        dtype, its short form (`bf16`) or a family (`integer`, `float`, `complex`, `bool`).
    is_name
        Whether a text is the exact name of something in the document.

    Raises
    ------
    EditRefused
        If a regular expression does not read, or no dtype is called so.
    """

    patterns: tuple[str, ...]
    is_name: Callable[[str], bool]

    def __post_init__(self) -> None:
        _ = self._regexes, self._dtypes

    @cached_property
    def _named(self) -> list[str]:
        return [pattern for pattern in self.patterns if not pattern.startswith(("re:", "dtype:"))]

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(pattern for pattern in self._named if self.is_name(pattern))

    @cached_property
    def _globs(self) -> list[str]:
        return [pattern for pattern in self._named if pattern not in self._exact]

    @cached_property
    def _regexes(self) -> list[re.Pattern[str]]:
        try:
            return [re.compile(pattern[3:]) for pattern in self.patterns if pattern.startswith("re:")]
        except re.error as error:
            title = f"The pattern re:{error.pattern!s} does not read"
            raise EditRefused([refusal("not-found", title, f"{error}.")]) from None

    @cached_property
    def _dtypes(self) -> frozenset[str]:
        found: set[str] = set()
        for pattern in self.patterns:
            if not pattern.startswith("dtype:"):
                continue
            asked = pattern[len("dtype:") :].strip()
            if asked in FAMILIES:
                found |= {dtype.name for dtype in DTYPES.values() if dtype.family in FAMILIES[asked]}
                continue
            try:
                found.add(dtype_named(asked).name)
            except KeyError:
                detail = "Give torch's name of one, such as float32 or bf16, or integer, float, complex, bool."
                raise EditRefused([refusal("argument", f"There is no dtype {asked!r}", detail)]) from None
        return frozenset(found)

    def slot(self, slot: Slot) -> bool:
        """Whether a slot is left."""
        return self.name(slot.name) or (bool(self._dtypes) and slot.spec.dtype in self._dtypes)

    def entry(self, entry: Entry) -> bool:
        """Whether an entry of the tree is left by its own name or dtype."""
        return self.name(entry.name) or (entry.slot is not None and self.slot(entry.slot))

    def name(self, name: str) -> bool:
        """Whether something of this name is left, whatever its dtype."""
        return name in self._exact or any(fnmatchcase(name, glob) for glob in self._globs) or \
            any(regex.fullmatch(name) for regex in self._regexes)  # fmt: skip


def without_left(slots: Sequence[Slot], left: Left) -> list[Slot]:
    """Return the slots that are not left, each described, so that ties show; `EditRefused` where that is none."""
    for slot in slots:
        _ = slot.spec
    kept = [slot for slot in slots if not left.slot(slot)]
    if not kept:
        raise EditRefused([_nothing_left([slot.name for slot in slots], left.patterns)])
    return kept


def _nothing_left(names: Sequence[str], patterns: Sequence[str]) -> Hazard:
    what = f"{names[0]} is left as it is" if len(names) == 1 else f"All {len(names):,} are left as they are"
    return refusal("not-found", what, f"Nothing remains to edit; take {' or '.join(patterns)} out of what is left.",
                   targets=names[:8], count=len(names))  # fmt: skip


def refuse_tied(groups: Sequence[Sequence[Slot]], left: Left, edit: Edit, may_untie: bool) -> None:
    """Refuse an edit that gives all tied slots something new where one of them is left.

    Parameters
    ----------
    groups
        The slots of each tensor, those that only come along included.
    may_untie
        Whether the edit can give the named slots a tensor of their own.
    """
    found = []
    for slots in groups:
        kept = [slot.name for slot in slots if left.slot(slot)]
        if kept:
            named = [slot.name for slot in slots if slot.name not in kept]
            found.append(_refused("unties", named, kept, edit, "They hold one and the same tensor", may_untie))
    if found:
        raise EditRefused(found)


def written_though_left(targets: Sequence[Target], slots: Sequence[Slot], left: Left, edit: Edit) -> Iterator[Hazard]:
    """Yield a refusal for each write that would change elements of a tensor that is left."""
    from weightedit.core.shared.sharing import share_elements

    named = {slot.name: slot for slot in slots} if any(is_computed(target) for target in targets) else {}
    reach = [(target, list(reached(target, named.get))) for target in targets if not target.slots[0].held.is_deferred]
    by_storage: dict[int, list[Slot]] = {}
    wanted = {one.storage for _, places in reach for one in places}
    for slot in slots if wanted else ():
        if not slot.held.is_deferred and id(slot.storage) in wanted and left.slot(slot):
            by_storage.setdefault(id(slot.storage), []).append(slot)
    for target, places in reach if by_storage else ():
        kept = tuple(dict.fromkeys(
            slot.name for one in places for slot in by_storage.get(one.storage, ())
            if share_elements(one.spec, one.boxes, slot.spec, [Box.whole(slot.spec.shape)])
        ))  # fmt: skip
        if kept and not target.clones_first:
            kind = "parametrized" if is_computed(target) else "shared-storage"
            why = "It is computed, and written through these" if is_computed(target) else \
                "They share elements of one storage"  # fmt: skip
            yield _refused(kind, [slot.name for slot in target.slots], kept, edit, why, False)


def _refused(kind: str, named: Sequence[str], kept: Sequence[str], edit: Edit, why: str, may_untie: bool) -> Hazard:
    alternatives, labels = [replace(edit, leave=(*edit.leave, *named))], ["Leave both"]
    if may_untie:
        alternatives.append(replace(edit, tied="untie"))
        labels.append("Untie them")
    stays = "is left" if len(kept) == 1 else "are left"
    return refusal(kind, f"{_listed(kept)} {stays}, {_listed(named)} is not", f"{why}; leave both, or neither.",
                   targets=[*named, *kept], count=len(kept), alternatives=alternatives, labels=labels)  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def entries_to_edit(entries: Sequence[Entry], chosen: Sequence[Entry], left: Left, opens: bool) -> list[Entry]:
    """Return the entries of a restructure without those that are left.

    Parameters
    ----------
    entries, chosen
        Of the whole tree, in order; and those that the targets mean.
    opens
        Whether a container that holds something left gives way to what else is in it, as when it is deleted; else
        it is refused, since its own name or place is part of theirs.
    """
    places = {_place(entry) for entry in entries if entry.path and left.entry(entry)}
    inside: dict[tuple[object, ...], list[str]] = {}
    by_parent: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        if entry.path:
            by_parent.setdefault(entry.path[:-1], []).append(entry)
        if entry.path and _place(entry) in places:
            for length in range(len(entry.path)):
                inside.setdefault(entry.path[:length], []).append(entry.name)

    def remaining(some: Sequence[Entry]) -> Iterator[Entry]:
        for entry in some:
            if entry.path and _place(entry) in places:
                continue
            kept = inside.get(entry.path)
            if not kept:
                yield entry
            elif opens:
                yield from remaining(by_parent.get(entry.path, ()))
            else:
                title = f"{entry.name or 'The document'} contains {_listed(kept)}"
                raise EditRefused([refusal("argument", title, "That is left as it is; edit what else is in it instead.",
                                           targets=[entry.name, *kept[:8]])])  # fmt: skip

    found = list(remaining(chosen))
    if not found:
        raise EditRefused([_nothing_left([entry.name for entry in chosen], left.patterns)])
    return found


def _place(entry: Entry) -> tuple[int, str]:
    """Return what is equal for entries that are one item of one container, reached by several paths."""
    return id(entry.owner), repr(entry.key)
