"""Which step of a history broke a model: the first whose activations are too far from those of before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weightedit.core.words.numbers import index_text, percent_text, shape_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.activations.difference import Difference
from weightedit.doctor.activations.drift import TOLERANCE, ModuleDrift, first_excess
from weightedit.doctor.finding import Finding, Mend


@dataclass(frozen=True, slots=True)
class Break:
    """Where a model broke.

    Attributes
    ----------
    position
        The place in history after the step that did it.
    last_good
        The place before, at which nothing was broken yet; None where the first one looked at was broken.
    drift
        The first module whose output is too far off.
    """

    position: int
    last_good: int | None
    drift: ModuleDrift


def first_break(series: Iterable[tuple[int, Sequence[ModuleDrift]]], tolerance: float = TOLERANCE) -> Break | None:
    """Return the first place in history at which a module is off by more than a tolerance; None where none is.

    Parameters
    ----------
    series
        Places in the order of history, each with its drift from one and the same good state. It is asked for no more
        than is needed, so that models need not be run for what comes after.
    tolerance
        Of the largest magnitude before.
    """
    last_good = None
    for position, drifts in series:
        found = first_excess(drifts, tolerance)
        if found is not None:
            return Break(position, last_good, found)
        last_good = position
    return None


def break_finding(found: Break, step: str = "") -> Finding:
    """Say in words where a model broke, with the way back.

    Parameters
    ----------
    found
        The break.
    step
        What history calls the step that did it.
    """
    one = found.drift
    name = visible(one.module) or ("the model" if step else "The model")
    again = f" in its call {one.number:,}" if one.number > 1 else ""
    since = f"{visible(step)}: " if step else ""
    message = f"{since}{name}{again} {_what(one)}{_from_where(one)}."
    mends = () if found.last_good is None else (Mend(f"Go back to before {visible(step) or 'that step'}",
                                                     undo_to=found.last_good),)  # fmt: skip
    return Finding("drift", one.module, "", message, mends, "warning")


def _what(one: ModuleDrift) -> str:
    if one.what != "both":
        return {"only before": "is no longer called", "only after": "is called now and was not before",
                "raised": "raises, and gave something back before",
                "raised before": "gives something back, and raised before"}[one.what]  # fmt: skip
    worst = max((value for value in one.outputs if value.differs), key=lambda value: _badness(value.difference))
    if worst.difference is None:
        return f"gives back something else{f' at {visible(worst.place)}' if worst.place else ''}"
    return _said(worst.difference)


def _badness(difference: Difference | None) -> tuple[bool, int, float]:
    """Order what differs: another shape or kind of value, then what is no longer finite, then how far it is off."""
    if difference is None:
        return True, 0, 0.0
    return difference.before != difference.after, difference.appeared, difference.relative


def _said(found: Difference) -> str:
    if found.before != found.after:
        return f"gives back {shape_text(found.after)} values where it gave {shape_text(found.before)}"
    if found.appeared:
        now, was = ("is", "was") if found.appeared == 1 else ("are", "were")
        return (f"gives back {counted(found.appeared, 'value')} that {now} NaN or infinite and {was} finite, "
                f"the first at {index_text(found.at)}")  # fmt: skip
    cosine = "" if found.cosine is None else f", cosine {statistic_text(found.cosine)}"
    part = percent_text(found.max_abs, found.largest) if found.largest else "all of it was 0"
    where = f" at {index_text(found.at)}" if found.at else ""
    return (f"is off by up to {statistic_text(found.max_abs)}{where} ({part} of its largest magnitude{cosine}); "
            f"{counted(found.changed, 'value')} {'differs' if found.changed == 1 else 'differ'}")  # fmt: skip


def _from_where(one: ModuleDrift) -> str:
    if one.what in ("only before", "only after"):
        return ""
    return "; what it is given differs already" if one.inputs_differ else "; what it is given is the same"
