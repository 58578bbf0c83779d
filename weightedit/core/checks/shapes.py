"""Whether the shape of an argument fits its region, and the nearest edits that would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit, TensorName, TensorValue
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import shape_text

if TYPE_CHECKING:
    from weightedit.core.operation import Operation
    from weightedit.core.plan import Plan, Target


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `copy_` accepts a source of `shape` for a target of this shape."""
    if len(shape) > len(target):
        return False
    return all(size in (1, wanted) for size, wanted in zip(reversed(shape), reversed(target), strict=False))


def argument_hazards(target: Target, operation: Operation, edit: Edit) -> list[Hazard]:
    """Return the hazards of tensor arguments of a write: `shape-mismatch` and `broadcast`."""
    from weightedit.core.plan import overlaps_itself

    found: list[Hazard] = []
    for name, readable in target.tensors.items() if target.result is target.spec else ():
        shape, region = readable.spec.shape, target.boxes[0].result_shape
        if len(target.boxes) > 1 and shape:
            found.append(refusal("shape-mismatch", f"{name} has shape {shape_text(shape)} for several regions",
                                 "Give one number, or one region.", targets=[target.name]))  # fmt: skip
        elif not broadcasts(shape, region):
            found.append(_mismatch(name, shape, region, target, edit))
        elif shape != region and shape and prod(shape) < prod(region):
            times = prod(region) // max(prod(shape), 1)
            declared = operation.parameter(name)
            meant = declared is not None and declared.type == "operand"  # as a row that scales every row is
            title = f"{shape_text(shape)} fills {shape_text(region)} {times:,} times"
            found.append(Hazard("broadcast", "notice" if meant else "warning", title,
                                f"{target.name} takes the same values again and again; torch would not say so.",
                                (target.name,), times))  # fmt: skip
    if target.result is target.spec and overlaps_itself(target.spec):
        found.append(Hazard("overlap", "notice", f"{target.name} is cloned first",
                            "Some of its elements lie on the same bytes, and torch refuses to write into such.",
                            (target.name,)))  # fmt: skip
    return found


def _mismatch(name: str, shape: tuple[int, ...], region: tuple[int, ...], target: Target, edit: Edit) -> Hazard:
    value = edit.arguments[name]
    alternatives: list[Edit] = []
    whole = edit.region is None
    if isinstance(value, TensorValue):
        alternatives += [replace(edit, arguments={**edit.arguments, name: fit}) for fit in _fitting(value, region)]
    if whole and len(shape) == len(region) and all(a <= b for a, b in zip(shape, region, strict=True)):
        rows = "[" + ", ".join(f"0:{size}" for size in shape) + "]"
        alternatives.append(replace(edit, region=rows))
    if whole and isinstance(value, TensorValue | TensorName):
        alternatives.append(Edit("replace", edit.targets, None, {"source": value}, tied=edit.tied))
    return refusal("shape-mismatch", f"{shape_text(shape)} does not fit {shape_text(region)}",
                   f"{target.name} keeps its values.", targets=[target.name], alternatives=alternatives)  # fmt: skip


def _fitting(value: TensorValue, region: tuple[int, ...]) -> list[TensorValue]:
    """Return the transpose, the reshape or the leading part of a tensor, as far as each has the region's shape."""
    from weightedit.core.arguments import tensor_value
    from weightedit.core.spill import Spill
    from weightedit.core.stage import tensor_over

    found = []
    tensor = tensor_over(value.data, value.dtype, value.shape)
    if len(value.shape) == 2 and value.shape[::-1] == region:
        found.append(tensor.T)
    same_dims = len(value.shape) == len(region)
    if tensor.numel() and same_dims and all(a >= b for a, b in zip(value.shape, region, strict=True)):
        found.append(tensor[tuple(slice(size) for size in region)])
    if not found and not same_dims and prod(region) == tensor.numel():
        found.append(tensor.reshape(region))
    return [tensor_value(fit, Spill(), "values") for fit in found]


def result_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield the notice that a replacement has another shape."""
    for target in plan.targets if plan.operation.effect == "rebind" else ():
        if target.tensors and target.spec.shape != target.result.shape:
            yield Hazard("shape-mismatch", "notice",
                         f"{shape_text(target.spec.shape)} becomes {shape_text(target.result.shape)}",
                         f"{target.name} takes the shape of what replaces it; code that loads it expects the "
                         "old one unless it is told.", (target.name,))  # fmt: skip
