"""What the values of samples and batches come to: the extremes of numbers, and the first that are not finite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from weightedit.doctor.inside.seeing import leaves
from weightedit.doctor.inside.training.parts import MOST
from weightedit.doctor.inside.training.values import UNREADABLE, not_finite, plain
from weightedit.doctor.training_step.batch_facts import At, BadValues, Extreme, Extremes

MOST_PARTS = 100
"""Parts whose numbers are followed."""
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
"""Dtypes that torch keeps and does not compare."""


@dataclass(slots=True)
class DataValues:
    """The values of all that was looked at so far.

    Attributes
    ----------
    ignored
        The class that the loss leaves out, if any.
    """

    ignored: int | None = None
    _bad: dict[str, BadValues] = field(default_factory=dict)
    _highs: dict[str, list[Extreme]] = field(default_factory=dict)
    _lows: dict[str, list[Extreme]] = field(default_factory=dict)

    @property
    def bad(self) -> tuple[BadValues, ...]:
        """The parts in which some are not finite."""
        return tuple(self._bad.values())

    @property
    def extremes(self) -> tuple[Extremes, ...]:
        """From where to where the whole numbers of each part go, and those of the target."""
        return tuple(Extremes(path, tuple(found), tuple(self._lows[path])) for path, found in self._highs.items())

    def look(self, one: Any, number: int, target: str, samples: Sequence[int] | None) -> None:
        """Look at the values of one sample or batch, each once.

        Parameters
        ----------
        one, number
            The sample or batch, and its number.
        target
            The part that is the target.
        samples
            The numbers that the data set has for the samples of a batch, none where they are not known; None where this
            is a sample itself.
        """
        for path, leaf in islice(leaves(one), MOST):
            ignored = self.ignored if path == target else None
            if type(leaf) is int:
                if leaf != ignored:
                    self._beyond(path, leaf, leaf, lambda _: At(number))
                continue
            with suppress(*UNREADABLE):
                found = _numbers(leaf)
                if found is None or not found.numel():
                    continue
                if found.is_floating_point() or found.is_complex():
                    odd = self._finite(found, number, path, samples)
                    if path == target and not found.is_complex():
                        self._extremes(found, number, path, samples, ~odd)
                elif found.dtype != torch.bool:
                    wide = found.to(torch.int64) if found.dtype in _UNSIGNED else found
                    self._extremes(wide, number, path, samples, None if ignored is None else wide != ignored)

    def _finite(self, found: torch.Tensor, number: int, path: str, samples: Sequence[int] | None) -> torch.Tensor:
        """Count what is not finite, and return where that is."""
        odd = not_finite(found)
        if count := int(odd.sum()):
            was = self._bad.get(path)
            if was is not None:
                self._bad[path] = replace(was, others=was.others + 1)
            elif len(self._bad) < MOST_PARTS:
                nan = int(found.isnan().sum())
                self._bad[path] = BadValues(_at(odd, number, samples), path, nan, count - nan, found.numel())
        return odd

    def _extremes(self, found: torch.Tensor, number: int, path: str, samples: Sequence[int] | None,
                  counts: torch.Tensor | None) -> None:  # fmt: skip
        """Note the highest and the lowest number of a tensor, of those that count."""
        counting = found if counts is None else found[counts]
        if counting.numel():
            low, high = (one.item() for one in counting.aminmax())
            self._beyond(path, low, high, lambda value: _at(found == value, number, samples))

    def _beyond(self, path: str, low: float, high: float, at: Callable[[float], At]) -> None:
        """Note two numbers of a part where they are beyond all before."""
        if path not in self._highs:
            if len(self._highs) >= MOST_PARTS:
                return
            self._highs[path], self._lows[path] = [], []
        highs, lows = self._highs[path], self._lows[path]
        if not highs or high > highs[-1].value:
            highs.append(Extreme(at(high), high))
        if not lows or low < lows[-1].value:
            lows.append(Extreme(at(low), low))


def _at(where: torch.Tensor, number: int, samples: Sequence[int] | None) -> At:
    """Return the place of the first that is True."""
    if samples is None or not where.dim():
        return At(number)
    item = int(where.reshape(where.shape[0], -1).any(1).nonzero()[0])
    return At(number, item, samples[item] if len(samples) == where.shape[0] else -1)


def _numbers(leaf: Any) -> torch.Tensor | None:
    """Return the numbers of a leaf, which may be Python's or numpy's; None where it holds none."""
    if isinstance(leaf, torch.Tensor):
        return plain(leaf)
    if type(leaf) is float:
        return torch.tensor(leaf)
    if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "iufc":
        return torch.from_numpy(np.array(leaf, dtype=leaf.dtype.newbyteorder("=")))
    return None
