"""An edit as the PyTorch code that does the same, for people who want it in a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit, TensorName, TensorValue, is_tensor_argument
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.region import Box, parse_regions
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.operation import Operation
    from weightedit.core.slots import Slot

MOST_VALUES = 64
"""A tensor argument with more values than this is named, not printed."""
_NOT_FINITE = re.compile(r"\b(nan|inf)\b")


def as_pytorch(document: Document, edit: Edit) -> str:
    """Return code that does what the edit does, to `checkpoint` (as torch.load gives it) or to `model`.

    Tied tensors are computed once and stay tied, as the editor does it.
    """
    from weightedit.core.plan import group_by_tensor

    operation = document.operations[edit.operation]
    try:
        groups = group_by_tensor(document, operation, edit)
    except EditRefused:
        groups = []
    lines = [line for slots in groups for line in _lines(document, operation, edit, slots)]
    body = "\n".join(f"    {line}" for line in lines) or "    pass"
    return f"import torch\n\nwith torch.no_grad():\n{body}\n"


def _lines(document: Document, operation: Operation, edit: Edit, slots: Sequence[Slot]) -> Iterator[str]:
    place = access(document, slots[0].path)
    from weightedit.core.plan import overlaps_itself

    if operation.effect == "flag":
        yield f"{place}.requires_grad_({edit.arguments['value']})"
        return
    if operation.effect == "restructure":
        owner, key = access(document, slots[0].path[:-1]), slots[0].key
        new = str(edit.arguments["to"])[len(slots[0].name) - len(str(key)) :]
        yield f"items = [({new!r} if key == {key!r} else key, value) for key, value in {owner}.items()]"
        yield f"{owner}.clear()"
        yield f"{owner}.update(items)"
        return
    arguments = {}
    for name, value in edit.arguments.items():
        arguments[name], note = _code(document, value)
        yield from (note,) if note else ()
    if operation.effect == "write" and overlaps_itself(slots[0].spec):
        yield from _rebound(document, slots, edit, f"{place}.clone()")
    code = operation.code(slots[0].spec, edit.arguments) if callable(operation.code) else operation.code
    for region in _regions(edit, slots[0].spec, keeps="{kept}" in code):
        index = "" if region is None else _bracketed(region)
        current = f"{place}{index}"
        values = code.format(current=current, kept=current, tensor=place, region=index, **arguments)
        if operation.effect == "write":
            yield f"{place}.copy_({values})" if region is None else f"{current} = {values}"
        else:
            yield from _rebound(document, slots, edit, values)


def _regions(edit: Edit, spec: TensorSpec, keeps: bool) -> Sequence[str | None]:
    """Return the regions as torch takes them; `keeps` keeps the dimension a single index would drop."""
    if isinstance(edit.region, str) and keeps:
        return [str(Box(parse_regions(edit.region, spec.shape)[0].axes))]
    if not isinstance(edit.region, tuple):
        return [edit.region]
    try:  # the union: cells in two of the regions are computed once
        return [str(box) for box in parse_regions(list(edit.region), spec.shape) if box.numel]
    except RegionError:
        return edit.region


def _rebound(document: Document, slots: Sequence[Slot], edit: Edit, values: str) -> Iterator[str]:
    if slots[0].spec.kind == "parameter":
        dtype = str(edit.arguments.get("dtype", slots[0].spec.dtype))
        fixed = not slots[0].spec.requires_grad or dtype.startswith(("int", "uint", "bool"))
        values = f"torch.nn.Parameter({values}{', requires_grad=False' if fixed else ''})"
    if len(slots) > 1:
        yield f"new = {values}"
        values = "new"
    for slot in slots:
        place = access(document, slot.path)
        if place.startswith("getattr("):
            yield f"setattr({access(document, slot.path[:-1])}, {slot.key!r}, {values})"
        else:
            yield f"{place} = {values}"


def access(document: Document, path: tuple[Any, ...]) -> str:
    """Return the expression that reaches what is at a path: by key in containers, by attribute in modules."""
    value = document.origin.root
    kept = isinstance(value, dict | list | tuple) or document.format_name == "safetensors"
    code = "checkpoint" if kept or not document.is_live else "model"
    for key in path:
        if isinstance(value, dict | list | tuple):
            code += f"[{key!r}]"
            value = value.get(key) if isinstance(value, dict) else value[key]
        else:
            named = isinstance(key, str) and key.isidentifier()
            code = f"{code}.{key}" if named else f"getattr({code}, {str(key)!r})"
            value = getattr(value, str(key), None)
    return code


def _has_no_literal(tensor: Any) -> bool:
    return bool(tensor.is_complex() or (tensor.is_floating_point() and tensor.element_size() < 2))


def _bracketed(region: str) -> str:
    return region if region.strip().startswith("[") else f"[{region}]"


def _code(document: Document, value: Any) -> tuple[str, str]:
    """Return an argument as an expression, and a comment to go before it."""
    if isinstance(value, tuple) and is_tensor_argument(value):
        parts = [_code(document, one) for one in value]
        return f"[{', '.join(code for code, _ in parts)}]", next((note for _, note in parts if note), "")
    if isinstance(value, TensorName):
        if value.file is not None:
            return f"torch.load({value.file!r})[{value.tensor!r}]", ""
        found = document.find(value.tensor)
        return (access(document, found.path) if found is not None else repr(value.tensor)), ""
    if isinstance(value, TensorValue):
        from weightedit.core.stage import tensor_over

        tensor = tensor_over(value.data, value.dtype, value.shape)
        if tensor.numel() > MOST_VALUES or _has_no_literal(tensor):
            return "values", f"# values: a {value.dtype} tensor of shape {value.shape}"
        text = _NOT_FINITE.sub(r'float("\1")', str(tensor.tolist()))
        return f"torch.tensor({text}, dtype=torch.{value.dtype})", ""
    return (f'float("{value}")' if isinstance(value, float) and value - value != 0 else str(value)), ""
