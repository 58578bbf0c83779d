"""What an edit would do, as the edit panel shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import Readable

if TYPE_CHECKING:
    from weightedit.core.losing.losses import Losses
    from weightedit.core.statistics import Statistics


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
    shown
        The names of the one target that `before` and `after` are of: all slots of it.
    spec_before, spec_after
        Of that target; None of a restructure.
    before, after
        Its region (of a write) or whole tensor, readable; `after` is computed where one looks.
    losses
        By the name of a target, what storing its values loses: how many change, overflow, become 0, the largest
        errors, and the first cells of each kind.
    nbytes
        Of all targets together, before and after.
    statistics
        Of `before` and `after`, where looking for losses found them too.
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
    losses: Mapping[str, Losses] = field(default_factory=dict)
    nbytes: tuple[int, int] = (0, 0)
    shown: tuple[str, ...] = ()
    statistics: tuple[Statistics | None, Statistics | None] = (None, None)

    @property
    def shown_losses(self) -> Losses | None:
        """What storing the values of the target that is shown loses."""
        return self.losses.get(self.shown[0]) if self.shown else None
