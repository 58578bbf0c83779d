"""What one training step says, the first cause first: records in, findings with their mends out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from weightedit.core.words.numbers import index_text
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.batch_facts import Extremes
from weightedit.doctor.training_step.case import Case, module_text
from weightedit.doctor.training_step.facts import TrainingFacts
from weightedit.doctor.training_step.forward import forward_finding, out_of_memory, raised_finding
from weightedit.doctor.training_step.gradients import gradient_findings, value_findings
from weightedit.doctor.training_step.losses import loss_findings
from weightedit.doctor.training_step.optimizers import optimizer_findings
from weightedit.doctor.training_step.parameters import (
    buffer_notices,
    graph_findings,
    parameter_findings,
    parameter_notices,
)  # fmt: skip
from weightedit.doctor.training_step.parts import Raised

_CHANGED = re.compile(r"\[torch\.\w+ (\[[\d, ]*\])\], which is output \d+ of (\w+), is at version (\d+); "
                      r"expected version (\d+)")  # fmt: skip

_CAUSES = {"one-class": "zero-gradient", "no-targets": "non-finite", "target-negative": "non-finite"}
"""What needs no finding of its own beside one that is why, unless it is about a tensor."""


def training_findings(facts: TrainingFacts, holds: Mapping[str, str] | None = None,
                      targets: Extremes | None = None) -> list[Finding]:  # fmt: skip
    """Return what a training step says.

    Parameters
    ----------
    facts
        What was seen of it.
    holds
        The name of a tensor in the document by its name in the model, for those that the document holds: mends are of
        these. None where the names are the same and it holds all.
    targets
        As for `Case`.

    Returns
    -------
    list of Finding
        In the order of the step, so that a cause comes before what it causes; notices last.
    """
    case = Case(facts, holds, targets)
    if any(one.device == "meta" for one in facts.parameters):
        return [*_no_values(case), *forward_finding(case)]
    found = [*forward_finding(case), *value_findings(case), *loss_findings(case), *graph_findings(case)]
    if not any(one.level == "refusal" for one in found):
        found += _backward(case)
    found += [*gradient_findings(case), *parameter_findings(case), *optimizer_findings(case),
              *parameter_notices(case), *buffer_notices(case)]  # fmt: skip
    return sorted(not_caused(found, found), key=lambda one: one.level == "notice")


def not_caused(found: Iterable[Finding], causes: Iterable[Finding]) -> list[Finding]:
    """Return findings but for those that another of them is the cause of, which says all there is to say."""
    caused = {_CAUSES.get(one.kind) for one in causes}
    return [one for one in found if one.kind not in caused or one.tensor]


def _no_values(case: Case) -> Iterator[Finding]:
    empty = [one for one in case.facts.parameters if one.device == "meta"]
    if empty:
        yield Finding("no-values", empty[0].module, case.tensor(empty[0].name),
                      f"{len(empty):,} of {len(case.facts.parameters):,} parameters are on the meta device, which has "
                      "shapes and no values; load a checkpoint into them first.")  # fmt: skip


def _backward(case: Case) -> Iterator[Finding]:
    """Yield what stopped the backward pass."""
    raised = case.facts.raised
    if raised is None or raised.stage != "backward":
        return
    yield out_of_memory(case, raised) or _in_place(raised) or _twice(raised) or raised_finding(
        raised, "backward", f"The backward pass raises {visible(raised.type)}{_at(raised)}")  # fmt: skip


def _at(raised: Raised) -> str:
    where = f" in {module_text(raised.module, raised.module_type)}" if raised.module else ""
    step = f" at {visible(raised.function)}" if raised.function else ""
    return f"{where}{step}"


def _in_place(raised: Raised) -> Finding | None:
    if "modified by an inplace operation" not in raised.message:
        return None
    found = _CHANGED.search(raised.message)
    what = "A tensor" if found is None else f"The {index_text(_sizes(found[1]))} that {found[2]} gave"
    where = f" {module_text(raised.module, raised.module_type)} needs it as it was." if raised.module_type else \
        " The backward pass needs it as it was."  # fmt: skip
    return Finding("in-place", raised.module, "", f"{what} was changed in place before the backward pass.{where}",
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _twice(raised: Raised) -> Finding | None:
    if "backward through the graph a second time" not in raised.message:
        return None
    return Finding("second-backward", raised.module, "", "The loss goes back through a graph that was gone through "
                   "before: something kept from an earlier step is not detached.",
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _sizes(text: str) -> list[int]:
    return [int(size) for size in re.findall(r"\d+", text)]
