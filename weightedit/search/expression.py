"""An expression: read once from its text, checked and printed without torch, bound to a tensor to be worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.values.pinned import CHUNK, Readable
from weightedit.search.nodes import Extent, Named, Node, Reduce, kind_of, makes_fractions, walk
from weightedit.search.parser import parse_nodes
from weightedit.search.printing import is_number, printed

if TYPE_CHECKING:
    from weightedit.search.bound import Bound


def never_stop() -> None:
    """Never stop."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    text
        As typed; columns of errors count in it.
    root
        Its parts.
    """

    text: str
    root: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors it mentions in quotes, in their order in the text, each once."""
        named = sorted((node for node in walk(self.root) if isinstance(node, Named)), key=lambda node: node.column)
        return tuple(dict.fromkeys(node.name for node in named))

    @property
    def is_condition(self) -> bool:
        """Whether it gives True or False whatever the tensor's dtype; a name alone may, and is none."""
        return kind_of(self.root) == "condition"

    @property
    def looks_around(self) -> bool:
        """Whether a value depends on other cells or on where it is: it reduces, or uses index or size."""
        return any(isinstance(node, Reduce | Extent) for node in walk(self.root))

    @property
    def is_tensor(self) -> bool:
        """Whether the printed code gives a tensor, not one plain number."""
        return not is_number(self.root)

    @property
    def is_fractional(self) -> bool:
        """Whether whole numbers give fractions: it divides, or has a fraction or a function that makes them."""
        return any(makes_fractions(node) for node in walk(self.root))

    def to_pytorch(self, current: str, names: Mapping[str, str]) -> str:
        """Return the same in PyTorch.

        Parameters
        ----------
        current
            Code for `w`, such as `model.weight[3, :]`.
        names
            Code for each tensor mentioned by name.
        """
        return printed(self.root, current, names)

    def bind(self, source: Readable, tensors: Mapping[str, Readable], *, nbytes: int = CHUNK,
             check: Callable[[], None] = never_stop) -> Bound:  # fmt: skip
        """Work out what needs a pass over a whole tensor, such as `mean(w)`, in the memory of a few chunks.

        Parameters
        ----------
        source
            The region that `w` is: any shape and dtype. The dimension of a single index stays, with size 1.
        tensors
            What the names of `names` are; the result must broadcast to the region.
        nbytes
            Up to which size another tensor is kept in memory; larger ones are read piece by piece.
        check
            Called between pieces; raises `Cancelled` when the person wants to stop.

        Raises
        ------
        ExpressionError
            If a name is missing, or shapes or dtypes do not fit; before anything is read.
        """
        from weightedit.search.bound import bind

        return bind(self, source, tensors, nbytes, check)


def parse(text: str) -> Expression:
    """Return the expression that `text` means.

    Raises
    ------
    ExpressionError
        If it does not read; the sentence says why, `column` where.
    """
    return Expression(text, parse_nodes(text))
