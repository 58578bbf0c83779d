"""What a person asks of the doctor, and what a check came to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.errors import WeightEditError
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, is_healthy
from weightedit.doctor.training_step.result import StepResult

if TYPE_CHECKING:  # a model's process, which starts for every check, asks for `Wanted` alone
    from weightedit.doctor.bringing.input_spec import InputSpec
    from weightedit.doctor.facts import ModelFacts
    from weightedit.doctor.load_report.report import LoadReport
    from weightedit.doctor.shape_trace.diagnose import Diagnosis
    from weightedit.doctor.shape_trace.trace import Trace
    from weightedit.doctor.training_step.batch_facts import BatchFacts
    from weightedit.doctor.training_step.facts import TrainingFacts

FAKE, AUTO = "fake", "auto"
HERE = "here"
"""Stands in an order for what a live module was given as it is."""
Given = tuple[tuple[Any, ...], dict[str, Any]]
"""Arguments by place and by name."""
SECONDS = 600.0
MEASURED_UP_TO = 60.0
"""Seconds of a run up to which time and memory of modules are measured, in another one."""
_DEVICE = re.compile(r"auto|fake|cpu|(cuda|mps|xpu)(:\d+)?")


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
        Whether time and memory of each module are taken where it runs for real, which is done in a second run.
    seconds
        How long the model's process may take in all.
    memory
        How many bytes it may allocate; 0 for what is free now but for a rest.
    agreed
        The code that a person said yes to, as `consent_for` gives it: other code does not run. None where nobody was
        asked, because a script names the code itself.

    Raises
    ------
    WeightEditError
        If there is no such device, or no time.
    """

    device: str = AUTO
    assign: bool = False
    is_measured: bool = True
    seconds: float = SECONDS
    memory: int = 0
    agreed: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device):
            raise WeightEditError(f"{visible(self.device, 100)!r} is no device to run a model on; there are auto, "
                                  "fake, cpu, and cuda:0 and its kin.")  # fmt: skip
        if not self.seconds > 0:
            raise WeightEditError(f"{self.seconds:g} seconds are no time to run a model in; give more than 0.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model is called with, and how it is to be trained.

    Attributes
    ----------
    spec
        The inputs as a spec; None where they are given, come from data, or nothing is to run.
    given
        Arguments by place and by name as they are.
    target
        A spec, or a tensor or nesting of them; None for none.
    loss
        By name or reference; for a live module also a function or module. None for the model's own where it trains.
    optimizer
        One of torch by name, `AdamW(lr=1e-4)`, or a reference to what makes one of the model; for a live module also
        an optimizer, a class of them, or a function of the model.
    data
        A reference to what makes a Dataset or DataLoader; for a live module also one.
    train
        Whether a training step is taken even where no loss is named.
    step_to
        The file that the weights after the step go to, from which they can be taken; empty for none.
    """

    spec: InputSpec | None = None
    given: Given | None = None
    target: Any = None
    loss: Any = None
    optimizer: Any = None
    data: Any = None
    train: bool = False
    step_to: str = ""

    @property
    def trains(self) -> bool:
        """Whether a training step is asked for."""
        return self.train or self.loss is not None or self.data is not None

    @property
    def has_inputs(self) -> bool:
        """Whether there is anything that the model can be called with."""
        return self.spec is not None or self.given is not None or self.data is not None

    @property
    def unused(self) -> tuple[str, ...]:
        """What is given and has no effect, as it needs something else that is not; one sentence each."""
        if self.trains:
            return ()
        idle = [name for name in ("target", "optimizer") if getattr(self, name) is not None]
        return tuple(f"{name.capitalize()} has no effect without a loss, data, or train." for name in idle)

    @property
    def target_text(self) -> str:
        """The target as a spec; empty where it is given as it is."""
        return self.target if isinstance(self.target, str) else ""

    @property
    def loss_text(self) -> str:
        """The loss by name; empty where it is given as it is."""
        return self.loss if isinstance(self.loss, str) else "output.loss" if self.loss is None else ""

    @property
    def optimizer_text(self) -> str:
        """The optimizer's name in torch, or the reference to its maker; empty for none."""
        return self.optimizer if isinstance(self.optimizer, str) else ""

    @property
    def references(self) -> dict[str, str]:
        """References to code that runs beside the model's, by what it does."""
        found = {"gives the loss": self.loss_text if ":" in self.loss_text else "",
                 "makes the optimizer": self.optimizer_text if ":" in self.optimizer_text.partition("(")[0] else "",
                 "gives the data": self.data if isinstance(self.data, str) else ""}  # fmt: skip
        return {does: text for does, text in found.items() if text}

    @property
    def data_text(self) -> str:
        """The reference to the data; `here` where it is given as it is, empty for none."""
        return self.data if isinstance(self.data, str) else "" if self.data is None else HERE


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
    training, batches
        What a training step, and a pass over the data, were seen to do; None where there was none.
    """

    findings: tuple[Finding, ...]
    model: ModelFacts | None = None
    trace: Trace | None = None
    diagnosis: Diagnosis | None = None
    notes: tuple[str, ...] = ()
    output: str = ""
    load: LoadReport | None = None
    training: TrainingFacts | None = None
    batches: BatchFacts | None = None

    @property
    def runs(self) -> bool:
        """Whether the model was made, and nothing stopped it before it was trained."""
        ended = any(one.kind in ("model", "stopped") and one.part != "training" for one in self.findings)
        return self.model is not None and not ended and (self.trace is None or self.trace.failure is None)

    @property
    def ran(self) -> bool:
        """Whether the model was run, and came to its end."""
        return self.trace is not None and self.trace.failure is None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was found but what is worth knowing, and nothing stopped the model; see `ran`, too."""
        return self.runs and is_healthy(list(self.findings))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data: `ok`, `findings`, `trace`, and what else there is to know."""
        trace = self.trace
        return {"ok": self.is_healthy, "findings": [finding.to_json() for finding in self.findings],
                "trace": [] if trace is None else [call.to_json() for call in trace.calls],
                "ran": self.ran, "device": None if trace is None else trace.device,
                "load": None if self.load is None else self.load.headline,
                "training": None if self.training is None else StepResult(self.training).to_json(),
                "notes": list(self.notes), "output": self.output}  # fmt: skip
