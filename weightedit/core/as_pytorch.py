"""An edit as the PyTorch code that does the same, for people who want it in a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit, TensorName, TensorValue
from weightedit.core.errors import EditRefused
from weightedit.core.targets import find_slots

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.operation import Operation
    from weightedit.core.slots import Slot

MOST_VALUES = 64
"""A tensor argument with more values than this is named, not printed."""


def as_pytorch(document: Document, edit: Edit) -> str:
    """Return code that does what the edit does, to `checkpoint` (as torch.load gives it) or to `model`."""
    operation = document.operations[edit.operation]
    try:
        slots = find_slots(document, list(edit.targets))
    except EditRefused:
        slots = []
    lines = [line for slot in slots for line in _lines(document, operation, edit, slot)]
    body = "\n".join(f"    {line}" for line in lines) or "    pass"
    return f"import torch\n\nwith torch.no_grad():\n{body}\n"


def _lines(document: Document, operation: Operation, edit: Edit, slot: Slot) -> list[str]:
    place = access(document, slot)
    if operation.effect == "flag":
        return [f"{place}.requires_grad_({edit.arguments['value']})"]
    if operation.effect == "restructure":
        owner = access(document, slot, parent=True)
        new = str(edit.arguments["to"])[len(slot.name) - len(str(slot.key)) :]
        return [f"{owner}[{new!r}] = {owner}.pop({slot.key!r})"]
    regions = edit.region if isinstance(edit.region, tuple) else (edit.region,)
    lines = []
    for region in regions:
        current = place if region is None else f"{place}{_bracketed(region)}"
        arguments = {name: _code(document, value, slot) for name, value in edit.arguments.items()}
        values = operation.code.format(current=current, **arguments)
        if operation.effect == "write":
            lines.append(f"{place}.copy_({values})" if region is None else f"{current} = {values}")
        else:
            lines.append(_rebound(document, slot, place, values))
    return lines


def _rebound(document: Document, slot: Slot, place: str, values: str) -> str:
    if slot.spec.kind == "parameter":
        values = f"torch.nn.Parameter({values})"
    if not document.is_live or isinstance(slot.owner, dict | list):
        return f"{place} = {values}"
    return f"{access(document, slot, parent=True)}.{slot.key} = {values}"


def access(document: Document, slot: Slot, *, parent: bool = False) -> str:
    """Return the expression that reaches a slot, or what holds it."""
    if document.is_live and not isinstance(slot.owner, dict | list):
        module = ".".join(map(str, slot.path[:-1]))
        owner = f"model.get_submodule({module!r})" if module else "model"
        return owner if parent else f"{owner}.{slot.key}"
    path = slot.path[:-1] if parent else slot.path
    return "checkpoint" + "".join(f"[{key!r}]" for key in path)


def _bracketed(region: str) -> str:
    return region if region.strip().startswith("[") else f"[{region}]"


def _code(document: Document, value: Any, slot: Slot) -> str:
    if isinstance(value, TensorName):
        if value.file is not None:
            return f"torch.load({value.file!r})[{value.tensor!r}]"
        found = document.find(value.tensor)
        return access(document, found) if found is not None else repr(value.tensor)
    if isinstance(value, TensorValue):
        from weightedit.core.stage import tensor_over

        tensor = tensor_over(value.data, value.dtype, value.shape)
        if tensor.numel() > MOST_VALUES:
            return f"values  # a {value.dtype} tensor of shape {value.shape}"
        dtype = slot.spec.dtype
        return f"torch.tensor({tensor.tolist()}, dtype=torch.{dtype})"
    return f'float("{value}")' if isinstance(value, float) and value - value != 0 else str(value)
