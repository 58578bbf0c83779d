"""From what a person asks for to a step of history: the record, its plan, its hazards, its commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightedit.core.checks.leaving import leaving_hazards, refuse_unmatched
from weightedit.core.commands import Command
from weightedit.core.described.targets import patterns
from weightedit.core.edit import Edit, region_of
from weightedit.core.edits.arguments import normalized
from weightedit.core.edits.compute import ComputedTensor
from weightedit.core.edits.consent import check_device, check_hazards
from weightedit.core.edits.drafting import draft_of
from weightedit.core.edits.execute import execute
from weightedit.core.edits.offers import tried
from weightedit.core.edits.plan import Bench, Plan, make_plan
from weightedit.core.edits.preflight import sorted_hazards, structural_hazards, value_hazards
from weightedit.core.edits.preview import Preview
from weightedit.core.edits.room import refuse_without_room
from weightedit.core.edits.tying import sharing_of
from weightedit.core.edits.workshop import Workshop
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import Step
from weightedit.core.looking.results import Results
from weightedit.core.losing.losses import KEPT, Losses
from weightedit.core.operation import Operation
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.stage import copies
from weightedit.core.values.pinned import PinnedRegion, Readable
from weightedit.core.words.labels import label, place

if TYPE_CHECKING:
    from weightedit.core.document import Document

MEASURED = 4 << 20
"""Bytes of what preflights found, kept so that applying the same edit to the same values need not look again."""


def _read(record: Mapping[str, Any]) -> Edit:
    """Return an edit that was given as a step of a recipe, such as the doctor's findings have in their mends."""
    try:
        return Edit.from_json(record, {})
    except (KeyError, TypeError, ValueError) as error:
        raise EditRefused([refusal("argument", "What is given is no step of a recipe",
                                   f"{type(error).__name__}: {error}. A step is a dict as Edit.to_json gives it; of a "
                                   "mend, apply each of its edits.")]) from error  # fmt: skip


def make_edit(document: Document, operation: str | Edit | Mapping[str, Any], targets: Any,
              arguments: Mapping[str, Any], *, region: Any = None, device: str = "cpu", tied: str = "all",
              moments: str = "follow", leave: Any = (), seed: int | None = None) -> tuple[Operation, Edit]:  # fmt: skip
    """Return the declared operation and the record of its use.

    Raises
    ------
    EditRefused
        If something in it is unknown or of the wrong kind.
    """
    if isinstance(operation, Mapping):
        operation = _read(operation)
    if isinstance(operation, Edit):
        if targets or arguments or region is not None or leave:
            raise EditRefused([refusal("argument", "A whole edit takes no targets, region or arguments",
                                       "It has them; change them with dataclasses.replace.")])  # fmt: skip
        return completed(document, operation)
    declared = document.operations.get(operation)
    if declared is None:
        known = ", ".join(get_close_matches(str(operation), document.operations, 5, 0.0))
        raise EditRefused([refusal("argument", f"There is no operation {operation!r}", f"The nearest are: {known}.")])
    if declared.parameter("device") is not None:  # where tensors go; nothing is computed then
        arguments, device = {"device": device, **arguments}, "cpu"
    checked = normalized(declared, arguments, document.spill)
    try:
        given = region_of(region)
    except TypeError as error:
        raise EditRefused([refusal("argument", f"The region is {region!r}", f"{error}.")]) from None
    names = tuple(
        target if isinstance(target, str) else _name_at(document, target, declared)
        for target in patterns(document, targets)
    )
    _check_seed(seed)
    check_device(device)
    kept = int(seed or 0) if declared.random else None
    left = _left(document, leave, declared)
    return declared, Edit(declared.name, names, given, MappingProxyType(checked), kept, device, tied, (), moments, left)


def completed(document: Document, edit: Edit) -> tuple[Operation, Edit]:
    """Return the declared operation of a record, and the record with the defaults of what it leaves out.

    A person who writes a step of a recipe by hand, or a part of the program that proposes an edit by name, says only
    what matters.

    Raises
    ------
    EditRefused
        If there is no such operation, or an argument is missing, unknown or of the wrong kind.
    """
    declared = document.operations.get(edit.operation)
    if declared is None:
        raise EditRefused([refusal("argument", f"There is no operation {edit.operation!r}")])
    if {parameter.name for parameter in declared.parameters} - set(edit.arguments):
        edit = replace(edit, arguments=MappingProxyType(normalized(declared, edit.arguments, document.spill)))
    if declared.random and edit.seed is None:
        edit = replace(edit, seed=0)
    return declared, edit


def _check_seed(seed: object) -> None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**64):
        raise EditRefused([refusal("argument", f"The seed is {seed!r}", "It is a whole number from 0 to 2**64 - 1.")])


def _left(document: Document, leave: Any, declared: Operation) -> tuple[str, ...]:
    """Return what is left as texts, each once: a path by the name of what is there."""
    given = patterns(document, leave) if leave else []
    if not all(isinstance(one, str | tuple) for one in given):
        raise EditRefused([refusal("argument", f"What is left is {leave!r}", "Give names, patterns or dtype:….")])
    texts = [one if isinstance(one, str) else _name_at(document, one, declared) for one in given]
    found = tuple(dict.fromkeys(text for text in texts if text))
    refuse_unmatched(document, found)
    return found


def _name_at(document: Document, path: Any, declared: Operation) -> str:
    if declared.effect == "restructure":
        for entry in document.entries:
            if entry.path == path:
                return entry.name
    return document.name_at(path)


def plan_of(document: Document, operation: Operation, edit: Edit, progress: Progress) -> Plan:
    """Work an edit out on specs; raises `EditRefused` where it cannot be done."""
    document.measured = document.measured or Results(MEASURED)
    bench = Bench(document.resolve, copies, document.conditions, document.spill, document.chunk,
                  lambda: progress.advance(0), document.measured)  # fmt: skip
    try:
        plan = make_plan(document, operation, edit, bench)
    except EditRefused as error:
        raise EditRefused(tried(document, error.hazards, bench)) from None
    refuse_without_room(document, plan)
    plan.hazards = tried(document, plan.hazards, bench)
    return plan


def hazards_of(document: Document, plan: Plan, progress: Progress) -> tuple[list[Hazard], list[Losses]]:
    """Return what an edit would do silently, refusals first, and what storing its values loses."""
    found = structural_hazards(document, plan)
    if any(hazard.level == "refusal" for hazard in found):
        return sorted_hazards(found), []
    more, losses = value_hazards(plan, document.chunk, progress)
    return sorted_hazards(found + more), losses


def preflight_of(document: Document, declared: Operation, edit: Edit, progress: Progress) -> list[Hazard]:
    """Return what an edit would do silently, refusals first."""
    said = leaving_hazards(document, declared, edit)
    if declared.effect == "restructure":
        return sorted_hazards([*said, *draft_of(document, declared, edit).hazards])
    if declared.effect == "share":
        return sorted_hazards([*said, *sharing_of(document, declared, edit, progress).hazards])
    plan = plan_of(document, declared, edit, progress)
    return sorted_hazards([*said, *hazards_of(document, plan, progress)[0]])


def preview_of(document: Document, declared: Operation, edit: Edit, progress: Progress,
               look_at: str | None = None) -> Preview:  # fmt: skip
    """Return what an edit would do; the target that holds `look_at`, or the first, is readable before and after."""
    said = leaving_hazards(document, declared, edit)
    if declared.effect == "restructure":
        draft = draft_of(document, declared, edit)
        hazards = sorted_hazards([*said, *draft.hazards])
        return Preview(edit, hazards, sorted(draft.names), 0, 0, lines=tuple(draft.lines))
    if declared.effect == "share":
        shared = sharing_of(document, declared, edit, progress).preview()
        return replace(shared, hazards=sorted_hazards([*said, *shared.hazards]))
    plan = plan_of(document, declared, edit, progress)
    named = (target for target in plan.targets if any(slot.name == look_at for slot in target.slots))
    first = next(named, plan.targets[0])
    plan.places, plan.shown = KEPT, first
    hazards, losses = hazards_of(document, plan, progress)
    hazards = sorted_hazards([*said, *hazards])
    names = [slot.name for target in plan.targets for slot in target.slots]
    changed = sum(loss.changed for loss in losses)
    total = sum(loss.total for loss in losses)
    before: Readable = first.pinned
    after: Readable = first.pinned
    if declared.effect == "write":
        before = PinnedRegion(first.pinned, first.boxes[0])
        after = ComputedTensor(plan, first, first.boxes[0])
    elif declared.effect == "rebind":
        after = ComputedTensor(plan, first, Box.whole(first.result.shape))
    by_name = {target.name: loss for target, loss in zip(plan.targets, losses, strict=False)}
    known = by_name[first.name].statistics if first.name in by_name and len(first.boxes) == 1 else None
    return Preview(edit, hazards, names, changed, total, (), first.slots[0].spec, first.result, before, after, by_name,
                   (sum(target.spec.nbytes for target in plan.targets),
                    sum(target.result.nbytes for target in plan.targets)),
                   tuple(slot.name for slot in first.slots), known or (None, None))  # fmt: skip


def carry_out(document: Document, declared: Operation, edit: Edit, accept: Collection[str] | str,
              progress: Progress) -> Step:  # fmt: skip
    """Compute all of an edit and return it as a step that was not done yet."""
    check_device(edit.device)
    edit = replace(edit, arguments=MappingProxyType(normalized(declared, edit.arguments, document.spill)))
    if declared.effect == "restructure":
        return _restructured(document, declared, edit, accept, progress)
    if declared.effect == "share":
        return _shared(document, declared, edit, accept, progress)
    plan = plan_of(document, declared, edit, progress)
    hazards, _ = hazards_of(document, plan, progress)
    edit = replace(edit, accepted=check_hazards(hazards, accept))
    work = sum(target.nbytes for target in plan.targets)
    kept = work * (2 if document.is_live else 1) if declared.effect in ("write", "rebind") else 0
    document.history.check_room(kept)
    progress.begin(declared.title, work)
    shop = Workshop.of(document, progress)
    return step_of(document, plan, edit, tuple(execute(plan, shop)))


def _restructured(document: Document, declared: Operation, edit: Edit, accept: Collection[str] | str,
                  progress: Progress) -> Step:  # fmt: skip
    draft = draft_of(document, declared, edit)
    edit = replace(edit, accepted=check_hazards(draft.hazards, accept))
    document.history.check_room(draft.nbytes)
    progress.begin(declared.title, draft.nbytes)
    commands = tuple(draft.commands(Workshop(document.spill, document.chunk, progress)))
    regions: dict[str, list[str] | None] = dict.fromkeys(draft.names)
    return Step(edit, commands, label(declared, edit), place(edit, list(edit.targets)), frozenset(draft.names), regions,
                datetime.now(), True)  # fmt: skip


def _shared(document: Document, declared: Operation, edit: Edit, accept: Collection[str] | str,
            progress: Progress) -> Step:  # fmt: skip
    sharing = sharing_of(document, declared, edit, progress)
    edit = replace(edit, accepted=check_hazards(sharing.hazards, accept))
    document.history.check_room(sharing.nbytes * (2 if document.is_live else 1))
    progress.begin(declared.title, sharing.nbytes)
    shop = Workshop.of(document, progress)
    named = [slot.name for slot in sharing.named]
    names = frozenset(sharing.names)
    regions: dict[str, list[str] | None] = dict.fromkeys(names)
    return Step(edit, tuple(sharing.commands(shop)), label(declared, edit), place(edit, named), names, regions,
                datetime.now(), True)  # fmt: skip


def step_of(document: Document, plan: Plan, edit: Edit, commands: tuple[Command, ...]) -> Step:
    """Return what history keeps of an edit: its commands, and the names and regions they change."""
    named = [slot.name for target in plan.targets for slot in target.slots]
    names = set(named)
    regions: dict[str, list[str] | None] = dict.fromkeys(named)
    if plan.operation.effect == "write":
        for target in plan.targets:
            if edit.region is not None:
                regions[target.name] = [str(box) for box in target.boxes]
            names.update(getattr(target.slots[0].held, "originals", ()))
            group = None if target.slots[0].held.is_deferred else document.storage_group(target.slots[0])
            names.update(slot.name for slot in (document.group_members(group) if group else ()))
    structure = plan.operation.effect != "write" or any(target.clones_first for target in plan.targets)
    return Step(edit, commands, label(plan.operation, edit), place(edit, named), frozenset(names), regions,
                datetime.now(), structure)  # fmt: skip
