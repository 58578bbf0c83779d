"""Which sizes of modules follow an edit, and which no longer say what their tensors are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.core.checks.siblings import sibling_offers
from weightedit.core.edits.plan import Plan
from weightedit.core.hazards import Hazard
from weightedit.core.live.attributes import ModuleChange
from weightedit.core.live.changes import changes_of
from weightedit.core.region import shape_text
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    from weightedit.core.document import Document

MOST = 8
"""Modules of one edit whose other tensors are looked at for what could be done to them."""


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
    complaining = [change for change in changes if change.complaints]
    for number, change in enumerate(complaining):
        yield _complaint(change, plan, document, offers=number < MOST)


def _becomes(change: ModuleChange) -> str:
    return ", ".join(f"{name} {_said(change.before[name])} → {_said(value)}" for name, value in change.after.items()
                     if not name.startswith("_"))  # fmt: skip


def _said(value: object) -> str:
    return shape_text(value) if isinstance(value, tuple) else str(value)


def _complaint(change: ModuleChange, plan: Plan, document: Document, *, offers: bool) -> Hazard:
    edited = [slot.name for target in plan.targets for slot in target.slots
              if slot.name.rpartition(".")[0] in (change.name, *_inside(slot.name, change.name))]  # fmt: skip
    dot = f"{change.name}." if change.name else ""
    siblings = [f"{dot}{key}" for key in change.siblings if document.find(f"{dot}{key}") is not None]
    offered = list(sibling_offers(plan, change, edited, document)) if offers else []
    title, detail = f"{change.title} will not fit together", f"{'; '.join(change.complaints)}."
    if change.only_shapes and siblings:
        title, detail = _misfit(change, edited, siblings)
    if change.unchecked:
        detail += " torch does not look at that, and reads past the end of a tensor at the next forward."
    return Hazard("module-attribute", "refusal" if change.unchecked else "warning", title, detail,
                  tuple(dict.fromkeys((*edited, *siblings))), len(change.complaints),
                  alternatives=tuple(offer for offer, _ in offered),
                  labels=tuple(said for _, said in offered))  # fmt: skip


def _inside(name: str, module: str) -> list[str]:
    """Return where in the module a tensor of its parametrizations is."""
    start = f"{module}.parametrizations." if module else "parametrizations."
    return [name.rpartition(".")[0]] if name.startswith(start) else []


def _misfit(change: ModuleChange, edited: list[str], siblings: list[str]) -> tuple[str, str]:
    """Return what no longer fits and what it has to be, where shapes are all that is wrong."""
    others = [name for name in edited if name not in siblings]
    unfit = [name for name in siblings if name not in edited] or siblings
    verb, them = ("does", "it is") if len(unfit) == 1 else ("do", "they are")
    title = f"{listed(unfit)} {verb} not fit the new {listed(others)}" if others and unfit[0] not in edited else \
        f"The new {listed(unfit)} {verb} not fit {change.title}"  # fmt: skip
    return title, f"{'; '.join(change.complaints)}; forward fails until {them}."
