"""What a person asks of the doctor, and what a check came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightedit.doctor.facts import ModelFacts
from weightedit.doctor.finding import Finding, is_healthy
from weightedit.doctor.load_report.report import LoadReport
from weightedit.doctor.shape_trace.diagnose import Diagnosis
from weightedit.doctor.shape_trace.trace import Trace

FAKE, AUTO = "fake", "auto"
SECONDS = 600.0

@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks of the doctor.

    Attributes
    ----------
    device
        `fake` for tensors without values, `cpu` or `cuda:0`; `auto` for `fake`, and `cpu` where the model needs values.
    assign
        Whether the checkpoint's dtypes replace the model's, as `load_state_dict(assign=True)` has it.
    is_measured
        Whether time and memory of each module are taken, where it runs for real.
    seconds
        How long the model's process may take in all.
    memory
        How many bytes it may allocate; 0 for what is free now but for a rest.
    """

    device: str = AUTO
    assign: bool = False
    is_measured: bool = False
    seconds: float = SECONDS
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Checkup:
    """What a check came to.

    Attributes
    ----------
    findings
        The first cause first.
    model
        As its code makes it; None where that did not work.
    trace
        The run; None where there was none.
    diagnosis
        Of the run's failure.
    notes
        What is worth knowing of the check itself.
    output
        The first of what the model's code printed.
    load
        How the checkpoint compares with the model; None where that is the live module itself.
    """

    findings: tuple[Finding, ...]
    model: ModelFacts | None = None
    trace: Trace | None = None
    diagnosis: Diagnosis | None = None
    notes: tuple[str, ...] = ()
    output: str = ""
    load: LoadReport | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was found but what is worth knowing."""
        return is_healthy(list(self.findings))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data: `ok`, `findings` and `trace`."""
        trace = [call.to_json() for call in self.trace.calls] if self.trace is not None else []
        load = None if self.load is None else self.load.headline
        return {"ok": self.is_healthy, "findings": [finding.to_json() for finding in self.findings], "trace": trace,
                "load": load, "notes": list(self.notes)}  # fmt: skip
