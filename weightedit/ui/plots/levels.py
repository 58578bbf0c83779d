"""The levels of a heatmap: which values take the ends of the colour map, and how the map bends between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightedit.core.statistics import Statistics
from weightedit.core.values.codes import code_values

Array = np.ndarray[Any, Any]
DECADES = 3
"""Powers of ten between the threshold of log levels and their end."""
CHOICES = {"symmetric": "99.9 %", "minmax": "min–max", "percentile 0.1": "0.1–99.9 %", "percentile 1": "1–99 %",
           "percentile 5": "5–95 %", "log": "log", "row": "per row", "tile": "per tile", "phase": "phase",
           "dragged": "by hand", "relative": "relative, log", "relative own": "relative, own range",
           "absolute": "absolute, log"}  # fmt: skip
"""Every choice of levels, and what it is called in short."""
TITLES = {"symmetric": "Symmetric, 99.9th percentile", "minmax": "Minimum to maximum",
          "percentile 0.1": "0.1th to 99.9th percentile", "percentile 1": "1st to 99th percentile",
          "percentile 5": "5th to 95th percentile", "log": "Logarithmic", "row": "Each row by its largest",
          "tile": "Each tile by its largest"}  # fmt: skip
"""What a menu calls the choices a person has."""
LOSSES = {"relative": "Relative, log", "relative own": "Relative, own range", "absolute": "Absolute, log"}
"""What a menu calls the levels of a map of losses."""
SCALED = ("row", "tile")
"""Choices that divide values by the largest magnitude around them; their levels are shares of it."""


@dataclass(frozen=True)
class Levels:
    """The values at the ends of the map, finite and apart.

    Attributes
    ----------
    low, high
        The ends.
    source
        A key of `CHOICES`.
    threshold
        Where not 0, colours follow the logarithm of the magnitude beyond ± this value and are linear within, as
        matplotlib's SymLogNorm places them: the linear part is as long as one power of ten.
    """

    low: float
    high: float
    source: str = "symmetric"
    threshold: float = 0.0

    @property
    def is_symmetric(self) -> bool:
        """Whether the ends are one number and its negative."""
        return self.low == -self.high

    def _bent(self, values: Any) -> Any:
        if not self.threshold:
            return values
        share = np.abs(values) / self.threshold
        with np.errstate(all="ignore"):
            return np.sign(values) * np.where(share <= 1, share, 1 + np.log10(share))

    def share(self, values: Any) -> Any:
        """Return where values lie between the ends, 0 to 1; NaN for NaN, past 0 and 1 beyond the ends."""
        with np.errstate(all="ignore"):
            low, high = self._bent(self.low), self._bent(self.high)
            return (self._bent(values) - low) / (high - low)

    def value(self, share: float) -> float:
        """Return the value at a place between the ends."""
        low, high = float(self._bent(self.low)), float(self._bent(self.high))
        bent = low + share * (high - low)
        if not self.threshold or abs(bent) <= 1:
            return bent * (self.threshold or 1.0)
        with np.errstate(over="ignore"):
            return math.copysign(self.threshold * float(np.float64(10.0) ** (abs(bent) - 1)), bent)

    def with_ends(self, low: float, high: float, source: str) -> Levels:
        """Return levels that bend alike between other ends."""
        return apart(low, high, source, self.threshold)

    def labels(self, room: int) -> list[float]:
        """Return the values to write beside a bar of `room` labels, the ends among them."""
        if not self.threshold:
            return [0.0 if abs(value) < 1e-9 * (self.high - self.low) else value
                    for value in np.linspace(self.low, self.high, max(min(room, 5), 2)).tolist()]  # fmt: skip
        end = max(abs(self.low), abs(self.high))
        decades = [self.threshold * 10.0**power for power in range(math.ceil(math.log10(end / self.threshold)) + 1)]
        inner = [0.0] + [sign * value for value in decades for sign in (-1, 1)]
        gap = 1 / max(room, 2)
        found = [self.low, self.high]
        for value in inner:
            at = float(self.share(value))
            if 0 < at < 1 and all(abs(at - float(self.share(other))) >= gap for other in found):
                found.append(value)
        return sorted(found)


def kind_of(dtype_family: str, dtype: str, found: Statistics | None) -> str:
    """Return which kind of values a map is chosen for: `signed`, `magnitude`, `integer` or `bool`."""
    if dtype_family == "bool":
        return "bool"
    if dtype_family == "complex":
        return "magnitude"
    if dtype_family in ("int", "uint", "opaque") and dtype != "int8":
        return "integer"
    if found is None or found.minimum is None or found.maximum is None:
        return "signed"
    return "signed" if found.minimum < 0 < found.maximum else "magnitude"


def choices_of(kind: str, tiled: bool) -> list[str]:
    """Return the levels a person can choose for a kind of values."""
    if kind in ("bool", "phase"):
        return [default_choice(kind)]
    found = ["symmetric", "minmax", "percentile 0.1", "percentile 1", "percentile 5", "log", "row"]
    return [*found, "tile"] if tiled else found


def default_choice(kind: str) -> str:
    """Return the levels of a kind of values as long as nobody chose others."""
    return {"signed": "symmetric", "phase": "phase"}.get(kind, "minmax")


def levels_of(kind: str, found: Statistics, choice: str = "") -> Levels:
    """Return the levels that show a tensor of a kind.

    Parameters
    ----------
    kind
        As `kind_of` says, or `phase`.
    found
        Statistics of what is shown.
    choice
        A key of `TITLES`, or nothing for the kind's own: `symmetric` is ± the 99.9th percentile of abs; `log` reaches
        to the largest magnitude, linear below a thousandth of it; `row` and `tile` are shares.
    """
    if kind == "phase":
        return Levels(-math.pi, math.pi, "phase")
    if found.minimum is None or found.maximum is None:
        return Levels(0.0, 1.0, "minmax") if kind in ("bool", "integer", "magnitude") else Levels(-1.0, 1.0)
    low, high = float(found.minimum), float(found.maximum)
    choice = choice or default_choice(kind)
    if choice in SCALED:
        return Levels(-1.0 if low < 0 else 0.0, 1.0 if high > 0 else 0.0 if low < 0 else 1.0, choice)
    if choice == "log":
        end = max(abs(low), abs(high)) or 1.0
        return apart(-end if low < 0 else 0.0, end if high > 0 or low >= 0 else 0.0, "log", end / 10**DECADES)
    if choice == "symmetric":
        end = found.abs_percentile() or max(abs(low), abs(high)) or 1.0
        return Levels(-end, end)
    if kind == "bool":
        return Levels(0.0, 1.0, "minmax")
    if choice.startswith("percentile"):
        part = float(choice.split()[1]) / 100
        ends = found.quantile(part), found.quantile(1 - part)
        low, high = (low if ends[0] is None else ends[0]), (high if ends[1] is None else ends[1])
    elif kind == "magnitude":
        low, high = (0.0, high) if high > 0 else (low, 0.0) if low < 0 else (0.0, 1.0)
    return apart(low, high, choice)


def loss_levels(choice: str, found: Statistics | None) -> Levels:
    """Return the levels of losses, a key of `LOSSES`: logarithmic from end to end.

    `relative` goes from 1e-4 to 1, the others over the four powers of ten below the largest finite loss.
    """
    most = None if found is None or found.maximum is None else float(found.maximum)
    if choice == "relative" or not most:
        return Levels(1e-4, 1.0, choice, 1e-4)
    low = max(most / 1e4, 1e-300)
    return Levels(low, max(most, 1e-296), choice, low)


def apart(low: float, high: float, source: str, threshold: float = 0.0) -> Levels:
    """Return levels with `low` below `high`, whatever was asked for."""
    if not high > low:
        room = abs(low) * 1e-3 or 1.0
        low, high = low - room, high + room
    limit = 8e307  # their difference must be finite too
    return Levels(max(low, -limit), min(high, limit), source, threshold)


def counts_along(found: Statistics, levels: Levels, bins: int) -> Array:
    """Return how many finite values fall in each of `bins` equal parts of the bar, float64."""
    if not levels.threshold:
        return found.histogram(levels.low, levels.high, bins)
    values = code_values(found.dtype)
    present = (found.code_counts > 0) & np.isfinite(values)
    places = np.clip(levels.share(values[present]) * bins, 0, bins - 1).astype(np.intp)
    return np.bincount(places, found.code_counts[present].astype(np.float64), bins)
