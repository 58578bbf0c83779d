"""What an edit does to NaN and ±Inf: which stay, which become something else, and where new ones come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from weightedit.core.region import Box

FEW = 8
NAMES = ("", "NaN", "+Inf", "-Inf")
"""What the codes below stand for; 0 is a finite value."""


@dataclass(slots=True)
class Passage:
    """What some values were and become: how many, and the first few places.

    Attributes
    ----------
    values
        What they are now, at most two texts, where that is finite.
    """

    count: int = 0
    places: list[str] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    def add(self, mask: torch.Tensor, box: Box) -> None:
        """Count the cells of one piece."""
        self.count += int(torch.count_nonzero(mask))
        for index in mask.nonzero()[: FEW - len(self.places)].tolist():
            cell = (str(axis[i]) for axis, i in zip(box.axes, index, strict=True))
            self.places.append(f"[{', '.join(cell)}]")


@dataclass(slots=True)
class NonFinite:
    """By what values were and are, of `NAMES`, how often that happens; `None` before where nothing was known."""

    passages: dict[tuple[str | None, str], Passage] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values were or are not finite."""
        return sum(found.count for found in self.passages.values())

    def join(self, other: NonFinite) -> None:
        """Take in what was found in the pieces after these."""
        for pair, passage in other.passages.items():
            found = self.passages.setdefault(pair, Passage())
            found.count += passage.count
            found.places += passage.places[: FEW - len(found.places)]
            if len(found.values) < 2:
                found.values |= passage.values

    def observe(self, before: torch.Tensor | None, stored: torch.Tensor, box: Box, mask: torch.Tensor | None,
                overflow: torch.Tensor | None) -> None:  # fmt: skip
        """Take in one piece; new ones that an overflow makes are left to that hazard."""
        if before is not None and before.shape != stored.shape:
            return
        was = None if before is None else codes_of(before)
        now = codes_of(stored)
        if was is None and now is None:
            return
        zeros = torch.zeros(stored.shape, dtype=torch.uint8)
        was, now = zeros if was is None else was, zeros if now is None else now
        met = (was > 0) | (now > 0)
        if mask is not None:
            met &= mask
        if overflow is not None:
            met &= ~(overflow & (was == 0))
        if not bool(met.any()):
            return
        for pair in torch.unique(was[met].to(torch.int64) * 4 + now[met]).tolist():
            here = met & (was == pair // 4) & (now == pair % 4)
            known = None if before is None else NAMES[pair // 4]
            found = self.passages.setdefault((known, NAMES[pair % 4]), Passage())
            found.add(here, box)
            if not pair % 4 and len(found.values) < 2:
                found.values |= set(_some(stored, here.nonzero()[:64].unbind(1)))

    def by_before(self) -> Iterator[tuple[str | None, str, Passage]]:
        """Yield (before, after, passage), what was not finite first."""
        order = sorted(self.passages, key=lambda pair: (not pair[0], NAMES.index(pair[0] or ""), NAMES.index(pair[1])))
        for before, after in order:
            yield before, after, self.passages[before, after]


def _some(values: torch.Tensor, places: Sequence[torch.Tensor]) -> list[str]:
    """Return at most two different values as text."""
    from weightedit.core.losing.losses import picked, texts_of

    return list(dict.fromkeys(texts_of(picked(values, places))))[:2]


def codes_of(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return which values are NaN (1), +Inf (2) or -Inf (3), uint8; None where all are finite.

    A complex value is NaN if either part is, and infinite if either part is; its sign is that of the real part, or of
    the imaginary one where the real part is finite.
    """
    if tensor.is_complex():
        parts = torch.view_as_real(tensor.resolve_conj())
        real, imag = (codes_of(half) for half in parts.unbind(-1))
        if real is None or imag is None:
            return real if imag is None else imag
        return torch.where((real == 1) | (imag == 1), 1, torch.where(real > 0, real, imag)).to(torch.uint8)
    if not tensor.is_floating_point():
        return None
    wide = tensor.to(torch.float32) if tensor.element_size() == 1 else tensor
    if not wide.numel() or all(bool(end.isfinite()) for end in torch.aminmax(wide)):  # NaN comes through as both ends
        return None
    return (wide.isnan() * 1 + (wide == torch.inf) * 2 + (wide == -torch.inf) * 3).to(torch.uint8)
