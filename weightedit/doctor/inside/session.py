"""One model that a person brought, and what is asked of it, order by order: made, given weights, run, trained.

What trains and captures is imported where it is asked for: a process is started for every check.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from weightedit.core.errors import Cancelled, WeightEditError
from weightedit.core.words.paths import counted
from weightedit.doctor.bringing.consent import check_agreed
from weightedit.doctor.bringing.first_batch import restartable
from weightedit.doctor.bringing.input_spec import parse_inputs, parse_item
from weightedit.doctor.bringing.model_reference import ModelReference, ReferenceWrong, parse_reference
from weightedit.doctor.checkup import FAKE, HERE, MEASURED_UP_TO, Wanted
from weightedit.doctor.inside.bring import NotThere, bring, converts, forget, resolve, without_memory
from weightedit.doctor.inside.frames import frames_of, told
from weightedit.doctor.inside.inputs import CLASSES, InputMissing, Making, independent, make, make_inputs, placed
from weightedit.doctor.inside.lazy import materialized_without_values
from weightedit.doctor.inside.measure import measured
from weightedit.doctor.inside.model_facts import model_facts, whole_numbers
from weightedit.doctor.inside.orders import BringOrder, CaptureOrder, RunOrder, TrainOrder
from weightedit.doctor.inside.put import Fitting
from weightedit.doctor.inside.running import asked_at_each, uncompiled, without_its_log
from weightedit.doctor.inside.trace import trace
from weightedit.doctor.inside.without_values import fake_mode, faked
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.shape_trace.trace import Failure

Entered = Callable[[str, int], None]


@dataclass(slots=True)
class Session:
    """A model and the orders it is given.

    Attributes
    ----------
    folder
        What relative paths are relative to.
    entered
        Told of each module that is entered.
    device
        `fake`, or where the model is.
    model
        The model; in a process of its own it is that process's, for a live module a copy.
    fake
        The mode of its tensors where they have no values.
    live, wanted
        For a live module: itself, and what was asked of it with objects of this process.
    """

    folder: Path
    entered: Entered = lambda name, count: None
    device: str = "cpu"
    model: nn.Module | None = None
    fake: Any = None
    live: nn.Module | None = None
    wanted: Wanted = field(default_factory=Wanted)
    _agreed: dict[str, str] | None = None
    _paths: list[str] = field(default_factory=list)
    _optimizer: Any = None
    _loss: nn.Module | None = None
    _fitting: Fitting | None = None
    _kept: dict[str, Any] = field(default_factory=dict)

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order, and return what it came to as plain JSON data.

        What the person's code raises is part of the answer: `{"failure": …}`, whatever it is but Ctrl+C. Where the
        model is a live one, everything beside its copy is as it was afterwards.
        """
        with without_its_log():
            if self.live is None:
                return self._done(order)
            from weightedit.doctor.inside.undisturbed import undisturbed

            with undisturbed(self.live, self.wanted):
                return self._done(order)

    def _done(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            if order.get("do") == "bring":
                return self.bring(from_json(BringOrder, order))
            if order.get("do") == "take":
                return self.take(str(order["device"]))
            if order.get("do") == "train":
                return self.train(from_json(TrainOrder, order))
            if order.get("do") == "capture":
                return self.capture(from_json(CaptureOrder, order))
            return self.run(from_json(RunOrder, order))
        except Cancelled:
            raise
        except (NotThere, InputMissing, ReferenceWrong) as error:
            return {"refused": str(error)}
        except WeightEditError as error:
            return {"wrong": str(error)}
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and self.live is not None:  # the person's own Ctrl+C
                raise
            exception, message = told(error)
            return {"failure": to_json(Failure("", "", exception, message, frames=frames_of(error)))}

    def bring(self, order: BringOrder) -> dict[str, Any]:
        """Make the model: without memory where that was asked for and its code can do so, else really."""
        self._agreed, self._paths = order.agreed, list(order.paths)
        self._know(order)
        sys.path[:0] = order.paths
        reference = self._allowed(order.reference)
        self.device, note = _there(order.device), ""
        if self.device == FAKE:
            self.fake = fake_mode()
            try:
                with without_memory(self.fake):
                    self.model = bring(reference, self._agreed)
            except NotThere:
                raise
            except Exception as error:  # it reads values of what it makes, as numpy code does
                note = "Its code needs real tensors to make it: " + ": ".join(told(error))[:300]
                forget(reference)
                self.model = faked(bring(reference, self._agreed), self.fake)
        else:
            self.model = bring(reference, self._agreed).to(self.device)
        facts = model_facts(self.model)
        facts = replace(facts, given=facts.given | whole_numbers(dict(reference.kwargs)))
        found: dict[str, Any] = {"model": to_json(facts), "note": note}
        if reference.kind == "folder":
            found |= {"ties": True, "converts": converts(self.model)}
        return found

    def take(self, device: str) -> dict[str, Any]:
        """Look at the live module; it is copied where something runs, without values for `fake`."""
        assert self.live is not None
        self.device = _there(device)
        from weightedit.doctor.inside.undisturbed import hooks_note

        asked = self.wanted
        runs = asked.spec is not None or asked.given is not None or asked.data is not None
        note = hooks_note(self.live, trains=asked.trains) if runs else ""
        return {"model": to_json(model_facts(self.live, self._ask)), "note": note}

    def _copied(self) -> nn.Module:
        """Return a copy of the live module, beside its loss and its optimizer where there are values to train with."""
        assert self.live is not None
        if self.device == FAKE:
            self.fake = fake_mode()
            return faked(self.live, self.fake, self._ask)
        from weightedit.doctor.inside.training import step

        copied: Callable[..., Any] = step.copied
        loss = self.wanted.loss if isinstance(self.wanted.loss, nn.Module) else None
        (model, self._loss), self._optimizer = copied((self.live, loss), self.wanted.optimizer, ask=self._ask)
        for made in (model, self._loss):
            if made is not None:
                made.to(self.device)
        found: nn.Module = model
        return found

    def _ask(self) -> None:
        """Ask whether to go on, while no module runs."""
        self.entered("", 0)

    def run(self, order: RunOrder) -> dict[str, Any]:
        """Put tensors in, and run the model once in evaluation mode."""
        model = self._fitted(order)
        args, kwargs, _ = self._call(order)
        is_measured = order.is_measured and self.fake is None
        again = independent((args, kwargs)) if is_measured else None  # layers that work in place leave others
        model.eval()
        with uncompiled(), nullcontext() if self.fake is None else materialized_without_values(model):
            found = trace(model, args, kwargs, device=self.device, fake=self.fake, entered=self.entered)
        if again is not None and found.failure is None and found.seconds <= MEASURED_UP_TO:
            with uncompiled(), asked_at_each(model, self.entered):
                found = measured(found, model, *again)
        return {"trace": to_json(found)}

    def train(self, order: TrainOrder) -> dict[str, Any]:
        """Put tensors in, look at the data if there is some, and take one training step."""
        from weightedit.doctor.inside.training.dataset import scan_batches
        from weightedit.doctor.inside.training.kept_step import KeptStep
        from weightedit.doctor.inside.training.losses import found_loss
        from weightedit.doctor.inside.training.step import train_step

        model = self._fitted(order)
        source = self._data(order)
        loss = found_loss(order.loss or (self.wanted.loss if self._loss is None else self._loss), self._resolve)
        batches = None if source is None else scan_batches(source, ask=self._ask, ignored=loss.ignore_index)
        try:
            args, kwargs, target = self._call(order)
        except Exception:
            if batches is None or not batches.raised:
                raise
            return {"batches": to_json(batches)}  # what keeps the first batch from coming is told of there
        optimizer = self._optimizer_named(order.optimizer) if order.optimizer else self._optimizer
        kept = KeptStep(model, frozenset(order.names)) if order.step_to else None
        with asked_at_each(model, self.entered):
            facts = train_step(model, args, kwargs, target, loss, optimizer)
        changed = kept.write(Path(order.step_to)) if kept is not None and "step" in facts.done else None
        return {"training": to_json(facts), "batches": None if batches is None else to_json(batches),
                "changed": changed}  # fmt: skip

    def capture(self, order: CaptureOrder) -> dict[str, Any]:
        """Put tensors in, run the model once in evaluation mode, and write the captures; 0 seeds what is random.

        The model is as it was afterwards: the same one runs with the weights of each place in a history.
        """
        from weightedit.doctor.inside.capturing.captures import capture

        model = self._fitted(order)
        args, kwargs, _ = self._call(order)
        model.eval()
        is_made = not any(map(is_lazy, (*model.parameters(), *model.buffers())))  # the first run makes lazy ones
        with capture(model, args, kwargs, modules=order.modules, folder=Path(order.folder), budget=order.budget,
                     seed=0, leaves_no_trace=is_made, ask=self._ask) as found:  # fmt: skip
            found.export(Path(order.to))
        told = found.run.failure
        raised = None if told is None else to_json(Failure(told.module, "", told.type, told.message))
        return {"calls": len(found.run.calls), "raised": raised}

    def _fitted(self, order: RunOrder) -> nn.Module:
        if self.model is None:
            self.model = self._copied()
        if self._fitting is None:
            self._fitting = Fitting(self.model, self.fake)
        values = Path(order.values) if order.values else None
        self._fitting.put({one.name: one for one in order.put}, assign=order.assign, values=values)
        return self.model

    def _allowed(self, name: str) -> ModelReference:
        """Read a reference to code that runs here, and hold it against what a person agreed to.

        Raises
        ------
        ReferenceWrong
            If it does not read, is other code by now, or would run where a live module is.
        """
        if self.live is not None:
            raise ReferenceWrong(f"{name} was not imported: a live module is trained with objects of its own process.")
        reference = parse_reference(name, self.folder)
        check_agreed(reference, self._agreed, self._paths)
        return reference

    def _resolve(self, name: str) -> Any:
        return resolve(self._allowed(name), self._agreed)

    def _know(self, order: BringOrder) -> None:
        """Raise where torch has no loss or optimizer of the name that a step is to be taken with."""
        from weightedit.doctor.inside.training.losses import found_loss

        if order.loss and ":" not in order.loss:
            found_loss(order.loss)
        if order.optimizer and not _is_code(order.optimizer):
            self._optimizer_named(order.optimizer)

    def _optimizer_named(self, text: str) -> Any:
        """Return what makes the optimizer: a class of torch's, or code that a person agreed to, with its arguments."""
        from weightedit.doctor.inside.training.optimizers import Maker, torch_optimizer

        if _is_code(text):
            reference = self._allowed(text)
            maker = resolve(reference, self._agreed)
        else:
            reference = parse_reference(f"torch.optim:{text.removeprefix('torch.optim.')}", self.folder)
            maker = torch_optimizer(reference.name)
        return Maker(maker, reference.args, dict(reference.kwargs))

    def _data(self, order: RunOrder) -> Any:
        """Return the data that is named: a Dataset or DataLoader, or what its maker makes."""
        if not order.data:
            return None
        if order.data == HERE:
            return self.wanted.data
        reference = self._allowed(order.data)
        found = resolve(reference, self._agreed)
        is_maker = isinstance(found, type) or (callable(found) and not hasattr(found, "__iter__")
                                               and not hasattr(found, "__getitem__"))  # fmt: skip
        if is_maker or reference.is_called:
            return found(*reference.args, **dict(reference.kwargs))
        return self._kept.setdefault(order.data, restartable(found))

    def _call(self, order: RunOrder) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
        """Return arguments by place, by name, and the target."""
        how = Making("cpu" if self.device == FAKE else self.device, self.folder, self._vocabulary(), self.fake)
        target = getattr(order, "target", "")
        given, told = self._given(order)
        args, kwargs = make_inputs(parse_inputs(order.inputs), how) if order.inputs else given or ((), {})
        if order.data and not order.inputs and given is None:
            from weightedit.doctor.inside.training.dataset import as_call, first_batch

            assert self.model is not None
            args, kwargs, told = as_call(self._own(first_batch(self._data(order))), self.model)
        meant = make(parse_item(target), replace(how, below=CLASSES)) if target else placed(told, how)
        return tuple(placed(one, how) for one in args), {name: placed(one, how) for name, one in kwargs.items()}, meant

    def _given(self, order: RunOrder) -> tuple[Any, Any]:
        """Return arguments and target as they are; None for each that is not given so."""
        if order.given == HERE:
            target = None if isinstance(self.wanted.target, str) else self.wanted.target
            found: tuple[Any, Any] = self._own((self.wanted.given, target))
            return found
        return torch.load(order.given, weights_only=True) if order.given else (None, None)

    def _own(self, value: Any) -> Any:
        """Return a value whose tensors nobody else has, where it may be a person's in this process."""
        return value if self.live is None else independent(value)

    def _vocabulary(self) -> int:
        """Return the rows of the smallest embedding, which ids of no other bound stay below."""
        assert self.model is not None
        rows = [int(module.weight.shape[0]) for module in self.model.modules() if isinstance(module, nn.Embedding)]
        return min(rows, default=10)


def _is_code(text: str) -> bool:
    """Whether a name is a reference to code, whose arguments may have a colon as well."""
    return ":" in text.partition("(")[0]


def _there(device: str) -> str:
    """Return a device; a CUDA device only if torch sees it."""
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= (count := torch.cuda.device_count()):
        raise NotThere(f"There is no {device} here: torch sees {counted(count, 'CUDA device')}.")
    return device
