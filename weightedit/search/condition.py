"""Conditions: expressions that say which cells, alone or after `where` in a region."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.errors import ExpressionError, RegionError
from weightedit.core.values.pinned import CHUNK, Readable
from weightedit.search.expression import Expression, never_stop, parse
from weightedit.search.nodes import kind_of
from weightedit.search.tokens import fail

if TYPE_CHECKING:
    from weightedit.search.bound import Bound

_WHERE = re.compile(r"(?P<region>.*?)\bwhere\b", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that gives True or False for each cell.

    Attributes
    ----------
    expression
        Its columns count in the whole text it came from.
    """

    expression: Expression

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors it mentions."""
        return self.expression.names

    @property
    def text(self) -> str:
        """As typed, without the region before it."""
        return self.expression.text.strip()

    def to_pytorch(self, current: str, names: Mapping[str, str]) -> str:
        """Return the same in PyTorch: a bool tensor."""
        return self.expression.to_pytorch(current, names)

    def bind(self, source: Readable, tensors: Mapping[str, Readable], *, nbytes: int = CHUNK,
             check: Callable[[], None] = never_stop) -> Bound:  # fmt: skip
        """Work out what needs a pass over the region; see `Expression.bind`.

        Raises
        ------
        ExpressionError
            Besides, where a tensor alone is the condition, and is not of dtype bool.
        """
        import torch

        from weightedit.search.bound import bind

        return bind(self.expression, source, tensors, nbytes, check, gives=torch.bool)


def parse_condition(text: str) -> Condition:
    """Return the condition that `text` means, such as `abs(w) < 1e-4`.

    Raises
    ------
    ExpressionError
        If it does not read, or is a number.
    """
    expression = parse(text)
    if kind_of(expression.root) == "number":
        fail(text, expression.root.column, "a condition is wanted, and this is a number; compare it, as in w != 0")
    return Condition(expression)


def split_region(text: str) -> tuple[str | None, Condition]:
    """Return the region before `where`, or None, and the condition after it.

    Parameters
    ----------
    text
        `where abs(w) < 1e-4` or `[0:64, :] where w > 3 * std(w)`.

    Raises
    ------
    RegionError
        If there is no `where`, or the condition does not read; `column` counts from the start of the whole text.
    """
    found = _WHERE.match(text)
    if found is None:
        raise RegionError(f"{text.strip()} has no where; write it like where abs(w) < 1e-4.", text=text)
    region = found["region"].strip() or None
    try:
        condition = parse_condition(" " * found.end() + text[found.end() :])
    except ExpressionError as error:
        raise RegionError(str(error), text=text, column=error.column) from None
    return region, condition


