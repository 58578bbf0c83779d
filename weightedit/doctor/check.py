"""Checks a model with the weights of a document, step by step: brought, compared, run, each mend tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from weightedit.core.document import Document
from weightedit.core.progress import Progress
from weightedit.core.undo.history_compare import measure
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.brought import Brought, BroughtCode, Given, LiveModel, ModelStopped
from weightedit.doctor.bringing.input_spec import InputSpec
from weightedit.doctor.bringing.model_reference import ModelReference
from weightedit.doctor.bringing.values_file import has_values, write_values
from weightedit.doctor.checkup import AUTO, FAKE, Asked, Checkup
from weightedit.doctor.facts import ModelFacts, facts_of
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.report import LoadReport, load_report
from weightedit.doctor.records import Garbled, from_json
from weightedit.doctor.shape_trace.diagnose import Diagnosis, diagnose
from weightedit.doctor.shape_trace.mending import Candidate, Weights, candidates, undoing
from weightedit.doctor.shape_trace.trace import Failure, Trace

LARGEST = 8 << 30
"""Bytes of weights up to which a model is run on the CPU where nothing was said of a device."""
MOST_TRIED = 6
"""Mends that are tried by running the model again with the shapes they lead to."""


def check_code(document: Document, reference: ModelReference, spec: InputSpec | None, asked: Asked, working: Path,
               progress: Progress | None = None, given: Given | None = None) -> Checkup:  # fmt: skip
    """Check a document against a model made by code; whoever calls this has the person's yes to run it.

    Parameters
    ----------
    document
        The checkpoint, with its edits.
    reference
        The code that makes the model; it runs in a process of its own.
    spec
        What it is called with; without, it is only made and compared.
    asked
        How.
    working
        The folder it runs in.
    progress
        Told how far it is, and asked whether to stop.
    given
        Arguments by place and by name, instead of a spec.

    Raises
    ------
    WeightEditError
        If there is no room for the weights.
    Cancelled
        If it was stopped.
    """
    progress = progress or Progress()

    def once(asked: Asked) -> Checkup:
        progress.begin("Making the model", 0)
        with BroughtCode(reference, document.spill.folder, working, asked, progress) as brought:
            order = {"do": "bring", "reference": str(reference), "device": asked.device}
            inputs = {"inputs": "" if spec is None else str(spec), "given": brought.keep(given)}
            return _Check(document, brought, asked, spec, inputs, progress).carry_out(order)

    return _with_values_if_needed(once, asked, document.total_nbytes)


def check_live(document: Document, model: Any, spec: InputSpec | None, asked: Asked, working: Path,
               progress: Progress | None = None, given: Given | None = None) -> Checkup:  # fmt: skip
    """Check a live module, on a copy in this process; a stop takes effect where the next module is entered.

    Parameters
    ----------
    document
        The module itself, opened, or a checkpoint whose weights are put into the copy.
    model
        An `nn.Module`.
    spec, asked, working, progress, given
        As for `check_code`.

    Raises
    ------
    Cancelled
        If it was stopped.
    """
    progress = progress or Progress()

    def once(asked: Asked) -> Checkup:
        progress.begin("Copying the model", 0)
        with LiveModel(model, document.spill.folder, working, progress) as brought:
            is_own = document.is_live and document.origin.root is model
            inputs = {"inputs": "" if spec is None else str(spec), "given": brought.keep(given)}
            return _Check(document, brought, asked, spec, inputs, progress, is_own=is_own).carry_out(
                {"do": "take", "device": asked.device})  # fmt: skip

    return _with_values_if_needed(once, asked, document.total_nbytes)


def _with_values_if_needed(once: Callable[[Asked], Checkup], asked: Asked, nbytes: int) -> Checkup:
    """Check without values first where that is left open, and with values where only these can tell.

    That is where the model looks at them; and where an operation raises that no shape or dtype explains, as some do
    for tensors without values alone.
    """
    if asked.device != AUTO:
        return once(asked)
    found = once(replace(asked, device=FAKE))
    failure = found.trace.failure if found.trace is not None else None
    unexplained = failure is not None and found.diagnosis is not None and found.diagnosis.disagreement is None
    if failure is None or not (failure.needs_values or (unexplained and failure.operation)) or nbytes > LARGEST:
        return found
    again = once(replace(asked, device="cpu"))
    return replace(again, notes=(*again.notes, "It was run on the CPU: tensors without values did not tell."))


class _Check:
    """The steps of one check, each with what those before it found.

    Parameters
    ----------
    document, brought, asked, spec, inputs, progress
        The weights, the model, what is asked of it, with what inputs, how an order says these, and who is told.
    is_own
        Whether the document is the very module that was brought.
    """

    def __init__(self, document: Document, brought: Brought, asked: Asked, spec: InputSpec | None,
                 inputs: dict[str, str], progress: Progress, *, is_own: bool = False) -> None:  # fmt: skip
        self.document, self.brought, self.asked, self.spec = document, brought, asked, spec
        self.inputs, self.progress, self.is_own = inputs, progress, is_own
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.facts = facts_of(document)
        self.load: LoadReport | None = None

    def carry_out(self, order: dict[str, Any]) -> Checkup:
        """Bring the model by an order, and do everything that was asked."""
        model, trace, diagnosis = None, None, None
        try:
            model = self._bring(order)
            if model is not None:
                weights = self._compare(model)
                if any(self.inputs.values()):
                    trace, diagnosis = self._run(model, weights)
        except ModelStopped as stopped:
            self.findings.append(Finding("stopped", stopped.module, "", str(stopped)))
        return Checkup(tuple(self.findings), model, trace, diagnosis, tuple(self.notes), self.brought.output, self.load)

    def _bring(self, order: dict[str, Any]) -> ModelFacts | None:
        answer = self.brought.ask(order)
        if failed := self._failed(answer, "could not be made"):
            self.findings.append(failed)
            return None
        if note := answer.get("note"):
            self.notes.append(visible(str(note), 400))
        model: ModelFacts = self._record(ModelFacts, answer.get("model"))
        return model

    def _failed(self, answer: dict[str, Any], what: str) -> Finding | None:
        """Return what an answer says went wrong, if it does."""
        if refused := answer.get("refused"):
            return Finding("model", "", "", visible(str(refused), 600))
        if "failure" not in answer:
            return None
        failure = self._record(Failure, answer["failure"])
        frame = f", {visible(failure.frames[-1].file)} line {failure.frames[-1].line}" if failure.frames else ""
        said = f"{failure.exception}: {failure.message}".rstrip(": .")
        return Finding("model", "", "", f"The model {what}: {visible(said, 400)}{frame}.", torch_says=said)

    def _record(self, kind: Callable[..., Any], found: Any) -> Any:
        try:
            return from_json(kind, found)  # type: ignore[arg-type]
        except Garbled as error:
            raise ModelStopped("The process of the model wrote something else where its answer was expected: "
                               f"{visible(str(error), 200)}.") from error  # fmt: skip

    def _compare(self, model: ModelFacts) -> Weights:
        """Compare the checkpoint with the model; a live module that is its own checkpoint has what it has."""
        by_name = {one.name: one for one in self.facts}
        if self.is_own:
            return Weights({one.name: one.name for one in model.tensors if one.name in by_name}, by_name)
        self.progress.begin("Comparing names and shapes", 0)
        self.load = load_report(model, self.facts)
        self.findings += self.load.findings
        return Weights(self.load.names, by_name)

    def _same_bits(self, name: str, other: str) -> bool:
        one, two = self.document.pin(name), self.document.pin(other)
        return (one.spec.shape, one.spec.dtype) == (two.spec.shape, two.spec.dtype) and \
            not measure(one, two, self.progress.advance).changed  # fmt: skip

    # ---- the run

    def _run(self, model: ModelFacts, weights: Weights) -> tuple[Trace | None, Diagnosis | None]:
        values, places = "", {}
        if self.asked.device != FAKE and not self.is_own:
            path = self.brought.folder / "values"
            names = [name for name in weights.names.values() if has_values(self.document, name)]
            values, places = str(path), write_values(self.document, names, path, self.progress)
        self.progress.begin("Running the model", len(model.modules))
        answer = self._ask_run(weights, {}, self.inputs, values, places)
        if failed := self._failed(answer, "was not run"):
            self.findings.append(failed)
            return None, None
        trace: Trace = self._record(Trace, answer.get("trace"))
        found = diagnose(trace, model)
        if found is None:
            return trace, None
        if found.disagreement is not None:
            own = weights.names.get(found.finding.tensor, found.finding.tensor)
            ways = [*undoing(self.document, own, weights), *candidates(found.disagreement, weights, self.spec)]
            mends = self._tried(ways, weights, trace)
            found = replace(found, finding=replace(found.finding, mends=tuple(mends), tensor=own))
        self.findings.append(found.finding)
        return trace, found

    def _ask_run(self, weights: Weights, after: Mapping[str, tuple[tuple[int, ...], str]],
                 inputs: dict[str, str], values: str, places: Mapping[str, int]) -> dict[str, Any]:  # fmt: skip
        put = []
        for name, own in weights.names.items():
            if self.is_own and own not in after:  # it has them
                continue
            shape, dtype = after.get(own, (weights.facts[own].shape, weights.facts[own].dtype))
            place = -1 if own in after else places.get(own, -1)
            put.append({"name": name, "shape": list(shape), "dtype": dtype, "offset": place})
        return self.brought.ask({"do": "run", **inputs, "put": put, "values": values,
                                 "assign": self.asked.assign or self.is_own,
                                 "is_measured": self.asked.is_measured and not after})  # fmt: skip

    def _tried(self, found: list[Candidate], weights: Weights, trace: Trace) -> list[Mend]:
        """Run the model with the shapes of each candidate; keep those that get further, the furthest first."""
        reached = len(trace.calls)
        ran: list[Mend] = []
        further: list[tuple[int, Mend]] = []
        for candidate in found[:MOST_TRIED]:
            self.progress.ask()
            inputs = self.inputs if candidate.spec is None else {"inputs": str(candidate.spec)}
            answer = self._ask_run(weights, candidate.after, inputs, "", {})
            if "trace" not in answer:
                continue
            again: Trace = self._record(Trace, answer["trace"])
            if again.failure is None:
                ran.append(candidate.mend)
            elif len(again.calls) > reached:
                stops = visible(again.failure.module) or "the model"
                said = f"{candidate.mend.detail}; then it stops in {stops}".lstrip("; ")
                further.append((-len(again.calls), replace(candidate.mend, detail=said)))
        return [*ran, *(mend for _, mend in sorted(further, key=lambda pair: pair[0]))]
