"""An edit as the PyTorch code that does the same, for people who want it in a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit, TensorName, TensorValue, TensorView, is_tensor_argument
from weightedit.core.errors import EditRefused
from weightedit.core.pages.printed_write import PrintedWrite, bracketed
from weightedit.core.spec import TensorSpec
from weightedit.core.values.conditions import is_conditional
from weightedit.core.words.visible import visible

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
    from weightedit.core.edits.plan import group_by_tensor

    if edit.operation not in document.operations:  # a restore: only this document has the values
        names = ", ".join(map(visible, edit.targets))  # a line break in a name would end the comment
        return f"# {edit.operation} {visible(str(edit.arguments.get('snapshot', '')))}: {names}\n"
    operation = document.operations[edit.operation]
    try:
        if operation.effect == "restructure":
            lines = list(_arranging(document, operation, edit))
        elif operation.effect == "share":
            lines = list(_sharing(document, operation, edit))
        else:
            groups = group_by_tensor(document, operation, edit)
            lines = [line for slots in groups for line in _lines(document, operation, edit, slots)]
    except EditRefused:
        lines = []
    body = "\n".join(f"    {line}" for line in lines) or "    pass"
    return f"import torch\n\nwith torch.no_grad():\n{body}\n"


def _lines(document: Document, operation: Operation, edit: Edit, slots: Sequence[Slot]) -> Iterator[str]:
    place = access(document, slots[0].path)
    from weightedit.core.edits.plan import overlaps_itself

    if operation.effect == "flag":
        yield f"{place}.requires_grad_({edit.arguments['value']})"
        return
    arguments: dict[str, Any] = {}
    for name, value in edit.arguments.items():
        arguments[name], note = _code(document, value)
        yield from (note,) if note else ()
    if operation.effect == "write" and overlaps_itself(slots[0].spec):
        yield from _rebound(document, slots, edit, f"{place}.clone()")
    given = {name: _known(document, value) for name, value in edit.arguments.items()}
    code = operation.code(slots[0].spec, given) if callable(operation.code) else operation.code
    mentioned = operation.mentions(**edit.arguments) if operation.mentions is not None else ()
    arguments["at"] = [_mentioned(document, name) for name in mentioned]
    if operation.effect != "write":
        current = f"{place}{'' if edit.region is None else bracketed(str(edit.region))}"
        *lines, values = code.format(current=current, **arguments).split("\n")
        yield from lines
        yield from _rebound(document, slots, edit, values)
        return
    masked = ("", "")
    if operation.masked is not None:
        masked = (operation.masked(slots[0].spec, given, True), operation.masked(slots[0].spec, given, False))
    mixes = operation.mentions is not None or any(map(is_tensor_argument, edit.arguments.values()))
    write = PrintedWrite(place, slots[0].spec, code, arguments, masked, mixes)
    if is_conditional(edit.region):
        assert document.conditions is not None
        text, condition = document.conditions(str(edit.region))
        names = {name: _mentioned(document, name) for name in condition.names}
        yield from write.where(text, condition, names)
    elif isinstance(edit.region, tuple):
        yield from write.regions(list(edit.region))
    else:
        yield from write.whole() if edit.region is None else write.region(edit.region)


def _known(document: Document, value: Any) -> Any:
    """Return an argument as an operation's code function takes it: a tensor of the document as its spec."""
    if isinstance(value, TensorView):
        known = _known(document, value.source)
        return known if isinstance(known, TensorSpec) else value
    if isinstance(value, TensorName) and value.file is None:
        found = document.find(value.tensor)
        return found.spec if found is not None else value
    return value


def _mentioned(document: Document, name: str) -> str:
    """Return the tensor that a formula names, in the dtype that formulas compute in."""
    code, found = _code(document, TensorName(name))[0], document.find(name)
    if found is None or found.spec.encoding != "plain":
        return code
    if found.spec.type.is_integer:
        return f"{code}.double()"
    return f"{code}.float()" if found.spec.type.is_floating and found.spec.type.itemsize < 4 else code


def _arranging(document: Document, operation: Operation, edit: Edit) -> Iterator[str]:
    """Yield what does the same to the containers: one assignment or deletion where that is all, else a new order."""
    from weightedit.core.edits.arrange import pairs_of
    from weightedit.core.edits.drafting import draft_of

    draft = draft_of(document, operation, edit)
    for rename in draft.renamed:
        place = access(document, rename.slots[0].path[:-1])
        keys = {slot.key: key for slot, key in zip(rename.slots, rename.keys, strict=True)}
        if len(keys) == 1:
            [(old, new)] = keys.items()
            yield from _reordered(place, f"({new!r} if key == {old!r} else key, value)")
        else:
            yield f"names = {keys!r}"
            yield from _reordered(place, "(names.get(key, key), value)")
    for one in draft.registered:
        place, live = access(document, one.slot.path[:-1]), one.after.described.live
        flag = "" if live.requires_grad else ", requires_grad=False"
        yield f"value = vars({place}).pop({one.slot.key!r})"
        if one.kind == "parameter":
            yield f"{place}.register_parameter({one.slot.key!r}, torch.nn.Parameter(value.detach(){flag}))"
        else:
            yield f"{place}.register_buffer({one.slot.key!r}, value, persistent={one.persistent})"
    for path, owner, items in draft.edited:
        place = access(document, path)
        before = pairs_of(owner)
        now = [(item.was, item.key) for item in items]
        if [key for key, _ in before] == [key for _, key in now] and all(was == key for was, key in now):
            for (key, old), item in zip(before, items, strict=True):
                if item.value is not old:
                    yield f"{place}[{key!r}] = {item.value!r}"
            continue
        kept = [item.was for item in items if item.was == item.key]
        gone = [key for key, _ in before if key not in kept]
        if len(kept) == len(items) and kept == [key for key, _ in before if key in kept]:
            yield from (f"del {place}[{key!r}]" for key in reversed(gone))
            continue
        yield from _rewritten(place, before, items, isinstance(owner, dict), str(_source(document, edit)))


def _source(document: Document, edit: Edit) -> str:
    found = document.find(edit.targets[0])
    return access(document, found.path) if found is not None else "None"


def _reordered(place: str, item: str) -> Iterator[str]:
    yield f"items = [{item} for key, value in {place}.items()]"
    yield f"{place}.clear()"
    yield f"{place}.update(items)"


def _rewritten(place: str, before: Sequence[tuple[Any, Any]], items: Sequence[Any], is_dict: bool,
               current: str) -> Iterator[str]:  # fmt: skip
    """Yield code that replaces the part of a container's items that changes, from the first such item to the last."""
    same = [key for key, _ in before]
    now = [item.was if item.was == item.key else None for item in items]
    first = next((n for n, (old, new) in enumerate(zip(same, now, strict=False)) if old != new),
                 min(len(same), len(now)))  # fmt: skip
    last = 0
    while last < min(len(same), len(now)) - first and same[-1 - last] == now[len(now) - 1 - last]:
        last += 1
    made = [_item_code(item, place, is_dict, current) for item in items[first : len(items) - last]]
    yield f"items = list({place}.items())" if is_dict else f"items = list({place})"
    yield f"items[{first}:{len(before) - last}] = [{', '.join(made)}]"
    if is_dict:
        yield f"{place}.clear()"
        yield f"{place}.update(items)"
    else:
        yield f"{place}[:] = items"


def _item_code(item: Any, place: str, is_dict: bool, current: str) -> str:
    from weightedit.core.edits.drafted import NEW, NewTensor

    if isinstance(item.value, NewTensor):
        value = item.value.code.format(current=current)
    elif item.was is NEW:
        value = repr(item.value)
    else:
        value = f"{place}[{item.was!r}]"
    return f"({item.key!r}, {value})" if is_dict else value


def _rebound(document: Document, slots: Sequence[Slot], edit: Edit, values: str) -> Iterator[str]:
    if slots[0].spec.kind == "parameter":
        dtype = str(edit.arguments.get("dtype", slots[0].spec.dtype))
        fixed = not slots[0].spec.requires_grad or dtype.startswith(("int", "uint", "bool"))
        values = f"torch.nn.Parameter({values}{', requires_grad=False' if fixed else ''})"
    if len(slots) > 1:
        yield f"new = {values}"
        values = "new"
    yield from (_assigned(document, slot, values) for slot in slots)


def _assigned(document: Document, slot: Slot, value: str) -> str:
    place = access(document, slot.path)
    if place.startswith("getattr("):
        return f"setattr({access(document, slot.path[:-1])}, {slot.key!r}, {value})"
    return f"{place} = {value}"


def _sharing(document: Document, operation: Operation, edit: Edit) -> Iterator[str]:
    """Yield what does the same to the slots: each assigned the tensor it shares, or a copy of its own."""
    from weightedit.core.edits.tying import Sharing
    from weightedit.core.progress import Progress

    sharing = Sharing(document, edit, Progress())
    if operation.code:
        for slot in sharing.named:
            assert isinstance(operation.code, str)
            yield from _rebound(document, [slot], edit, operation.code.format(current=access(document, slot.path)))
        return
    groups = [[sharing.slot(edit.arguments["to"]), *sharing.named]] if "to" in edit.arguments else sharing.alike()[0]
    for first, *others in groups:
        yield from (_assigned(document, slot, access(document, first.path)) for slot in others if slot is not first)


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


def _code(document: Document, value: Any) -> tuple[str, str]:
    """Return an argument as an expression, and a comment to go before it."""
    if isinstance(value, tuple) and is_tensor_argument(value):
        parts = [_code(document, one) for one in value]
        return f"[{', '.join(code for code, _ in parts)}]", next((note for _, note in parts if note), "")
    if isinstance(value, TensorView):
        code, note = _code(document, value.source)
        code += f".permute({value.permute})" if value.permute is not None else ""
        code += bracketed(value.region) if value.region is not None else ""
        return code + (f".view({value.shape})" if value.shape is not None else ""), note
    if isinstance(value, TensorName):
        if value.file is not None:
            return _from_file(value.file, value.tensor)
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


def _from_file(file: str, tensor: str) -> tuple[str, str]:
    """Return the expression that reads a tensor of another file, and the import it needs besides torch."""
    suffix = file.lower().rpartition(".")[2]
    if suffix == "safetensors":
        return f"load_file({file!r})[{tensor!r}]", "from safetensors.torch import load_file"
    if suffix in ("npy", "npz"):
        key = f"[{tensor!r}]" if suffix == "npz" else ""
        return f"torch.from_numpy(numpy.load({file!r}){key})", "import numpy"
    if suffix in ("csv", "tsv"):
        delimiter = "," if suffix == "csv" else "\t"
        return f"torch.from_numpy(numpy.loadtxt({file!r}, delimiter={delimiter!r}, ndmin=2))", "import numpy"
    return f"torch.load({file!r})[{tensor!r}]", ""
