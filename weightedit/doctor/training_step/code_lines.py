"""The line of code that brings output and target of a loss together, where no edit of the weights can."""

from __future__ import annotations

import math

from weightedit.doctor.training_step.parts import Part

Shape = tuple[int, ...]
FLAT_ONLY = {"multi_margin_loss"}
"""Losses over classes that take an output of two dimensions at most."""


def by_class_code(function: str, output: Shape, target: Shape) -> str:
    """Return how a loss over classes must be called; empty where that cannot be told by the shapes.

    Parameters
    ----------
    function
        The function of torch.nn.functional that the loss is.
    output, target
        Their shapes.

    Returns
    -------
    str
        One way or two, `loss(output.flatten(0, 1), target.flatten())`; each gives the loss shapes that it takes.
    """
    dims = len(output)
    if dims > 2 and target == output[:-1]:
        flat = f"loss({_flat(dims)}, target.flatten())"
        moved = "output.transpose(1, 2)" if dims == 3 else "output.movedim(-1, 1)"
        return flat if function in FLAT_ONLY else f"{flat} or loss({moved}, target)"
    if dims > 2 and len(target) == 1 and math.prod(output[:-1]) == target[0]:
        return f"loss({_flat(dims)}, target)"
    wanted = (*output[:1], *output[2:]) if dims > 1 else ()
    if target == output:
        return "loss(output, target.argmax(1))" if dims > 1 else "loss(output, target.argmax())"
    if (dim := _single(target, wanted)) is not None:
        return f"loss(output, target.squeeze({dim}))"
    if len(wanted) == 1 and len(target) > 1 and math.prod(target) == wanted[0]:
        return "loss(output, target.flatten())"
    return ""


def elementwise_code(output: Shape, target: Shape) -> str:
    """Return how a loss that compares value with value must be called; empty where the shapes do not tell.

    They do where one has a dimension of 1 that the other lacks, or is the other, flattened.
    """
    if (dim := _single(output, target)) is not None:
        return f"loss(output, target.unsqueeze({dim})) or loss(output.squeeze({dim}), target)"
    if (dim := _single(target, output)) is not None:
        return f"loss(output, target.squeeze({dim})) or loss(output.unsqueeze({dim}), target)"
    if output in _flattened(target) or target in _flattened(output):
        return "loss(output, target.reshape(output.shape))"
    return ""


def dtype_code(target: Part, dtype: str) -> str:
    """Return how a target gets another dtype."""
    short = {"int64": "long()", "float32": "float()", "float64": "double()", "float16": "half()"}
    return f"loss(output, target.{short.get(dtype, f'to(torch.{dtype})')})" if target.dtype != dtype else ""


def write(code: str) -> str:
    """Return code as the end of a sentence; empty for none."""
    return f"; write {code}" if code else ""


def _flat(dims: int) -> str:
    return f"output.flatten(0, {dims - 2})"


def _single(longer: Shape, shorter: Shape) -> int | None:
    """Return the last dimension of 1 without which a shape is another one."""
    return next((dim for dim in reversed(range(len(longer))) if longer[dim] == 1
                 and (*longer[:dim], *longer[dim + 1 :]) == shorter), None)  # fmt: skip


def _flattened(shape: Shape) -> set[Shape]:
    """Return what `flatten()` and `flatten(1)` make of a shape of several dimensions."""
    return {(math.prod(shape),), (*shape[:1], math.prod(shape[1:]))} if len(shape) > 1 else set()
