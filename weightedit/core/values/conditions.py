"""What core asks of the language of conditions, which `assembly` hands to a document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from weightedit.core.region import Box
from weightedit.core.values.pinned import Readable

if TYPE_CHECKING:
    import torch

_WHERE = re.compile(r"\s*(\[[^\]]*(\[[^\]]*\][^\]]*)?\])?\s*where\b")


class BoundCondition(Protocol):
    """A condition with everything in it known that needs a pass over the tensor, such as `std(w)`."""

    def evaluate(self, values: torch.Tensor, box: Box) -> torch.Tensor:
        """Return a bool tensor for one piece: `values` as stored, `box` where it lies within the source."""
        ...


class Condition(Protocol):
    """A parsed condition."""

    @property
    def names(self) -> Sequence[str]:
        """The tensors it mentions by name."""
        ...

    def to_pytorch(self, current: str, names: Mapping[str, str]) -> str:
        """Return it as a PyTorch expression; `names` says how each tensor is reached."""
        ...

    def bind(self, source: Readable, tensors: Mapping[str, Readable], *, nbytes: int,
             check: Callable[[], None]) -> BoundCondition:  # fmt: skip
        """Make the passes it needs over `source`, the region it is about."""
        ...


Conditions = Callable[[str], tuple[str | None, Condition]]
"""Splits `[0:64, :] where w > 3` into the region before `where`, or None, and the condition; raises `RegionError`."""


def is_conditional(region: object) -> bool:
    """Whether a region is a condition, such as `where abs(w) < 1e-4`."""
    return isinstance(region, str) and _WHERE.match(region) is not None
