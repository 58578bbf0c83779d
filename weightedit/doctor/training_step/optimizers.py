"""What the optimizer and its step say: parameters it does not hold, tensors of before, state that no longer fits."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.words.numbers import index_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.case import Case, names_text
from weightedit.doctor.training_step.facts import OptimizerFacts, ParameterFacts
from weightedit.doctor.training_step.forward import at, out_of_memory, raised_finding

COARSE = {"bfloat16", "float16"}
"""Dtypes in which a customary step is often less than half of what the next number is away. In wider ones it is lost
only where the gradient is nothing but rounding, as that of a bias before a normalization."""


def optimizer_findings(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the optimizer, the first cause first."""
    facts = case.facts
    raised, found = facts.raised, facts.optimizer
    if found is not None:
        yield from _not_held(case, found)
        yield from _misfits(case, found)
    if raised is not None and raised.stage in ("optimizer", "step") and (found is None or not found.misfits):
        what = "The optimizer cannot be made: it" if raised.stage == "optimizer" else \
            f"The step of {visible(found.type) if found is not None else 'the optimizer'}"  # fmt: skip
        yield out_of_memory(case, raised) or raised_finding(raised, "optimizer", f"{what} raises {visible(raised.type)}"
                                                      f"{at(raised)}")  # fmt: skip
    if found is not None and "step" in facts.done:
        yield from _after_the_step(case, found)


def _not_held(case: Case, found: OptimizerFacts) -> Iterator[Finding]:
    missed = [one for one in case.facts.parameters if one.requires_grad and not one.is_held]
    total = len([one for one in case.facts.parameters if one.requires_grad])
    foreign = found.foreign
    old = ""
    if foreign:
        shapes = names_text(list(dict.fromkeys(index_text(one.shape) for one in foreign)))
        old = f" It holds {counted(len(foreign), 'tensor')} that {'is' if len(foreign) == 1 else 'are'} not the " \
              f"model's, of {shapes}."  # fmt: skip
    if missed:
        names = names_text([one.name for one in missed])
        of_same = [one.name for one in missed if one.shape in {had.shape for had in foreign}]
        why = f" {names_text(of_same)} {'was' if len(of_same) == 1 else 'were'} likely replaced after the optimizer " \
              "was made; make it anew." if of_same else ""  # fmt: skip
        yield Finding("optimizer-detached", missed[0].module, case.tensor(missed[0].name),
                      f"{visible(found.type)} does not hold {len(missed):,} of {counted(total, 'parameter')} that "
                      f"{'requires' if total == 1 else 'require'} grad, and never changes "
                      f"{'it' if len(missed) == 1 else 'them'}: {names}.{old}{why}", level="warning")  # fmt: skip
    elif foreign:
        yield Finding("optimizer-detached", "", "", f"{visible(found.type)} holds all parameters of the model.{old}",
                      level="notice")  # fmt: skip


def _misfits(case: Case, found: OptimizerFacts) -> Iterator[Finding]:
    raised = case.facts.raised
    stopped = raised is not None and raised.stage == "step"
    for name in dict.fromkeys(one.parameter for one in found.misfits):
        own = [one for one in found.misfits if one.parameter == name]
        keys = names_text([one.key for one in own])
        yield Finding("optimizer-state-shape", name.rpartition(".")[0], case.tensor(name),
                      f"{visible(found.type)} keeps {keys} of {visible(name)} as {index_text(own[0].kept)}, and the "
                      f"parameter is {index_text(own[0].shape)}; its state must be made anew.",
                      level="refusal" if stopped else "warning",
                      torch_says=visible_lines(raised.message) if raised is not None and stopped else "")  # fmt: skip


def _after_the_step(case: Case, found: OptimizerFacts) -> Iterator[Finding]:
    ready = [one for one in case.facts.parameters
             if one.is_held and one.requires_grad and one.grad is not None and one.grad.is_finite
             and not one.grad.is_zero and one.moved is not None and one.values is not None
             and one.values.is_finite]  # fmt: skip
    broken = [one for one in ready if one.after is not None and not one.after.is_finite]
    if broken:
        yield Finding("step-non-finite", broken[0].module, case.tensor(broken[0].name),
                      f"One step of {visible(found.type)} makes {names_text([one.name for one in broken])} NaN or "
                      f"infinite, though the gradients are finite{_rate(found)}.", level="warning")  # fmt: skip
        return
    still = [one for one in ready if one.moved == 0]
    coarse = [one for one in still if one.dtype in COARSE]
    if still and len(still) == len(ready):
        yield Finding("step-lost", "", "", f"The step of {visible(found.type)} changes nothing, though "
                      f"{counted(len(ready), 'parameter')} {'has a gradient' if len(ready) == 1 else 'have gradients'}"
                      f"{_rate(found)}.", level="notice" if found.is_default else "warning")  # fmt: skip
    elif coarse:
        yield _rounded_away(case, found, coarse, len(ready))


def _rounded_away(case: Case, found: OptimizerFacts, still: list[ParameterFacts], ready: int) -> Finding:
    dtypes = names_text(sorted({one.dtype for one in still}))
    return Finding("step-lost", still[0].module, case.tensor(still[0].name),
                   f"The step of {visible(found.type)} leaves {len(still):,} of {counted(ready, 'parameter')} as "
                   f"they are, though they have gradients: it is too small for {dtypes}{_rate(found)}: "
                   f"{names_text([one.name for one in still])}.", level="notice")  # fmt: skip


def _rate(found: OptimizerFacts) -> str:
    rates = sorted(set(found.rates))
    if not rates:
        return ""
    return f"; its learning rate is {' to '.join(statistic_text(one) for one in dict.fromkeys((rates[0], rates[-1])))}"
