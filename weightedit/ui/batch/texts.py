"""What the rows and totals of an edit of many tensors say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from weightedit.core.batches.batch import IN, LEFT, REFUSED, TIED, WHOLE_NUMBERS, BatchRow
from weightedit.core.dtypes import DTYPES
from weightedit.core.edits.sketch import Sketch
from weightedit.core.hazards import Hazard
from weightedit.core.words.numbers import count_text, shape_text, statistic_text

WAITING = "…"
LARGE = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


@dataclass(frozen=True, slots=True)
class Chip:
    """What the last column says of a row: a level of hazard, `ok`, `quiet` or nothing, and words."""

    level: str
    text: str


def is_whole(row: BatchRow) -> bool:
    """Whether a tensor holds whole numbers or flags."""
    return row.before is not None and DTYPES[row.before.dtype].family in ("int", "uint", "bool")


def range_text(sketch: Sketch | None) -> str:
    """Return how far values reach on either side of 0, `±0.888`; an en dash where none is finite."""
    if sketch is None:
        return ""
    if sketch.largest is None:
        return "–" if sketch.count else "empty"
    return f"±{statistic_text(sketch.largest)}"


def before_text(row: BatchRow) -> str:
    """Return what stands beside the picture of a tensor as it is."""
    if row.measured is not None and row.measured.before is not None and row.state == IN:
        return range_text(row.measured.before)
    return "" if row.before is None else DTYPES[row.before.dtype].short


def after_text(row: BatchRow) -> str:
    """Return what stands beside the picture of what it becomes."""
    if row.state == LEFT:
        return "left as is"
    if row.line:
        return row.line.removeprefix(f"{row.name} becomes ").removeprefix(f"{row.name} ")
    if row.before is None or row.after is None or row.state == REFUSED:
        return "–"
    if row.before.requires_grad != row.after.requires_grad:
        return "requires grad" if row.after.requires_grad else "no grad"
    if row.before.dtype != row.after.dtype:
        return DTYPES[row.after.dtype].short
    if row.before.shape != row.after.shape:
        return shape_text(row.after.shape)
    return "" if row.measured is None else range_text(row.measured.after)


def changes_text(row: BatchRow) -> str:
    """Return how many values change."""
    if row.state != IN:
        return "0" if row.state == LEFT else "–"
    if row.measured is None:
        return WAITING
    return "moved" if row.measured.moved else count_text(row.changed)


def chip_of(row: BatchRow, *, measures: bool = True) -> Chip:
    """Return what the last column says; `measures` is whether values will be looked at."""
    if row.state == TIED:
        return Chip("quiet", f"tied to {row.why}")
    if row.state == REFUSED:
        return Chip("refusal", row.why)
    if row.state == LEFT:
        return _left_chip(row)
    hazards = row.shown
    if hazards:
        more = f", +{len(hazards) - 1}" if len(hazards) > 1 else ""
        title = short_title(hazards[0])
        return Chip(hazards[0].level, f"{title[:1].lower()}{title[1:]}{more}" if title[1:2].islower() else title + more)
    return Chip("ok", "none") if row.measured is not None or not measures else Chip("", "")


def short_title(hazard: Hazard) -> str:
    """Return what a chip says of a hazard: `64 rounded`, `2 become 0`, or its title where there is no shorter one."""
    count = count_text(hazard.count or 0)
    if hazard.kind == "precision-loss":
        return f"{count} rounded"
    if hazard.kind == "overflow" and hazard.level == "notice":
        return f"{count} clamped"
    if hazard.kind == "imaginary-lost":
        return f"{count} lose a part"
    _, colon, what = hazard.title.partition(": ")
    if not colon or hazard.kind not in ("overflow", "underflow", "truncation"):
        return hazard.title
    return f"{count} cut" if " cut to " in what else what


def _left_chip(row: BatchRow) -> Chip:
    found = row.measured
    if row.why in WHOLE_NUMBERS and found is not None and found.changed and row.before is not None:
        return Chip("warning", f"{row.before.dtype}: {would_become(row)}")
    if row.why == row.name:
        return Chip("quiet", "not ticked")
    return Chip("quiet", "as it is" if row.why not in WHOLE_NUMBERS or row.before is None else row.before.dtype)


def would_become(row: BatchRow) -> str:
    """Return what the edit would do to the values of a row that is left: `all would become 0`."""
    found = row.measured
    if found is None or not found.changed:
        return ""
    after = found.after
    if after is not None and after.minimum is not None and after.minimum == after.maximum:
        return f"all would become {statistic_text(after.minimum)}"
    return f"{count_text(found.changed)} would change"


def large_text(count: int) -> str:
    """Return a count as people say it: `4.33 billion`, `96,400`."""
    for size, word in LARGE:
        if count >= size:
            return f"{count / size:.3g} {word}"
    return count_text(count)


def several(count: int, word: str) -> str:
    """Return a count and its word: `1 notice`, `3 notices`."""
    return f"{count_text(count)} {word if count == 1 else 'entries' if word == 'entry' else word + 's'}"


def tail_of(name: str) -> tuple[str, str]:
    """Part a name into the path before and its last two parts."""
    parts = name.split(".")
    tail = ".".join(parts[-2:])
    return name[: len(name) - len(tail)], tail


class Total(NamedTuple):
    """The sums over rows."""

    tensors: int = 0
    values: int = 0
    changed: int = 0
    notices: int = 0
    warnings: int = 0
    refused: int = 0
    left: int = 0

    @classmethod
    def of(cls, row: BatchRow) -> Total:
        """Return what one row adds."""
        if row.state != IN:
            return cls(tensors=row.state == TIED, refused=row.state == REFUSED, left=row.state == LEFT)
        measured = () if row.measured is None else row.measured.hazards
        levels = [hazard.level for hazard in (*row.said, *measured)] if row.said or measured else ()
        values = row.total or (0 if row.after is None else row.after.numel)
        return cls(1, values, row.changed, levels.count("notice"), levels.count("warning"))

    def plus(self, other: Total, sign: int = 1) -> Total:
        """Return the sum with another one, or the difference."""
        return Total(*(mine + sign * its for mine, its in zip(self, other, strict=True)))
