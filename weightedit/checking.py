"""The doctor for scripts and the command line: a checkpoint, a model and inputs in; findings, mends and a trace out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.words.paths import shown
from weightedit.doctor.bringing.consent import refuse_references
from weightedit.doctor.bringing.input_spec import InputSpec, parse_inputs, parse_item
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.capture_check import Capturing
from weightedit.doctor.check import check_code, check_live, code_bringer, is_own, live_bringer
from weightedit.doctor.checkup import Asked, Checkup, Given, Wanted

if TYPE_CHECKING:
    from weightedit.doctor.inside.capturing.captures import Captures


def check_model(source: Any, model: Any, inputs: Any, asked: Asked, *, training: Wanted | None = None,
                folder: str | Path | None = None, progress: Progress | None = None) -> Checkup:  # fmt: skip
    """Check a checkpoint, or a live object, against a model; `weightedit.check` says what is what.

    Raises
    ------
    WeightEditError
        If the file does not open, or model, inputs or target do not read.
    Cancelled
        If it was stopped.
    """
    working, progress = Path(folder or ".").absolute(), progress or Progress()
    wanted = read_wanted(model, inputs, training or Wanted(), working)
    with _opened(source, progress) as document:
        if isinstance(model, str | Path):
            return check_code(document, parse_reference(str(model), working), wanted, asked, working, progress)
        return check_live(document, model, wanted, asked, working, progress)


def capturing(document: Document, model: Any, inputs: Any, asked: Asked, *, folder: str | Path | None = None,
              progress: Progress | None = None) -> Capturing:  # fmt: skip
    """Return what captures the activations of a model with the weights of a document.

    Raises
    ------
    WeightEditError
        If model or inputs do not read.
    """
    working, progress = Path(folder or ".").absolute(), progress or Progress()
    wanted = read_wanted(model, inputs, Wanted(), working)
    if isinstance(model, str | Path):
        bring = code_bringer(document, parse_reference(str(model), working), working, progress)
    else:
        bring = live_bringer(document, model, working, progress)
    return Capturing(document, bring, wanted, asked, progress, is_own(document, model))


def capture_live(model: Any, inputs: Any, modules: str | Sequence[str], *, folder: str | Path | None,
                 budget: int | None, seed: int | None) -> Captures:  # fmt: skip
    """Run a live module once and keep what its modules take and give; `weightedit.capture` says what is what.

    Raises
    ------
    WeightEditError
        If there is no module, or inputs are no values.
    """
    from weightedit.doctor.inside.capturing.captures import BUDGET, capture

    if not hasattr(model, "named_modules"):
        raise WeightEditError(f"model is a {type(model).__name__}; give a live module. What code makes is captured in "
                              "the window.")  # fmt: skip
    if isinstance(inputs, str):
        raise WeightEditError("inputs is text; give tensors: one, a tuple of arguments, or a dict of named ones.")
    args, kwargs = _given(inputs)
    return capture(model, args, kwargs, modules=[modules] if isinstance(modules, str) else modules,
                   folder=Path(folder or gettempdir()), budget=BUDGET if budget is None else budget,
                   seed=seed)  # fmt: skip


@contextmanager
def _opened(source: Any, progress: Progress) -> Iterator[Document]:
    """Give a document as it is, or one of a source that is closed again."""
    if isinstance(source, Document):
        yield source
        return
    with open_document(source, progress=progress) as document:
        yield document


def read_wanted(model: Any, inputs: Any, training: Wanted, working: Path) -> Wanted:
    """Return what a model is to be called with, and how it is to be trained; relative paths are in `working`.

    Raises
    ------
    WeightEditError
        If model, inputs or target do not read, or code by reference would run beside a live module.
    """
    if not isinstance(model, str | Path) and not hasattr(model, "named_modules"):
        raise WeightEditError(f"model is a {type(model).__name__}; give a module, or code as package:factory or "
                              "file.py:Class.")  # fmt: skip
    given = None if inputs is None or isinstance(inputs, str | InputSpec) else _given(inputs)
    spec = parse_inputs(inputs) if isinstance(inputs, str) else inputs if isinstance(inputs, InputSpec) else None
    if not isinstance(model, str | Path):
        refuse_references(training)
    if training.target_text:
        parse_item(training.target_text)
    return replace(training, spec=spec, given=given, step_to=_new_file(training, working))


def _new_file(training: Wanted, working: Path) -> str:
    """Return the whole path of the file for the weights after a step; empty where none is asked for."""
    if not training.step_to:
        return ""
    path = working / training.step_to
    if not training.trains:
        raise WeightEditError(f"{shown(path)} is to hold the weights after a training step, and none is asked for; "
                              "give a loss or data too, or train.")  # fmt: skip
    if path.exists():
        raise WeightEditError(f"{shown(path)} is there already; name a new file for the weights after the step.")
    if not path.parent.is_dir():
        raise WeightEditError(f"{shown(path)} cannot be written: its folder is not there; name one that is.")
    return str(path)


def _given(inputs: Any) -> Given:
    """Return arguments by place and by name: a dict's are by name, a tuple's or list's by place, else there is one."""
    if isinstance(inputs, dict):
        return (), inputs
    return (tuple(inputs), {}) if isinstance(inputs, tuple | list) else ((inputs,), {})
