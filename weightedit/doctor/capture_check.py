"""Runs a model once and keeps what its modules take and give as a file; and finds the edit that broke it by history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.words.paths import counted, shown
from weightedit.doctor.activations.breaking import Break, break_finding, first_break
from weightedit.doctor.activations.drift import TOLERANCE, ModuleDrift, drift
from weightedit.doctor.activations.reading import CapturedDocument
from weightedit.doctor.bringing.brought import Brought
from weightedit.doctor.checkup import AUTO, FAKE, Asked, Wanted
from weightedit.doctor.finding import Finding
from weightedit.doctor.shape_trace.diagnose import diagnose
from weightedit.doctor.shape_trace.trace import Failure, Trace
from weightedit.doctor.steps import Steps

BUDGET = 256 << 20
"""Bytes of captures that stay in the memory of the model's process."""
Bring = Callable[[Asked], AbstractContextManager[Brought]]
OpenFile = Callable[[Path], Document]


class RunStopped(WeightEditError):
    """A model that raised while it was captured.

    Attributes
    ----------
    finding
        What it stopped at, and what would mend it.
    path
        The file of what was captured until then.
    """

    def __init__(self, finding: Finding, path: Path, calls: int) -> None:
        super().__init__(f"{finding.message} What was captured until then, {counted(calls, 'call')} of modules, is in "
                         f"{shown(path)}.")  # fmt: skip
        self.finding, self.path = finding, path


@dataclass(frozen=True, slots=True)
class Capturing:
    """Everything a capture needs but what is captured: the weights, the model, its inputs, and how it runs."""

    document: Document
    bring: Bring
    wanted: Wanted
    asked: Asked
    progress: Progress
    is_own: bool = False

    def capture(self, modules: Sequence[str], to: Path, position: int | None = None, *,
                whole: bool = True) -> Path:  # fmt: skip
        """Run the model once and write what was captured.

        Parameters
        ----------
        modules
            Names, patterns or `re:` expressions of modules.
        to
            The safetensors file; it is replaced as a whole.
        position
            A place in the document's history whose weights are used; None for the present ones.
        whole
            Whether a run that raises is an error; else its captures are given, and say themselves where it ended.

        Raises
        ------
        RunStopped
            If the model raises; what was captured until then is in the file.
        WeightEditError
            If the model is not made, some of its weights are no plain numbers, no module is meant, or there is no room.
        Cancelled
            If it was stopped.
        """
        with self.bring(self._asked) as brought:
            return self._capture(self._steps(brought, position), modules, to, whole=whole)

    @property
    def _asked(self) -> Asked:
        device = "cpu" if self.asked.device in (AUTO, FAKE) else self.asked.device
        return replace(self.asked, device=device, is_measured=False)

    def _steps(self, brought: Brought, position: int | None, before: Steps | None = None) -> Steps:
        """Return the steps of a run with the weights of a place in history, in a process that may have a model."""
        state = None if position is None else self.document.state_at(position)
        steps = Steps(self.document, brought, self.wanted, self._asked, self.progress,
                      is_own=self.is_own and state is None, state=state)  # fmt: skip
        if before is not None:
            steps.model, steps.inputs = before.model, before.inputs
        return steps

    def _capture(self, steps: Steps, modules: Sequence[str], to: Path, *, whole: bool) -> Path:
        weights = steps.bring() if steps.model is None else steps.compare(steps.model)
        if weights is None:
            raise WeightEditError(steps.findings[-1].message)
        values, places = steps.values(weights)
        self.progress.begin("Capturing", 0)
        answer = steps.brought.ask({"do": "capture", **steps.inputs, "values": values, **steps.put(weights, {}, places),
                                    "modules": list(modules), "to": str(to), "budget": BUDGET,
                                    "folder": str(steps.brought.folder)})  # fmt: skip
        if failed := steps.failed(answer, "was not captured"):
            raise WeightEditError(failed.message)
        if whole and answer.get("raised") is not None:
            assert steps.model is not None
            told = Trace((), steps.record(Failure, answer["raised"]), self._asked.device, 0.0)
            diagnosis = diagnose(told, steps.model)
            assert diagnosis is not None
            finding = steps.run(weights, values, places) or diagnosis.finding
            raise RunStopped(replace(finding, part="activations"), to, int(answer["calls"]))
        return to

    def find_break(self, modules: Sequence[str], folder: Path, open_file: OpenFile,
                   tolerance: float = TOLERANCE) -> tuple[Break, Finding] | None:  # fmt: skip
        """Return the first edit of the history after which a module is off by more than a tolerance; None for none.

        Parameters
        ----------
        modules
            Those that are looked at.
        folder
            Where captures go meanwhile.
        open_file
            Opens a file of captures.
        tolerance
            Of the largest magnitude of each output before the first edit.

        Raises
        ------
        WeightEditError, Cancelled
            As `capture` does.
        """
        history = self.document.history
        edits = history.steps[: history.position]

        def series(brought: Brought) -> Iterator[tuple[int, tuple[ModuleDrift, ...]]]:
            steps = self._steps(brought, 0)
            with open_file(self._capture(steps, modules, folder / "before.safetensors", whole=True)) as before:
                for position in range(1, len(edits) + 1):
                    self.progress.begin(f"Edit {position:,} of {len(edits):,}", 0)
                    again = self._steps(brought, position, steps)
                    to = folder / f"after-{position}.safetensors"
                    path = self._capture(again, modules, to, whole=False)
                    with open_file(path) as after:
                        yield position, drift(CapturedDocument(before), CapturedDocument(after), self.progress.ask)
                    path.unlink()

        with self.bring(self._asked) as brought:
            found = first_break(series(brought), tolerance)
        if found is None:
            return None
        found = replace(found, last_good=found.position - 1)
        step = edits[found.position - 1]
        finding = break_finding(found, f"edit {found.position:,}, {step.label} {step.where}".strip())
        return found, replace(finding, part="activations")
