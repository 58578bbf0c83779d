"""A histogram in words and as lines to copy."""

from __future__ import annotations

from weightedit.core.looking.histogram import Histogram
from weightedit.core.statistics import Statistics
from weightedit.core.words.numbers import count_text, percent_text, statistic_text


def _of(count: int, one: str, many: str) -> str:
    return f"{count_text(count)} {one if count == 1 else many}"


def totals(found: Statistics, counted: Histogram | None, *, with_count: bool = True) -> str:
    """Return `393,216 values · 12 zeros · 3 NaN · 1 +Inf · 2 past the right end`; what there is none of is left out."""
    parts = [_of(found.count, "value", "values")] if with_count else []
    parts.append(_of(found.zeros, "zero", "zeros"))
    parts += [f"{count_text(number)} {name}" for name, number in
              (("NaN", found.nan), ("+Inf", found.posinf), ("−Inf", found.neginf)) if number]  # fmt: skip
    if counted is not None:
        parts += [f"{count_text(number)} past the {side} end" for side, number in
                  (("left", counted.below), ("right", counted.above)) if number]  # fmt: skip
    return " · ".join(parts)


def bin_text(counted: tuple[Histogram, ...], place: int) -> str:
    """Return `−0.0213 … −0.0201: 1,204 values, 0.31 %`, or the counts before and after."""
    first = counted[0]
    low, high = (statistic_text(float(edge)) for edge in first.bins.edges[place : place + 2])
    where = f"{'|w| ' if first.bins.log else ''}{low} … {high}"
    counts = [int(one.counts[place]) for one in counted]
    if len(counts) == 2:
        return f"{where}: before {count_text(counts[0])}, after {count_text(counts[1])}"
    return f"{where}: {_of(counts[0], 'value', 'values')}, {percent_text(counts[0], first.statistics.count)}"


def lines(counted: tuple[Histogram, ...]) -> str:
    """Return a line of ends and counts for each bin, then what is counted apart, parted by tabs."""
    names = ("count",) if len(counted) == 1 else ("before", "after")
    edges = counted[0].bins.edges.tolist()
    made = ["\t".join(("from", "to", *names))]
    for place in range(counted[0].bins.count):
        counts = (str(int(one.counts[place])) for one in counted)
        made.append("\t".join((repr(edges[place]), repr(edges[place + 1]), *counts)))
    apart = [(one.statistics.count, one.statistics.zeros, one.statistics.nan, one.statistics.posinf,
              one.statistics.neginf, one.below, one.above) for one in counted]  # fmt: skip
    titles = ("values", "zeros", "nan", "inf", "-inf", "below", "above")
    made += ["\t".join((name, "", *map(str, numbers))) for name, *numbers in zip(titles, *apart, strict=True)]
    return "\n".join(made)
