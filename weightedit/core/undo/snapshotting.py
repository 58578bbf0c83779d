"""The half of a document that takes snapshots, compares with them and restores from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from weightedit.core.edits.guarding import guarded, guarding
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.writing.exporting import Exporting

if TYPE_CHECKING:
    from weightedit.core.described.contents import Inventory
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit
    from weightedit.core.hazards import Hazard
    from weightedit.core.history import Step
    from weightedit.core.reader import Origin
    from weightedit.core.slots import Slot
    from weightedit.core.snapshot import Snapshot
    from weightedit.core.undo.history_compare import Difference

RESTORE = "restore"
"""The name of the record in history: no operation of the menus, since only this document has the snapshot."""


class Snapshotting(Exporting):
    """Keeps snapshots by name; a `Document` gives it lock and history."""

    def __init__(self, origin: Origin, inventory: Inventory) -> None:
        super().__init__(origin, inventory)
        self._snapshots: dict[str, Snapshot] = {}

    def commit(self, step: Step) -> None:
        """Do a step and put it into history; a `Document` does."""
        raise NotImplementedError

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The snapshots that were taken, by name, the oldest first."""
        return MappingProxyType(self._snapshots)

    @guarded("a snapshot")
    def snapshot(self, name: str, targets: Any = "*", *, progress: Report | None = None,
                 cancel: CancelFlag | None = None) -> Snapshot:  # fmt: skip
        """Keep tensors as they are now, under a name: detached, and independent of every later change.

        Of a file nothing is copied: its bytes are kept only once an edit or a save would lose them. Live tensors,
        computed ones too, are copied piece by piece into the spill.

        Parameters
        ----------
        name
            Not that of another snapshot.
        targets
            As for `apply`; everything by default.
        progress, cancel
            Called with (label, done, total); checked between pieces. A snapshot that was stopped is not kept.

        Raises
        ------
        EditRefused
            If the name is taken or empty, nothing matches, or the undo budget has no room for it.
        """
        from weightedit.core.snapshot import take

        with self._lock:
            whole = cast("Document", self)
            made = take(whole, name, targets, self._snapshots, Progress(progress, cancel))
            self._snapshots[name] = made
            if whole.journal is not None:
                whole.journal.snapshot(name, "*" if targets == "*" else [kept.name for kept in made.tensors])
            return made

    def drop_snapshot(self, name: str) -> None:
        """Delete a snapshot; raises `EditRefused` where there is none."""
        with self._lock:
            del self._snapshots[self._snapshot_named(name).name]

    @guarded("the comparison")
    def compare_snapshot(self, name: str, *, progress: Report | None = None,
                         cancel: CancelFlag | None = None) -> list[Difference]:  # fmt: skip
        """Return the tensors that are not what a snapshot holds, in file order; values are read piece by piece."""
        with self._lock:
            snapshot = self._snapshot_named(name)
        return snapshot.differences(cast("Document", self), Progress(progress, cancel))

    def preflight_restore(self, name: str, targets: Any = "*", *, progress: Report | None = None,
                          cancel: CancelFlag | None = None) -> list[Hazard]:  # fmt: skip
        """Return what `restore` would do silently, refusals first; nothing is changed."""
        from weightedit.core.edits.restoring import plan_restore

        try:
            snapshot = self._snapshot_named(name)
            with guarding("restoring", self):
                found = plan_restore(cast("Document", self), snapshot, targets, Progress(progress, cancel))
        except EditRefused as error:
            return list(error.hazards)
        return list(found.hazards)

    def restore(self, name: str, targets: Any = "*", *, accept: Collection[str] | str = (),
                progress: Report | None = None, cancel: CancelFlag | None = None) -> Edit:  # fmt: skip
        """Put tensors back to what a snapshot holds, as one undo step, all or nothing.

        Only tensors that differ are touched. Where the values alone do, they are written in place, so a live
        parameter stays the same object; where shape or dtype does, the tensor is replaced, as `replace` does it.
        Names, order and `requires_grad` stay as they are.

        Parameters
        ----------
        name
            Of the snapshot.
        targets
            Names the tensors had then, and patterns; all by default.
        accept, progress, cancel
            As for `apply`.

        Raises
        ------
        EditRefused, ConfirmationNeeded
            With the hazards, also where nothing differs; the document is as it was.
        """
        return self._restore(name, targets, accept, Progress(progress, cancel))

    @guarded("restoring")
    def _restore(self, name: str, targets: Any, accept: Collection[str] | str, progress: Progress) -> Edit:
        from weightedit.core.edits.restoring import restored

        with self._lock:
            step = restored(cast("Document", self), self._snapshot_named(name), targets, accept, progress)
            self.commit(step)
            return step.edit

    def restore_again(self, edit: Edit, accept: Collection[str] | str, progress: Progress) -> Edit:
        """Restore what a record says, as a recipe or a document that was opened again does."""
        return self._restore(edit.arguments["snapshot"], list(edit.targets), accept, progress)

    def names_in_snapshot(self, name: str, targets: Any) -> tuple[list[str], str]:
        """Return what tensors were called when a snapshot was taken, and a sentence on those it does not hold.

        Parameters
        ----------
        name
            Of the snapshot.
        targets
            Names the tensors have now, and patterns. `restore` goes by the names they had then, which another tensor
            may have by now.

        Raises
        ------
        EditRefused
            If nothing matches, or the snapshot holds none of them.
        """
        from weightedit.core.described.targets import find_slots

        with self._lock:
            slots = find_slots(cast("Document", self), targets)
            names, missing = self._snapshot_named(name).names_of(slots)
        if not names:
            raise EditRefused([refusal("not-found", missing.removesuffix("."),
                                       targets=[slot.name for slot in slots], count=len(slots))])  # fmt: skip
        return names, missing

    def take_over(self, snapshots: Iterable[Snapshot], names: Mapping[Slot, str],
                  progress: Progress) -> tuple[str, ...]:  # fmt: skip
        """Keep the snapshots of the same document as it was opened before; returns the tensors that were lost.

        `names` has what the slots of that document are called in the file.
        """
        from weightedit.core.snapshot import carried

        with self._lock:
            moved, lost = carried(snapshots, names, cast("Document", self), progress)
            self._snapshots.update((snapshot.name, snapshot) for snapshot in moved)
            if (journal := cast("Document", self).journal) is not None:
                for snapshot in moved:
                    journal.snapshot(snapshot.name, [], older=True)
            return tuple(lost)

    def _snapshot_named(self, name: object) -> Snapshot:
        found = self._snapshots.get(name) if isinstance(name, str) else None
        if found is None:
            have = ", ".join(self._snapshots) or "none"
            raise EditRefused([refusal("not-found", f"There is no snapshot {name!r}", f"There are: {have}.")])
        return found
