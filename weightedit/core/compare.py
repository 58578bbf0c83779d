"""Whether two documents hold the same tensors, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.progress import Progress
from weightedit.core.values.equality import differing
from weightedit.core.words.numbers import shape_text

if TYPE_CHECKING:
    from weightedit.core.reader import Reader
    from weightedit.core.slots import Slot
    from weightedit.core.values.pinned import PinnedTensor


@dataclass(frozen=True, slots=True)
class Comparison:
    """One tensor or value of either document.

    Attributes
    ----------
    name
        Of the tensor, the value, or the metadata key.
    what
        `same`, `values`, `shape`, `dtype`, `kind`, `sharing`, `value`, `only in A` or `only in B`.
    detail
        The difference in words.
    changed
        How many values differ in bits; 0 where they were not compared.
    is_tensor
        Whether it is a tensor, and not a value or metadata.
    """

    name: str
    what: str
    detail: str
    changed: int = 0
    is_tensor: bool = True


def compare(first: Reader, second: Reader, progress: Progress | None = None) -> list[Comparison]:
    """Compare by name, in the order of the first document; NaN equals itself bit for bit.

    Tensors by shape, dtype and bits. What only some formats can hold (whether a tensor is a parameter, sharing, values
    that are no tensors, metadata) counts where both documents are of one format.
    """
    progress = progress or Progress()
    progress.begin("Comparing", sum(slot.spec.nbytes for slot in first.slots))
    found = []
    for slot in first.slots:
        other = second.find(slot.name)
        if other is None:
            found.append(Comparison(slot.name, "only in A", f"only in {first.title}"))
        else:
            one = _compare(first.pin(slot.name), second.pin(other.name), progress)
            found.append(_surroundings(first, slot, second, other) if one.what == "same" else one)
        progress.advance(0)
    only = (slot.name for slot in second.slots if first.find(slot.name) is None)
    found += [Comparison(name, "only in B", f"only in {second.title}") for name in only]
    return found + (_compare_values(first, second) if first.format_name == second.format_name else [])


def _surroundings(first: Reader, slot: Slot, second: Reader, other: Slot) -> Comparison:
    if first.format_name == second.format_name:
        kinds = [(one.spec.kind, one.spec.requires_grad) for one in (slot, other)]
        if kinds[0] != kinds[1]:
            texts = [f"{kind}, requires_grad {grad}" for kind, grad in kinds]
            return Comparison(slot.name, "kind", f"{texts[0]} against {texts[1]}")
        shared = [sorted(_group(reader, one)) for reader, one in ((first, slot), (second, other))]
        if shared[0] != shared[1]:
            texts = [f"shares storage with {', '.join(names)}" if names else "alone in its storage" for names in shared]
            return Comparison(slot.name, "sharing", f"{texts[0]} against {texts[1]}")
    return Comparison(slot.name, "same", "the same")


def _group(reader: Reader, slot: Slot) -> set[str]:
    label = reader.storage_group(slot)
    return {member.name for member in reader.group_members(label) if member is not slot} if label else set()


def _compare_values(first: Reader, second: Reader) -> list[Comparison]:
    """Compare what is no tensor: values by their text, containers by their type and size, and file metadata."""
    tables = []
    for reader in (first, second):
        values = {entry.name: entry.text for entry in reader.entries if entry.kind != "tensor"}
        tables.append(values | {f"__metadata__.{key}": text for key, text in reader.metadata.items()})
    found = []
    for name in dict.fromkeys((*tables[0], *tables[1])):
        texts = [table.get(name) for table in tables]
        if texts[0] == texts[1]:
            found.append(Comparison(name, "same", "the same", is_tensor=False))
        elif texts[0] is None or texts[1] is None:
            what, title = ("only in B", second.title) if texts[0] is None else ("only in A", first.title)
            found.append(Comparison(name, what, f"only in {title}", is_tensor=False))
        else:
            found.append(Comparison(name, "value", f"{texts[0]} against {texts[1]}", is_tensor=False))
    return found


def _compare(first: PinnedTensor, second: PinnedTensor, progress: Progress) -> Comparison:
    name = first.name
    if first.spec.shape != second.spec.shape:
        shapes = " against ".join(shape_text(one.spec.shape) for one in (first, second))
        return Comparison(name, "shape", f"shape {shapes}")
    if first.spec.dtype != second.spec.dtype:
        return Comparison(name, "dtype", f"dtype {first.spec.dtype} against {second.spec.dtype}")
    changed = differing(first.spec, first.content, second.spec, second.content, progress.advance)
    if changed:
        return Comparison(name, "values", f"{changed:,} of {first.spec.numel:,} values differ", changed)
    return Comparison(name, "same", "the same")
