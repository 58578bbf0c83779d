"""Checks a model with the weights of a document: brought, compared, run, trained, each mend tried on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from weightedit.core.document import Document
from weightedit.core.progress import Progress
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.brought import Brought, BroughtCode, ModelStopped
from weightedit.doctor.bringing.first_batch import ONCE, FirstBatch, restartable
from weightedit.doctor.bringing.live_model import LiveModel
from weightedit.doctor.bringing.model_reference import ModelReference
from weightedit.doctor.checkup import AUTO, FAKE, Asked, Checkup, Wanted
from weightedit.doctor.finding import Finding, gravest_first
from weightedit.doctor.shape_trace.indices import may_be_past
from weightedit.doctor.steps import Steps
from weightedit.doctor.training_check import trained

LARGEST = 8 * 10**9
"""Bytes of weights up to which a model is run on the CPU where nothing was said of a device."""
Bring = Callable[[Asked], AbstractContextManager[Brought]]


def check_code(document: Document, reference: ModelReference, wanted: Wanted, asked: Asked, working: Path,
               progress: Progress | None = None) -> Checkup:  # fmt: skip
    """Check a document against a model made by code; whoever calls this has the person's yes to run it.

    Parameters
    ----------
    document
        The checkpoint, with its edits.
    reference
        The code that makes the model; it runs in a process of its own.
    wanted
        What it is called with, and how it is to be trained; without inputs it is only made and compared.
    asked
        How it runs.
    working
        The folder it runs in.
    progress
        Told how far it is, and asked whether to stop.

    Raises
    ------
    WeightEditError
        If there is no room for the weights, or no such loss.
    Cancelled
        If it was stopped.
    """
    told = progress or Progress()
    return _checked(document, code_bringer(document, reference, working, told), wanted, asked, told)


def check_live(document: Document, model: Any, wanted: Wanted, asked: Asked, working: Path,
               progress: Progress | None = None) -> Checkup:  # fmt: skip
    """Check a live module, on a copy in this process; a stop takes effect where the next module is entered.

    Parameters
    ----------
    document
        The module itself, opened, or a checkpoint whose weights are put into the copy.
    model
        An `nn.Module`.
    wanted, asked, working, progress
        As for `check_code`.

    Raises
    ------
    WeightEditError
        If there is no such loss.
    Cancelled
        If it was stopped.
    """
    told = progress or Progress()
    wanted = replace(wanted, data=restartable(wanted.data))
    return _checked(document, live_bringer(document, model, working, told), wanted, asked, told,
                    is_own=is_own(document, model))  # fmt: skip


def code_bringer(document: Document, reference: ModelReference, working: Path, progress: Progress) -> Bring:
    """Return what brings a model made by code, in a process of its own each time."""

    def bring(asked: Asked) -> BroughtCode:
        progress.begin("Making the model", 0)
        return BroughtCode(reference, document.spill.folder, working, asked, progress)

    return bring


def live_bringer(document: Document, model: Any, working: Path, progress: Progress) -> Bring:
    """Return what brings a copy of a live module each time."""

    def bring(asked: Asked) -> LiveModel:
        progress.begin("Looking at the model", 0)
        return LiveModel(model, document.spill.folder, working, progress, asked.seconds)

    return bring


def is_own(document: Document, model: Any) -> bool:
    """Whether a document is this very live module."""
    return document.is_live and document.origin.root is model


def _checked(document: Document, bring: Bring, wanted: Wanted, asked: Asked, progress: Progress, *,
             is_own: bool = False) -> Checkup:  # fmt: skip
    """Check without values first where that is left open, with values where only these can tell, and then train."""

    def once(device: str) -> Checkup:
        how = replace(asked, device=device)
        with bring(how) as brought:
            steps = Steps(document, brought, wanted, how, progress, is_own=is_own)
            try:
                steps.carry_out()
            except ModelStopped as stopped:
                steps.findings.append(Finding("stopped", stopped.module, "", str(stopped), part=steps.part))
            return steps.checkup()

    found = once(FAKE if asked.device == AUTO else asked.device)
    is_large = document.total_nbytes > LARGEST
    why = _why_values(found, wanted)
    if why and asked.device == AUTO and not is_large:
        found = once("cpu")
        found = replace(found, notes=(*found.notes, f"It was run on the CPU, with values: {why}."))
    elif why and asked.device == AUTO:
        found = replace(found, notes=(*found.notes, f"It was run without values, though {why}; {_large(document)}."))
    elif why and asked.device == FAKE and found.ran:
        found = replace(found, notes=(*found.notes, f"It was run without values, though {why}: a run on cpu tells."))
    if wanted.trains and found.runs and (refused := _not_trained(document, asked)):
        found = replace(found, findings=(*found.findings, Finding("not-trained", "", "", refused, level="warning",
                                                                  part="training")))  # fmt: skip
    elif wanted.trains and found.runs:
        found = trained(document, bring, found, wanted, _for_training(asked), progress, is_own=is_own)
    notes = (*found.notes, *_not_done(found, wanted), *wanted.unused)
    return replace(found, notes=notes, findings=gravest_first(found.findings))


def _not_trained(document: Document, asked: Asked) -> str:
    """Return why no training step is taken; empty where one is."""
    if asked.device == FAKE:
        return "No training step was taken: it needs values, and the device fake has none; cpu has them, and auto " \
               "takes the step there."  # fmt: skip
    if asked.device == AUTO and document.total_nbytes > LARGEST:
        return f"No training step was taken: it needs values, and {_large(document)}."
    return ""


def _for_training(asked: Asked) -> Asked:
    return replace(asked, device="cpu" if asked.device == AUTO else asked.device)


def _large(document: Document) -> str:
    return f"{bytes_text(document.total_nbytes)} of weights are more than the {bytes_text(LARGEST)} that are run on " \
           "the CPU unasked: name a device to run it"  # fmt: skip


def _not_done(found: Checkup, wanted: Wanted) -> list[str]:
    """Return what was not done, or not wholly, where neither a finding nor a trace says so."""
    said = []
    if found.model is not None and not wanted.has_inputs and not wanted.trains:
        said.append("No input was given, so the model was made and not run.")
    if wanted.trains and not found.runs:
        said.append("No training step was taken, as the model does not run.")
    if isinstance(wanted.data, FirstBatch):
        said.append(ONCE)
    return said


def _why_values(found: Checkup, wanted: Wanted) -> str:
    """Return what only a run with values tells, as a clause; empty where shapes and dtypes tell all.

    Some code raises for tensors without values alone, and indices that are too high raise only with them.
    """
    if found.trace is None or found.model is None:
        return ""
    failure = found.trace.failure
    if failure is None:
        return "only they tell whether each index has a row in its embedding" \
            if may_be_past(found.trace, found.model, wanted.spec) else ""  # fmt: skip
    name = visible(failure.module) or visible(failure.type) or "the model"
    if failure.needs_values:
        return f"{name} looks at them"
    is_unexplained = found.diagnosis is not None and found.diagnosis.disagreement is None
    return f"{name} stops without them" if is_unexplained else ""
