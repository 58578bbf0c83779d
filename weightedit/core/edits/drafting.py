"""From an edit that changes slots to its steps, entry by entry, and to the draft they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.described.targets import find_entries
from weightedit.core.edit import Edit
from weightedit.core.edits.draft import Draft
from weightedit.core.edits.leaving import Left, entries_to_edit
from weightedit.core.edits.room import refuse_bytes
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.operation import Operation
from weightedit.core.slots import Entry

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(frozen=True, slots=True)
class Steps:
    """What a restructure does to each entry.

    Attributes
    ----------
    each
        (entry, arguments) in the order they are done.
    title
        One line that says all of it; empty where each step has a line of its own.
    at_once
        Whether a name that one entry gives up is free for another, whatever their order.
    """

    each: list[tuple[Entry, Mapping[str, Any]]]
    title: str = ""
    at_once: bool = False


def draft_of(document: Document, operation: Operation, edit: Edit) -> Draft:
    """Write down what a restructure does; raises `EditRefused` where it cannot be done."""
    steps = steps_of(document, operation, edit)
    draft = Draft(document)
    if steps.at_once:
        draft.give_up(entry for entry, _ in steps.each)
    for entry, arguments in steps.each:
        operation.compute(draft, entry, **arguments)
    refuse_bytes(document, draft.nbytes, sorted(draft.names))
    draft.lines = [steps.title] if steps.title else draft.lines
    return draft


def entries_of(document: Document, operation: Operation, edit: Edit, *, left: bool = True) -> list[Entry]:
    """Return the entries an edit means, without those it leaves, or with them if `left` is false."""
    entries = find_entries(document.entries, document.origin.root, edit.targets, operation.subject,
                           operation.takes_groups)  # fmt: skip
    if edit.leave and left:
        names = {entry.name for entry in document.entries}
        opens = operation.takes_groups and operation.parameter("to") is None
        entries = entries_to_edit(document.entries, entries, Left(edit.leave, names.__contains__), opens)
    return entries


def steps_of(document: Document, operation: Operation, edit: Edit) -> Steps:
    """Return what is done to each entry; raises `EditRefused` where that cannot be said."""
    if edit.region is not None:
        raise EditRefused([refusal("argument", f"{operation.name} applies to whole entries", "Leave the region out.")])
    entries = entries_of(document, operation, edit)
    to = operation.parameter("to")
    if to is None:
        return Steps([(entry, edit.arguments) for entry in entries])
    if operation.takes_groups and len(edit.targets) == 1 and \
            entries[0].name.startswith(f"{edit.targets[0].removesuffix('.')}."):  # fmt: skip
        return _below_prefix(operation, edit, entries)
    pattern = edit.targets[0] if len(edit.targets) == 1 else ""
    if to.type == "text" and pattern.startswith("re:") and (len(entries) > 1 or "\\" in edit.arguments["to"]):
        return _by_groups(operation, edit, entries)
    if len(entries) > 1:
        also = " Several are named by a re: pattern, with its groups in the new name, such as \\1." \
            if to.type == "text" else ""  # fmt: skip
        raise EditRefused([refusal("argument", f"{operation.name} takes one entry", f"Name exactly one.{also}")])
    return Steps([(entries[0], edit.arguments)])


def _below_prefix(operation: Operation, edit: Edit, entries: list[Entry]) -> Steps:
    """Do to every entry below a prefix what an operation with a new name does to one."""
    prefix, to = edit.targets[0].removesuffix("."), edit.arguments["to"].removesuffix(".")
    if not to:
        raise EditRefused([refusal("argument", "The name is empty", f"Give {prefix} another prefix, dots and all.")])
    if to.startswith(f"{prefix}."):  # a name that another of them has is free once that one was renamed
        entries = sorted(entries, key=lambda entry: -len(entry.name))
    elif prefix.startswith(f"{to}."):
        entries = sorted(entries, key=lambda entry: len(entry.name))
    word = "entry" if len(entries) == 1 else "entries"
    return Steps([(entry, {**edit.arguments, "to": f"{to}{entry.name[len(prefix):]}"}) for entry in entries],
                 f"{operation.title} {prefix} to {to}, {len(entries):,} {word}")  # fmt: skip


def _by_groups(operation: Operation, edit: Edit, entries: list[Entry]) -> Steps:
    r"""Make each new name of the groups of a pattern, as `re.sub` does: `\1`, `\g<layer>`."""
    pattern, to = re.compile(edit.targets[0][3:]), edit.arguments["to"]
    named: dict[str, Entry] = {}
    each: list[tuple[Entry, Mapping[str, Any]]] = []
    for entry in entries:
        match = pattern.fullmatch(entry.name)
        try:
            name = entry.name if match is None else match.expand(to)
        except (re.error, IndexError):
            known = [f"\\{number}" for number in range(1, pattern.groups + 1)]
            known += [f"\\g<{name}>" for name in pattern.groupindex]
            has = f"It has {', '.join(known)}." if known else "It has no group; put one in parentheses."
            raise EditRefused([refusal("argument", f"{to} names a group that the pattern has not", has)]) from None
        if (other := named.setdefault(name, entry)) is not entry:
            raise EditRefused([refusal("argument", f"{other.name} and {entry.name} would both be called {name}",
                                       "Put what tells them apart in a group, and the group in the new name.",
                                       targets=[other.name, entry.name])])  # fmt: skip
        if name != entry.name:
            each.append((entry, {**edit.arguments, "to": name}))
    if not each:
        raise EditRefused([refusal("argument", "Every name is already as it would be", "Give another name.")])
    return Steps(each, at_once=operation.name == "rename")
