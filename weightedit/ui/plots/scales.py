"""Scales of a chart's axes: where a value lies, and which values get a label."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weightedit.core.values.codes import Array


@dataclass(frozen=True)
class Scale:
    """A range of values along an axis.

    Attributes
    ----------
    low, high
        The ends, `low < high`; with `log` both above 0, with `powers` exponents of ten.
    log
        Whether equal ratios are equally far apart.
    powers
        Whether the values that are placed are exponents already, and labels are what they stand for.
    whole
        Whether only whole numbers get a label.
    percent
        Whether labels are percentages of 1.
    """

    low: float
    high: float
    log: bool = False
    powers: bool = False
    whole: bool = False
    percent: bool = False

    def place(self, values: Array | float) -> Array:
        """Return where values lie, 0 at the low end and 1 at the high one; far past the ends at −1 and 2."""
        wide = np.asarray(values, np.float64)
        with np.errstate(all="ignore"):
            if self.log:
                wide = np.log10(np.maximum(wide, self.low / 10))
            low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
            return np.clip((wide - low) / (high - low), -1.0, 2.0)

    def value(self, place: float) -> float:
        """Return the value at a place from 0 to 1."""
        if self.log:
            return float(10 ** (math.log10(self.low) + place * (math.log10(self.high) - math.log10(self.low))))
        return self.low + place * (self.high - self.low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return at most about `most` values with their labels."""
        if self.log or self.powers:
            low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
            found = _decades(low, high, most)
            return [(10.0**power if self.log else power, tick_text(10.0**power)) for power in found]
        step = _step((self.high - self.low) / max(most, 1), self.whole)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(number * step, self._text(number * step, step)) for number in range(first, last + 1)]

    def _text(self, value: float, step: float) -> str:
        if self.percent:
            return f"{value * 100:g} %"
        return tick_text(0.0 if abs(value) < step / 1000 else value)


def tick_text(value: float) -> str:
    """Return a round number as an axis shows it: `0.25`, `−1.5`, `20,000`, `1e−5`."""
    if value and not 1e-4 < abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.4e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}e{int(exponent)}"
    else:
        text = f"{value:,.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def _step(least: float, whole: bool) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is no smaller than `least`."""
    if whole:
        least = max(least, 1.0)
    if not least > 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least * (1 - 1e-9)), 10 * power)


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return exponents that get a label: whole ones, or 1, 2 and 5 between them where few are seen."""
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    if last - first >= 2 or most < 3:
        step = max(1, math.ceil((last - first + 1) / max(most, 1)))
        return [float(power) for power in range(math.ceil(first / step) * step, last + 1, step)]
    fine = [power + math.log10(factor) for power in range(math.floor(low), last + 1) for factor in (1, 2, 5)]
    return [power for power in fine if low - 1e-9 <= power <= high + 1e-9][:most]
