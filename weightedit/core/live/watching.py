"""Optimizers of the process that nobody handed over: they go on training a tensor after its slot got another one."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from weightedit.core.commands import Command, Flag, LiveWrite, Rebind
from weightedit.core.slots import Described


def optimizers_alive() -> list[Any]:
    """Return every torch optimizer that Python's collector knows of.

    An instance refers to its class, so who refers to the classes is asked, and no other object of the process is held
    meanwhile: one of a window whose last reference ended in another thread would lock it. Types are looked at, not
    instances asked: `isinstance` runs code of proxies. What was set apart by `gc.freeze` is not found, which is why a
    document remembers what was there when it was opened.
    """
    module = sys.modules.get("torch.optim")
    if module is None:
        return []
    kinds = {module.Optimizer}
    new = list(kinds)
    while new:
        found = set(type.__subclasses__(new.pop())) - kinds
        kinds |= found
        new += found
    return [one for one in gc.get_referrers(*kinds) if type(one) in kinds and hasattr(one, "param_groups")]


def held_elsewhere(tensors: Sequence[Any], known: Mapping[int, int]) -> list[Any]:
    """Return the tensors that have more references than are known, so that somebody else may hold them.

    Where there are none, no optimizer has to be looked for, which takes a tenth of a second in a large process.

    Parameters
    ----------
    tensors
        In a list that holds each of them once.
    known
        By `id`: how many references besides that one there are for sure.
    """
    alone = _references([object()])[0]  # what counting itself holds differs between versions of Python
    return [tensor for tensor, count in zip(tensors, _references(tensors), strict=True)
            if count - alone > known.get(id(tensor), 0)]  # fmt: skip


def described_by(command: Command) -> list[Described]:
    """Return the states of tensors that a step of history keeps; each refers once to its live tensor."""
    if isinstance(command, Rebind):
        return [command.before[1], command.after[1]]
    return [command.before, command.after] if isinstance(command, Flag) else []


def tensors_of(command: Command) -> list[Any]:
    """Return the live tensors that a step of history refers to by itself, as often as it does."""
    if isinstance(command, LiveWrite):
        return [command.tensor]
    return list(getattr(command, "references", ()))


def _references(items: Sequence[Any]) -> list[int]:
    return [sys.getrefcount(item) for item in items]


class Watch:
    """Optimizers met so far, held weakly.

    Parameters
    ----------
    known
        Those to begin with.
    """

    def __init__(self, known: Collection[Any] = ()) -> None:
        self._met: weakref.WeakSet[Any] = weakref.WeakSet(known)
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def holding(self, tensors: Collection[Any], besides: Any) -> list[Any]:
        """Return the optimizers that train any of some tensors.

        Parameters
        ----------
        tensors
            Live tensors.
        besides
            The optimizer that was handed over, or None; one that shares its groups with it is the same, wrapped.
        """
        tensors = [tensor for tensor in tensors if tensor.is_leaf and (tensor.requires_grad or _is_parameter(tensor))]
        if not tensors:
            return []
        self._met.update(optimizers_alive())
        found = self._among(tensors, besides)
        if any(one not in self._alive for one in found) and threading.current_thread() is threading.main_thread():
            # A scheduler and its optimizer hold each other: one that nobody else has any more is not gone yet.
            del found
            gc.collect()
            found = self._among(tensors, besides)
            self._alive.update(found)
        return found

    def _among(self, tensors: Collection[Any], besides: Any) -> list[Any]:
        wanted = {id(tensor) for tensor in tensors}
        handed = {id(group) for group in besides.param_groups} if besides is not None else set()
        found = []
        for one in self._met:
            trained = {id(parameter) for group in one.param_groups for parameter in group["params"]}
            if trained & wanted and one is not besides and not handed & {id(group) for group in one.param_groups}:
                found.append(one)
        return found


def _is_parameter(tensor: Any) -> bool:
    return isinstance(tensor, sys.modules["torch"].nn.Parameter)
