"""The steps of a check on one model that was brought: made, compared with the checkpoint, run, its mends tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.undo.history_compare import State
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.brought import Brought, ModelStopped
from weightedit.doctor.bringing.input_spec import InputSpec, spec_of
from weightedit.doctor.bringing.values_file import write_values
from weightedit.doctor.checkup import FAKE, MEASURED_UP_TO, Asked, Checkup, Wanted
from weightedit.doctor.encoded import NoValues, as_loaded, encoded_finding, is_refused
from weightedit.doctor.facts import ModelFacts, TensorFacts, extra_states_of, facts_of, holds, same_bits
from weightedit.doctor.finding import CheckPart, Finding, Mend, is_healthy
from weightedit.doctor.load_report.report import LoadReport, load_report
from weightedit.doctor.records import Garbled, from_json
from weightedit.doctor.shape_trace.beside import Beside, beside
from weightedit.doctor.shape_trace.diagnose import Diagnosis, diagnose
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.image_sizes import resized_inputs
from weightedit.doctor.shape_trace.mending import Candidate, Weights, candidates, ranked, undoing
from weightedit.doctor.shape_trace.not_finite import not_finite
from weightedit.doctor.shape_trace.other_inputs import other_inputs
from weightedit.doctor.shape_trace.trace import Failure, Trace
from weightedit.doctor.shape_trace.unseen import unseen
from weightedit.doctor.stretched import stretched, warns_of_stretching

T = TypeVar("T")
MOST_TRIED = 6
"""Mends that are tried by running the model again with the shapes they lead to."""
MOST_WARNINGS = 5
"""What a run warned of that is told."""
CONVERTS = "from_pretrained renames, splits or joins tensors as it loads a checkpoint of this model; here it is " \
           "compared as load_state_dict takes it."  # fmt: skip


class Steps:
    """The steps, each with what those before it found.

    Parameters
    ----------
    document, brought, wanted, asked, progress
        The weights, the model, what it is called with, how it runs, and who is told.
    is_own
        Whether the document is the very module that was brought.
    state
        The point of the document's history whose weights are used; the present one where left out.

    Attributes
    ----------
    findings
        The first cause first.
    part
        What is being done now.
    """

    def __init__(self, document: Document, brought: Brought, wanted: Wanted, asked: Asked, progress: Progress, *,
                 is_own: bool = False, state: State | None = None) -> None:  # fmt: skip
        self.document, self.brought, self.wanted, self.asked = document, brought, wanted, asked
        self.progress, self.is_own = progress, is_own
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.state = state
        self.facts = facts_of(document, state)
        self.part: CheckPart = "load"
        self.inputs: dict[str, str] = {}
        self.model: ModelFacts | None = None
        self.load: LoadReport | None = None
        self.encoded: Finding | None = None
        self.trace: Trace | None = None
        self.diagnosis: Diagnosis | None = None

    def carry_out(self) -> None:
        """Do everything up to the run.

        Raises
        ------
        ModelStopped
            If its process ended before it answered.
        """
        weights = self.bring()
        if weights is not None and any(self.inputs.values()):
            self.part = "trace"
            self._run(weights)

    def checkup(self) -> Checkup:
        """Return what was found so far."""
        return Checkup(tuple(self.findings), self.model, self.trace, self.diagnosis, tuple(self.notes),
                       self.brought.output, self.load)  # fmt: skip

    # ---- the model and its names

    def bring(self) -> Weights | None:
        """Make the model and compare it with the checkpoint; None where it could not be made."""
        answer = self.brought.bring(self.asked.device, self.wanted)
        if failed := self.failed(answer, "could not be made"):
            self.findings.append(failed)
            return None
        if note := answer.get("note"):
            self.notes.append(visible(str(note), 400))
        self.model = self.record(ModelFacts, answer.get("model"))
        self.inputs = {"inputs": "" if self.wanted.spec is None else str(self.wanted.spec),
                       "given": self.brought.keep(self.wanted), "data": self.wanted.data_text}  # fmt: skip
        weights = self.compare(self.model)
        if self.load is not None and answer.get("ties") is True:
            self.load = _as_transformers_loads(self.load)
            self.findings[:] = self._loaded(self.load)
        if answer.get("converts") is True and not is_healthy(self.findings):
            self.notes.append(CONVERTS)
        return weights

    def failed(self, answer: dict[str, Any], what: str) -> Finding | None:
        """Return what an answer says went wrong in the person's code, if it does.

        Raises
        ------
        WeightEditError
            If it says that something was asked wrongly: there is no such name, file, loss or device.
        """
        for word in ("refused", "wrong"):
            if said := answer.get(word):
                raise WeightEditError(visible(str(said), 600))
        if "failure" not in answer:
            return None
        failure = self.record(Failure, answer["failure"])
        frame = f", {visible(failure.frames[-1].file)} line {failure.frames[-1].line}" if failure.frames else ""
        said = f"{failure.exception}: {failure.message}".rstrip(": .")
        return Finding("model", "", "", f"The model {what}: {visible(said, 400)}{frame}.", torch_says=said,
                       part=self.part)  # fmt: skip

    def record(self, kind: type[T], found: Any) -> T:
        """Read a record that the model's process gave.

        Raises
        ------
        ModelStopped
            If it is something else.
        """
        try:
            return from_json(kind, found)
        except Garbled as error:
            raise ModelStopped("The model's code wrote into the pipe by which its process answers, so that no answer "
                               "came; let it print to sys.stdout or sys.stderr instead.") from error  # fmt: skip

    def compare(self, model: ModelFacts) -> Weights:
        """Compare the checkpoint with the model; a live module that is its own checkpoint has what it has."""
        by_name, ours = ({one.name: one for one in facts} for facts in (self.facts, model.tensors))
        if self.is_own:
            return Weights({name: name for name in ours if name in by_name}, by_name, ours, is_own=True)
        self.progress.begin("Comparing names and shapes", 0)
        self.load = load_report(model, as_loaded(self.facts, model.tensors), same_bits=partial(self._same, by_name),
                                extra_states=extra_states_of(self.document),
                                beside=() if self.facts else holds(self.document))  # fmt: skip
        self.encoded = encoded_finding(self.load.names, by_name)
        self.findings += self._loaded(self.load)
        return Weights(self.load.names, by_name, ours)

    def _same(self, facts: Mapping[str, TensorFacts], name: str, other: str) -> bool:
        """Whether two tensors have the same bits; what has no plain values is like nothing else."""
        has_values = facts[name].has_values and facts[other].has_values
        return has_values and same_bits(self.document, name, other, told=self.progress.advance)

    def _loaded(self, load: LoadReport) -> list[Finding]:
        """Return what loading says, with the tensors that `load_state_dict` does not take."""
        facts = {one.name: one for one in self.facts}
        raises = not self.asked.assign and any(is_refused(facts[own]) for own in load.names.values())
        return [*load.findings, *([self.encoded] if self.encoded is not None and raises else [])]

    # ---- the run

    def values(self, weights: Weights) -> tuple[str, dict[str, int]]:
        """Write the weights down where the model runs for real; return their file, and where each begins.

        Raises
        ------
        NoValues
            If some of them are no plain numbers: the model's own would be there instead.
        WeightEditError
            If there is no room.
        """
        if self.asked.device == FAKE or self.is_own:
            return "", {}
        if self.encoded is not None:
            raise NoValues(self.encoded)
        path = self.brought.folder / "values"
        side = self.state or State(self.document)
        pinned = {name: side.pin(slot) for slot, name in side.names.items()}
        used = [pinned[name] for name in dict.fromkeys(weights.names.values())]
        return str(path), write_values(used, path, self.progress)

    def put(self, weights: Weights, after: Mapping[str, tuple[tuple[int, ...], str]],
            places: Mapping[str, int]) -> dict[str, Any]:  # fmt: skip
        """Return the part of an order that says which weights the model has."""
        put = []
        for name, own in weights.names.items():
            if self.is_own and own not in after:  # it has them
                continue
            facts = weights.facts[own]
            dtype = facts.dtype if facts.has_values else weights.model[name].dtype
            shape, dtype = after.get(own, (facts.shape, dtype))
            place = -1 if own in after else places.get(own, -1)
            put.append({"name": name, "shape": list(shape), "dtype": dtype, "offset": place})
        return {"put": put, "assign": self.asked.assign or self.is_own}

    def _run(self, weights: Weights) -> None:
        try:
            values, places = self.values(weights)
        except NoValues as error:
            self.findings += [replace(error.finding, part="trace")] if error.finding not in self.findings else []
            self.notes.append("The model was not run: it would have run with values of its own.")
            return
        finding = self.run(weights, values, places)
        if finding is None and self.trace is not None:
            finding = unseen(self.trace)
        self.findings += [] if finding is None else [finding]

    def run(self, weights: Weights, values: str, places: Mapping[str, int]) -> Finding | None:
        """Run the model, and try what may mend the first failure; return the finding of that, None where none is.

        Raises
        ------
        ModelStopped
            If its process ended before it answered.
        """
        assert self.model is not None
        self.progress.begin("Running the model", len(self.model.modules))
        answer = self.brought.ask({"do": "run", **self.inputs, "values": values, **self.put(weights, {}, places),
                                   "is_measured": self.asked.is_measured})  # fmt: skip
        if failed := self.failed(answer, "was not run"):
            return failed
        if self.encoded is not None:
            self.notes.append(f"The run was by shapes alone, also of {visible(self.encoded.tensor)}, whose values are "
                              "not plain.")  # fmt: skip
        self.trace = self.record(Trace, answer.get("trace"))
        self.notes += self._on(self.trace)
        found = diagnose(self.trace, self.model)
        if found is None:
            inside = (stretched(one, "trace") for one in self.trace.warnings)
            self.findings += [one for one in inside if one is not None][:1]
            return not_finite(self.trace, weights)
        if found.finding.kind != "needs-values":
            own = weights.names.get(found.finding.tensor, found.finding.tensor)
            mends = self._tried(self._ways(found.disagreement, own, weights, self.trace), weights, self.trace)
            found = replace(found, finding=replace(found.finding, mends=tuple(mends), tensor=own))
            found = replace(found, beside=self._beside(found.disagreement, weights, self.trace))
        self.diagnosis = found
        return found.finding

    def _on(self, trace: Trace) -> Iterator[str]:
        """Say what else is to be known of a run: its warnings, and what it leaves out."""
        told = [one for one in trace.warnings if not warns_of_stretching(one)]  # of these there are findings
        for one in told[:MOST_WARNINGS]:
            yield f"The run warned: {visible(one, 300)}"
        if (more := len(told) - MOST_WARNINGS) > 0:
            yield f"The run warned of {more:,} more."
        if trace.left_out:
            yield f"{counted(trace.left_out, 'call')} of modules came after the {len(trace.calls):,} that are listed."
        if self.asked.is_measured and trace.failure is None and trace.device != FAKE and \
                all(call.seconds is None for call in trace.calls):  # fmt: skip
            why = f"it takes another run, and this one took {trace.seconds:.0f} s" if trace.seconds > MEASURED_UP_TO \
                else "another run did not go as the first"  # fmt: skip
            yield f"Time and memory of modules were not measured: {why}."

    def _beside(self, found: Disagreement | None, weights: Weights, trace: Trace) -> Beside | None:
        if found is None or trace.failure is None or self.model is None:
            return None
        return beside(found, trace.failure, trace, self.model, weights, self.document)

    def _ways(self, found: Disagreement | None, own: str, weights: Weights, trace: Trace) -> list[Candidate]:
        """Return what may mend what stopped a run, the likeliest first."""
        spec, failure = self.wanted.spec, trace.failure
        if spec is None and self.wanted.given is not None:
            spec = spec_of(*self.wanted.given)
        ways: list[Candidate] = []
        if spec is not None:
            ways += other_inputs(found, spec, lambda other: _ends(self._again(weights, _with_inputs(other))))
        if found is None:
            return ways
        meant = bool(ways)
        ways += candidates(found, weights, spec)
        if spec is not None and failure is not None and not meant:
            ways += resized_inputs(found, failure.module, len(trace.calls), spec,
                                   lambda other: self._again(weights, _with_inputs(other)))  # fmt: skip
        return [*undoing(self.document, own, weights), *ranked(ways, weights)]

    def _again(self, weights: Weights, candidate: Candidate) -> Trace | None:
        """Run the model with the shapes, or the inputs, that a candidate leads to; None where it cannot be run."""
        self.progress.ask()
        inputs = self.inputs if candidate.spec is None else {"inputs": str(candidate.spec)}
        answer = self.brought.ask({"do": "run", **inputs, **self.put(weights, candidate.after, {})})
        return self.record(Trace, answer["trace"]) if "trace" in answer else None

    def _tried(self, found: list[Candidate], weights: Weights, trace: Trace) -> list[Mend]:
        """Run the model with the shapes of each candidate; keep those that get further, the furthest first."""
        reached = len(trace.calls)
        ran: list[Mend] = []
        further: list[tuple[int, Mend]] = []
        for candidate in found[:MOST_TRIED]:
            again = self._again(weights, candidate)
            if again is None:
                continue
            if again.failure is None:
                ran.append(candidate.mend)
            elif len(again.calls) > reached:
                stops = visible(again.failure.module) or "the model"
                said = f"{candidate.mend.detail}; then it stops in {stops}".lstrip("; ")
                further.append((-len(again.calls), replace(candidate.mend, detail=said)))
        return [*ran, *(mend for _, mend in sorted(further, key=lambda pair: pair[0]))]


def _with_inputs(spec: InputSpec) -> Candidate:
    return Candidate(Mend(""), spec=spec)


def _ends(trace: Trace | None) -> bool:
    return trace is not None and trace.failure is None


def _as_transformers_loads(found: LoadReport) -> LoadReport:
    """Return a report in which other names of a tensor that is there are no more than worth knowing."""
    return replace(found, findings=tuple(
        replace(one, level="notice", message=f"{one.message}; from_pretrained ties them again")
        if one.kind == "tied" else one for one in found.findings))  # fmt: skip
