"""What tensors are called once the proposed renames were made, so that other edits find them before and after."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.load_report.rules import changed, in_common

_FEW = 64
"""Targets that are named by both names; of more the new names are taken."""
_FEW_BLOCKS = 3
"""Blocks of a stack that are named one by one."""


class Naming:
    """Names of a document as they are, and as they will be.

    Parameters
    ----------
    names
        All names of tensors in the document.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._then = {name: name for name in names}
        self._now = dict(self._then)

    @property
    def names(self) -> list[str]:
        """What all tensors are called then."""
        return list(self._now)

    def then(self, name: str) -> str:
        """Return what a tensor is called after the renames so far."""
        return self._then[name]

    def follow(self, edits: Iterable[Edit]) -> None:
        """Take renames into account."""
        for edit in edits:
            renamed = changed(edit, self._now.keys())
            moved = {new: self._now.pop(old) for old, new in renamed.items()}
            self._now |= moved
            self._then |= {name: new for new, name in moved.items()}

    def drop(self, names: Iterable[str]) -> None:
        """Forget tensors that are gone then, so that their names are free."""
        for name in names:
            self._now.pop(self._then.pop(name))

    def targets(self, names: Collection[str]) -> tuple[str, ...]:
        """Return targets that mean tensors both before and after the renames, where that can be said."""
        if len(names) > _FEW:
            return tuple(self.then(name) for name in names)
        taken = set(self._then) & {then for name, then in self._then.items() if name != then}
        return tuple(self._target(name, taken) for name in names)

    def _target(self, name: str, taken: Collection[str]) -> str:
        then = self._then[name]
        if then == name or then in taken or name in taken:
            return then
        return f"re:{re.escape(name)}|{re.escape(then)}"


def together(names: Collection[str]) -> str:
    """Return what tensors are called together: the name of one, `fc (2 tensors)`, `h.*.attn.bias (12 tensors)`."""
    first, *others = names
    if not others:
        return called(first)
    parts = [name.split(".") for name in names]
    head = common_module(names)
    if blocks := _blocks(head, parts):
        return f"{listed(blocks)} ({counted(len(names), 'tensor')})"
    if len(set(map(len, parts))) == 1 and head.count(".") + 1 < len(parts[0]) - 1:
        head = ".".join(column[0] if len(set(column)) == 1 else "*" for column in zip(*parts, strict=True))
        head = "" if set(head) <= {".", "*"} else head
    return f"{called(head)} ({counted(len(names), 'tensor')})" if head else listed([first, *others])


def _blocks(head: str, parts: list[list[str]]) -> list[str]:
    """Return the few numbered blocks of a stack that names with various endings lie in; none where they do not."""
    depth = head.count(".") + 1 if head else 0
    numbers = dict.fromkeys(part[depth] if len(part) > depth + 1 else "" for part in parts)
    is_few = head and 1 < len(numbers) <= _FEW_BLOCKS and all(map(str.isdecimal, numbers))
    return [f"{head}.{number}" for number in numbers] if is_few and len({part[-1] for part in parts}) > 1 else []


def common_module(names: Collection[str]) -> str:
    """Return the innermost module that all these tensors of the model are in."""
    modules = [name.split(".")[:-1] for name in names]
    first, last = min(modules), max(modules)
    return ".".join(first[: in_common(first, last)])


def starred(name: str) -> str:
    """Return a name, or how names begin, with `*` for numbers between dots."""
    if not any(map(str.isdigit, name)):
        return name
    return ".".join("*" if part.isdigit() else part for part in name.split("."))
