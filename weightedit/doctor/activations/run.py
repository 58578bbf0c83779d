"""One run of a model as a record: which modules were called in which order, with what, and what they gave back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from weightedit.core.errors import WeightEditError
from weightedit.doctor.activations.form import Form, Path, leaves
from weightedit.doctor.records import Garbled, from_json

METADATA = "weightedit.captures"
"""The text of a safetensors file that holds the record of the run."""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One call of a module.

    Attributes
    ----------
    module, type
        Its dotted name, empty for the model itself, and the name of its class. A module that has several names, as it
        is used in several places, goes by the first.
    number
        Which call of this module it was, from 1.
    args, kwargs
        A tuple and a dict: what it was called with, when its `forward` began.
    output
        What it gave back; None where it raised.
    ended
        In which place, from 1, calls came to their end: inner modules before those they are in. 0 where it raised.
    """

    module: str
    type: str
    number: int
    args: Form
    kwargs: Form
    output: Form | None = None
    ended: int = 0


@dataclass(frozen=True, slots=True)
class RunFailure:
    """What ended a run early.

    Attributes
    ----------
    type, message
        Of the exception.
    module
        The innermost module in which it was raised; empty for the model itself.
    """

    type: str
    message: str
    module: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a model, with the modules that were chosen.

    Attributes
    ----------
    type
        The class of the model.
    calls
        In the order in which they began.
    uncalled
        Chosen modules that were not called though they could be: their weights are used without them, or not at all.
    unhooked
        Chosen modules that cannot be watched, as those of TorchScript cannot.
    uncaptured
        Calls past the most that are captured.
    changed
        Tensors of the model that the run changed and that are not as they were.
    failure
        What ended it early; None where it came to its end.
    """

    type: str
    calls: tuple[CapturedCall, ...]
    uncalled: tuple[str, ...] = ()
    unhooked: tuple[str, ...] = ()
    uncaptured: int = 0
    changed: tuple[str, ...] = ()
    failure: RunFailure | None = None

    def call(self, module: str, number: int = 1) -> CapturedCall:
        """Return a call of a module; KeyError where it was not captured."""
        for call in self.calls:
            if call.module == module and call.number == number:
                return call
        raise KeyError(f"call {number} of {module or 'the model'}")

    def tensors(self) -> Iterator[tuple[CapturedCall, Path, Form]]:
        """Yield every tensor that was captured or left out, with its call and its path.

        The path begins with `args`, `kwargs` or `output`.
        """
        for call in self.calls:
            for side, form in (("args", call.args), ("kwargs", call.kwargs), ("output", call.output)):
                for path, leaf in leaves(form, (side,)) if form is not None else ():
                    if leaf.kind in ("tensor", "left out"):
                        yield call, path, leaf


class NoCaptures(WeightEditError):
    """A file or text that holds no record of a run."""


def run_to_text(run: Run) -> str:
    """Return a run as JSON, without what is as it is by default."""
    return json.dumps({"version": _VERSION, "run": _lean(run)}, separators=(",", ":"))


def run_from_text(text: str) -> Run:
    """Read what `run_to_text` gave.

    Raises
    ------
    NoCaptures
        If it is something else.
    """
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("version") != _VERSION:
            raise NoCaptures("What the file says of the captured run is not of a version that this program knows.")
        return from_json(Run, found.get("run"))
    except (ValueError, RecursionError, Garbled) as error:
        raise NoCaptures(f"What the file says of the captured run does not read ({error}).") from error


def _lean(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_lean(one) for one in value]
    if not is_dataclass(value):
        return value
    made = {}
    for field in fields(value):
        found = getattr(value, field.name)
        if field.default is MISSING or found != field.default:
            made[field.name] = _lean(found)
    return made
