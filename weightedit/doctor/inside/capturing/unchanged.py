"""Leaves a model as it was before a run: its buffers and weights, what hangs on its modules, and random numbers."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from weightedit.core.region import Box
from weightedit.core.stage import write_live
from weightedit.core.values.pinned import version_of
from weightedit.doctor.inside.capturing.store import Kept, Store, why_not

_PLAIN = (dict, list, set, deque)
_TABLES = ("_parameters", "_buffers", "_modules")


@contextmanager
def same_random_numbers(seed: int | None, generators: Iterable[torch.Generator]) -> Iterator[None]:
    """Put back the state of every generator of random numbers that a run may draw from.

    Parameters
    ----------
    seed
        What they begin with; None leaves them as they are.
    generators
        Those that the model or its inputs hold, which the seed leaves alone.
    """
    own = [(generator, generator.get_state()) for generator in generators]
    numpy: Any = sys.modules.get("numpy")
    python, arrays = random.getstate(), None if numpy is None else numpy.random.get_state()
    uses_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if uses_cuda else []
    metal = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    cpu = torch.get_rng_state()
    try:
        if seed is not None:
            random.seed(seed)
            torch.manual_seed(seed)
            if numpy is not None:
                numpy.random.seed(seed)
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if metal is not None:
            torch.mps.set_rng_state(metal)
        random.setstate(python)
        if arrays is not None:
            numpy.random.set_state(arrays)
        for generator, state in own:
            generator.set_state(state)


@dataclass(frozen=True, slots=True)
class _Was:
    """A tensor before the run.

    Attributes
    ----------
    tensor
        The object.
    alias
        Another tensor over the memory it had, which keeps that alive where the run gives it other memory.
    version
        How many writes torch had counted.
    copy
        Its values; None where there was no room in the budget.
    """

    name: str
    tensor: torch.Tensor
    alias: torch.Tensor
    version: int | None
    copy: Kept | None


class Unchanged:
    """What a model was like, and the way back.

    Parameters
    ----------
    model
        The model.
    inputs
        Tensors it is called with; layers that work in place write into them.
    store
        Takes copies: of inputs and of everything that is no parameter, and of parameters that torch itself writes to
        (`max_norm`), always; of the other parameters while copies take less than half of the budget. Of the rest it is
        told where torch counted a write.
    """

    def __init__(self, model: torch.nn.Module, inputs: Iterable[torch.Tensor], store: Store) -> None:
        self._store = store
        self._modules = [(module, dict(vars(module)), _insides(module)) for module in model.modules()]
        self._tensors: list[_Was] = []
        try:
            self._remember(model, inputs)
        except BaseException:
            self._forget()
            raise

    def _remember(self, model: torch.nn.Module, inputs: Iterable[torch.Tensor]) -> None:
        seen: set[int] = set()
        for name, tensor, is_rare in [*_tensors(model), *(("the input", one, False) for one in inputs)]:
            if id(tensor) in seen or why_not(tensor):
                continue
            seen.add(id(tensor))
            fits = self._store.memory_nbytes + tensor.nbytes <= self._store.budget // 2
            copied = self._store.keep(tensor, name) if fits or not is_rare else None
            self._tensors.append(_Was(name, tensor, tensor.detach(), version_of(tensor), copied))

    def put_back(self) -> tuple[str, ...]:
        """Make everything as it was; returns the names of tensors that cannot be."""
        for module, attributes, insides in self._modules:
            _put_attributes(vars(module), attributes)
            for inside, content in insides:
                _put_content(inside, content)
        try:
            return tuple(was.name for was in self._tensors if not _is_back(was))
        finally:
            self._forget()

    def _forget(self) -> None:
        for was in self._tensors:
            if was.copy is not None:
                self._store.forget(was.copy)
        self._tensors.clear()
        self._modules.clear()


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Yield tensors by name, and whether the forward of a model writes to such a one only by way of exception.

    These come last.
    """
    for name, module in model.named_modules():
        held = {**module._buffers, **{key: value for key, value in vars(module).items()
                                      if isinstance(value, torch.Tensor)}}  # fmt: skip
        if getattr(module, "max_norm", None) is not None:
            held |= module._parameters
        for key, tensor in held.items():
            if tensor is not None:
                yield f"{name}.{key}" if name else key, tensor, False
    for name, parameter in model.named_parameters():
        yield name, parameter, True


def _insides(module: torch.nn.Module) -> list[tuple[Any, Any]]:
    """Return the tables of a module, and the plain containers that hang on it, each with a copy of what is in it."""
    return [(value, dict(value) if isinstance(value, dict) else type(value)(value))
            for key, value in vars(module).items()
            if type(value) in _PLAIN or (key in _TABLES and isinstance(value, dict))]  # fmt: skip


def _put_attributes(now: dict[str, Any], before: dict[str, Any]) -> None:
    for key in [key for key in now if key not in before]:
        del now[key]
    for key, value in before.items():
        if key not in now or now[key] is not value:
            now[key] = value


def _put_content(now: Any, before: Any) -> None:
    """Give a container what it held, unless it holds the very same objects."""
    if _objects(now) == _objects(before):
        return
    now.clear()
    (now.update if isinstance(now, dict | set) else now.extend)(before)


def _objects(container: Any) -> Any:
    """Return what tells the objects in a container from any others, without asking what they equal."""
    if isinstance(container, dict):
        return [(id(key), id(value)) for key, value in container.items()]
    return {id(value) for value in container} if isinstance(container, set) else [id(value) for value in container]


def _is_back(was: _Was) -> bool:
    """Write the values of before into a tensor that has others; whether it has them in the end."""
    tensor = was.tensor
    same_memory = tensor.shape == was.alias.shape and tensor.dtype == was.alias.dtype \
        and tensor.untyped_storage().data_ptr() == was.alias.untyped_storage().data_ptr()  # fmt: skip
    if was.copy is None:
        if same_memory:
            return version_of(tensor) == was.version
        return _written(tensor, was.alias)  # it was given other memory, and what it had is as it was
    if same_memory and was.copy.has_bits_of(tensor):
        return True
    return _written(tensor, was.copy.read())


def _written(tensor: torch.Tensor, values: torch.Tensor) -> bool:
    if tensor.shape != values.shape or tensor.dtype != values.dtype:
        return False
    with suppress(RuntimeError):
        write_live(tensor, Box.whole(values.shape), values)
        return True
    return False
