"""Any two points of a history side by side: what each tensor was at either, without moving the document there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from weightedit.core.commands import Command, Flag, LiveWrite, Rebind, Write
from weightedit.core.history import Step
from weightedit.core.progress import Progress
from weightedit.core.slots import Described, HeldTensor, Slot
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Patched, Storage
from weightedit.core.values.equality import differing_in, elements_differ
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import shape_text

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(frozen=True, slots=True)
class Difference:
    """One tensor that is not the same at two points.

    Attributes
    ----------
    name
        At the later point; at the earlier one where it is gone.
    what
        `values`, `shape`, `dtype`, `requires_grad`, `name`, `came` or `went`.
    detail
        The difference in words.
    changed, total
        How many values differ in bits, of how many; 0 where they were not compared.
    largest
        The largest absolute difference, infinite where a value that is not finite came or went; None where values
        were not compared.
    largest_finite
        That of the values that are finite at both points; None where there is none.
    became
        How many values became `NaN`, `+Inf` or `-Inf`, or `finite` from one of these.
    """

    name: str
    what: str
    detail: str
    changed: int = 0
    total: int = 0
    largest: float | None = None
    largest_finite: float | None = None
    became: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Measured:
    """How two tensors of one kind differ: as `Difference` says."""

    changed: int = 0
    largest: float = 0.0
    largest_finite: float | None = None
    became: dict[str, int] = field(default_factory=dict)

    def add(self, old: Any, new: Any) -> None:
        """Take in values that differ in bits, of one dimension each."""
        import numpy as np

        wide = np.complex128 if new.dtype.kind == "c" else np.float64
        with np.errstate(invalid="ignore", over="ignore"):
            first, second = old.astype(wide), new.astype(wide)
            sizes = np.abs(first - second)
        both = np.isfinite(first) & np.isfinite(second)
        self.changed += len(first)
        if both.any():
            self.largest_finite = max(self.largest_finite or 0.0, float(sizes[both].max()))
            self.largest = max(self.largest, self.largest_finite)
        odd = ~both & ~(np.isnan(first) & np.isnan(second)) & (first != second)
        if not odd.any():
            return
        self.largest = math.inf
        now = second[odd]
        side = np.where(np.isfinite(now.real), now.imag, now.real)
        kinds = {"NaN": np.isnan(now), "finite": np.isfinite(now)}
        infinite = np.isinf(now) & ~np.isnan(now)
        kinds |= {"+Inf": infinite & (side > 0), "-Inf": infinite & (side < 0)}
        for name, found in kinds.items():
            if found.any():
                self.became[name] = self.became.get(name, 0) + int(found.sum())


class Side(Protocol):
    """One side of a comparison."""

    @property
    def names(self) -> Mapping[Slot, str]:
        """The slots there, and what they are called."""
        ...

    def key(self, slot: Slot) -> tuple[object, ...]:
        """Return what is another key on the other side wherever a slot may hold something else there."""
        ...

    def pin(self, slot: Slot) -> PinnedTensor:
        """Return what a slot holds."""
        ...


class State:
    """What every slot of a document holds at one point of its history."""

    def __init__(self, document: Document) -> None:
        self.names: dict[Slot, str] = {slot: slot.name for slot in document.slots}
        self._held: dict[Slot, HeldTensor] = {}
        self._described: dict[HeldTensor, Described] = {}
        self._contents: dict[Storage, ByteSource] = {}

    def key(self, slot: Slot) -> tuple[object, ...]:
        """Return what tells whether a slot may hold something else at another point."""
        held = self._held.get(slot, slot.held)
        if held.is_deferred and held not in self._described:
            return (held,)
        described = self._described.get(held, held.described)
        return (held, described, self._contents.get(described.storage, described.storage.content))

    def pin(self, slot: Slot) -> PinnedTensor:
        """Return what a slot holds at this point."""
        held = self._held.get(slot, slot.held)
        described = self._described.get(held, held.described)
        content = self._contents.get(described.storage, described.storage.content)
        return PinnedTensor(self.names[slot], described.spec, content)

    # ---- walking over one step

    def step_over(self, step: Step, back: bool) -> None:
        """Be the point on the other side of a step."""
        for command in reversed(step.commands) if back else step.commands:
            self._apply(command, back)
        layout = step.layout
        for slot, _ in layout.came if back else layout.gone:
            self.names.pop(slot, None)
        for slot, name in layout.gone if back else layout.came:
            self.names[slot] = name
        for slot, before, after in layout.renamed:
            self.names[slot] = before if back else after

    def _apply(self, command: Command, back: bool) -> None:
        if isinstance(command, Write):
            self._contents[command.storage] = command.before if back else command.after
        elif isinstance(command, LiveWrite):
            self._contents[command.storage] = self._laid_over(command, back)
        elif isinstance(command, Rebind):
            held, described = command.before if back else command.after
            self._described[held] = described
            for slot in command.slots:
                self._held[slot] = held
        elif isinstance(command, Flag):
            self._described[command.held] = command.before if back else command.after

    def _laid_over(self, command: LiveWrite, back: bool) -> ByteSource:
        """Return the bytes of a live storage with one side of what was written to it laid over them."""
        import numpy as np

        from weightedit.core.undo.patches import Patches
        from weightedit.core.values.reading import ordered_runs

        content = self._contents.get(command.storage, command.storage.content)
        base, patches = (content.base, content.patches) if isinstance(content, Patched) else (content, Patches.none())
        spec, size = _spec_of(command.tensor), command.tensor.element_size()
        for box, before, after in reversed(command.pieces) if back else command.pieces:
            values = np.frombuffer(before if back else after, f"V{size}").reshape(box.shape)
            starts, lengths, packed = ordered_runs(spec, box, values)
            patches = patches.with_ranges(starts, lengths, packed.reshape(-1).view(np.uint8).data)
        return Patched(base, patches)


def _spec_of(tensor: Any) -> TensorSpec:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorSpec(dtype, tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()))


def state_at(document: Document, position: int) -> State:
    """Return the state after `position` steps; the document stays where it is."""
    history = document.history
    found = State(document)
    for step in reversed(history.steps[position : history.position]):
        found.step_over(step, True)
    for step in history.steps[history.position : position]:
        found.step_over(step, False)
    return found


def compare_points(document: Document, first: int, second: int, progress: Progress | None = None) -> list[Difference]:
    """Return the tensors that are not the same after `first` and after `second` steps, in file order.

    Values are read in chunks; the document is not moved and may be edited meanwhile.

    Parameters
    ----------
    document
        Whose history it is.
    first, second
        How many steps are applied at either point; `first` is the earlier one in what is said.
    progress
        Is told the bytes read, and stops it.

    Raises
    ------
    EditRefused
        If there is no such point.
    """
    return differences(document.state_at(first), document.state_at(second), progress or Progress())


def differences(before: Side, after: Side, progress: Progress) -> list[Difference]:
    """Return the slots that are not the same on two sides, those of the earlier one first."""
    moved = [slot for slot in {**before.names, **after.names}
             if slot not in before.names or slot not in after.names or before.key(slot) != after.key(slot)
             or before.names[slot] != after.names[slot]]  # fmt: skip
    progress.begin("Comparing", sum(slot.spec.nbytes for slot in moved))
    found = []
    for slot in moved:
        difference = _difference(slot, before, after, progress)
        if difference is not None:
            found.append(difference)
    return found


def _difference(slot: Slot, before: Side, after: Side, progress: Progress) -> Difference | None:
    if slot not in after.names:
        return Difference(before.names[slot], "went", "only at the earlier point")
    if slot not in before.names:
        return Difference(after.names[slot], "came", "only at the later point")
    old, new = before.pin(slot), after.pin(slot)
    if old.spec.shape != new.spec.shape:
        return Difference(new.name, "shape", f"shape {shape_text(old.spec.shape)} to {shape_text(new.spec.shape)}")
    if old.spec.dtype != new.spec.dtype:
        return Difference(new.name, "dtype", f"{old.spec.dtype} to {new.spec.dtype}")
    found = Measured() if old.content is new.content else measure(old, new, progress.advance)
    if found.changed:
        return Difference(new.name, "values", f"{found.changed:,} of {new.spec.numel:,} values", found.changed,
                          new.spec.numel, found.largest, found.largest_finite, found.became)  # fmt: skip
    if old.name != new.name:
        return Difference(new.name, "name", f"was {old.name}")
    if old.spec.requires_grad != new.spec.requires_grad:
        return Difference(new.name, "requires_grad", f"requires_grad {new.spec.requires_grad}")
    return None


def measure(old: PinnedTensor, new: PinnedTensor, advance: Callable[[int], None]) -> Measured:
    """Return how many values differ in bits, and by how much, of two tensors of one kind."""
    import numpy as np

    size, found = new.spec.type.itemsize, Measured()
    for box, values in new.chunks():
        mine, theirs = np.ascontiguousarray(values).reshape(-1), np.ascontiguousarray(old.read(box)).reshape(-1)
        if differing_in(mine.view(np.uint8), theirs.view(np.uint8), size):
            differs = elements_differ(mine.view(np.uint8), theirs.view(np.uint8), size)
            found.add(theirs[differs], mine[differs])
        advance(mine.nbytes)
    return found
