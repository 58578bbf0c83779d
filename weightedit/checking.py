"""The doctor for scripts and the command line: a checkpoint, a model and inputs in; findings, mends and a trace out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.doctor.bringing.input_spec import InputSpec, parse_inputs, parse_item
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.check import check_code, check_live
from weightedit.doctor.checkup import Asked, Checkup, Given, Wanted


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
    if not isinstance(model, str | Path) and not hasattr(model, "named_modules"):
        raise WeightEditError(f"model is a {type(model).__name__}; give a module, or code as package:factory or "
                              "file.py:Class.")  # fmt: skip
    given = None if inputs is None or isinstance(inputs, str | InputSpec) else _given(inputs)
    spec = parse_inputs(inputs) if isinstance(inputs, str) else inputs if isinstance(inputs, InputSpec) else None
    wanted = replace(training or Wanted(), spec=spec, given=given)
    if wanted.target_text:
        parse_item(wanted.target_text)
    document = source if isinstance(source, Document) else open_document(source, progress=progress)
    try:
        if isinstance(model, str | Path):
            reference = parse_reference(str(model), working)
            return check_code(document, reference, wanted, asked, working, progress)
        return check_live(document, model, wanted, asked, working, progress)
    finally:
        if document is not source:
            document.close()


def _given(inputs: Any) -> Given:
    """Return arguments by place and by name: a dict's are by name, a tuple's or list's by place, else there is one."""
    if isinstance(inputs, dict):
        return (), inputs
    return (tuple(inputs), {}) if isinstance(inputs, tuple | list) else ((inputs,), {})
