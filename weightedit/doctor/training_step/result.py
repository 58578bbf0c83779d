"""What a training step came to, in numbers and in a few lines: the loss, the gradient, and what the step changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from weightedit.core.words.labels import listed
from weightedit.core.words.numbers import statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.training_step.facts import ParameterFacts, TrainingFacts

_STAGES = {"forward": "forward pass", "loss": "loss", "backward": "backward pass", "optimizer": "optimizer's making",
           "step": "step of the optimizer"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a training step came to.

    Parameters
    ----------
    facts
        What was seen of it.
    """

    facts: TrainingFacts

    @property
    def gradient_norm(self) -> float | None:
        """The norm of the whole gradient, as `clip_grad_norm_` has it; None where no parameter has one."""
        norms = [one.grad.norm for one in self.facts.parameters if one.grad is not None]
        if any(not one.grad.is_finite for one in self.facts.parameters if one.grad is not None):
            return math.nan
        return math.hypot(*norms) if norms else None

    @property
    def changed(self) -> tuple[ParameterFacts, ...]:
        """The parameters that the step changed, the furthest first."""
        moved = [one for one in self.facts.parameters if one.moved]
        return tuple(sorted(moved, key=lambda one: -(one.moved or 0.0)))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; what JSON has no number for, as NaN, is text."""
        loss, optimizer = self.facts.loss, self.facts.optimizer
        return {"done": list(self.facts.done),
                "loss": None if loss is None else {"name": loss.name, "value": _number(loss.value)},
                "gradient_norm": _number(self.gradient_norm),
                "optimizer": None if optimizer is None else {"type": optimizer.type, "lr": list(optimizer.rates)},
                "parameters": len(self.facts.parameters),
                "changed": {one.name: _number(one.moved) for one in self.changed},
                "buffers_changed": [one.name for one in self.facts.buffers if one.changed]}  # fmt: skip

    def lines(self) -> list[str]:
        """Return it in words, a line for the loss and the gradient and one for the step."""
        facts, lines = self.facts, []
        if facts.loss is not None and facts.loss.value is not None:
            norm, reached = self.gradient_norm, [one for one in facts.parameters if one.grad is not None]
            gradient = "" if norm is None else f"; its gradient has the norm {statistic_text(norm)}, over " \
                f"{len(reached):,} of {counted(len(facts.parameters), 'parameter')}"  # fmt: skip
            lines.append(f"Training step: {visible(facts.loss.name)} is {statistic_text(facts.loss.value)}{gradient}.")
        if facts.raised is not None:
            lines.append(f"The training step stopped in the {_STAGES.get(facts.raised.stage, facts.raised.stage)}.")
        elif facts.optimizer is not None and "step" in facts.done:
            lines.append(f"{self._by()} changed {self._what()}.")
        if buffers := [one.name for one in facts.buffers if one.changed]:
            lines.append(f"The forward pass changed {listed(buffers)}.")
        return lines

    def _by(self) -> str:
        optimizer = self.facts.optimizer
        assert optimizer is not None
        rates = ", ".join(dict.fromkeys(statistic_text(rate) for rate in optimizer.rates))
        return f"A step of {visible(optimizer.type)}{f' with lr {rates}' if rates else ''}"

    def _what(self) -> str:
        changed = self.changed
        if not changed:
            return "no parameter"
        furthest = changed[0]
        return f"{len(changed):,} of {counted(len(self.facts.parameters), 'parameter')}, most of all " \
               f"{visible(furthest.name)}, by {statistic_text(furthest.moved)} in norm"  # fmt: skip


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
