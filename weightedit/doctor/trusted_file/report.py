"""What a trusted file said of itself as a module, read as a stranger's word: every part is checked and bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
_DIGEST = re.compile(r"[0-9a-f]{64}|")
MOST = 200_000


class Garbled(Exception):
    """The process said something that is no report."""


@dataclass(frozen=True, slots=True)
class RunTensor:
    """A parameter or buffer of the module that was loaded, or a tensor beside it.

    Attributes
    ----------
    name, kind, shape, dtype
        As in a state_dict; kind is `parameter`, `buffer` or `tensor`.
    sha256
        Of its values, row-major; empty where it has no plain values.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RunModule:
    """One module that was loaded.

    Attributes
    ----------
    prefix
        The key it lies at in what was loaded; empty for the whole.
    class_name
        With its Python module.
    forward
        Its signature, or TorchScript's schema; empty where there is none.
    modules
        (name, class) of every module in it, itself first with an empty name.
    tensors
        Its parameters and buffers.
    """

    prefix: str
    class_name: str
    forward: str
    modules: tuple[tuple[str, str], ...]
    tensors: tuple[RunTensor, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came out of loading a file in a process of its own.

    Attributes
    ----------
    sha256
        Of the bytes that were loaded.
    is_script
        Whether it is a TorchScript archive.
    type_name
        The class of what was loaded.
    modules
        The modules in it.
    imported
        Python modules that it imported, beside torch's own.
    output, output_nbytes
        The first of what it printed, and how many bytes it printed in all.
    is_limited
        Whether the process's memory was limited.
    beside
        The tensors that dicts and lists hold outside of the modules, by their whole names.
    """

    sha256: str
    is_script: bool
    type_name: str
    modules: tuple[RunModule, ...]
    imported: tuple[str, ...]
    output: str
    output_nbytes: int
    is_limited: bool
    beside: tuple[RunTensor, ...] = ()


def report_of(found: Any, output: str, nbytes: int) -> RunReport:
    """Read what a process reported.

    Raises
    ------
    Garbled
        If any part of it is not what it must be.
    """
    whole = _mapping(found)
    modules = tuple(_module(one) for one in _list(whole.get("parts")))
    return RunReport(_digest(whole.get("sha256")), whole.get("is_script") is True, _text(whole.get("type")), modules,
                     tuple(map(_text, _list(whole.get("imported")))), output, nbytes,
                     whole.get("limited") is True, tuple(map(_tensor, _list(whole.get("beside")))))  # fmt: skip


def _module(found: Any) -> RunModule:
    part = _mapping(found)
    pairs = (_list(pair) for pair in _list(part.get("modules")))
    tree = tuple((_text(pair[0]), _text(pair[1])) for pair in pairs if len(pair) == 2)
    tensors = tuple(_tensor(one) for one in _list(part.get("tensors")))
    return RunModule(_text(part.get("prefix")), _text(part.get("class")), _text(part.get("forward")), tree, tensors)


def _tensor(found: Any) -> RunTensor:
    part = _mapping(found)
    shape = tuple(_list(part.get("shape")))
    if len(shape) > 64 or any(type(size) is not int or not 0 <= size < 1 << 63 for size in shape):
        raise Garbled
    kind = part.get("kind")
    if kind not in ("parameter", "buffer", "tensor"):
        raise Garbled
    return RunTensor(_text(part.get("name")), kind, shape, _text(part.get("dtype")), _digest(part.get("sha256")))


def _mapping(found: Any) -> dict[str, Any]:
    return _of(found, dict, lambda _: True)


def _list(found: Any) -> list[Any]:
    return _of(found, list, lambda made: len(made) <= MOST)


def _text(found: Any) -> str:
    return _of(found, str, lambda _: True)


def _digest(found: Any) -> str:
    return _of(found, str, lambda made: _DIGEST.fullmatch(made) is not None)


def _of(found: Any, kind: type[T], holds: Callable[[T], bool]) -> T:
    if type(found) is not kind or not holds(found):
        raise Garbled
    return found


def names_of(modules: Iterable[RunModule]) -> dict[str, RunTensor]:
    """Return the tensors by the names a document gives them: the key of their module, a dot, and their own."""
    return {f"{one.prefix}.{tensor.name}" if one.prefix else tensor.name: tensor
            for one in modules for tensor in one.tensors}  # fmt: skip
