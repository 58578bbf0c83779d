"""The training step of a check: one forward, loss, backward and step, on a copy or in the model's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from weightedit.core.document import Document
from weightedit.core.progress import Progress
from weightedit.core.words.numbers import count_text
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.brought import Brought, ModelStopped
from weightedit.doctor.bringing.first_batch import ONCE, FirstBatch
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.doctor.encoded import NoValues
from weightedit.doctor.finding import Finding
from weightedit.doctor.steps import MOST_WARNINGS, Steps
from weightedit.doctor.training_step.batch_facts import BatchFacts
from weightedit.doctor.training_step.batches import batch_findings
from weightedit.doctor.training_step.facts import TrainingFacts
from weightedit.doctor.training_step.findings import not_caused, training_findings
from weightedit.doctor.training_step.taken_step import step_findings

_NO_LOSS = "No training step was taken: no loss was named, and the model returns none of its own."
_NOT_TAKEN = "No training step was taken: the model would have had values of its own."


def trained(document: Document, bring: Callable[[Asked], AbstractContextManager[Brought]], found: Checkup,
            wanted: Wanted, asked: Asked, progress: Progress, *, is_own: bool) -> Checkup:  # fmt: skip
    """Take one training step, and add what it tells to what was found.

    Parameters
    ----------
    document, bring, wanted, asked, progress, is_own
        As for `check_code`; `asked` names a device with values.
    found
        What was found before: the model is made and runs.

    Raises
    ------
    WeightEditError
        If there is no room for the weights, or no such loss.
    Cancelled
        If it was stopped.
    """
    with bring(asked) as brought:
        steps = Steps(document, brought, wanted, asked, progress, is_own=is_own)
        try:
            training, batches, findings = _step(steps)
        except NoValues as error:
            training, batches = None, None
            findings = [] if error.finding in found.findings else [error.finding]
            found = replace(found, notes=(*found.notes, _NOT_TAKEN))
        except ModelStopped as stopped:
            training, batches = None, None
            findings = [Finding("stopped", stopped.module, "", str(stopped))]
        told = tuple(replace(finding, part="training") for finding in findings
                     if not any(map(partial(_is_same, finding), found.findings)))  # fmt: skip
        output = found.output + brought.output
        found = replace(found, notes=(*found.notes, *(note for note in steps.notes if note == _NO_LOSS)))
    notes = (*found.notes, *_on_data(batches, wanted), *_warnings(training, findings))
    computes_loss = training is not None and training.loss is not None and training.loss.function == "output"
    before = not_caused(found.findings, told) if computes_loss else found.findings
    return replace(found, findings=(*before, *told), training=training, batches=batches, output=output,
                   notes=notes)  # fmt: skip


def _is_same(one: Finding, other: Finding) -> bool:
    """Whether two findings tell of one thing, in the same words or not.

    So they do of the same tensor with the same mends, and of NaN and infinities that begin in the same module.
    """
    of_tensor = bool(one.tensor and one.mends) and (one.tensor, one.mends) == (other.tensor, other.mends)
    of_module = one.kind == "non-finite" and bool(one.module) and \
        (one.module, one.tensor) == (other.module, other.tensor)  # fmt: skip
    return one.kind == other.kind and (one.message == other.message or of_tensor or of_module)


def _on_data(batches: BatchFacts | None, wanted: Wanted) -> Iterator[str]:
    """Say what of the data was looked at, where it was not all, and what it was not used for."""
    if batches is None:
        return
    if batches.stopped in ("most", "time"):
        of = "" if batches.total is None else f" of {count_text(batches.total)}"
        why = "that is as many as are looked at" if batches.stopped == "most" else "its time was up"
        yield f"The data was looked at up to {batches.noun} {count_text(batches.seen)}{of}: {why}."
    if batches.stopped == "once" and not isinstance(wanted.data, FirstBatch):
        yield ONCE
    if wanted.spec is not None or wanted.given is not None:
        yield "The training step was taken with the input that was given; the data was looked through beside it."


def _has_no_loss(training: TrainingFacts, wanted: Wanted) -> bool:
    """Whether a step ended for want of a loss that nobody asked for, as only data was given."""
    return wanted.loss is None and not wanted.train and training.taken is not None and training.loss is not None \
        and training.loss.function == "output" and training.taken.path != "loss"


def _warnings(training: TrainingFacts | None, findings: list[Finding]) -> tuple[str, ...]:
    """Return what Python warned of, but for what a finding tells."""
    said = " ".join(finding.torch_says for finding in findings)
    return () if training is None else tuple(dict.fromkeys(
        f"The training step warned: {visible(f'{one.type}: {one.message}', 300)}" for one in training.warnings
        if one.message[:100] not in said))[:MOST_WARNINGS]  # fmt: skip


def _step(steps: Steps) -> tuple[TrainingFacts | None, BatchFacts | None, list[Finding]]:
    weights = steps.bring()
    if weights is None:
        return None, None, steps.findings[-1:]
    values, places = steps.values(weights)
    steps.progress.begin("One training step", 0)
    wanted = steps.wanted
    answer = steps.brought.ask({"do": "train", **steps.inputs, "values": values, **steps.put(weights, {}, places),
                                "target": wanted.target_text, "loss": wanted.loss_text,
                                "optimizer": wanted.optimizer_text, "step_to": wanted.step_to,
                                "names": list(weights.names) if wanted.step_to else []})  # fmt: skip
    if failed := steps.failed(answer, "was not trained"):
        return None, None, [failed]
    training = None if answer.get("training") is None else steps.record(TrainingFacts, answer["training"])
    batches = None if answer.get("batches") is None else steps.record(BatchFacts, answer["batches"])
    if training is not None and _has_no_loss(training, wanted):  # the data was to be looked through, and was
        training = None
        steps.notes.append(_NO_LOSS)
    findings = [] if batches is None else batch_findings(batches, training, weights.names)
    if training is not None:
        is_of_data = batches is not None and not wanted.target_text and wanted.spec is None and wanted.given is None
        findings += training_findings(training, weights.names, batches.targets if is_of_data and batches else None)
        findings += step_findings(answer.get("changed"), weights, wanted.step_to)
    return training, batches, findings
