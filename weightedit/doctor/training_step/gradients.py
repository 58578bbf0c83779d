"""What values and gradients say: where NaN begins, where gradients become 0, and which are too large for a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Level, Mend
from weightedit.doctor.training_step.case import Case, module_text, names_text
from weightedit.doctor.training_step.facts import Origin, ParameterFacts
from weightedit.doctor.training_step.parts import Values, counts_text

EXPLODES = 1_000.0
"""How many times the norm of a module's parameters that of their gradients may be. Past it one step of SGD at the
customary learning rate of 1e-3 moves them by more than all that they are. It must be past the norm of the whole model
too: scales of layers are made next to nothing on purpose."""
OUTLIER = 0.5
"""The part of the squared norm of a tensor that its largest value alone makes up where it stands out: as much as all
the others together."""
_CHOOSES = ("Mul", "Where", "MaskedFill", "Index", "Gather", "Scatter", "Select", "Slice", "Embedding", "Topk")
"""Functions that leave out part of a batch on purpose, as those that send tokens to experts do."""
FEWEST = 16
"""Values below which one of them may well be most of the norm."""


def value_findings(case: Case) -> Iterator[Finding]:
    """Yield where NaN and infinities are or begin, up to the loss: in parameters, buffers, a module, the input.

    Of buffers only NaN counts: infinities are what masks are made of.
    """
    facts = case.facts
    bad = _bad_parameters(case)
    buffers = [(one.name, one.shape, one.before) for one in facts.buffers if one.before is not None and one.before.nan]
    if bad:
        yield _held(case, bad)
    if buffers:
        yield _held(case, buffers)
    if not bad and not buffers and _loss_is_bad(case):
        yield _where_it_began(case)
    elif not _loss_is_bad(case) and facts.bad_inputs:
        yield _bad_input(case, "notice")


def gradient_findings(case: Case) -> Iterator[Finding]:
    """Yield gradients that are not finite though the loss is, all zero, or too large."""
    facts = case.facts
    if "backward" not in facts.done:
        return
    if not _loss_is_bad(case) and not _bad_parameters(case):
        yield from _bad_gradients(case)
    if not _loss_is_bad(case):
        yield from _zero_gradients(case)
    yield from _exploding(case)


Held = Sequence[tuple[str, tuple[int, ...], Values]]
"""Names, shapes and values of tensors of the model."""


def _bad_parameters(case: Case) -> Held:
    return [(one.name, one.shape, one.values) for one in case.facts.parameters
            if one.values is not None and not one.values.is_finite]  # fmt: skip


def _held(case: Case, bad: Held) -> Finding:
    """Return the finding of tensors of the model that hold what is not finite."""
    total = Values(nan=sum(values.nan for _, _, values in bad), inf=sum(values.inf for _, _, values in bad))
    names = [name for name, _, _ in bad]
    one = len(names) == 1
    of = counted(sum(math.prod(shape) for _, shape, _ in bad), "value")
    return Finding("non-finite", names[0].rpartition(".")[0], case.tensor(names[0]), f"{names_text(names)} "
                   f"{'holds' if one else 'hold'} {counts_text(total.nan, total.inf)} among "
                   f"{'its' if one else 'their'} {of}{_and_loss(case)}.",
                   case.mend(f"Replace what is not finite in {case.what(names, 'tensor')}", "replace_nonfinite", names,
                             "NaN → 0, infinities → the largest finite number of the dtype"), "warning")  # fmt: skip


def _loss_is_bad(case: Case) -> bool:
    value = case.facts.loss.value if case.facts.loss is not None else None
    return value is not None and not math.isfinite(value)


def _and_loss(case: Case) -> str:
    loss = case.facts.loss
    if loss is None or loss.value is None or math.isfinite(loss.value):
        return ""
    return f", and the loss is {statistic_text(loss.value)}"


def _where_it_began(case: Case) -> Finding:
    facts = case.facts
    loss = statistic_text(facts.loss.value if facts.loss is not None else None)
    call = next((call for call in facts.calls if call.bad_out and not call.bad_in), None)
    if facts.taken is not None and facts.taken.values.is_finite:
        return Finding("non-finite", "", "", f"The loss is {loss} though the output is finite: it begins in the loss "
                       "itself.", level="warning")  # fmt: skip
    if call is not None:
        return Finding("non-finite", call.module, "", f"The loss is {loss}. It begins in "
                       f"{_lower(module_text(call.module, call.type))}: what goes in is finite, and "
                       f"{counted(call.bad_out, 'value')} that {'comes' if call.bad_out == 1 else 'come'} out "
                       f"{'is' if call.bad_out == 1 else 'are'} NaN or infinite.", level="warning")  # fmt: skip
    if facts.bad_inputs:
        return _bad_input(case, "warning")
    return Finding("non-finite", "", "", f"The loss is {loss}, and so is the output.", level="warning")


def _bad_input(case: Case, level: Level) -> Finding:
    path, values = next(iter(case.facts.bad_inputs.items()))
    of = next((math.prod(one.shape) for one in case.facts.inputs if one.path == path), 0)
    return Finding("non-finite", "", "", f"Input {visible(path)} has {counts_text(values.nan, values.inf)} among its "
                   f"{counted(of, 'value')}{_and_loss(case)}.", level=level)  # fmt: skip


def _bad_gradients(case: Case) -> Iterator[Finding]:
    bad = [one for one in case.facts.parameters if one.grad is not None and not one.grad.is_finite]
    if not bad:
        return
    origin = next((one for one in case.facts.origins if one.what == "non-finite"), None)
    total = Values(nan=sum(one.grad.nan for one in bad if one.grad), inf=sum(one.grad.inf for one in bad if one.grad))
    where = f" It begins in {_origin_text(origin)}." if origin is not None else ""
    yield Finding("non-finite-gradient", origin.module if origin is not None else bad[0].module, "",
                  f"The loss is finite, and the gradients of {counted(len(bad), 'parameter')} have "
                  f"{counts_text(total.nan, total.inf)}: "
                  f"{names_text([one.name for one in bad])}.{where}", level="warning")  # fmt: skip


def _origin_text(origin: Origin) -> str:
    step = visible(origin.function).removesuffix("0").removesuffix("Backward")
    where = "the loss" if origin.in_loss else _lower(module_text(origin.module, origin.module_type))
    return f"{where}, at the gradient of {step}"


def _zero_gradients(case: Case) -> Iterator[Finding]:
    """Yield modules whose gradients are all 0, by the place where they became so."""
    facts = case.facts
    by_module: dict[str, list[ParameterFacts]] = {}
    for one in facts.parameters:
        if one.grad is not None:
            by_module.setdefault(one.module, []).append(one)
    zero = [module for module, own in by_module.items() if all(one.grad is not None and one.grad.is_zero
                                                               for one in own)]  # fmt: skip
    if not zero:
        return
    if len(zero) == len(by_module):
        yield _no_gradient_at_all(case)
        return
    waiting = list(zero)
    for origin in facts.origins:
        if origin.what != "zero":
            continue
        here = [module for module in waiting if any(one.name in origin.reaches for one in by_module[module])]
        if here:
            waiting = [module for module in waiting if module not in here]
            yield _zero(case, origin, here)
    if waiting:
        yield Finding("zero-gradient", waiting[0], case.tensor(by_module[waiting[0]][0].name),
                      f"The gradients of {names_text(waiting)} are all 0 for this batch.", level="notice")  # fmt: skip


def _zero(case: Case, origin: Origin, modules: Sequence[str]) -> Finding:
    said = f"The gradients of {names_text(modules)} are all 0"
    empty = [one for one in case.own(origin.module) if one.values is not None and one.values.is_zero
             and len(one.shape) > 1] if origin.module_type and not origin.in_loss else []  # fmt: skip
    if empty:
        return Finding("zero-gradient", origin.module, case.tensor(empty[0].name),
                       f"{said}, since {visible(empty[0].name)} is all 0 and passes nothing back; its own gradient "
                       "is not 0, so training starts there.", level="notice")  # fmt: skip
    dead = next((call for call in case.facts.calls if call.module == origin.module and call.is_dead), None)
    if dead is not None:
        return Finding("zero-gradient", dead.module, "", f"{said}: {module_text(dead.module, dead.type)} gives only "
                       "0 for this batch, and passes nothing back.", level="warning")  # fmt: skip
    return Finding("zero-gradient", origin.module, "", f"{said}; they become so in {_origin_text(origin)}.",
                   level="notice" if origin.function.startswith(_CHOOSES) else "warning")  # fmt: skip


def _no_gradient_at_all(case: Case) -> Finding:
    loss = case.facts.loss
    value = statistic_text(loss.value if loss is not None else None)
    origin = next((one for one in case.facts.origins if one.what == "zero"), None)
    where = f" They become 0 in {_origin_text(origin)}." if origin is not None else ""
    return Finding("zero-gradient", origin.module if origin is not None else "", "", "Every gradient is 0 at a loss of "
                   f"{value}, so the step changes nothing.{where}", level="warning")  # fmt: skip


def _exploding(case: Case) -> Iterator[Finding]:
    """Yield the modules whose gradients are too large for a step, the largest first, in one finding."""
    by_module: dict[str, list[ParameterFacts]] = {}
    for one in case.facts.parameters:
        if one.grad is not None and one.values is not None and one.grad.is_finite and one.values.is_finite:
            by_module.setdefault(one.module, []).append(one)
    ratios = {module: _norm([one.grad for one in own]) / norm for module, own in by_module.items()
              if (norm := _norm([one.values for one in own])) > 0}  # fmt: skip
    whole = _norm([one.values for own in by_module.values() for one in own])
    over = sorted((module for module, ratio in ratios.items()
                   if ratio > EXPLODES and _norm([one.grad for one in by_module[module]]) > whole),
                  key=lambda name: -ratios[name])  # fmt: skip
    if not over:
        return
    worst = over[0]
    own = by_module[worst]
    sizes = statistic_text(_norm([one.grad for one in own])), statistic_text(_norm([one.values for one in own]))
    more = f"; so it is in {counted(len(over) - 1, 'module')} more" if len(over) > 1 else ""
    yield Finding("exploding", worst, case.tensor(own[0].name),
                  f"The gradient of {_lower(module_text(worst))} has norm {sizes[0]}, {statistic_text(ratios[worst])} "
                  f"times the {sizes[1]} of its parameters{more}: one step at a learning rate of 1e-3 moves them by "
                  "more than all that they are.", tuple(_outliers(case)), "warning")  # fmt: skip


def _outliers(case: Case) -> Iterator[Mend]:
    """Yield mends of tensors in which one value outweighs all the others: it is brought to the size of the next."""
    for one in case.facts.parameters:
        values, size = one.values, math.prod(one.shape)
        if values is None or size < FEWEST or not 0 < values.second < values.largest:
            continue
        if values.largest**2 > OUTLIER * values.norm**2:
            name = visible(case.tensor(one.name))
            limit = values.second
            yield from case.mend(f"Clamp {name} to ±{statistic_text(limit)}", "clamp", [one.name],
                                 f"one value of magnitude {statistic_text(values.largest)} outweighs the other "
                                 f"{count_text(size - 1)}; the next is {statistic_text(limit)}",
                                 min=-limit, max=limit)  # fmt: skip


def _norm(found: Sequence[Values | None]) -> float:
    return math.sqrt(sum(one.norm**2 for one in found if one is not None))


def _lower(text: str) -> str:
    return "the model" if text == "The model" else text
