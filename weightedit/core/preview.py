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
    spec_before, spec_after
        Of the first target.
    before, after
        The first target's region (of a write) or whole tensor, readable; `after` is computed where one looks.
    """

    edit: Edit
    hazards: list[Hazard]
    targets: list[str]
    changed: int
    total: int
    spec_before: TensorSpec
    spec_after: TensorSpec
    before: Readable
    after: Readable
