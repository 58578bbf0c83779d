"""An opened checkpoint or live object: its slots, its history, and the one way to change it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from weightedit.core.commands import LiveWrite, do_all, undo_all
from weightedit.core.described.targets import only_name
from weightedit.core.edit import Edit, TensorName
from weightedit.core.edits.announcing import Announcing
from weightedit.core.edits.announcing import Change as Change  # whoever subscribes to a document has it from here
from weightedit.core.edits.arrange import Arrange, walk_again
from weightedit.core.edits.guarding import guarded, guarding
from weightedit.core.edits.preview import Preview
from weightedit.core.edits.stepping import between, joined, move, names_of, settled_or_back, with_layout
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.history import DEFAULT_BUDGET, History, Step
from weightedit.core.journals.recorded import recorded_batch, recorded_edit, recorded_move
from weightedit.core.live.attributes import SetAttributes
from weightedit.core.operation import Operation
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.reader import Origin
from weightedit.core.undo.snapshotting import Snapshotting
from weightedit.core.undo.spill import Spill
from weightedit.core.undo.verifying import verify_steps
from weightedit.core.values.pinned import PinnedTensor

if TYPE_CHECKING:
    from weightedit.core.batches.batch import Batch
    from weightedit.core.described.contents import Inventory
    from weightedit.core.journals.journaling import Journal
    from weightedit.core.journals.recovery import Recovered
    from weightedit.core.looking.results import Results
    from weightedit.core.recipe import Recipe
    from weightedit.core.undo.history_compare import State
    from weightedit.core.values.conditions import Conditions
    from weightedit.core.writing.saving import Writer

DEFAULT_MEMORY = 64 << 20
"""Bytes a pass over a tensor may use for its values."""


class Document(Snapshotting, Announcing):
    """Slots, history and version of one checkpoint or live object; made by `assembly`.

    Methods are thread-safe: one apply at a time, while readers work on pinned states.

    Attributes
    ----------
    journal
        Where every edit is written down before it is applied, so that a crash loses none; None where there is none.
    recovered
        What recovering it from a journal came to; None where it was opened.
    """

    def __init__(self, origin: Origin, inventory: Inventory, *, operations: Mapping[str, Operation], writer: Writer,
                 resolve: Callable[[str], Document], conditions: Conditions | None = None, spill: Spill | None = None,
                 memory: int = DEFAULT_MEMORY, history_budget: int = DEFAULT_BUDGET) -> None:  # fmt: skip
        super().__init__(origin, inventory)
        self.operations = operations
        self.spill = spill or Spill()
        self.memory = memory
        self.history = History(history_budget)
        self.journal: Journal | None = None
        self.recovered: Recovered | None = None
        self.version = 0
        self._writer = writer
        self.conditions = conditions
        self._resolve_file = resolve
        self.measured: Results | None = None
        self._others: dict[str, Document] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        edits = self.history.position
        return f"{super().__repr__()[:-1]}, {edits:,} edit{'' if edits == 1 else 's'}>"

    @property
    def is_modified(self) -> bool:
        """Whether the history position is not the saved point."""
        return not self.history.is_saved

    @property
    def chunk(self) -> int:
        """Bytes a pass reads at once within the memory budget."""
        return max(64 << 10, min(4 << 20, self.memory // 32))

    def preflight(self, operation: str | Edit, targets: Any = (), *, region: Any = None, device: str = "cpu",
                  tied: str = "all", moments: str = "follow", leave: Any = (), seed: int | None = None,
                  progress: Report | None = None, cancel: CancelFlag | None = None,
                  **arguments: Any) -> list[Hazard]:  # fmt: skip
        """Return what the edit would do silently, refusals first; nothing is changed.

        Parameters are those of `apply`. A refusal is returned, not raised.
        """
        from weightedit.core.edits.editing import make_edit, preflight_of

        try:
            declared, edit = make_edit(self, operation, targets, arguments, region=region, device=device, tied=tied,
                                       moments=moments, leave=leave, seed=seed)  # fmt: skip
            with guarding(declared.title, self):
                return preflight_of(self, declared, edit, Progress(progress, cancel))
        except EditRefused as error:
            return list(error.hazards)

    @guarded("a preview")
    def preview(self, operation: str | Edit, targets: Any = (), *, region: Any = None, device: str = "cpu",
                tied: str = "all", moments: str = "follow", leave: Any = (), seed: int | None = None,
                look_at: str | None = None, progress: Report | None = None, cancel: CancelFlag | None = None,
                **arguments: Any) -> Preview:  # fmt: skip
        """Return what the edit would do, with one target readable before and after; nothing is changed.

        That is the one that the name `look_at` stands for, where it is among them, and the first otherwise.

        Raises
        ------
        EditRefused
            If the edit cannot be worked out at all.
        """
        from weightedit.core.edits.editing import make_edit, preview_of

        declared, edit = make_edit(self, operation, targets, arguments, region=region, device=device, tied=tied,
                                   moments=moments, leave=leave, seed=seed)  # fmt: skip
        return preview_of(self, declared, edit, Progress(progress, cancel), look_at)

    @guarded("a preview")
    def preview_batch(self, operation: str | Edit, targets: Any = (), *, region: Any = None, device: str = "cpu",
                      tied: str = "all", moments: str = "follow", leave: Any = (), seed: int | None = None,
                      progress: Report | None = None, cancel: CancelFlag | None = None,
                      **arguments: Any) -> Batch:  # fmt: skip
        """Return what the edit would do to each tensor, one after the other; nothing is changed.

        `rows` of the result lists them; iterating it reads values, one tensor at a time. One that is refused stands
        beside those that are not, though applying the whole would be refused.

        Raises
        ------
        EditRefused
            If the targets mean nothing, or an argument is of the wrong kind.
        """
        from weightedit.core.batches.batch import batch_of
        from weightedit.core.edits.editing import make_edit

        declared, edit = make_edit(self, operation, targets, arguments, region=region, device=device, tied=tied,
                                   moments=moments, leave=leave, seed=seed)  # fmt: skip
        return batch_of(self, declared, edit, Progress(progress, cancel))

    @guarded("the edit")
    def apply(self, operation: str | Edit | Mapping[str, Any], targets: Any = (), *, region: Any = None,
              device: str = "cpu", tied: str = "all", moments: str = "follow", leave: Any = (),
              seed: int | None = None, accept: Collection[str] | str = (), progress: Report | None = None,
              cancel: CancelFlag | None = None, **arguments: Any) -> Edit:  # fmt: skip
        """Apply an operation as one undo step, all or nothing.

        Parameters
        ----------
        operation
            Its name, such as `scale`; or a whole `Edit` and nothing else, such as an alternative of a hazard:
            `doc.apply(hazard.alternatives[0])`; or one as plain data, such as an edit of a mend that `check` offers.
        targets
            A name, a path, a pattern (`layers.*`, `re:…`) or a list of them.
        region
            Such as `[3, 10:20, :]`, a list of regions (their union), or a condition such as
            `where abs(w) < 1e-4` or `[0:64, :] where w > 3 * std(w)`; None means whole tensors.
        device
            Where values are computed: `cpu` or `cuda:0`.
        tied
            `all` rebinds tied slots together, `untie` only the ones named.
        moments
            What an optimizer that was handed over keeps of a tensor: `follow` cuts, pads and casts its moments as the
            tensor is, `drop` starts them anew.
        leave
            Targets that stay as they are: names, patterns, or `dtype:…` with a dtype or `integer`, `float`, `bool`.
        seed
            Of random values, 0 by default; the same seed gives the same values for a tensor, however it is cut.
        accept
            Kinds of warnings that are fine, or `"all"`.
        progress, cancel
            Called with (label, done, total); checked between pieces.
        **arguments
            Of the operation. A tensor is given as values, as a name in this document, or as (file, name).

        Returns
        -------
        Edit
            The record that history keeps.

        Raises
        ------
        EditRefused, ConfirmationNeeded
            With the hazards; the document is as it was.
        """
        from weightedit.core.edits.editing import make_edit

        declared, edit = make_edit(self, operation, targets, arguments, region=region, device=device, tied=tied,
                                   moments=moments, leave=leave, seed=seed)  # fmt: skip
        return self.apply_edit(declared, edit, accept, Progress(progress, cancel))

    @guarded("the edit")
    def apply_edit(self, declared: Operation, edit: Edit, accept: Collection[str] | str, progress: Progress) -> Edit:
        """Apply a record; what `apply` and a recipe's replay share."""
        from weightedit.core.edits.editing import carry_out

        with self._lock:
            step = carry_out(self, declared, edit, accept, progress)
            self.commit(step)
            return step.edit

    def commit(self, step: Step) -> None:
        """Do a step that was worked out, put it into history and tell subscribers."""
        before = names_of(self) if step.structure else {}
        with recorded_edit(self, step):
            do_all(step.commands)
            with settled_or_back(self, step, undo_all):
                self.settle(step)
                made = with_layout(step, before, names_of(self)) if step.structure else step
                self.history.push(made)
        self._tell([step])

    def settle(self, step: Step) -> None:
        """Look at slots and names again after a step was done or undone; the one who moved tells subscribers."""
        self.version += 1
        if self.origin.marks is not None:
            self.origin.marks.renew(slot for slot in self.slots if slot.name in step.names)
        if any(isinstance(command, Arrange) or (isinstance(command, SetAttributes) and isinstance(command.owner, dict))
               for command in step.commands):  # fmt: skip
            walk_again(self)
        if self.is_live and any(not isinstance(command, LiveWrite) for command in step.commands):
            from weightedit.core.live.facts import retold

            retold(self)
        if step.structure:
            self._index()
            for entry in self.entries:
                if entry.slot is not None and entry.name != entry.slot.name:
                    entry.name, entry.path, entry.key = entry.slot.name, entry.slot.path, entry.slot.key

    def _tell(self, steps: Sequence[Step]) -> None:
        if steps:
            self._announce(Change(*joined(steps)))

    def resolve(self, name: TensorName) -> PinnedTensor:
        """Find a tensor argument: in this document, or in the file it names; without a name, the only one there."""
        from weightedit.core.journals.reloading import changed_files

        if name.file is None:
            return self.pin(name.tensor)
        other = self._others.get(name.file)
        if other is None or changed_files(other.files):  # written anew since an edit took something of it
            other = self._others[name.file] = self._resolve_file(name.file)
        return other.pin(name.tensor if name.tensor else only_name(other.slots, name.file))

    @property
    def can_undo(self) -> bool:
        """Whether there is a step behind."""
        return self.history.behind() is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step ahead."""
        return self.history.ahead() is not None

    def undo(self, accept: Collection[str] | str = (), *, whole: bool = True, progress: Report | None = None,
             cancel: CancelFlag | None = None) -> None:  # fmt: skip
        """Take the last step back, to the same bytes and objects; nothing happens where there is none.

        Parameters
        ----------
        accept
            Kinds of warnings that are fine, or `"all"`.
        whole
            Whether a step that was applied in a group takes the rest of its group along.
        progress, cancel
            Called with (label, done, total); checked between pieces, and then nothing was taken back.

        Raises
        ------
        ConfirmationNeeded
            With `changed-elsewhere` if other code changed a live tensor since; nothing was taken back then.
        """
        with self._lock:
            position = self.history.position
            if position:
                self.go_to(self.history.start_of(position) if whole else position - 1, accept, progress=progress,
                           cancel=cancel)  # fmt: skip

    def redo(self, accept: Collection[str] | str = (), *, whole: bool = True, progress: Report | None = None,
             cancel: CancelFlag | None = None) -> None:  # fmt: skip
        """Apply the step that was undone last again, as `undo` takes it back."""
        with self._lock:
            position = self.history.position
            if position < len(self.history):
                self.go_to(self.history.end_of(position) if whole else position + 1, accept, progress=progress,
                           cancel=cancel)  # fmt: skip

    @guarded("undo")
    def go_to(self, position: int, accept: Collection[str] | str = (), *, progress: Report | None = None,
              cancel: CancelFlag | None = None) -> None:  # fmt: skip
        """Undo or redo until `position` steps are applied; all of it or nothing, also where it is cancelled."""
        told = Progress(progress, cancel)
        with self._lock:
            place = self.history.place(position)
            steps, back = between(self.history, place)
            verify_steps(steps, back, told)
            with recorded_move(self, place):
                steps = move(self, place, accept, told.ask)
            self._tell(steps)

    @contextmanager
    def grouped(self, label: str, key: Hashable = None, within: float = 0.0) -> Iterator[None]:
        """Make one group of the edits applied inside, which one `undo` takes back.

        Parameters
        ----------
        label
            What the history calls them together.
        key, within
            The edits go on with the last group where that has the same key, is at most `within` seconds old, and
            nothing was undone or saved since: cells typed one after the other.
        """
        with self._lock, self.history.grouping(label, key, within):
            yield

    @guarded("an earlier state")
    def state_at(self, position: int) -> State:
        """Return every tensor as it is after `position` steps, without going there.

        Raises
        ------
        EditRefused
            If there is no such point.
        """
        from weightedit.core.undo.history_compare import state_at

        with self._lock:
            return state_at(self, self.history.place(position))

    def set_undo_budget(self, nbytes: int) -> None:
        """Keep at most this many bytes for undo from now on; the oldest steps go at once where there are more."""
        with self._lock:
            self.history.set_budget(nbytes)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back every edit made inside if one raises, and leave the history as it was before."""
        with self._lock, self.history.kept_whole() as before, recorded_batch(self):
            start = self.history.position
            try:
                yield
            except BaseException:
                self.go_to(start, accept="all")
                self.history.put_back(before)
                raise

    @property
    def recipe(self) -> Recipe:
        """The edits applied so far, in order, to save and replay elsewhere."""
        from weightedit.core.recipe import Recipe

        return Recipe(tuple(step.edit for step in self.history.steps[: self.history.position]))

    def close(self) -> None:
        """Close the files and remove spill and journal; unsaved edits are gone."""
        if self.journal is not None:
            self.journal.discard()
        for other in self._others.values():
            other.close()
        for file in self.files:
            file.close()
        self.spill.close()

    def __enter__(self) -> Document:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
