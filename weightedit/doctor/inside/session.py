"""One model that a person brought, and what is asked of it, order by order: made, given weights, run, trained."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weightedit.core.errors import Cancelled
from weightedit.core.live.detached import detached_copy
from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.model_reference import ReferenceWrong, parse_reference
from weightedit.doctor.inside.bring import NotThere, bring, without_memory
from weightedit.doctor.inside.frames import frames_of, told
from weightedit.doctor.inside.inputs import InputMissing, Making, make_inputs, placed
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.inside.put import Fitting, Put
from weightedit.doctor.inside.trace import trace
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.shape_trace.trace import Failure

FAKE = "fake"
Entered = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class BringOrder:
    """Make the model that a reference means.

    Attributes
    ----------
    reference
        As a person writes it, with absolute paths.
    device
        `fake` for tensors without values, else a device of torch.
    """

    reference: str
    device: str


@dataclass(frozen=True, slots=True)
class RunOrder:
    """Put tensors in and run the model once.

    Attributes
    ----------
    inputs, given
        As a spec; or the file of arguments by place and by name, anything for those that a live module was given.
    put
        The tensors of the checkpoint by the model's names.
    assign
        Whether their dtypes replace the model's.
    values
        The file with their values; empty where only shapes matter.
    is_measured
        Whether time and memory of each module are taken too.
    """

    inputs: str
    given: str = ""
    put: tuple[Put, ...] = ()
    assign: bool = False
    values: str = ""
    is_measured: bool = False


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
    live, given
        For a live module: itself, and what it is called with where no spec says so.
    """

    folder: Path
    entered: Entered = lambda name, count: None
    device: str = "cpu"
    model: nn.Module | None = None
    fake: Any = None
    live: nn.Module | None = None
    given: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    _fitting: Fitting | None = None

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order, and return what it came to as plain JSON data.

        What the person's code raises is part of the answer: `{"failure": …}`, whatever it is.
        """
        try:
            if order.get("do") == "bring":
                return self.bring(from_json(BringOrder, order))
            if order.get("do") == "take":
                return self.take(str(order["device"]))
            return self.run(from_json(RunOrder, order))
        except Cancelled:
            raise
        except (NotThere, InputMissing, ReferenceWrong) as error:
            return {"refused": str(error)}
        except BaseException as error:
            exception, message = told(error)
            return {"failure": to_json(Failure("", "", exception, message, frames=frames_of(error)))}

    def bring(self, order: BringOrder) -> dict[str, Any]:
        """Make the model: without memory where that was asked for and its code can do so, else really."""
        reference = parse_reference(order.reference, self.folder)
        self.device, note = order.device, ""
        if self.device == FAKE:
            self.fake = fake_mode()
            try:
                with without_memory(self.fake):
                    self.model = bring(reference)
            except NotThere:
                raise
            except Exception as error:  # it reads values of what it makes, as numpy code does
                note = "Its code needs real tensors to make it: " + ": ".join(told(error))[:300]
                self.model = faked(bring(reference), self.fake)
        else:
            self.model = bring(reference).to(self.device)
        return {"model": to_json(model_facts(self.model)), "note": note}

    def take(self, device: str) -> dict[str, Any]:
        """Take the live module: a copy of it, without values for `fake`."""
        assert self.live is not None
        self.device = device
        if device == FAKE:
            self.fake = fake_mode()
            self.model = faked(self.live, self.fake)
        else:
            self.model = detached_copy(self.live).to(device)
        return {"model": to_json(model_facts(self.live)), "note": ""}

    def run(self, order: RunOrder) -> dict[str, Any]:
        """Put tensors in, and run the model once in evaluation mode."""
        assert self.model is not None
        if self._fitting is None:
            self._fitting = Fitting(self.model, self.fake)
        values = Path(order.values) if order.values else None
        self._fitting.put({one.name: one for one in order.put}, assign=order.assign, values=values)
        args, kwargs = self._inputs(order)
        self.model.eval()
        found = trace(self.model, args, kwargs, device=self.device, fake=self.fake, entered=self.entered)
        if order.is_measured and found.failure is None and self.fake is None:
            from weightedit.doctor.inside.measure import measured

            found = measured(found, self.model, args, kwargs)
        return {"trace": to_json(found)}

    def _inputs(self, order: RunOrder) -> tuple[tuple[Any, ...], dict[str, Any]]:
        device = "cpu" if self.device == FAKE else self.device
        if order.given and not order.inputs:
            how = Making(device, self.folder, fake=self.fake)
            args, kwargs = self.given or torch.load(order.given, weights_only=True)
            return tuple(placed(one, how) for one in args), {name: placed(one, how) for name, one in kwargs.items()}
        how = Making(device, self.folder, self._vocabulary(), self.fake)
        return make_inputs(parse_inputs(order.inputs), how)

    def _vocabulary(self) -> int:
        """Return the rows of the smallest embedding, which ids of no other bound stay below."""
        assert self.model is not None
        rows = [int(module.weight.shape[0]) for module in self.model.modules() if isinstance(module, nn.Embedding)]
        return min(rows, default=10)


def fake_mode() -> Any:
    """Return a mode under which tensors have no values; torch's own log of what raises in it is left silent."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    logging.getLogger("torch._subclasses").setLevel(logging.CRITICAL)
    return FakeTensorMode(allow_non_fake_inputs=True)


def faked(model: nn.Module, fake: Any) -> nn.Module:
    """Return a copy of a model whose tensors have no values; the model is as it was."""
    from torch._subclasses.fake_tensor import FakeCopyMode

    with FakeCopyMode(fake):
        return copy.deepcopy(model)
