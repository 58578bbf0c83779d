"""What links, buttons and cards say of hazards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.losing.hazard_groups import HazardGroup
from weightedit.core.operation import Operation
from weightedit.core.words.labels import called
from weightedit.core.words.labels import label as edit_label
from weightedit.core.words.numbers import count_text
from weightedit.ui.widgets.hazard_names import short_names
from weightedit.ui.widgets.plain import BREAK, Breaking, breaking

LONG = 15
"""Letters that fit a line of a card in the narrowest window."""
COSTS = {
    "underflow": "with {count} zero{s}",
    "truncation": "with {count} cut",
    "imaginary-lost": "without {count} imaginary part{s}",
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
    """Return what the Apply button says when warnings have to be accepted: `Apply with 14 Inf and 2,318 zeros`."""
    kinds: dict[str, list[Hazard]] = {}
    for hazard in hazards:
        if hazard.level == "warning":
            kinds.setdefault(hazard.kind, []).append(hazard)
    costs = [_cost(found) for found in kinds.values()]
    if not costs:
        return "Apply"
    if len(costs) == 2:
        second = costs[1].removeprefix("and ")
        second = second.removeprefix("with ") if costs[0].startswith("with ") else second
        return f"Apply {costs[0]} and {second}"
    return f"Apply {costs[0]}{f' and {len(costs) - 1} more' if len(costs) > 1 else ''}"


def _cost(hazards: Sequence[Hazard]) -> str:
    """Return what the warnings of one kind cost."""
    number, first = sum(hazard.count for hazard in hazards), hazards[0]
    if first.kind == "overflow":
        return f"with {count_text(number)} {_what_overflows(first)}"
    said = COSTS.get(first.kind, f"with {first.kind}")
    return said.format(count=count_text(number), s="" if number == 1 else "s")


def _what_overflows(hazard: Hazard) -> str:
    kinds = [kind for kind in ("Inf", "NaN") if kind in hazard.title]
    return "wrapped" if "wrap" in hazard.title else " or ".join(kinds) or "Inf"


def short_title(group: HazardGroup) -> str:
    """Return a title for a line of its own: `Underflow: 2,318 to 0`, `Precision loss: 99.96 %`."""
    if len(group.hazards) == 1 and group.kind == "underflow":
        return f"Underflow: {count_text(group.count)} to 0"
    if len(group.hazards) == 1 and group.kind == "precision-loss" and group.title.endswith("%"):
        return f"Precision loss: {group.title.rpartition(', ')[2]}"
    return short_names(group.title)


def without_name(detail: str, name: str | None) -> str:
    """Return a detail without the name of the tensor that is open: it stands above it already."""
    if not name:
        return detail
    name = called(name)
    text = re.sub(rf" in {re.escape(name)}(?=[,.;:])", "", detail).removeprefix(f"{name}: ")
    return text[:1].upper() + text[1:] if text != detail and text[:1].islower() else text


def breakable(text: str) -> Breaking:
    """Return text in which names too long for a line can be broken: after dots, within a part only if that is long."""
    return breaking(text, lambda shown: " ".join(_breakable_name(word) if len(word) > LONG else word
                                                 for word in shown.split(" ")))  # fmt: skip


def _breakable_name(word: str) -> str:
    parts = re.split(r"(?<=\w\.)(?=[A-Za-z_])|(?<=[A-Za-z_]\.)(?=\w)", word)
    parts = [re.sub(r"_(?=\w)", f"_{BREAK}", part) if len(part) > LONG else part for part in parts]
    return re.sub(rf"[^{BREAK}]{{{LONG}}}(?=[^{BREAK}]{{{LONG}}})", f"\\g<0>{BREAK}", BREAK.join(parts))
