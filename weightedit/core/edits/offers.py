"""Edits that refusals offer instead, tried on specs: what would be refused as well is not offered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from weightedit.core.edits.plan import Bench, make_plan
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.hazards import Hazard

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit

MOST = 8
"""Hazards of one edit whose alternatives are tried; those after them offer none."""
TRIED = ("shape-mismatch", "out-of-range", "quantized", "unsupported", "not-a-leaf", "grad-dtype")
"""Kinds whose alternatives are other operations, which have demands of their own."""


def tried(document: Document, hazards: Iterable[Hazard], bench: Bench) -> list[Hazard]:
    """Return the hazards with those alternatives that can be applied, as far as specs show."""
    found: list[Hazard] = []
    left = MOST
    for hazard in hazards:
        if hazard.alternatives and hazard.kind in TRIED:
            pairs = zip_longest(hazard.alternatives, hazard.labels, fillvalue="")
            kept = [(edit, said) for edit, said in pairs if left and _works(document, edit, bench)]  # type: ignore[arg-type]
            left = max(0, left - 1)
            hazard = replace(hazard, alternatives=tuple(edit for edit, _ in kept),  # type: ignore[misc]
                             labels=tuple(said for _, said in kept) if hazard.labels else ())  # fmt: skip
        found.append(hazard)
    return found


def _works(document: Document, edit: Edit, bench: Bench) -> bool:
    declared = document.operations.get(edit.operation)
    if declared is None:
        return False
    try:
        plan = make_plan(document, declared, edit, bench)
    except (EditRefused, CheckpointError):
        return False
    return not any(hazard.level == "refusal" for hazard in plan.hazards)
