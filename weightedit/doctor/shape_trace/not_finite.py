"""Says where values begin that are not finite, where a run with values ended in some."""

from __future__ import annotations

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.shape_trace.mending import Weights
from weightedit.doctor.shape_trace.trace import BadTensor, NotFinite, Trace

DETAIL = "NaN → 0, infinities → the largest finite number of the dtype"
MOST_NAMED = 3
"""Inputs that are named."""


def not_finite(trace: Trace, weights: Weights) -> Finding | None:
    """Return the finding of a run whose output is not finite; None where it is, or where there are no values.

    Parameters
    ----------
    trace
        A run that came to its end.
    weights
        Which tensor of the checkpoint each of the model's is.
    """
    bad = trace.bad
    if bad is None or trace.failure is not None:
        return None
    out = bad.outputs[0]
    what = f"{_some(out)} of the output{f' {visible(out.name)}' if out.name else ''} " \
           f"{'is' if out.count == 1 else 'are'} NaN or infinite"  # fmt: skip
    if not bad.type:
        given = " and ".join(f"{_some(one)} of its input {visible(one.name)}" for one in bad.inputs[:MOST_NAMED])
        return Finding("non-finite", "", "", f"{what}, and the model is given such: {given}.", level="warning",
                       part="trace")  # fmt: skip
    own = [weights.names.get(one.name, one.name) for one in bad.tensors]
    where = f"{visible(bad.module)} ({visible(bad.type)})" if bad.module else f"the model itself, {visible(bad.type)}"
    holds = ", ".join(f"{_some(one)} of {called(name)}" for one, name in zip(bad.tensors, own, strict=True))
    because = f", where {holds} {'is' if sum(one.count for one in bad.tensors) == 1 else 'are'} so" if own else \
        _no_tensor(bad)  # fmt: skip
    return Finding("non-finite", bad.module, own[0] if own else "", f"{what}; they begin in {where}{because}.",
                   _mends([one for one in own if one in weights.facts]), "warning", part="trace")  # fmt: skip


def _some(bad: BadTensor) -> str:
    """Return how many of how many values: `2 of the 24 values`."""
    return f"{count_text(bad.count)} of the {counted(bad.of, 'value')}"


def _no_tensor(bad: NotFinite) -> str:
    if "Norm" in bad.type:
        return ", which is given none and whose tensors have none: look for a negative running_var, or one of 0"
    return ", which is given none and whose tensors have none: look at what its code divides by or takes a root or " \
           "logarithm of, and for values too large for the dtype"  # fmt: skip


def _mends(own: list[str]) -> tuple[Mend, ...]:
    if not own:
        return ()
    title = f"Replace what is not finite in {listed(own)}"
    return (Mend(title, (Edit("replace_nonfinite", tuple(own)),), DETAIL),)
