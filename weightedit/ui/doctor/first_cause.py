"""Which finding of a check comes before all others, and what is to be known of a run of what does not load."""

from __future__ import annotations

from weightedit.doctor.checkup import Checkup
from weightedit.doctor.finding import Finding
from weightedit.doctor.load_report.report import LoadReport

SIZES = ("shape", "vocabulary", "transposed", "permuted", "reshaped", "dtype")
"""Verdicts on what a tensor is like, which a run may stop at."""
AFTER = "The checkpoint does not load yet"
HOW = "It ran with names matched as the load report has them, and with the model's own tensors for those that are " \
      "missing. What is said here comes after what the load report says."  # fmt: skip


def first_cause(found: Checkup | None) -> Finding | None:
    """Return the finding to begin with; None where nothing stopped the model.

    While the checkpoint does not load, that is the first of the load report; the run's where it stops at that very
    tensor and shows the same thing with its surroundings.
    """
    refusals = [] if found is None else [one for one in found.findings if one.level == "refusal"]
    if found is None or not refusals:
        return None
    first, stopped = refusals[0], None if found.diagnosis is None else found.diagnosis.finding
    same = stopped is not None and found.load is not None and _is_about(first, stopped.tensor, found.load)
    return stopped if same else first


def comes_after(found: Checkup | None) -> bool:
    """Whether the run comes after what the load report says, so that its failure is not the first cause."""
    first = first_cause(found)
    return found is not None and found.trace is not None and first is not None and first.part == "load"


def _is_about(finding: Finding, tensor: str, load: LoadReport) -> bool:
    """Whether all that keeps a tensor from loading is its size or dtype, and this finding says so."""
    if not tensor or finding not in load.findings:
        return False
    place = load.findings.index(finding)
    return any(row.checkpoint_name == tensor and row.findings == (place,) and row.verdict in SIZES
               for row in load.rows)  # fmt: skip
