"""What a row of the tree says beside its columns: a value's text, and the tooltip with what the columns shorten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.described.outline import Node
from weightedit.core.live.facts import registration
from weightedit.core.words.numbers import count_text, shape_text
from weightedit.core.words.visible import visible
from weightedit.ui.widgets.literals import plain_text

if TYPE_CHECKING:
    from weightedit.core.slots import Slot


LONGEST_TYPED = 10_000
"""Characters of a name that a field holds."""
UNUSUAL = {"not registered": "unregistered", "buffer, not persistent": "not persistent",
           "computed by a hook": "computed"}  # fmt: skip
"""What stands beside the names of live tensors that a state_dict leaves out."""
LEFT_OUT = {"not registered": "a plain attribute: state_dict() leaves it out, to() and cuda() do not move it",
            "computed by a hook": "computed by a hook before each forward: what is written into it does not stay",
            "buffer, not persistent": "not persistent: state_dict() leaves it out"}  # fmt: skip


def slot_of(node: Node) -> Slot | None:
    """Return the slot of a tensor's row."""
    return node.entry.slot if node.entry is not None else None


def printable(label: str) -> str:
    """Return a label as it can be shown: an empty name as quotes."""
    return visible(label) or "''"


def detail(node: Node) -> str:
    """Return what stands beside a row's name in a dimmer colour: a value, or the type of a container."""
    if node.entry is None:
        return ""
    if node.entry.slot is not None:
        return UNUSUAL.get(registration(node.entry.slot), "")
    return printable(node.entry.text)


def field_text(node: Node, prefix: str, edits_value: bool) -> str:
    """Return what the field of a row begins with; a name that no field can show stands there as it can be shown."""
    if node.entry is None:
        return visible(prefix or node.label, LONGEST_TYPED)
    return plain_text(node.entry.value) if edits_value else visible(node.entry.name, LONGEST_TYPED)


def tooltip(node: Node, group: str) -> str:
    """Return the full name of a row and what its columns shorten, as plain text; `group` is its storage's label."""
    lines = [printable(node.entry.name if node.entry is not None else node.label)]
    slot = slot_of(node)
    if slot is not None:
        spec = slot.spec
        lines.append(f"{spec.kind}, {shape_text(spec.shape)}, {spec.dtype}, {count_text(spec.nbytes)} bytes")
        if said := LEFT_OUT.get(registration(slot)):
            lines.append(said)
        if spec.device != "cpu":
            lines.append(f"on {spec.device}" if slot.held.described.live is not None else f"saved for {spec.device}")
        if group:
            lines.append(f"shares storage {group}")
        if spec.requires_grad:
            lines.append("requires_grad")
        if slot.is_modified:
            lines.append("modified since the last save")
    elif node.kind == "value":
        lines.append(detail(node))
    else:
        tensors = "1 tensor" if node.tensors == 1 else f"{count_text(node.tensors)} tensors"
        size = "" if node.nbytes is None else f", {count_text(node.nbytes)} bytes"
        lines.append(f"{tensors}{size}")
        if said := detail(node):
            lines.append(said)
    return "\n".join(lines)
