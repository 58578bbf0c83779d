"""Finding cells over a whole document: every NaN in a file, every value beyond a bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.described.targets import find_slots, missing
from weightedit.core.edits.guarding import guarding
from weightedit.core.errors import EditRefused, ExpressionError
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.values.pinned import PinnedTensor
from weightedit.search.condition import parse_condition

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.slots import Slot
    from weightedit.search.condition import Condition

_WHAT = "the search"


@dataclass(frozen=True, slots=True)
class Found:
    """What a condition found in one tensor.

    Attributes
    ----------
    name
        Of the tensor.
    count, numel
        How many cells it holds for, of how many.
    first
        The first such cell in row-major order, or None.
    skipped
        Why the condition does not apply to this tensor, such as an order of complex values; empty where it does.
    """

    name: str
    count: int
    numel: int
    first: tuple[int, ...] | None
    skipped: str = ""


def find(document: Document, condition: str, names: Any = None, *, progress: Report | None = None,
         cancel: CancelFlag | None = None) -> Iterator[Found]:  # fmt: skip
    """Yield what a condition finds in each tensor, in file order, as soon as the tensor was read.

    Parameters
    ----------
    document
        Each tensor is read once, or once more for each level of functions such as `mean`.
    condition
        Such as `isnan(w)` or `abs(w) > 6 * std(w)`; `w` is each tensor in turn, whole.
    names
        Which tensors, as edits name them: names, patterns with `*`, `re:`, a list; None means all.
    progress, cancel
        Told the bytes done; asked between pieces, and then `Cancelled` is raised.

    Raises
    ------
    ExpressionError
        If the condition does not read.
    EditRefused
        If no tensor has a name that is given, or there is no memory left to look at one; nothing was changed.
    """
    with guarding(_WHAT, document):
        parsed = parse_condition(condition)
        slots = list(document.slots) if names is None else find_slots(document, names)
        mentioned = {name: document.find(name) for name in parsed.names}
        for name, slot in mentioned.items():
            if slot is None:
                raise EditRefused([missing(document, name)])
        others = {name: document.pin(name) for name in mentioned}
        steps = Progress(progress, cancel)
        steps.begin("Searching", sum(slot.spec.nbytes for slot in slots))
    for slot in slots:
        with guarding(_WHAT, document):
            found = _found_in(slot, parsed, others, steps)
        yield found


def _found_in(slot: Slot, parsed: Condition, others: dict[str, PinnedTensor], steps: Progress) -> Found:
    from weightedit.search.cells import count_cells

    pinned = PinnedTensor.of(slot)
    itemsize = pinned.spec.type.itemsize
    try:
        bound = parsed.bind(pinned, others, check=steps.ask)
        counted = count_cells(pinned, bound, lambda cells: steps.advance(cells * itemsize))
    except ExpressionError as error:
        return Found(slot.name, 0, pinned.spec.numel, None, str(error))
    return Found(slot.name, counted.count, pinned.spec.numel, counted.first)
