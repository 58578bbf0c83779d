"""Which sizes of modules follow an edit, and which no longer say what their tensors are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.compute import surveyed
from weightedit.core.edit import Edit
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.labels import listed
from weightedit.core.live.attributes import ModuleChange
from weightedit.core.live.changes import changes_of
from weightedit.core.plan import Plan, make_plan

if TYPE_CHECKING:
    from weightedit.core.document import Document

ALONG_ROWS = ("delete_rows", "insert_rows", "slice", "permute_rows")
"""Operations that do the same to every tensor with the same rows."""


def module_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield `module-attribute`: a notice of all sizes that follow, and a warning for each module left in two minds."""
    changes = changes_of(plan, document.entries, document.origin.root)
    follow = [change for change in changes if change.after]
    if follow:
        names = tuple(dict.fromkeys(target.name for target in plan.targets))
        said = [f"{change.title}: {_becomes(change)}" for change in follow[:3]]
        more = f"; and {len(follow) - 3:,} modules more" if len(follow) > 3 else ""
        what = listed(tuple(name for name in follow[0].after if not name.startswith("_"))) if len(follow) == 1 else \
            f"What {len(follow):,} modules say of their size"  # fmt: skip
        verb = "follow" if len(follow) == 1 and len(follow[0].after) > 1 else "follows"
        yield Hazard("module-attribute", "notice", f"{what} {verb}", f"{'; '.join(said)}{more}.", names, len(follow))
    for change in changes:
        if change.complaints:
            yield _complaint(change, plan, document)


def _becomes(change: ModuleChange) -> str:
    return ", ".join(f"{name} {change.before[name]} → {value}" for name, value in change.after.items()
                     if not name.startswith("_"))  # fmt: skip


def _complaint(change: ModuleChange, plan: Plan, document: Document) -> Hazard:
    edited = [slot.name for target in plan.targets for slot in target.slots
              if slot.name.rpartition(".")[0] in (change.name, *_inside(slot.name, change.name))]  # fmt: skip
    dot = f"{change.name}." if change.name else ""
    siblings = [f"{dot}{key}" for key in change.siblings if document.find(f"{dot}{key}") is not None]
    offers = _offers(plan, [name for name in siblings if name not in edited], document)
    title, detail = f"{change.title} will not fit together", f"{'; '.join(change.complaints)}."
    if change.unchecked:
        detail += " torch does not look at that, and reads past the end of a tensor at the next forward."
    return Hazard("module-attribute", "refusal" if change.unchecked else "warning", title, detail,
                  tuple(dict.fromkeys((*edited, *siblings))), len(change.complaints),
                  alternatives=tuple(offer for offer, _ in offers),
                  labels=tuple(said for _, said in offers))  # fmt: skip


def _inside(name: str, module: str) -> list[str]:
    """Return where in the module a tensor of its parametrizations is."""
    start = f"{module}.parametrizations." if module else "parametrizations."
    return [name.rpartition(".")[0]] if name.startswith(start) else []


def _offers(plan: Plan, siblings: list[str], document: Document) -> list[tuple[Edit, str]]:
    """Return the same edit on the siblings too, where it is one along rows that they can take."""
    edit = plan.edit
    if plan.operation.name not in ALONG_ROWS or not siblings or edit.arguments.get("dim", 0) != 0:
        return []
    region = edit.region
    if plan.operation.name == "slice":
        rows, *rest = str(region).strip().removeprefix("[").removesuffix("]").split(",")
        if not isinstance(region, str) or any(part.strip() not in (":", "...") for part in rest):
            return []
        region = f"[{rows.strip()}]"
    both = replace(edit, targets=(*edit.targets, *siblings), region=region)
    try:
        found = make_plan(document, plan.operation, both, plan.bench)
        for target in found.targets if plan.operation.prepare is not None else ():
            surveyed(found, target)
    except EditRefused:
        return []
    return [(both, f"Do the same to {listed([name.rpartition('.')[2] for name in siblings])}")]
