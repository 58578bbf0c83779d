"""What the machine runs out of while a document works, said as a refusal that leaves the document as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar, cast

from weightedit.core.described.slot_list import Slots

P = ParamSpec("P")
R = TypeVar("R")


class _HasSlots(Protocol):
    slots: Slots


@contextmanager
def guarding(what: str, document: _HasSlots) -> Iterator[None]:
    """Turn what the machine says in the midst of something into what a person can go by.

    Parameters
    ----------
    what
        That is done, after *There is no memory left for*.
    document
        Its tensors are looked through for the one whose kept bytes are damaged.

    Raises
    ------
    EditRefused
        In place of an error of memory or of a device; nothing was changed.
    SpillDamaged
        With the name of a tensor.
    """
    from weightedit.core.undo.verifying import naming_damage
    from weightedit.core.values.devices import refused_for_memory

    with naming_damage(document.slots), refused_for_memory(what):
        yield


def guarded(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard a method of a document; see `guarding`."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with guarding(what, cast("_HasSlots", args[0])):
                return method(*args, **kwargs)

        return call

    return decorate
