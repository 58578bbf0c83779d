"""Runs a model once and writes down every call of a module in order, up to the first failure."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from weightedit.core.errors import Cancelled
from weightedit.doctor.inside.calls import Watching
from weightedit.doctor.inside.frames import frames_of, told
from weightedit.doctor.inside.model_facts import type_name
from weightedit.doctor.inside.seeing import leaves, seen_arguments, seen_of, tensors_in
from weightedit.doctor.shape_trace.trace import BadTensor, Call, Failure, NotFinite, Trace

MOST_CALLS = 100_000
MOST_WARNINGS = 20
_WITHOUT_VALUES = ("DataDependentOutputException", "DynamicOutputShapeException", "UnsupportedFakeTensorException",
                   "UnsupportedOperatorException", "GuardOnDataDependentSymNode")  # fmt: skip
"""What a fake mode raises where a real tensor would have gone on."""


@dataclass(slots=True)
class _Run:
    """What is known while the model runs: the calls so far, and those that have not returned."""

    entered: Callable[[str, int], None]
    watching: Watching
    is_fake: bool = False
    calls: list[Call] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    first_bad: NotFinite | None = None
    bad: NotFinite | None = None

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        number = self.numbers[name]
        self.numbers[name] += 1
        self.entered(name, len(self.calls))
        if len(self.calls) >= MOST_CALLS:
            self.left_out += 1
            self.open.append(-1)
            return
        inside = next((place for place in reversed(self.open) if place >= 0), -1)
        self.calls.append(Call(name, type_name(module), number, inside, seen_arguments(args, kwargs)))
        self.open.append(len(self.calls) - 1)

    def look_at_values(self, name: str, module: nn.Module, given: tuple[Any, Any], output: Any) -> None:
        """Note the first module that makes values that are not finite of such that are."""
        made = _bad_in(output)
        if made and self.first_bad is None and not any(_bad_in(one) for one in given):
            whole = f"{name}." if name else ""
            own = [bad for one, tensor in _own_tensors(module) for bad in _bad_in(tensor, f"{whole}{one}")]
            self.first_bad = NotFinite((), (), name, type_name(module), tuple(own))
        if not name:  # the model itself, which returns last
            args, kwargs = given
            inputs = _bad_in({**dict(enumerate(args)), **kwargs}) if made else ()
            self.bad = replace(self.first_bad or NotFinite(()), outputs=made, inputs=inputs) if made else None

    def leave(self, name: str, module: nn.Module, output: Any) -> None:
        while self.open:
            place = self.open.pop()
            if place < 0 or self.calls[place].module == name:
                break
            self.calls[place] = replace(self.calls[place], state="caught")  # it raised, and somebody went on
        else:
            return
        outer = next((place for place in reversed(self.open) if place >= 0), -1)
        self.entered(self.calls[outer].module if outer >= 0 else "", len(self.calls))
        if place >= 0:
            self.calls[place] = replace(self.calls[place], outputs=seen_of(output), state="done")
        if any(one is not None for one in module._parameters.values()):
            for tensor in tensors_in(output):
                self.watching.mark(tensor, (name,))


def trace(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, device: str, fake: Any = None,
          entered: Callable[[str, int], None] = lambda name, count: None) -> Trace:  # fmt: skip
    """Run a model once, without gradients and as it is (call `eval()` before), and describe every call.

    Parameters
    ----------
    model, args, kwargs
        The module, and what it is called with.
    device
        What the record says it ran on.
    fake
        The fake mode of its tensors; None where they are real.
    entered
        Told the name of the module that runs as each one is entered and left, and how many calls there were before.

    Returns
    -------
    Trace
        With the failure where something raised: whatever it is, also SystemExit, but not KeyboardInterrupt.
    """
    names = {id(tensor): name for named in (model.named_parameters(), model.named_buffers()) for name, tensor in named}
    watching, failure = Watching(names, is_fake=fake is not None), None
    run = _Run(entered, watching, fake is not None)
    begun = time.perf_counter()
    with warnings.catch_warnings(record=True) as warned, _hooks(model, run):
        warnings.simplefilter("always")
        try:
            with torch.no_grad(), _under(fake), watching:
                model(*args, **kwargs)
        except (Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:
            failure = _failure(error, run, watching)
        finally:
            watching.unmark()
    said = dict.fromkeys(f"{one.category.__name__}: {str(one.message)[:500]}" for one in warned)
    return Trace(tuple(run.calls), failure, device, time.perf_counter() - begun, tuple(said)[:MOST_WARNINGS],
                 run.left_out, run.bad)  # fmt: skip


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)


def _bad_in(value: Any, place: str = "") -> tuple[BadTensor, ...]:
    """Return the plain tensors of a value that have NaN or infinities; masks are made of minus infinity."""
    found = []
    for where, one in leaves(value, place):
        if isinstance(one, torch.Tensor) and one.layout == torch.strided and one.is_floating_point() and \
                not one.is_meta and not one.is_quantized:  # fmt: skip
            with suppress(RuntimeError, NotImplementedError, TypeError):  # of dtypes and classes that cannot be asked
                if count := int((torch.isnan(one) | torch.isposinf(one)).sum()):
                    found.append(BadTensor(where, count, one.numel()))
    return tuple(found)


@contextmanager
def _under(fake: Any) -> Iterator[None]:
    if fake is None:
        yield
    else:
        with fake:
            yield


@contextmanager
def _hooks(model: nn.Module, run: _Run) -> Iterator[None]:
    handles = []
    try:
        for name, module in model.named_modules():

            def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
                with torch._C.DisableTorchFunction():  # what is looked at here is none of the model's own calls
                    run.enter(name, module, args, kwargs)

            def leave(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
                with torch._C.DisableTorchFunction():
                    if not run.is_fake:
                        run.look_at_values(name, module, (args, kwargs), output)
                    run.leave(name, module, output)

            # A script's own way to take hooks is refused; as one call, from Python, it takes them.
            handles += [nn.Module.register_forward_pre_hook(module, enter, with_kwargs=True),
                        nn.Module.register_forward_hook(module, leave, with_kwargs=True)]  # fmt: skip
        yield
    finally:
        for handle in handles:
            handle.remove()


def _failure(error: BaseException, run: _Run, watching: Watching) -> Failure:
    place = next((place for place in reversed(run.open) if place >= 0), -1)
    call = run.calls[place] if place >= 0 else None
    return failure_of(error, call.module if call else "", call.type if call else "", watching)


def failure_of(error: BaseException, module: str, kind: str, watching: Watching) -> Failure:
    """Describe what a run stopped at.

    Parameters
    ----------
    error
        What was raised.
    module, kind
        The innermost module that was at work, and its class.
    watching
        Saw which torch function raised.
    """
    exception, message = told(error)
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 20:
        chain.append(before)
    is_operation = watching.error is not None and any(one is watching.error for one in chain)
    return Failure(
        module, kind, exception, message,
        watching.operation if is_operation else "", watching.operands if is_operation else (), frames_of(error),
        any(type(one).__name__ in _WITHOUT_VALUES for one in chain))  # fmt: skip
