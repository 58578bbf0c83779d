"""What an edit would do, as the edit panel shows it."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.pinned import Readable
from weightedit.core.spec import TensorSpec


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit would do, without doing it.

    Attributes
    ----------
    edit, hazards, targets
        The record, what to know, and the names of the tensors.
    changed, total
        Values that change, of those written.
    lines
        What a restructure does, in words.
    spec_before, spec_after
        Of the first target; None of a restructure.
    before, after
        The first target's region (of a write) or whole tensor, readable; `after` is computed where one looks.
    """

    edit: Edit
    hazards: list[Hazard]
    targets: list[str]
    changed: int
    total: int
    lines: tuple[str, ...] = ()
    spec_before: TensorSpec | None = None
    spec_after: TensorSpec | None = None
    before: Readable | None = None
    after: Readable | None = None
