"""Weights that a hook computes anew at each forward: what is written into them is gone then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from weightedit.core.edits.plan import Plan
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.live.registering import recomputed_by
from weightedit.core.words.labels import listed


def recomputed_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield `lost-write`, a refusal that names what the weight is computed from."""
    if plan.operation.effect not in ("write", "rebind"):
        return
    for target in plan.targets:
        for slot in target.slots:
            found = recomputed_by(slot)
            if found is not None:
                hook, sources = found
                original = f"{slot.name}_orig"
                offers = (replace(plan.edit, targets=(original,)),) if original in sources else ()
                yield refusal("lost-write", f"{slot.name} is computed anew at each forward",
                              f"{hook} computes it from {listed(sources)}, and what is written into it is gone then; "
                              "edit these.", targets=[slot.name], alternatives=offers,
                              labels=[f"Edit {original}"] * len(offers))  # fmt: skip
