"""An opened checkpoint or live object: its slots, its history, and the one way to change it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightedit.core.commands import Rename, changed_since_undo, do_all, undo_all
from weightedit.core.consent import changed_elsewhere, check_device, check_hazards
from weightedit.core.edit import Edit, TensorName, region_of
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import DEFAULT_BUDGET, History, Step
from weightedit.core.operation import Operation
from weightedit.core.pinned import PinnedRegion, PinnedTensor, Readable
from weightedit.core.preview import Preview
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.reader import Origin, Reader
from weightedit.core.region import Box
from weightedit.core.spill import Spill
from weightedit.core.targets import patterns

if TYPE_CHECKING:

    from weightedit.core.commands import Command
    from weightedit.core.contents import Inventory
    from weightedit.core.plan import Plan
    from weightedit.core.recipe import Recipe
    from weightedit.core.saving import Saved, Writer

DEFAULT_MEMORY = 64 << 20
"""Bytes a pass over a tensor may use for its values."""


@dataclass(frozen=True, slots=True)
class Change:
    """What subscribers are told: names whose values or description changed, the regions, and whether slots did."""

    names: frozenset[str]
    regions: Mapping[str, list[str] | None]
    structure: bool


class Document(Reader):
    """Slots, history and version of one checkpoint or live object; made by `assembly`.

    Methods are thread-safe: one apply at a time, while readers work on pinned states.
    """

    def __init__(self, origin: Origin, inventory: Inventory, *, operations: Sequence[Operation], writer: Writer,
                 resolve: Callable[[str], Document], spill: Spill | None = None, memory: int = DEFAULT_MEMORY,
                 history_budget: int = DEFAULT_BUDGET) -> None:  # fmt: skip
        super().__init__(origin, inventory)
        self.operations: Mapping[str, Operation] = {operation.name: operation for operation in operations}
        self.spill = spill or Spill()
        self.memory = memory
        self.history = History(history_budget)
        self.version = 0
        self._writer = writer
        self._resolve_file = resolve
        self._others: dict[str, Document] = {}
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[Change], None]] = []

    @property
    def is_modified(self) -> bool:
        """Whether the history position is not the saved point."""
        return not self.history.is_saved

    @property
    def _chunk(self) -> int:
        return max(64 << 10, min(4 << 20, self.memory // 32))

    def _edit(self, operation: str, targets: Any, region: Any, device: str, tied: str,
              arguments: Mapping[str, Any]) -> tuple[Operation, Edit]:  # fmt: skip
        from weightedit.core.arguments import normalized

        declared = self.operations.get(operation)
        if declared is None:
            known = ", ".join(self.operations)
            raise EditRefused([refusal("argument", f"There is no operation {operation!r}", f"There are: {known}.")])
        checked = normalized(declared, arguments, self.spill)
        try:
            given = region_of(region)
        except TypeError as error:
            raise EditRefused([refusal("argument", f"The region is {region!r}", f"{error}.")]) from None
        names = tuple(
            target if isinstance(target, str) else self._slot_for_reading(target).name
            for target in patterns(self, targets)
        )
        check_device(device)
        return declared, Edit(declared.name, names, given, MappingProxyType(checked), None, device, tied)

    def _plan(self, operation: Operation, edit: Edit) -> Plan:
        from weightedit.core.plan import make_plan
        from weightedit.core.stage import copies

        plan = make_plan(self, operation, edit, self._resolve, lambda dtype: copies(dtype))
        if operation.effect == "restructure":
            from weightedit.core.renaming import new_key

            if len(plan.targets) != 1 or len(plan.targets[0].slots) != 1:
                raise EditRefused([refusal("argument", f"{operation.name} takes one tensor", "Name exactly one.")])
            new_key(plan.targets[0].slots[0], edit.arguments["to"], self)
        return plan

    def _resolve(self, name: TensorName) -> PinnedTensor:
        """Find a tensor argument: in this document, or in the file it names."""
        if name.file is None:
            return self.pin(name.tensor)
        if name.file not in self._others:
            self._others[name.file] = self._resolve_file(name.file)
        return self._others[name.file].pin(name.tensor)

    def _hazards(self, plan: Plan, progress: Progress) -> tuple[list[Hazard], list[Any]]:
        from weightedit.core.optimizer import state_hazard
        from weightedit.core.preflight import sorted_hazards, structural_hazards, value_hazards

        found = structural_hazards(plan, self.slots, self.storage_group)
        for target in plan.targets if self.origin.optimizer is not None else ():
            for held in target.held:
                live = held.described.live
                hazard = state_hazard(self.origin.optimizer, live, target.result.shape, target.name)
                found += [hazard] if hazard is not None else []
        if any(hazard.level == "refusal" for hazard in found):
            return sorted_hazards(found), []
        more, losses = value_hazards(plan, self._chunk, progress)
        return sorted_hazards(found + more), losses

    def preflight(self, operation: str, targets: Any, *, region: Any = None, device: str = "cpu", tied: str = "all",
                  progress: Report | None = None, cancel: CancelFlag | None = None,
                  **arguments: Any) -> list[Hazard]:  # fmt: skip
        """Return what the edit would do silently, refusals first; nothing is changed.

        Parameters are those of `apply`. A refusal is returned, not raised.
        """
        try:
            declared, edit = self._edit(operation, targets, region, device, tied, arguments)
            return self._hazards(self._plan(declared, edit), Progress(progress, cancel))[0]
        except EditRefused as error:
            return list(error.hazards)

    def preview(self, operation: str, targets: Any, *, region: Any = None, device: str = "cpu", tied: str = "all",
                progress: Report | None = None, cancel: CancelFlag | None = None,
                **arguments: Any) -> Preview:  # fmt: skip
        """Return what the edit would do, with the first target readable before and after; nothing is changed.

        Raises
        ------
        EditRefused
            If the edit cannot be worked out at all.
        """
        from weightedit.core.compute import ComputedTensor

        declared, edit = self._edit(operation, targets, region, device, tied, arguments)
        plan = self._plan(declared, edit)
        hazards, losses = self._hazards(plan, Progress(progress, cancel))
        first = plan.targets[0]
        names = [slot.name for target in plan.targets for slot in target.slots]
        changed = sum(loss.changed or loss.lossy for loss in losses)
        total = sum(loss.total for loss in losses)
        before: Readable = first.pinned
        after: Readable = first.pinned
        if declared.effect == "write":
            before = PinnedRegion(first.pinned, first.boxes[0])
            after = ComputedTensor(plan, first, first.boxes[0])
        elif declared.effect == "rebind":
            after = ComputedTensor(plan, first, Box.whole(first.result.shape))
        return Preview(edit, hazards, names, changed, total, first.spec, first.result, before, after)

    def apply(self, operation: str, targets: Any, *, region: Any = None, device: str = "cpu", tied: str = "all",
              accept: Collection[str] | str = (), progress: Report | None = None, cancel: CancelFlag | None = None,
              **arguments: Any) -> Edit:  # fmt: skip
        """Apply an operation as one undo step, all or nothing.

        Parameters
        ----------
        operation
            Its name, such as `scale`.
        targets
            A name, a path, a pattern (`layers.*`, `re:…`) or a list of them.
        region
            Such as `[3, 10:20, :]`, or a list of regions (their union); None means whole tensors.
        device
            Where values are computed: `cpu` or `cuda:0`.
        tied
            `all` rebinds tied slots together, `untie` only the ones named.
        accept
            Kinds of warnings that are fine, or `"all"`.
        progress, cancel
            Called with (label, done, total); checked between pieces.
        **arguments
            Of the operation.

        Returns
        -------
        Edit
            The record that history keeps.

        Raises
        ------
        EditRefused, ConfirmationNeeded
            With the hazards; the document is as it was.
        """
        declared, edit = self._edit(operation, targets, region, device, tied, arguments)
        return self.apply_edit(declared, edit, accept, Progress(progress, cancel))

    def apply_edit(self, declared: Operation, edit: Edit, accept: Collection[str] | str, progress: Progress) -> Edit:
        """Apply a record; what `apply` and a recipe's replay share."""
        from dataclasses import replace

        from weightedit.core.arguments import normalized
        from weightedit.core.execute import Workshop, execute

        with self._lock:
            check_device(edit.device)
            edit = replace(edit, arguments=MappingProxyType(normalized(declared, edit.arguments, self.spill)))
            plan = self._plan(declared, edit)
            hazards, _ = self._hazards(plan, progress)
            accepted = check_hazards(hazards, accept)
            edit = replace(edit, accepted=accepted)
            work = sum(target.nbytes for target in plan.targets)
            self.history.check_room(work * (2 if self.is_live else 1) if declared.effect in ("write", "rebind") else 0)
            progress.begin(declared.title, work)
            shop = Workshop(self.spill, self._chunk, progress, self.origin.optimizer)
            step = self._step(plan, edit, tuple(execute(plan, shop)))
            do_all(step.commands)
            self.history.push(step)
            self._changed(step)
            return edit

    def _step(self, plan: Plan, edit: Edit, commands: tuple[Command, ...]) -> Step:
        from weightedit.core.labels import label, place

        named = [slot.name for target in plan.targets for slot in target.slots]
        names = set(named) | {command.name for command in commands if isinstance(command, Rename)}
        regions: dict[str, list[str] | None] = dict.fromkeys(named)
        if plan.operation.effect == "write":
            for target in plan.targets:
                if edit.region is not None:
                    regions[target.name] = [str(box) for box in target.boxes]
                group = None if target.slots[0].held.is_deferred else self.storage_group(target.slots[0])
                names.update(slot.name for slot in (self.group_members(group) if group else ()))
        structure = plan.operation.effect != "write" or any(target.clones_first for target in plan.targets)
        return Step(edit, commands, label(plan.operation, edit), place(edit, named), frozenset(names), regions,
                    datetime.now(), structure)  # fmt: skip

    def _changed(self, step: Step) -> None:
        self.version += 1
        if step.structure:
            self._index()
            for entry in self.entries:
                if entry.slot is not None and entry.name != entry.slot.name:
                    entry.name, entry.path = entry.slot.name, entry.slot.path
        change = Change(step.names, step.regions, step.structure)
        for callback in tuple(self._subscribers):
            callback(change)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step behind."""
        return self.history.behind() is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step ahead."""
        return self.history.ahead() is not None

    def undo(self, accept: Collection[str] | str = ()) -> None:
        """Take the last step back, to the same bytes and objects; nothing happens where there is none.

        Raises
        ------
        ConfirmationNeeded
            With `changed-elsewhere` if other code changed a live tensor since.
        """
        with self._lock:
            step = self.history.behind()
            if step is None:
                return
            if any(command.was_changed_elsewhere() for command in step.commands):
                check_hazards([changed_elsewhere(step, "Undo puts the values before the edit back")], accept)
            undo_all(step.commands)
            self.history.position -= 1
            self._changed(step)

    def redo(self, accept: Collection[str] | str = ()) -> None:
        """Apply the step that was undone last again, as `undo` takes it back."""
        with self._lock:
            step = self.history.ahead()
            if step is None:
                return
            if any(changed_since_undo(command) for command in step.commands):
                check_hazards([changed_elsewhere(step, "Redo writes over it")], accept)
            do_all(step.commands)
            self.history.position += 1
            self._changed(step)

    def go_to(self, position: int, accept: Collection[str] | str = ()) -> None:
        """Undo or redo until `position` steps are applied."""
        if not 0 <= position <= len(self.history):
            raise EditRefused([refusal("argument", f"There is no step {position}", f"There are {len(self.history)}.")])
        with self._lock:
            while self.history.position > position:
                self.undo(accept)
            while self.history.position < position:
                self.redo(accept)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back every edit made inside if one raises, and leave the history as it was before."""
        with self._lock, self.history.kept_whole() as before:
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

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback(change)` after every change, in the thread that made it; returns the way to stop."""
        self._subscribers.append(callback)

        def stop() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return stop

    def save(self, *, progress: Report | None = None, cancel: CancelFlag | None = None) -> Saved:
        """Replace the document's own file by its present state, atomically, and make this the saved point."""
        with self._lock:
            return self._writer.save(self, Progress(progress, cancel))

    def export(self, path: str | Path, format: str | None = None, shared: str | None = None,
               shard_size: int | None = None, *, progress: Report | None = None,
               cancel: CancelFlag | None = None) -> Saved:  # fmt: skip
        """Write the present state to a file, atomically, read back and verified.

        Parameters
        ----------
        path
            The destination; the document's own file makes this a save.
        format
            `safetensors` or `torch zip`; None goes by the suffix, then by where the document came from.
        shared
            What safetensors does with shared tensors: `copy` or `alias`; None refuses.
        shard_size
            Bytes of tensors per file at most, for a sharded export.
        progress, cancel
            Called with (label, done, total); checked between pieces.

        Raises
        ------
        EditRefused
            If the format cannot hold something that must not be lost silently.
        CheckpointError
            If writing or reading back goes wrong; the destination is as it was.
        """
        with self._lock:
            return self._writer.export(self, Path(path), format, shared, shard_size, Progress(progress, cancel))

    def export_hazards(self, path: str | Path, format: str | None = None, shared: str | None = None) -> list[Hazard]:
        """Return what an export would leave behind."""
        return self._writer.hazards(self, Path(path), format, shared)

    def close(self) -> None:
        """Close the files and remove the spill; unsaved edits are gone."""
        for other in self._others.values():
            other.close()
        for file in self.files:
            file.close()
        self.spill.close()

    def __enter__(self) -> Document:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
