"""What the form calls arguments whose names in torch are letters or short forms; the name itself is in the tooltip."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.operation import Parameter

SLOPE = "Negative slope"
WORDS = {
    "a": "Lower end", "b": "Upper end", "n": "n kept", "m": "of m", "ord": "Norm order", "dim": "Dimension",
    "dims": "Dimensions", "dim0": "First dim", "dim1": "Second dim", "nan": "NaN", "posinf": "+Inf", "neginf": "-Inf",
}  # fmt: skip
BY_CHOICE = {"a": {"kaiming_uniform": SLOPE, "kaiming_normal": SLOPE}}
"""Arguments that mean something else after some choices."""


def words_for(parameter: Parameter, chosen: Iterable[object]) -> str:
    """Return what an argument is called, given what is chosen in the form's other fields."""
    special = BY_CHOICE.get(parameter.name, {})
    return next((special[str(choice)] for choice in chosen if str(choice) in special),
                WORDS.get(parameter.name, parameter.label))  # fmt: skip
