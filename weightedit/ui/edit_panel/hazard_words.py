"""What links, buttons and cards say of hazards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.labels import label as edit_label
from weightedit.core.numbers import count_text
from weightedit.core.operation import Operation

LONG = 15
"""Letters that fit a line of a card in the narrowest window."""
COSTS = {
    "underflow": "with {count} to 0",
    "truncation": "with {count} cut",
    "imaginary-lost": "without {count} imaginary parts",
    "broadcast": "with the repeat",
    "shape-mismatch": "with another shape",
    "non-finite": "with {count} not finite",
    "optimizer-detached": "and leave the optimizer",
    "optimizer-state-shape": "and drop the optimizer's state",
    "module-attribute": "and leave the attributes",
    "changed-elsewhere": "over what changed",
    "device-mix": "on two devices",
    "unregistered": "without registering it",
    "unties": "and untie them",
    "alias": "and share the storage",
    "quantized": "with another scale",
    "values-dropped": "without what is dropped",
    "lost-write": "all the same",
}
"""What an edit costs by the kind of its first warning; overflow says what the values become."""


def alternatives(hazard: Hazard, current: Edit | None, operations: Mapping[str, Operation]) -> list[tuple[str, Edit]]:
    """Return what each link to an alternative says, and the edit it stands for."""
    pairs = zip_longest(hazard.alternatives, hazard.labels[: len(hazard.alternatives)], fillvalue="")
    return [(said or alternative_text(edit, current, operations), edit) for edit, said in pairs]  # type: ignore[arg-type, misc]


def alternative_text(edit: Edit, current: Edit | None, operations: Mapping[str, Operation]) -> str:
    """Return what the link to an alternative says: a verb and its object."""
    if current is not None and edit.operation == current.operation and edit.tied != current.tied:
        return "Untie this one" if edit.tied == "untie" else "Keep them tied"
    text = edit_label(operations[edit.operation], edit) if edit.operation in operations else edit.operation
    return text[:1].upper() + text[1:]


def cost_text(hazards: Sequence[Hazard]) -> str:
    """Return what the Apply button says when warnings have to be accepted: `Apply with 14 Inf`."""
    warnings = [hazard for hazard in hazards if hazard.level == "warning"]
    if not warnings:
        return "Apply"
    first = warnings[0]
    count = count_text(sum(hazard.count for hazard in warnings if hazard.kind == first.kind))
    what = f"with {count} {_what_overflows(first)}" if first.kind == "overflow" else \
        COSTS.get(first.kind, f"with {first.kind}").format(count=count)  # fmt: skip
    others = len({hazard.kind for hazard in warnings}) - 1
    return f"Apply {what}{f' and {others} more' if others else ''}"


def _what_overflows(hazard: Hazard) -> str:
    kinds = [kind for kind in ("Inf", "NaN") if kind in hazard.title]
    return "wrapped" if "wrap" in hazard.title else " or ".join(kinds) or "Inf"


def breakable(text: str) -> str:
    """Return text in which names too long for a line can be broken: after dots, within a part only if that is long."""
    return " ".join(_breakable_name(word) if len(word) > LONG else word for word in text.split(" "))


def _breakable_name(word: str) -> str:
    parts = re.split(r"(?<=\w\.)(?=[A-Za-z_])|(?<=[A-Za-z_]\.)(?=\w)", word)
    return "\u200b".join(re.sub(r"_(?=\w)", "_\u200b", part) if len(part) > LONG else part for part in parts)
