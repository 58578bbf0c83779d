"""What storing computed values loses, and what becomes of NaN and Inf, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from weightedit.core.edit import Edit
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.hazards import Hazard, Level
from weightedit.core.losing.loss_places import where_text
from weightedit.core.losing.losses import Loss, Losses
from weightedit.core.losing.nonfinite import NonFinite, Passage
from weightedit.core.values.precision import largest_finite
from weightedit.core.values.ranges import limits
from weightedit.core.words.labels import called

WIDER = "bfloat16"
"""A dtype of two bytes that reaches as far as float32."""


def loss_hazards(plan: Plan, target: Target, losses: Losses) -> Iterable[Hazard]:
    """Yield a hazard for each kind of loss of one target."""
    dtype, name, where = target.result.dtype, target.name, called(target.name)
    if plan.operation.effect == "write" and target.spec.numel and _selects_nothing(target):
        yield Hazard("not-found", "notice", f"Nothing is selected in {where}", "The edit changes none of its values.",
                     (name,))  # fmt: skip
    if losses.overflow.count:
        yield _overflow(plan, dtype, name, losses)
    if losses.clamped.count:
        yield _hazard("overflow", "notice", f"{losses.clamped.count:,} past the range {_are_clamped(dtype, losses)}",
                      f"Values of {where} past what {dtype} holds get its end.", name, losses.clamped)  # fmt: skip
    if losses.underflow.count:
        lost = losses.underflow
        yield _hazard("underflow", "warning", f"Underflow: {lost.count:,} {_verb('become', lost)} 0",
                      f"{where_text(lost)} in {where}, too small for {dtype}.", name, lost)  # fmt: skip
    if losses.truncated.count:
        yield _truncation(dtype, name, losses.truncated)
    if losses.imaginary.count:
        yield _hazard("imaginary-lost", "warning", f"The imaginary part of {losses.imaginary.count:,} values is lost",
                      f"{where} is {dtype}.", name, losses.imaginary)  # fmt: skip
    if losses.rounded.count:
        share = 100 * losses.rounded.count / max(losses.total, 1)
        share = share if losses.rounded.count == losses.total else min(share, 99.99)
        largest, relative = losses.largest_error, losses.largest_relative
        detail = f"{where}: largest error {largest:.3g}, largest relative error {relative:.3g}."
        yield _hazard("precision-loss", "notice",
                      f"Precision loss: {losses.rounded.count:,} of {losses.total:,} values are rounded, {share:.2f} %",
                      detail, name, losses.rounded)  # fmt: skip
    if losses.nonfinite.count:
        yield _nonfinite(name, losses.nonfinite)


def _verb(word: str, loss: Loss) -> str:
    return f"{word}s" if loss.count == 1 else word


def _selects_nothing(target: Target) -> bool:
    return target.selected == 0 or not any(box.numel for box in target.boxes)


def _truncation(dtype: str, name: str, loss: Loss) -> Hazard:
    s = "" if loss.count == 1 else "s"
    title = f"Truncation: {loss.count:,} value{s} {'is' if loss.count == 1 else 'are'} cut to {dtype}"
    detail = f"Fractions, NaN and values out of range do not fit {called(name)}."
    if dtype == "bool":
        title = f"Truncation: {loss.count:,} value{s} become{'s' if loss.count == 1 else ''} True"
        detail = f"They are neither 0 nor 1, and {called(name)} holds bool."
    return _hazard("truncation", "warning", title, detail, name, loss)


def _overflow(plan: Plan, dtype: str, name: str, losses: Losses) -> Hazard:
    loss = losses.overflow
    alternatives, labels = _ways_out(plan.edit, dtype, losses)
    if "int" in dtype or dtype == "bool":
        return _hazard("overflow", "warning", f"Overflow: {loss.count:,} {_verb('wrap', loss)} around",
                       f"{where_text(loss)} in {called(name)}, out of range for {dtype}.", name, loss,
                       alternatives, labels)  # fmt: skip
    becomes = " or ".join(sorted(losses.becomes, key=str.lower))
    largest = f"Largest {_number(losses.largest_overflow)}." if losses.largest_overflow else \
        f"{dtype} ends at {_number(largest_finite(dtype))}."  # fmt: skip
    return _hazard("overflow", "warning", f"Overflow: {loss.count:,} {_verb('become', loss)} {becomes}",
                   f"{where_text(loss)} in {called(name)}. {largest}", name, loss,
                   alternatives, labels)  # fmt: skip


def _number(value: float) -> str:
    """Return `70,144` or `3.40282e+38`."""
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.6g}"


def _ways_out(edit: Edit, dtype: str, losses: Losses) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """Return the casts that have no overflow, and what each is called."""
    if edit.operation != "cast":
        return (), ()
    found, labels = [], []
    wide = limits(WIDER)
    if dtype.startswith("float") and wide is not None and 0 < losses.largest_overflow <= wide[1] and dtype != "float64":
        found.append(replace(edit, arguments={**edit.arguments, "dtype": WIDER}))
        labels.append(f"Cast to {WIDER}")
    found.append(replace(edit, arguments={**edit.arguments, "out_of_range": "clamp"}))
    return tuple(found), (*labels, "Clamp first")


def _are_clamped(dtype: str, losses: Losses) -> str:
    verb = "is clamped" if losses.clamped.count == 1 else "are clamped"
    ends = limits(dtype)
    assert ends is not None
    low, high = (f"{end:,}" if isinstance(end, int) else f"{end:,.6g}" for end in ends)
    return f"{verb} to ±{high}" if -ends[0] == ends[1] else f"{verb} to {low.replace('-', '−')} … {high}"


def _nonfinite(name: str, found: NonFinite) -> Hazard:
    parts = [_passage(before, after, passage) for before, after, passage in found.by_before()]
    places = [place for _, _, passage in found.by_before() for place in passage.places]
    more = f" {'; '.join(parts[2:])}." if len(parts) > 2 else ""
    return Hazard("non-finite", "notice", ", ".join(parts[:2]),
                  f"First at {', '.join(places[:3])} in {called(name)}.{more}", (name,), found.count,
                  tuple(places[:8]))  # fmt: skip


def _passage(before: str | None, after: str, passage: Passage) -> str:
    """Return `7 NaN stay NaN`, `14 +Inf become 0.25` or `3 NaN come new`."""
    count, s = f"{passage.count:,}", "s" if passage.count == 1 else ""
    if not before:
        return f"{count} {after} come{s} new".replace("-Inf", "−Inf")
    if before == after:
        text = f"{count} {before} stay{s} {after}"
    elif after:
        text = f"{count} {before} become{s} {after}"
    else:
        only = next(iter(passage.values)) if len(passage.values) == 1 else "finite"
        text = f"{count} {before} become{s} {only}"
    return text.replace("-Inf", "−Inf")


def _hazard(kind: str, level: Level, title: str, detail: str, name: str, loss: Loss,
            alternatives: tuple[Edit, ...] = (), labels: tuple[str, ...] = ()) -> Hazard:  # fmt: skip
    return Hazard(kind, level, title, detail, (name,), loss.count, tuple(loss.places), alternatives,
                  labels)  # fmt: skip
