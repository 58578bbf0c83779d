"""Says where values begin that are not finite, where a run with values ended in some."""

from __future__ import annotations

from weightedit.core.edit import Edit
from weightedit.core.words.labels import listed
from weightedit.core.words.numbers import count_text
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.shape_trace.mending import Weights
from weightedit.doctor.shape_trace.trace import NotFinite, Trace

DETAIL = "NaN → 0, infinities → the largest finite number of the dtype"


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
    what = f"The output has {count_text(bad.count)} NaN or infinite value{'' if bad.count == 1 else 's'}"
    if not bad.type:
        return Finding("non-finite", "", "", f"{what}, and what the model is given has some already.", level="warning",
                       part="trace")  # fmt: skip
    own = [weights.names.get(name, name) for name in bad.tensors]
    where = visible(bad.module) or f"the model itself, {visible(bad.type)}"
    because = f": {listed(own)} {'holds' if len(own) == 1 else 'hold'} some" if own else _no_tensor(bad)
    return Finding("non-finite", bad.module, own[0] if own else "", f"{what}; they begin in {where}{because}.",
                   _mends([one for one in own if one in weights.facts]), "warning", part="trace")  # fmt: skip


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
