"""Watches modules while a model runs: what each is given before its `forward` begins, what it gives back."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from weightedit.core.progress import Ask
from weightedit.core.values.pinned import version_of
from weightedit.doctor.activations.form import Form
from weightedit.doctor.activations.run import CapturedCall
from weightedit.doctor.inside.capturing.forms import Forms
from weightedit.doctor.inside.capturing.store import Kept, Store, why_not

MOST_CALLS = 20_000
"""Calls of one run that are captured: the record of more would be larger than a file's header may be."""
MOST_TENSORS = 100_000


@dataclass(slots=True)
class _Begun:
    """A call that began; `token` is an object that only this call has, None once it came to its end."""

    module: str
    type: str
    number: int
    args: Form
    kwargs: Form
    token: object
    output: Form | None = None
    ended: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """A tensor that was captured as some name, and how many writes to it torch had counted then."""

    tensor: weakref.ref[torch.Tensor]
    version: int
    name: str


class Watch:
    """Takes down every call of the modules it is hooked to, and copies every tensor at the moment it is seen.

    Parameters
    ----------
    store
        Where copies go.
    ask
        Called before each copy; raises to stop the run.

    Attributes
    ----------
    tensors
        Copies by name, in the order in which they were made.
    aliases
        Other names of these, each with the one it stands for: a tensor that was handed on as it was is kept once.
    uncaptured
        Calls past the most that are captured.
    stopped
        What stopped the run from our side; the model may have caught it.
    """

    def __init__(self, store: Store, ask: Ask) -> None:
        self.tensors: dict[str, Kept] = {}
        self.aliases: dict[str, str] = {}
        self.uncaptured = 0
        self.stopped: BaseException | None = None
        self._store = store
        self._ask = ask
        self._forms = Forms(self._take)
        self._calls: list[_Begun] = []
        self._open: dict[int, list[_Begun]] = {}
        self._counts: dict[str, int] = {}
        self._known: dict[int, _Known] = {}
        self._suffix = ""
        self._ended = 0
        self._lock = threading.RLock()  # a DataParallel model runs its replicas in threads

    @property
    def classes(self) -> Mapping[str, type]:
        """The classes of containers that were seen, by the names in the forms."""
        return self._forms.classes

    @property
    def calls(self) -> tuple[CapturedCall, ...]:
        """What was called so far, in the order in which it began."""
        return tuple(CapturedCall(one.module, one.type, one.number, one.args, one.kwargs, one.output, one.ended)
                     for one in self._calls)  # fmt: skip

    @contextmanager
    def hooked(self, modules: Mapping[str, torch.nn.Module]) -> Iterator[list[str]]:
        """Watch modules by name; every hook is gone at the end. Yields the names of those that take no hooks."""
        handles, refused = [], []
        try:
            for name, module in modules.items():
                try:
                    handles.append(module.register_forward_hook(self._after_hook(name), with_kwargs=True))
                    handles.append(module.register_forward_pre_hook(self._before_hook(name), with_kwargs=True))
                except RuntimeError:  # those of TorchScript take none of the first kind
                    refused.append(name)
            yield refused
        finally:
            for handle in handles:
                handle.remove()
            for begun in self._calls:
                begun.token = None  # it holds tensors
            self._open.clear()
            self._known.clear()

    def _before_hook(self, name: str) -> Any:
        def before(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            with self._ours():
                self._before(name, module, args, kwargs)

        return before

    def _after_hook(self, name: str) -> Any:
        def after(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            with self._ours():
                self._after(name, kwargs, output)

        return after

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Do what is ours: classes and modes of the model's code do not see the functions of torch that it calls."""
        with self._lock, torch._C.DisableTorchFunction(), torch.no_grad():
            if self.stopped is not None:  # the model caught it, and goes on
                raise self.stopped
            try:
                self._ask()
                yield
            except BaseException as error:
                self.stopped = error
                raise

    def _before(self, name: str, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(self._calls) >= MOST_CALLS:
            self.uncaptured += 1
            return
        number = self._counts[name] = self._counts.get(name, 0) + 1
        self._suffix = f" #{number}" if number > 1 else ""
        forms = self._forms.arguments(args, kwargs, _dotted(name, "input"))
        begun = _Begun(name, type(module).__name__, number, *forms, kwargs)
        self._calls.append(begun)
        self._open.setdefault(threading.get_ident(), []).append(begun)

    def _after(self, name: str, kwargs: dict[str, Any], output: Any) -> None:
        """Find the call that ends: torch hands both hooks of one call the very same dict of keywords.

        Calls inside it that are still open raised, and something caught that.
        """
        waiting = self._open.get(threading.get_ident(), [])
        place = next((at for at in reversed(range(len(waiting))) if waiting[at].token is kwargs), None)
        if place is None or waiting[place].module != name:
            return
        begun = waiting[place]
        del waiting[place:]
        self._suffix = f" #{begun.number}" if begun.number > 1 else ""
        begun.output, begun.token = self._forms.form(output, _dotted(name, "output")), None
        self._ended += 1
        begun.ended = self._ended

    # ---- tensors

    def _take(self, tensor: torch.Tensor, name: str) -> Form:
        reason = why_not(tensor)
        if not reason and len(self.tensors) >= MOST_TENSORS:
            reason = f"comes after {MOST_TENSORS:,} captured tensors"
        seen = Form("left out" if reason else "tensor", "" if type(tensor) is torch.Tensor else type(tensor).__name__,
                    dtype=str(tensor.dtype).removeprefix("torch."), shape=_shape(tensor), device=str(tensor.device),
                    said=reason)  # fmt: skip
        if reason:
            return seen
        self._ask()
        unique = self._unused(name)
        before = self._as_known(tensor)
        if before:
            self.aliases[unique] = before
        else:
            self.tensors[unique] = self._store.keep(tensor, unique)
            version = version_of(tensor)
            if version is not None:
                self._known[id(tensor)] = _Known(weakref.ref(tensor), version, unique)
        return replace(seen, tensor=unique)

    def _as_known(self, tensor: torch.Tensor) -> str:
        """Return the name under which the same object was captured, where nothing was written to it since.

        Writes through `.data` are not counted, so its bytes are compared as well.
        """
        known = self._known.get(id(tensor))
        if known is None or known.tensor() is not tensor or known.version != version_of(tensor):
            return ""
        return known.name if self.tensors[known.name].has_bits_of(tensor) else ""

    def _unused(self, name: str) -> str:
        """Return a name that no other tensor has: keys may print alike."""
        found, number = f"{name}{self._suffix}", 1
        while found in self.tensors or found in self.aliases:
            number += 1
            found = f"{name} #{number}"
        return found


def _dotted(module: str, side: str) -> str:
    return f"{module}.{side}" if module else side


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in tensor.shape)
    except Exception:  # nested ones have no sizes of their own, and classes of one's own may do as they like
        return ()
