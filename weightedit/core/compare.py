"""Whether two documents hold the same tensors, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.progress import Progress

if TYPE_CHECKING:
    from weightedit.core.pinned import PinnedTensor
    from weightedit.core.reader import Reader


@dataclass(frozen=True, slots=True)
class Comparison:
    """One tensor of either document.

    Attributes
    ----------
    name
        Of the tensor.
    what
        `same`, `values`, `shape`, `dtype`, `only in A` or `only in B`.
    detail
        The difference in words.
    changed
        How many values differ in bits; 0 where they were not compared.
    """

    name: str
    what: str
    detail: str
    changed: int = 0


def compare(first: Reader, second: Reader, progress: Progress | None = None) -> list[Comparison]:
    """Compare by name, in the order of the first document; NaN equals itself bit for bit."""
    progress = progress or Progress()
    progress.begin("Comparing", sum(slot.spec.nbytes for slot in first.slots))
    found = []
    for slot in first.slots:
        other = second.find(slot.name)
        if other is None:
            found.append(Comparison(slot.name, "only in A", f"only in {first.title}"))
        else:
            found.append(_compare(first.pin(slot.name), second.pin(other.name)))
        progress.advance(slot.spec.nbytes)
    only = (slot.name for slot in second.slots if first.find(slot.name) is None)
    return found + [Comparison(name, "only in B", f"only in {second.title}") for name in only]


def _compare(first: PinnedTensor, second: PinnedTensor) -> Comparison:
    name = first.name
    if first.spec.shape != second.spec.shape:
        return Comparison(name, "shape", f"shape {first.spec.shape} against {second.spec.shape}")
    if first.spec.dtype != second.spec.dtype:
        return Comparison(name, "dtype", f"dtype {first.spec.dtype} against {second.spec.dtype}")
    changed = differing(first, second)
    if changed:
        return Comparison(name, "values", f"{changed:,} of {first.spec.numel:,} values differ", changed)
    return Comparison(name, "same", "the same")


def differing(first: PinnedTensor, second: PinnedTensor) -> int:
    """Return how many values of two tensors of one shape and dtype differ in bits."""
    import numpy as np

    size = first.spec.type.itemsize
    changed = 0
    for box, values in first.chunks():
        mine, theirs = (
            np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (values, second.read(box))
        )
        if not np.array_equal(mine, theirs):
            changed += int((mine != theirs).reshape(-1, size).any(1).sum())
    return changed
