"""What can be trained, what is reached and what never will be: frozen, integer, unregistered, left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.training_step.case import Case, module_text, names_text
from weightedit.doctor.training_step.facts import BufferFacts, ParameterFacts, TrainedCall

_NO_GRAPH = "does not require grad and does not have a grad_fn"
_TRAINED_NAMES = {"weight", "bias"}
"""What torch calls parameters; a buffer that is called so by its last name is likely meant as one."""


def can_train(one: ParameterFacts) -> bool:
    """Whether torch can record a gradient for a parameter of this dtype."""
    return one.dtype.startswith(("float", "bfloat", "complex"))


def trained(case: Case) -> list[ParameterFacts]:
    """Return the parameters that require grad."""
    return [one for one in case.facts.parameters if one.requires_grad]


def graph_findings(case: Case) -> Iterator[Finding]:
    """Yield why nothing can go backward: all is frozen, or the graph ends on the way."""
    facts = case.facts
    if not facts.parameters:
        says = _no_graph_says(case)
        yield Finding("frozen", "", "", "The model has no parameters, so there is nothing to train.",
                      level="refusal" if says else "warning", torch_says=says)  # fmt: skip
        return
    if not trained(case):
        yield _all_frozen(case)
        return
    says = _no_graph_says(case)
    if not says:
        return
    taken = facts.taken
    if taken is not None and taken.requires_grad:
        yield Finding("no-graph", "", "", "The output can go backward and the loss cannot: the loss detaches it, or "
                      "computes what has no gradient.", torch_says=says)  # fmt: skip
        return
    end = graph_end(case)
    whole = taken is not None and not taken.dtype.startswith(("float", "bfloat", "complex"))
    why = f"the output is {taken.dtype}, as argmax gives it, and only floats have gradients" \
        if whole and taken is not None else "it computes under no_grad or inference_mode" \
        if end is None or _is_still(case, end.module) else "it detaches what it gives"  # fmt: skip
    yield Finding("no-graph", end.module if end else "", "",
                  f"The graph ends in {_lower(module_text(end.module, end.type)) if end else 'the model'}: {why}.",
                  torch_says=says)  # fmt: skip


def _no_graph_says(case: Case) -> str:
    """Return what torch says of a loss that cannot go backward; empty where it can."""
    raised = case.facts.raised
    is_so = raised is not None and raised.stage == "backward" and _NO_GRAPH in raised.message
    return visible_lines(raised.message) if raised is not None and is_so else ""


def graph_end(case: Case) -> TrainedCall | None:
    """Return the module in which the graph ends, of a model whose output cannot go backward.

    It is the first that could be trained after the last that can; where nothing inside a module around it records a
    graph either, it is that one, which runs under no_grad.
    """
    calls = case.facts.calls
    last = max((number for number, call in enumerate(calls) if call.gives_graph), default=-1)
    first = next((call for call in calls[last + 1 :] if _ends_graph(call)), None)
    if first is None:
        return None
    parts = first.module.split(".") if first.module else []
    around = [".".join(parts[:depth]) for depth in range(len(parts))]
    still = next((name for name in around if _is_still(case, name)), None)
    return next((call for call in calls if call.module == still), first)


def _cut_off(case: Case, missed: Sequence[ParameterFacts]) -> TrainedCall | None:
    """Return the first module that ends a graph after all modules ran whose parameters have no gradient."""
    calls = case.facts.calls
    places = {one.module: number for number, one in reversed(list(enumerate(calls)))}
    start = max((places.get(one.module, 0) for one in missed), default=0)
    return next((call for call in calls[start:] if _ends_graph(call)), None)


def _ends_graph(call: TrainedCall) -> bool:
    return call.takes_graph and not call.gives_graph and bool(call.out_dtype)


def _is_still(case: Case, module: str) -> bool:
    """Whether nothing that ran inside a module could go backward."""
    inside = [call for call in case.facts.calls if not module or f"{call.module}.".startswith(f"{module}.")]
    return not any(call.gives_graph for call in inside)


def parameter_findings(case: Case) -> Iterator[Finding]:
    """Yield what the backward pass does not reach, though it is meant to be trained."""
    if "backward" in case.facts.done:
        yield from _unreached(case)
    yield from _unregistered(case)
    yield from _buffers(case)


def parameter_notices(case: Case) -> Iterator[Finding]:
    """Yield what is worth knowing: parameters that are kept as they are on purpose, and those no dtype lets train."""
    facts = case.facts
    frozen = [one for one in facts.parameters if not one.requires_grad and can_train(one)]
    whole = [one for one in facts.parameters if not can_train(one)]
    if frozen and trained(case):
        yield Finding("frozen", "", _one(case, frozen), f"{counted(len(frozen), 'parameter')} of "
                      f"{count_text(len(facts.parameters))} {_be(frozen)} frozen, with {_elements(frozen)}: "
                      f"{names_text(_names(frozen))}.", _thaw(case, frozen), "notice")  # fmt: skip
    if whole and trained(case):
        yield _integer(case, whole, "notice")


def _all_frozen(case: Case) -> Finding:
    facts = case.facts
    able = [one for one in facts.parameters if can_train(one)]
    if not able:
        return _integer(case, list(facts.parameters), "refusal")
    raised = facts.raised
    says = visible_lines(raised.message) if raised is not None and raised.stage == "backward" else ""
    return Finding("frozen", "", _one(case, able), f"None of {counted(len(facts.parameters), 'parameter')} requires "
                   "grad, so nothing can be trained.".replace("None of 1 parameter requires", "The only parameter does "
                                                              "not require"),
                   _thaw(case, able), "refusal", says)  # fmt: skip


def _integer(case: Case, whole: Sequence[ParameterFacts], level: str) -> Finding:
    dtypes = sorted({one.dtype for one in whole})
    names = [one.name for one in whole]
    return Finding("grad-dtype", "", _one(case, whole), f"{names_text(names)} cannot require grad: "
                   f"{'it is' if len(whole) == 1 else 'they are'} {' and '.join(map(visible, dtypes))}, and only "
                   "floating point and complex tensors can.",
                   case.mend(f"Cast {case.what(names, 'parameter')} to float32", "cast", names, dtype="float32"),
                   "refusal" if level == "refusal" else "notice")  # fmt: skip


def _thaw(case: Case, frozen: Sequence[ParameterFacts]) -> tuple[Mend, ...]:
    what = case.what(_names(frozen), "parameter")
    return case.mend(f"Let {what} require grad", "requires_grad", _names(frozen), value=True)


def _unreached(case: Case) -> Iterator[Finding]:
    """Yield parameters without a gradient: of modules that never ran, and of those behind the end of a graph."""
    missed = [one for one in trained(case) if one.grad is None]
    idle = [one for one in missed if not one.ran]
    behind = [one for one in missed if one.ran]
    if idle:
        modules = list(dict.fromkeys(one.module for one in idle))
        yield Finding("unreached", modules[0], _one(case, idle), f"{counted(len(idle), 'parameter')} "
                      f"{_get(idle)} no gradient, since forward never calls {names_text(modules)}: "
                      f"{names_text(_names(idle))}.", _freeze(case, idle), "warning")  # fmt: skip
    if behind:
        end = _cut_off(case, behind)
        why = f"the graph ends in {_lower(module_text(end.module, end.type))}" if end is not None else \
            "the loss does not depend on them" if len(behind) > 1 else "the loss does not depend on it"  # fmt: skip
        runs = "its module runs" if len(behind) == 1 else "their modules run"
        yield Finding("unreached", behind[0].module, _one(case, behind), f"{counted(len(behind), 'parameter')} "
                      f"{_get(behind)} no gradient, though {runs}; {why}: {names_text(_names(behind))}.",
                      level="warning")  # fmt: skip


def _freeze(case: Case, idle: Sequence[ParameterFacts]) -> tuple[Mend, ...]:
    what = case.what(_names(idle), "parameter")
    return case.mend(f"Freeze {what}", "requires_grad", _names(idle), "Say that they are not trained", value=False)


def _unregistered(case: Case) -> Iterator[Finding]:
    listed = [one for one in case.facts.buffers if one.kind == "listed"]
    plain = [one for one in case.facts.buffers if one.kind == "attribute"]
    if listed:
        yield Finding("unregistered", "", "", f"{counted(len(listed), 'parameter')} {_are(listed)} in a plain list or "
                      f"dict, where parameters() does not find {_them(listed)}: {names_text(_names(listed))}. "
                      "ModuleList, ModuleDict and ParameterList register what they hold.", level="warning")  # fmt: skip
    for one in plain:
        yield Finding("unregistered", one.name.rpartition(".")[0], case.tensor(one.name),
                      f"{visible(one.name)} requires grad and is a plain attribute, so parameters() and the "
                      "state_dict pass it by.", case.mend(f"Register {visible(one.name)} as a parameter", "register",
                                                          [one.name], kind="parameter"), "warning")  # fmt: skip


def _buffers(case: Case) -> Iterator[Finding]:
    buffers = [one for one in case.facts.buffers if one.kind == "buffer"]
    for one in buffers:
        if one.requires_grad and not one.is_held:
            yield Finding("buffer-grad", one.name.rpartition(".")[0], case.tensor(one.name),
                          f"{visible(one.name)} requires grad and is a buffer, so no optimizer over parameters() "
                          "trains it.", case.mend(f"Let {visible(case.tensor(one.name))} not require grad",
                                                  "requires_grad", [one.name], value=False), "warning")  # fmt: skip


def buffer_notices(case: Case) -> Iterator[Finding]:
    """Yield buffers that are called what torch calls parameters: they are kept and never trained."""
    meant = [one for one in case.facts.buffers if one.kind == "buffer" and not one.requires_grad
             and not one.changed and one.dtype.startswith(("float", "bfloat"))
             and one.name.rpartition(".")[2] in _TRAINED_NAMES]  # fmt: skip
    if meant:
        yield Finding("buffer", meant[0].name.rpartition(".")[0], case.tensor(meant[0].name),
                      f"{counted(len(meant), 'buffer')} {_are(meant)} called as parameters are, and no optimizer "
                      f"trains {_them(meant)}: {names_text(_names(meant))}.", level="notice")  # fmt: skip


Named = Sequence[ParameterFacts] | Sequence[BufferFacts]


def _names(found: Named) -> list[str]:
    return [one.name for one in found]


def _one(case: Case, found: Named) -> str:
    return case.tensor(found[0].name)


def _elements(found: Sequence[ParameterFacts]) -> str:
    total = 0
    for one in found:
        size = 1
        for length in one.shape:
            size *= length
        total += size
    return counted(total, "value")


def _are(found: Named) -> str:
    return "is" if len(found) == 1 else "are"


def _be(found: Named) -> str:
    return _are(found)


def _get(found: Named) -> str:
    return "gets" if len(found) == 1 else "get"


def _them(found: Named) -> str:
    return "it" if len(found) == 1 else "them"


def _lower(text: str) -> str:
    return "the model" if text == "The model" else text
