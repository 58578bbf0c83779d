"""An edit of many tensors, tensor by tensor: what becomes of each, worked out one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.preflight import moves_only, sorted_hazards, value_hazards
from weightedit.core.edits.sketch import Sketch, Watching
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Progress, Within
from weightedit.core.spec import TensorSpec
from weightedit.core.values.devices import refused_for_memory

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.operation import Operation

WHOLE_NUMBERS = ("dtype:integer", "dtype:bool")
IN, LEFT, REFUSED, TIED = "in", "left", "refused", "tied"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the values of one tensor say of an edit of it.

    Attributes
    ----------
    hazards
        Of its values.
    changed, total
        Values that change, of those written.
    before, after
        Statistics and a small histogram of what is written; None where no value is computed.
    moved
        Whether values only take other places, as in a transpose.
    """

    hazards: tuple[Hazard, ...] = ()
    changed: int = 0
    total: int = 0
    before: Sketch | None = None
    after: Sketch | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One tensor, or one entry of the tree, that an edit's targets mean.

    Attributes
    ----------
    name
        Of the tensor.
    state
        `in`; `left` as it is; `refused`; or `tied` to another row, which stands for both.
    why
        The pattern that leaves it, what refuses it, or the name it is tied to; empty for `in`.
    before, after
        Its spec; `after` is None where nothing comes of it.
    names
        Every name the targets mean that holds this tensor, its own first.
    said
        Hazards of its structure: shapes, sharing, what depends on it. For a tensor that is left, those it would have.
    line
        What becomes of it in words, for an edit of entries: `a becomes b`.
    measured
        What its values say; None before they are looked at, and for a row that is tied.
    also
        Hazards that are about this tensor too and stand in the row of another, so that they are counted once.
    """

    name: str
    state: str
    why: str = ""
    before: TensorSpec | None = None
    after: TensorSpec | None = None
    names: tuple[str, ...] = ()
    said: tuple[Hazard, ...] = ()
    line: str = ""
    measured: Measured | None = None
    also: tuple[Hazard, ...] = ()

    @property
    def hazards(self) -> list[Hazard]:
        """What counts for this row, refusals first: added up over all rows it is what is said of the whole edit."""
        return self._sorted(self.said)

    @property
    def shown(self) -> list[Hazard]:
        """Everything to know of this tensor, refusals first."""
        return self._sorted((*self.said, *self.also))

    def _sorted(self, said: tuple[Hazard, ...]) -> list[Hazard]:
        found = [*said, *(() if self.measured is None else self.measured.hazards)]
        return sorted_hazards(found) if len(found) > 1 else found

    @property
    def changed(self) -> int:
        """Values that change; none of a tensor that is left, refused or tied."""
        return 0 if self.measured is None or self.state != IN else self.measured.changed

    @property
    def total(self) -> int:
        """Values that are written."""
        return 0 if self.measured is None or self.state != IN else self.measured.total

    @property
    def is_in(self) -> bool:
        """Whether the edit reaches it, by itself or along with the row it is tied to."""
        return self.state in (IN, TIED)


@dataclass(slots=True)
class Batch:
    """An edit worked out on specs for every tensor it means; iterating reads their values.

    Attributes
    ----------
    edit
        The record.
    rows
        In the order of the document, without what only values say.
    hazards
        What is about the edit as a whole and no single row, such as an argument that does not read.
    """

    edit: Edit
    rows: list[BatchRow]
    hazards: list[Hazard] = field(default_factory=list)
    work: BatchWork | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[BatchRow]:
        """Yield each row once its values are known, one at a time, those that are left last.

        Raises
        ------
        Cancelled
            When the progress that the batch was made with says so.
        EditRefused
            If there is no memory left to look at one; nothing was changed.
        """
        if self.work is None:
            yield from self.rows
            return
        self.work.begin()
        for row in sorted(self.rows, key=lambda row: row.state == LEFT):
            with refused_for_memory("a preview"):
                measured = self.work.measured(row)
            yield measured


@dataclass(slots=True)
class BatchWork:
    """What reading the values takes: tensors pinned when the batch was made, each with the edit of it alone.

    Attributes
    ----------
    plan
        Of the whole edit, as far as it can be done.
    targets
        By the name of the row that stands for the tensor.
    known
        What was measured before by the same edit of the same values; it is not read again.
    nbytes
        How much is read at once.
    """

    plan: Plan
    targets: dict[str, Target]
    known: Mapping[str, Measured]
    progress: Progress
    nbytes: int

    def begin(self) -> None:
        """Say how much there is to read."""
        self.progress.begin("Preview", sum(target.nbytes for name, target in self.targets.items()
                                           if name not in self.known))  # fmt: skip

    def measured(self, row: BatchRow) -> BatchRow:
        """Return a row with what its values say; one that they refuse says so."""
        target = self.targets.get(row.name)
        if target is None:
            return row
        found = self.known.get(row.name)
        if found is None:
            try:
                found = self._measure(target)
            except EditRefused as error:
                found = Measured(tuple(error.hazards))
        refused = next((one for one in found.hazards if one.level == "refusal"), None)
        if refused is not None and row.state == IN:
            return replace(row, state=REFUSED, why=refused.title, measured=found)
        return replace(row, measured=found)

    def _measure(self, target: Target) -> Measured:
        plan = replace(self.plan, targets=[target], hazards=[])
        if plan.operation.effect not in ("write", "rebind"):
            return Measured()
        inside, watching = Within(self.progress), Watching(plan, target)
        hazards, losses = value_hazards(plan, self.nbytes, inside, watching.see)
        before, after = watching.found(losses[0], self.progress, self.nbytes, not moves_only(plan, target))
        target.survey = None  # what its passes found may be large, and there may be thousands of targets
        changed = sum(loss.changed for loss in losses)
        moved = plan.operation.inputs is not None and moves_only(plan, target)
        return Measured(tuple(hazards), changed, sum(loss.total for loss in losses), before, after, moved)


def batch_of(document: Document, declared: Operation, edit: Edit, progress: Progress,
             known: Mapping[str, Measured] | None = None) -> Batch:  # fmt: skip
    """Work an edit out on specs, tensor by tensor; what cannot be done is a hazard of its row.

    Parameters
    ----------
    document, declared, edit
        As for `editing.preview_of`.
    progress
        Of this, and of reading the values afterwards.
    known
        What was measured by the same operation, arguments and region on the same values, by name; what the edit
        leaves may differ.

    Raises
    ------
    EditRefused
        If the targets mean nothing, or a pattern does not read.
    """
    from weightedit.core.batches.batch_entries import entry_batch
    from weightedit.core.batches.batch_sharing import sharing_batch
    from weightedit.core.batches.batch_tensors import tensor_batch
    from weightedit.core.checks.leaving import leaving_hazards

    said = leaving_hazards(document, declared, edit)
    if declared.effect == "share":
        found = sharing_batch(document, declared, edit, progress)
    elif declared.effect == "restructure":
        found = entry_batch(document, declared, edit)
    else:
        found = tensor_batch(document, declared, edit, progress, known or {})
    found.hazards += said
    return found


def left_at_first(declared: Operation) -> tuple[str, ...]:
    """Return what an edit of all tensors that a pattern means had better leave: whole numbers and flags.

    Indices and counters lie among the weights that a pattern names, and arithmetic on weights is not meant for them.
    Nothing is left by an operation that only moves values, or changes none.
    """
    computes = declared.effect == "write" and not declared.moves
    converts = declared.effect == "rebind" and any(one.type == "dtype" for one in declared.parameters)
    return WHOLE_NUMBERS if computes or converts else ()
