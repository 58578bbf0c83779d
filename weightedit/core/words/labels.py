"""What history says of an edit: what was done, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weightedit.core.edit import Edit, TensorName, TensorValue, TensorView
from weightedit.core.operation import Operation
from weightedit.core.words.visible import visible

LONGEST = 40
LEFT_WORDS = {"dtype:integer": "integer buffers", "dtype:bool": "bool buffers", "dtype:float": "floats"}
"""What history calls patterns of tensors that stay as they are."""


def called(name: str) -> str:
    """Return what a tensor is called: its name, or `the tensor` where a file holds one tensor and nothing else."""
    return visible(name) or "the tensor"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names as people list them: `a`, `a and b`, `a, b, c and 12 more`."""
    shown = [called(name) for name in names[:most]]
    rest = [f"{len(names) - most:,} more"] if len(names) > most else []
    parts = [*shown, *rest]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "nothing"


def label(operation: Operation, edit: Edit) -> str:
    """Return what was done: `scale × 0.5`."""
    arguments = {name: _text(value) for name, value in edit.arguments.items()}
    given = operation.label(arguments) if callable(operation.label) else operation.label.format(**arguments)
    return f"{operation.name} {given}".strip()


def place(edit: Edit, names: list[str]) -> str:
    """Return where it was done: `q_proj.weight [512:640, :]`, or how many tensors, and what was left as it is."""
    names = [called(name) for name in names]
    what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more" if names else "nothing"
    region = "" if edit.region is None else edit.region if isinstance(edit.region, str) else \
        edit.region[0] if len(edit.region) == 1 else f"{len(edit.region)} regions"  # fmt: skip
    where = " ".join(part for part in (what, region) if part)
    if not edit.leave:
        return where
    where = where if len(names) < 2 else f"{len(names):,} tensors {region}".strip()
    kept = dict.fromkeys(LEFT_WORDS.get(str(pattern), visible(str(pattern))) for pattern in edit.leave)
    return f"{where}, without {listed(list(kept), 2)}"


def view_text(view: TensorView) -> str:
    """Return in words how a tensor is seen: `transposed`, `[0:5, :]`, `as 10 × 1`."""
    said = []
    if view.permute is not None:
        said.append("transposed" if view.permute == (1, 0) else f"permuted by {', '.join(map(str, view.permute))}")
    said += [view.region] if view.region is not None else []
    said += [f"as {' × '.join(map(str, view.shape))}"] if view.shape is not None else []
    return ", ".join(said)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        text = ", ".join(_text(one) for one in value)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    if isinstance(value, TensorValue):
        if not value.shape:
            from weightedit.core.stage import tensor_over

            return str(tensor_over(value.data, value.dtype, ()).item())
        return f"{' × '.join(map(str, value.shape))} values"
    if isinstance(value, TensorView):
        return f"{_text(value.source)}, {view_text(value)}"
    if isinstance(value, TensorName):
        file = "" if value.file is None else visible(value.file)
        return f"{visible(value.tensor)}{' of ' if file and value.tensor else ''}{file}"
    text = visible(value) if isinstance(value, str) else str(value)
    if isinstance(value, int | float | complex):
        text = text.replace("-", "−")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
