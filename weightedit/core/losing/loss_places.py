"""Where values are lost, in words: which columns or rows, and how many in each, or the first places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weightedit.core.losing.losses import Loss

LINES = 3
"""Columns or rows that are named; where there are more, the first places are."""
NAMED = 3
"""Places that are named."""


def where_text(loss: Loss) -> str:
    """Return `Column 3964 (13) and 7815 (1)`, `Row 5 (8)`, `At [3, 5]` or `First at [0, 1], [0, 7] and [2, 3]`.

    Columns and rows are named for a matrix all of whose cells are known, where several cells lie in one.
    """
    cells = [cell.index for cell in loss.cells]
    known = loss.first == 0 and len(cells) == loss.count
    if known and loss.count > 1 and all(len(cell) == 2 for cell in cells):
        for word, axis in (("Column", 1), ("Row", 0)):
            found = Counter(cell[axis] for cell in cells)
            if len(found) <= LINES and len(found) < len(cells):
                return f"{word} {_listed([f'{line} ({count:,})' for line, count in found.most_common()])}"
    if not loss.places:
        return ""
    return f"{'At' if loss.count <= NAMED else 'First at'} {_listed(loss.places[:NAMED])}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
