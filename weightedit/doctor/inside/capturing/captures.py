"""Runs a model once and keeps what its modules were given and gave back: detached, deep, nested as it was."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Ask, Progress, unasked
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.words.labels import listed
from weightedit.doctor.activations.drift import ModuleDrift, drift
from weightedit.doctor.activations.file import write_captures
from weightedit.doctor.activations.form import rebuilt
from weightedit.doctor.activations.run import Run, RunFailure
from weightedit.doctor.inside.capturing.chosen import chosen_modules
from weightedit.doctor.inside.capturing.forms import found_in
from weightedit.doctor.inside.capturing.store import Kept, Store
from weightedit.doctor.inside.capturing.unchanged import Unchanged, same_random_numbers
from weightedit.doctor.inside.capturing.watching import Watch
from weightedit.doctor.inside.running import uncompiled

BUDGET = 256 << 20
"""Bytes of captures that stay in memory by default."""
LONGEST = 4_000
"""Characters of an exception's message that are kept."""


class Captures:
    """What one run of a model left: a record of the calls, and every tensor by name.

    Use it in `with`, or close it: what is on disk goes then, at the latest with the object.

    Attributes
    ----------
    run
        Which modules were called in which order, and what their values were like.
    aliases
        Names of tensors that were handed on as they were, each with the name they are kept under.
    """

    def __init__(self, run: Run, watch: Watch, store: Store) -> None:
        self.run = run
        self.aliases: Mapping[str, str] = watch.aliases
        self._tensors = watch.tensors
        self._classes = watch.classes
        self._store = store

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tensors, call by call: what it was given, what it gave back."""
        return tuple(leaf.tensor for _, _, leaf in self.run.tensors() if leaf.kind == "tensor")

    @property
    def memory_nbytes(self) -> int:
        """Bytes of captures that are in memory."""
        return self._store.memory_nbytes

    @property
    def disk_nbytes(self) -> int:
        """Bytes of captures that are on disk."""
        return self._store.disk_nbytes

    def same_as(self, name: str) -> str:
        """Return the name that a tensor is kept under: its own, or of the one that was handed on."""
        return self.aliases.get(name, name)

    def content(self, name: str) -> tuple[TensorSpec, ByteSource]:
        """Return what a captured tensor is, and its row-major bytes; KeyError where there is none."""
        kept = self._kept(name)
        return kept.spec, kept.content

    def read(self, name: str) -> torch.Tensor:
        """Return an independent tensor on the CPU.

        Raises
        ------
        KeyError
            If there is none of this name.
        CapturesDamaged
            If the disk lost its values.
        """
        return self._kept(name).read()

    def _kept(self, name: str) -> Kept:
        return self._tensors[self.same_as(name)]

    def output(self, module: str = "", number: int = 1) -> Any:
        """Return what a call of a module gave back, nested as it was; None where it raised, or gave None.

        What is neither a tensor, a plain value nor a container is there as its `Form`.
        """
        form = self.run.call(module, number).output
        return None if form is None else rebuilt(form, self.read, self._classes)

    def inputs(self, module: str = "", number: int = 1) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what a call of a module was given, by place and by name."""
        call = self.run.call(module, number)
        return rebuilt(call.args, self.read, self._classes), rebuilt(call.kwargs, self.read, self._classes)

    def drift(self, after: Captures) -> tuple[ModuleDrift, ...]:
        """Compare with a later run on the same inputs, module by module: largest difference, cosine, what is new."""
        return drift(self, after)

    def export(self, path: str | Path, progress: Progress | None = None) -> Path:
        """Write everything to a safetensors file, which `weightedit.open` opens; see `write_captures`."""
        tensors = {name: (kept.spec, kept.content) for name, kept in self._tensors.items()}
        return write_captures(Path(path), self.run, tensors, self.aliases, progress)

    def close(self) -> None:
        """Remove what is on disk."""
        self._store.close()

    def __enter__(self) -> Captures:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()


def capture(model: torch.nn.Module, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *,
            modules: Sequence[str] = ("*",), folder: Path, budget: int = BUDGET, ask: Ask = unasked,
            grad: bool = False, seed: int | None = None, leaves_no_trace: bool = True) -> Captures:  # fmt: skip
    """Run a model once, in the mode it is in, and capture what its modules are given and give back.

    Inputs are copied before a module's `forward` begins and outputs when it ends, so that layers which work in place
    change nothing that was captured. No copy has a graph. An exception of the model ends the run; what was captured
    until then is kept, and the record says what was raised and in which module.

    Parameters
    ----------
    model
        A module; what `torch.compile` made of it is run without being compiled.
    args, kwargs
        What it is called with.
    modules
        Names, patterns (`*` crosses dots) or `re:` expressions; the model itself has an empty name.
    folder
        Where what exceeds the budget is kept.
    budget
        Bytes of copies that stay in memory.
    ask
        Called at each module and tensor; what it raises stops the run.
    grad
        Whether the run makes a graph; it is let go at the end.
    seed
        What random numbers begin with, so that two runs draw the same; None leaves them as they are.
    leaves_no_trace
        Whether buffers, weights and attributes that the run changes are put back. Random numbers always are.

    Returns
    -------
    Captures
        In memory and on disk; `export` writes them to a file.

    Raises
    ------
    EditRefused
        If a name or pattern means no module.
    NoRoom
        If the disk is full.
    WeightEditError
        If the model has parameters that get their values in the first run.
    Cancelled, or whatever `ask` raises
        If it was stopped.
    """
    keywords = dict(kwargs or {})
    chosen = chosen_modules(model, modules)
    if leaves_no_trace:
        _refuse_lazy(model)
    store = Store(folder, budget)
    try:
        watch, given = Watch(store, ask), (tuple(args), keywords)
        unchanged = Unchanged(model, found_in(given, torch.Tensor), store) if leaves_no_trace else None
        try:
            with same_random_numbers(seed, _generators(model, given)), watch.hooked(chosen) as unhooked:
                failure = _run(model, tuple(args), keywords, grad)
        finally:
            changed = () if unchanged is None else unchanged.put_back()
        if watch.stopped is not None:
            raise watch.stopped
    except BaseException:
        store.close()
        raise
    calls = watch.calls
    called = {call.module for call in calls}
    uncalled = tuple(name for name, module in chosen.items() if name not in called and name not in unhooked
                     and type(module).forward is not torch.nn.Module.forward)  # fmt: skip
    run = Run(type(model).__name__, calls, uncalled, tuple(unhooked), watch.uncaptured, changed, failure)
    return Captures(run, watch, store)


def _run(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], grad: bool) -> RunFailure | None:
    try:
        with torch.enable_grad() if grad else torch.no_grad(), uncompiled():
            model(*args, **kwargs)
    except (Exception, SystemExit) as error:
        return _failure(model, error)
    return None


def _failure(model: torch.nn.Module, error: BaseException) -> RunFailure:
    """Say what was raised, and in which module: the innermost whose code was running.

    Our own frame, the first, is left alone: looked at, it would keep the exception, and with it all tensors of the run.
    """
    names = {id(module): name for name, module in model.named_modules()}
    where, ours = "", error.__traceback__
    for frame, _ in traceback.walk_tb(ours.tb_next if ours is not None else None):
        where = names.get(id(frame.f_locals.get("self")), where)
    try:
        message = str(error)[:LONGEST]
    except BaseException:  # its own text is the person's code too
        message = ""
    return RunFailure(type(error).__name__[:LONGEST], message, where)


def _refuse_lazy(model: torch.nn.Module) -> None:
    lazy = [name for name, tensor in [*model.named_parameters(), *model.named_buffers()]
            if torch.nn.parameter.is_lazy(tensor)]  # fmt: skip
    if lazy:
        raise WeightEditError(f"{listed(lazy)} of {type(model).__name__} {'has' if len(lazy) == 1 else 'have'} no "
                              "values yet: the first run makes them, and would change the model. Run it once, then "
                              "capture.")  # fmt: skip


def _generators(model: torch.nn.Module, given: object) -> list[torch.Generator]:
    held = [value for module in model.modules() for value in vars(module).values()
            if isinstance(value, torch.Generator)]  # fmt: skip
    return list({id(one): one for one in [*held, *found_in(given, torch.Generator)]}.values())
