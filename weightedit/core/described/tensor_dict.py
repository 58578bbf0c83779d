"""A dict of tensors by name that makes a tensor where someone looks: the root of a flat checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

from weightedit.core.described.columns import Columns, Table
from weightedit.core.slots import HeldTensor

_SETTLING = threading.RLock()
_EMPTY = Table(())
_TOGETHER = 1 << 14
"""Names that are added at once, in a millisecond or two, but where the dict grows."""


def _settled(method: Callable[..., Any]) -> Any:
    def call(self: TensorDict, *args: Any, **named: Any) -> Any:
        self.settle()
        return method(self, *args, **named)

    return call


class TensorDict(dict[str, HeldTensor]):
    """The tensors of one or several files, by name.

    Until it is changed it holds in place of each tensor its number in `table`; a look at one tensor makes that one. A
    change, or a look at all of them, makes them all, and from then on it is a dict as any other.

    Attributes
    ----------
    table
        What the files say of the tensors; None once all of them were made.
    """

    __slots__ = ("_files", "table")
    __setitem__ = _settled(dict.__setitem__)
    __delitem__ = _settled(dict.__delitem__)
    __eq__ = _settled(dict.__eq__)
    __ne__ = _settled(dict.__ne__)
    __or__ = _settled(dict.__or__)
    __ror__ = _settled(dict.__ror__)
    __ior__ = _settled(dict.__ior__)
    __repr__ = _settled(dict.__repr__)
    clear = _settled(dict.clear)
    copy = _settled(dict.copy)
    items = _settled(dict.items)
    pop = _settled(dict.pop)
    popitem = _settled(dict.popitem)
    setdefault = _settled(dict.setdefault)
    update = _settled(dict.update)
    values = _settled(dict.values)

    def __init__(self) -> None:
        super().__init__()
        self._files: list[Columns] = []
        self.table: Table | None = _EMPTY

    def extend(self, columns: Columns) -> bool:
        """Add the tensors of a file, before anyone looks; returns whether their names are all new."""
        before = len(self)
        for start in range(0, len(columns), _TOGETHER):  # other threads wait for each of them
            names = columns.names[start : start + _TOGETHER]
            numbers = cast("Iterator[HeldTensor]", range(before + start, before + start + len(names)))
            super().update(zip(names, numbers, strict=True))
        self._files.append(columns)
        return len(self) == before + len(columns)

    def finish(self) -> TensorDict:
        """Join the columns of the files that were added."""
        self.table = Table(self._files)
        return self

    def number(self, name: object) -> int | None:
        """Return the place of a name in the table; None where it is not there, or tensors were made."""
        found: Any = super().get(cast("str", name))
        return found if isinstance(found, int) else None

    def settle(self) -> None:
        """Make all tensors."""
        with _SETTLING:
            if (table := self.table) is not None:
                super().update([(name, table.held(number)) for number, name in enumerate(table.names)])
                self.table = None

    def __getitem__(self, name: str) -> HeldTensor:
        table = self.table  # first: once it is gone, all tensors are there
        found: Any = super().__getitem__(name)
        made: HeldTensor = table.held(found) if table is not None and isinstance(found, int) else found
        return made

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the tensor of a name, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:  # so that `dict(self)` asks for each tensor instead of copying what is held
        return super().__iter__()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (list(self.items()),)
