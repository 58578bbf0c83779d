"""What each module does while a model runs forward: what goes in and out, where a graph ends, and who was at work."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from types import TracebackType
from typing import Any

import torch

from weightedit.doctor.inside.calls import Watching
from weightedit.doctor.inside.trace import failure_of
from weightedit.doctor.inside.training.parts import call_parts, dtype_name, tensors
from weightedit.doctor.inside.training.values import bad_count, is_all_zero, values_of
from weightedit.doctor.training_step.facts import Indexed, TrainedCall
from weightedit.doctor.training_step.parts import Part, Raised

MOST_CALLS = 100_000
"""Runs of modules that are told of."""
_NOT_THEIRS = {*sys.stdlib_module_names, "torch", "weightedit"}
"""Packages whose lines are not where a person looks first."""
LONGEST = 4_000
"""Characters of a message."""


@dataclass(slots=True)
class Running:
    """A module that is at work.

    Attributes
    ----------
    name, module
        Its dotted name, and itself.
    inputs
        What it was given.
    bad_in, zero_in, takes_graph
        As `TrainedCall` says it.
    start
        The number that autograd gives what it records next.
    """

    name: str
    module: torch.nn.Module
    inputs: tuple[Part, ...]
    bad_in: int
    zero_in: bool
    takes_graph: bool
    start: int


@dataclass(slots=True)
class Watch:
    """Watches the modules of one model while it runs.

    Attributes
    ----------
    model
        The model.
    calls
        Runs that ended, inner ones first.
    running
        Modules at work, the innermost last.
    spans
        For each run that ended the numbers of what autograd recorded in it: first, past the last, and the module.
    ran
        Names of the modules that were called.
    inputs
        The tensors that the model is called with, by path.
    indexed
        Which of these go into an embedding.
    functions
        Sees which torch function raises.
    """

    model: torch.nn.Module
    inputs: Mapping[str, torch.Tensor] = field(default_factory=dict)
    calls: list[TrainedCall] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    spans: list[tuple[int, int, str, str]] = field(default_factory=list)
    ran: set[str] = field(default_factory=set)
    indexed: dict[Indexed, None] = field(default_factory=dict)
    functions: Watching = field(default_factory=lambda: Watching({}, is_fake=False))
    _made: dict[int, tuple[weakref.ref[torch.Tensor], str]] = field(default_factory=dict)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs; the model has no hooks of ours after it."""
        named = (*self.model.named_parameters(), *self.model.named_buffers())
        self.functions = Watching({id(tensor): name for name, tensor in named}, is_fake=False)
        handles: list[Any] = []
        try:
            for name, module in self.model.named_modules():
                if isinstance(module, torch.jit.ScriptModule):
                    self.ran.add(name)  # it takes no hooks, so what runs inside is not seen
                    continue
                handles.append(module.register_forward_pre_hook(_before(self, name), with_kwargs=True))
                handles.append(module.register_forward_hook(_after(self, name)))
            with self.functions:
                yield
        finally:
            self.functions.unmark()
            for handle in handles:
                handle.remove()

    def begin(self, name: str, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note that a module is called."""
        self.ran.add(name)
        given = list(tensors((args, kwargs)))
        own = [one for one in module.parameters(recurse=False) if one.requires_grad]
        is_indexed = isinstance(module, torch.nn.Embedding | torch.nn.EmbeddingBag) and bool(given)
        self.running.append(Running(
            name, module, call_parts(args, kwargs), sum(map(bad_count, given)),
            bool(given) and all(map(is_all_zero, given)),
            bool(own) or any(one.requires_grad for one in given), _number()))  # fmt: skip
        if is_indexed:
            self.indexed |= {Indexed(path, name, _rows(module)): None for path, one in self.inputs.items()
                             if _is_same(one, given[0])}  # fmt: skip
            self._within(module, given[0])

    def end(self, name: str, output: Any) -> None:
        """Note that a module is done, and so whatever it called that was left by an exception."""
        while self.running and self.running[-1].name != name:
            self.running.pop()
        if not self.running or len(self.calls) >= MOST_CALLS:
            return
        was = self.running.pop()
        made = list(tensors(output))
        is_dead = bool(made) and not was.zero_in and all(map(is_all_zero, made))
        shape = next((one.shape for one in was.inputs if one.is_tensor), ())
        self.calls.append(TrainedCall(
            name, type_name(was.module), was.bad_in, sum(map(bad_count, made)), is_dead,
            was.takes_graph or _number() > was.start,
            any(one.requires_grad for one in made), shape,
            dtype_name(made[0].dtype) if made else ""))  # fmt: skip
        self.spans.append((was.start, _number(), name, type_name(was.module)))
        for one in made:
            self._made.setdefault(id(one), (weakref.ref(one), name))
            if _has_own(was.module):
                self.functions.mark(one, (name,))

    def module_at(self, number: int) -> tuple[str, str] | None:
        """Return name and type of the innermost module in whose run autograd recorded something; None after all."""
        found = [span for span in self.spans if span[0] <= number < span[1]]
        best = min(found, key=lambda span: span[1] - span[0], default=None)
        return None if best is None else best[2:]

    def head_of(self, tensor: torch.Tensor) -> str:
        """Return the name of the last module with parameters of its own on the way to an output; empty for none."""
        modules = dict(self.model.named_modules())
        known = self._made.get(id(tensor))
        if known is not None and known[0]() is tensor and _has_own(modules[known[1]]):
            return known[1]
        waiting, seen = deque([tensor.grad_fn]), set()
        while waiting:
            node = waiting.popleft()
            if node is None or node in seen:
                continue
            seen.add(node)
            found = self.module_at(number_of(node))
            if found is not None and _has_own(modules[found[0]]):
                return found[0]
            waiting.extend(following for following, _ in node.next_functions)
        return ""

    def raised(self, stage: str, error: BaseException) -> Raised:
        """Describe an exception: the innermost module of the model in its traceback, else the one at work."""
        names = {id(module): name for name, module in self.model.named_modules()}
        at = next((frame for frame in reversed(_frames(error.__traceback__))
                   if id(frame.f_locals.get("self")) in names), None)  # fmt: skip
        name = names[id(at.f_locals["self"])] if at is not None else self.running[-1].name if self.running else None
        was = next((one for one in reversed(self.running) if one.name == name), None)
        module = dict(self.model.named_modules())[name] if name is not None else None
        kind = type_name(module) if module is not None else ""
        return Raised(stage, type(error).__name__, message_of(error), name or "", kind, was.inputs if was else (),
                      failure_of(error, name or "", kind, self.functions) if stage == "forward" else None,
                      _place(error))  # fmt: skip

    def _within(self, module: torch.nn.Module, indices: torch.Tensor) -> None:
        """Raise what the CPU raises for an index past the end: on CUDA it would end the device for the process."""
        values = values_of(indices) if indices.device.type != "cpu" and not indices.is_floating_point() else None
        if values is None or values.highest is None or values.lowest is None or \
                0 <= values.lowest <= values.highest < _rows(module):  # fmt: skip
            return
        error = IndexError("index out of range in self")
        self.functions.blame(error, "torch.nn.functional.embedding", (indices, module.weight), {})
        raise error


def _before(watch: Watch, name: str) -> Any:
    def hook(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with torch._C.DisableTorchFunction():  # what is looked at here is none of the model's own calls
            watch.begin(name, module, args, kwargs)

    return hook


def _after(watch: Watch, name: str) -> Any:
    def hook(_module: torch.nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        with torch._C.DisableTorchFunction():
            watch.end(name, output)

    return hook


def _rows(module: torch.nn.Module) -> int:
    return int(getattr(module, "num_embeddings", 0))


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are the same values in the same place, maybe in another shape."""
    if one.layout != torch.strided or other.layout != torch.strided or one.numel() != other.numel():
        return False
    try:
        return one.data_ptr() == other.data_ptr() != 0
    except RuntimeError:  # a subclass without memory of its own
        return False


def _number() -> int:
    """Return the number that autograd gives what it records next in this thread."""
    return int(torch.autograd._get_sequence_nr())  # type: ignore[attr-defined]


def number_of(node: Any) -> int:
    """Return the number that a step of autograd was given when it was recorded; -1 where it says none."""
    number = getattr(node, "_sequence_nr", None)
    return -1 if number is None else int(number())


def type_name(module: torch.nn.Module) -> str:
    """Return the name of a module's class; of a script that of the class it was made of."""
    name = getattr(module, "original_name", None)
    return name if isinstance(name, str) and isinstance(module, torch.jit.ScriptModule) else type(module).__name__


def _has_own(module: torch.nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None


def message_of(error: BaseException) -> str:
    """Return the text of an exception, which is code of its own and may raise as well."""
    try:
        return str(error)[:LONGEST]
    except Exception:
        return ""


def _frames(traceback: TracebackType | None) -> list[Any]:
    found = []
    while traceback is not None:
        found.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return found


def _place(error: BaseException) -> str:
    """Return file and line of the last code on the way to an exception that is not torch's, Python's or ours."""
    traceback, place = error.__traceback__, ""
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _NOT_THEIRS:
            place = f"{PurePath(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
