"""What edits would come to, as it is shown before any of them is made; without torch, so that a card can hold it."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.core.hazards import Hazard


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What edits would come to, one after the other.

    Attributes
    ----------
    hazards
        What they would do silently, refusals first, each once.
    lost
        How many values are there no more: of what is made smaller, or goes.
    changed
        How many slots come, go, are renamed, or get another shape or dtype.
    lines
        These one by one, the first of them.
    """

    hazards: tuple[Hazard, ...] = ()
    lost: int = 0
    changed: int = 0
    lines: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether one of them cannot be done."""
        return any(hazard.level == "refusal" for hazard in self.hazards)
