"""How an operation says that it cannot be done to a tensor."""

from __future__ import annotations

from typing import NoReturn, overload

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.operation import Number
from weightedit.core.spec import TensorSpec

MOST_DIMENSIONS = 64
"""How many dimensions torch and numpy have at most."""


def refuse(title: str, detail: str, *, name: str = "", kind: str = "argument") -> NoReturn:
    """Raise the refusal of an edit; `name` is the tensor it is about."""
    raise EditRefused([refusal(kind, title, detail, targets=[name] if name else ())])


@overload
def real(what: str, value: Number) -> float: ...
@overload
def real(what: str, value: Number | None) -> float | None: ...
def real(what: str, value: Number | None) -> float | None:
    """Return a number, whole or not, or refuse a complex one where only real ones make sense."""
    if isinstance(value, complex):
        refuse(f"{what} is {value}", "It takes a real number.")
    return value


def real_tensor(operation: str, name: str, spec: TensorSpec) -> None:
    """Refuse a complex tensor."""
    if spec.type.family == "complex":
        refuse(f"{operation} needs real numbers", f"{name} is {spec.dtype}, and complex numbers have no order.",
               name=name, kind="unsupported")  # fmt: skip


def floating_tensor(operation: str, name: str, spec: TensorSpec, *, complex_too: bool = False) -> None:
    """Refuse a tensor of whole numbers, and a complex one unless `complex_too`."""
    if not (spec.type.is_floating or (complex_too and spec.type.family == "complex")):
        kinds = "floating point or complex numbers" if complex_too else "floating point numbers"
        refuse(f"{operation} needs {kinds}", f"{name} is {spec.dtype}; cast it first.", name=name,
               kind="unsupported")  # fmt: skip


def few_dimensions(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape, or refuse one of more dimensions than tensors and arrays have."""
    if len(shape) > MOST_DIMENSIONS:
        refuse(f"A shape of {len(shape)} dimensions is too long", f"Tensors have at most {MOST_DIMENSIONS} dimensions.")
    return shape


def dimension(name: str, shape: tuple[int, ...], dim: int) -> int:
    """Return a dimension counted from the front, or refuse one that is not there."""
    count = len(shape)
    if not -count <= dim < count:
        refuse(f"Dimension {dim} does not exist",
               f"The tensor has {count}; valid: {-count} to {count - 1}." if count else "It is a single number.",
               name=name, kind="out-of-range")  # fmt: skip
    return dim % count
