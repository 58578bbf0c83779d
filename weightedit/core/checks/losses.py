"""What storing computed values loses, in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.hazards import Hazard
from weightedit.core.labels import called
from weightedit.core.plan import Target
from weightedit.core.precision import Loss, Losses, largest_finite


def loss_hazards(target: Target, losses: Losses) -> Iterable[Hazard]:
    """Yield a hazard for each kind of loss of one target."""
    dtype, name, where = target.result.dtype, target.name, called(target.name)
    if losses.overflow.count:
        yield _overflow(dtype, name, losses)
    if losses.underflow.count:
        yield _hazard("underflow", "warning", f"Underflow: {losses.underflow.count:,} become 0",
                      f"They are too small for {dtype} in {where}.", name, losses.underflow)  # fmt: skip
    if losses.truncated.count:
        yield _hazard("truncation", "warning", f"Truncation: {losses.truncated.count:,} values are cut to {dtype}",
                      f"Fractions, NaN and values out of range do not fit {where}.", name,
                      losses.truncated)  # fmt: skip
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


def _overflow(dtype: str, name: str, losses: Losses) -> Hazard:
    loss = losses.overflow
    if "int" in dtype or dtype == "bool":
        return _hazard("overflow", "warning", f"Overflow: {loss.count:,} wrap around",
                       f"They are out of range for {dtype} in {called(name)}.", name, loss)  # fmt: skip
    becomes = " or ".join(sorted(losses.becomes, key=str.lower))
    largest = f" The largest is {losses.largest_overflow:.6g}." if losses.largest_overflow else ""
    return _hazard("overflow", "warning", f"Overflow: {loss.count:,} become {becomes}",
                   f"{dtype} ends at {largest_finite(dtype):.6g} in {called(name)}.{largest}", name, loss)  # fmt: skip


def _hazard(kind: str, level: str, title: str, detail: str, name: str, loss: Loss) -> Hazard:
    return Hazard(kind, level, title, detail, (name,), loss.count, tuple(loss.places))  # type: ignore[arg-type]
