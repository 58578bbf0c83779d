"""What executing an edit needs besides its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightedit.core.progress import Progress
from weightedit.core.spill import Spill
from weightedit.core.storage import MOST_SEGMENTS


@dataclass(frozen=True, slots=True)
class Workshop:
    """What executing needs besides the plan: room for results, the size of a piece, progress, the optimizer."""

    spill: Spill
    chunk: int
    progress: Progress
    optimizer: Any = None

    @property
    def segments(self) -> int:
        """How many ranges a patched content may have: each costs some 100 bytes while it is made."""
        return min(MOST_SEGMENTS, max(4096, self.chunk // 32))
