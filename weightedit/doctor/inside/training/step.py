"""One training step of a person's model, stage by stage: forward, loss, backward and step, told as records."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from weightedit.core.live.detached import Copier
from weightedit.core.progress import Ask, unasked
from weightedit.doctor.inside.running import uncompiled
from weightedit.doctor.inside.seeing import leaves
from weightedit.doctor.inside.training.backward import BackwardWatch
from weightedit.doctor.inside.training.holders import named_parameters, optimizer_facts
from weightedit.doctor.inside.training.loss_stage import LossStage
from weightedit.doctor.inside.training.losses import Loss, Resolve, found_loss
from weightedit.doctor.inside.training.notes import Notes
from weightedit.doctor.inside.training.optimizers import made_optimizer, take_step
from weightedit.doctor.inside.training.parts import call_parts, parts_of
from weightedit.doctor.inside.training.values import bad_count, values_of
from weightedit.doctor.inside.training.watching import LONGEST, Watch, type_name
from weightedit.doctor.training_step.facts import TrainingFacts, Warned
from weightedit.doctor.training_step.parts import STAGES, Raised

M = TypeVar("M", bound=torch.nn.Module)
MOST_WARNINGS = 100
"""Warnings that are told of."""


def copied(model: M, optimizer: Any = None, ask: Ask = unasked) -> tuple[M, Any]:
    """Return a copy of a model, and of the optimizer over it, on which a step can be taken.

    What was one tensor stays one: the copy of the optimizer holds the parameters of the copy of the model, and whatever
    it held besides. A function that makes an optimizer comes back as it is. Hooks of tensors and what a scheduler did
    to the optimizer's `step` are not copied. `ask` is called at each tensor; what it raises stops the copying.

    Raises
    ------
    TypeError
        If something inside cannot be copied, such as a lock or a generator.
    """
    if optimizer is None or not hasattr(optimizer, "param_groups"):
        return Copier(ask).copy(model), optimizer
    kept = {name: value for name, value in vars(optimizer).items() if _is_data(value)}
    made, its, besides = Copier(ask).copy((model, optimizer, kept))
    for name, value in besides.items():  # torch leaves out what is no state: LBFGS has its parameters in a list too
        vars(its).setdefault(name, value)
    return made, its


def train_step(model: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], target: Any,
               loss: str | Loss | Callable[..., Any], optimizer: Any = None, *, seed: int = 0,
               resolve: Resolve | None = None) -> TrainingFacts:  # fmt: skip
    """Run a model forward in training mode, its loss, a backward pass and one step, and tell what was seen.

    The model is changed, as training does: give a copy (`copied`), or one that nobody else has. An exception of the
    model, the loss or the optimizer is part of the record; what was found before it is told as well.

    Parameters
    ----------
    model
        On any device. Each parameter that can be trained is kept a second time during the step, to be compared.
    args, kwargs
        Its inputs, on its device.
    target
        Given to the loss after the output; None where there is none.
    loss
        As `found_loss` takes it, or what it found.
    optimizer
        An optimizer, or a function that makes one of the model; SGD over what requires grad where left out.
    seed
        Of torch's generators, which are as they were afterwards.
    resolve
        Finds `file.py:NAME` and `PKG:NAME`.

    Raises
    ------
    UnknownLoss
        If there is no such loss.
    """
    step = _Step(model, loss if isinstance(loss, Loss) else found_loss(loss, resolve), optimizer, target)
    devices = sorted({one.device.index or 0 for one in model.parameters() if one.device.type == "cuda"})
    with torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad(), uncompiled():
        torch.manual_seed(seed)
        step.run(tuple(args), dict(kwargs))
    return step.facts()


@dataclass(slots=True)
class _Step:
    """A step that is being taken, and what is known of it so far."""

    model: torch.nn.Module
    loss: Loss
    given: Any
    target: Any
    told: TrainingFacts = field(init=False)
    watch: Watch = field(init=False)
    notes: Notes = field(init=False)
    stage: LossStage = field(init=False)
    optimizer: Any = None
    at: tuple[str, str, str] = ("", "", "")
    warned: list[Warned] = field(default_factory=list)

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take the stages in turn, up to the first that raises."""
        given = {path: one for path, one in leaves({**dict(enumerate(args)), **kwargs})
                 if isinstance(one, torch.Tensor)}  # fmt: skip
        self.told = TrainingFacts(type_name(self.model), inputs=call_parts(args, kwargs),
                                  target=parts_of(self.target) if self.target is not None else (),
                                  bad_inputs={path: values for path, one in given.items() if bad_count(one)
                                              and (values := values_of(one)) is not None})  # fmt: skip
        self.watch, self.stage = Watch(self.model, given), LossStage(self.loss, self.target)
        self.notes = Notes(self.model)
        self.model.train()
        self.model.zero_grad(set_to_none=True)
        self.notes.before()
        work = (lambda: self._forward(args, kwargs), self._loss, self._backward, self._make, self._take)
        for stage, do in zip(STAGES, work, strict=True):
            if not self._went(stage, do):
                return

    def facts(self) -> TrainingFacts:
        """Return all that is known."""
        return replace(self.told, calls=tuple(self.watch.calls), indexed=tuple(self.watch.indexed),
                       warnings=tuple(self.warned), parameters=tuple(self.notes.parameters.values()),
                       buffers=tuple(self.notes.buffers.values()))  # fmt: skip

    def _went(self, stage: str, work: Callable[[], None]) -> bool:
        """Do one stage; False where it raised."""
        try:
            with self._warnings(stage):
                work()
        except Exception as error:
            self.told = replace(self.told, raised=self._raised(stage, error))
            return False
        self.told = replace(self.told, done=(*self.told.done, stage))
        return True

    def _raised(self, stage: str, error: Exception) -> Raised:
        found = self.watch.raised(stage, error)
        if stage != "backward" or found.module_type:
            return found
        function, module, kind = self.at
        return replace(found, function=function, module=module, module_type=kind)

    @contextlib.contextmanager
    def _warnings(self, stage: str) -> Iterator[None]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            finally:
                self.warned += [Warned(stage, one.category.__name__, str(one.message)[:LONGEST])
                                for one in caught[: MOST_WARNINGS - len(self.warned)]]  # fmt: skip

    def _forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            with self.watch.watching():
                output = self.model(*args, **kwargs)
        finally:
            self.notes.after_forward(self.watch.ran)
        self.told = replace(self.told, output=parts_of(output))
        self.stage.take(output)

    def _loss(self) -> None:
        try:
            self.stage.compute()
        finally:
            self.told = replace(self.told, taken=self.stage.taken_facts(self.watch), loss=self.stage.facts(),
                                target_values=self.stage.target_values)  # fmt: skip

    def _backward(self) -> None:
        loss = self.stage.loss
        if not isinstance(loss, torch.Tensor):
            raise TypeError(f"the loss is of type {type(loss).__name__}, which has no backward()")
        backward = BackwardWatch.over(loss)
        try:
            loss.backward()  # type: ignore[no-untyped-call]
        finally:
            self.at = backward.running_name(self.watch)
            named = [(name, one) for name, one, _ in named_parameters(self.model)]
            self.told = replace(self.told, origins=backward.origins(self.watch, named))
            backward.close()
            self.notes.after_backward()

    def _make(self) -> None:
        self.optimizer = made_optimizer(self.model, self.given)
        if self.optimizer is not None:
            self.told = replace(self.told, optimizer=optimizer_facts(self.optimizer, self.model, self.given is None))
            self.notes.before_step(self.optimizer)

    def _take(self) -> None:
        if self.optimizer is not None:
            take_step(self.optimizer, self.stage.loss)
            self.notes.after_step()


def _is_data(value: Any) -> bool:
    """Whether a value is made of tensors, numbers and texts alone."""
    return all(one is None or isinstance(one, torch.Tensor | int | float | str) for _, one in leaves(value))
