"""An elementwise edit of values of 8 or 16 bits, worked out once for every bit pattern instead of for every value.

Such a tensor holds at most 65,536 different values, however large it is. What each of them becomes, and what it loses,
is a table; how often each occurs is one pass over the bits. The two together say everything a pass over all values
would, but for the places.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.losing.conversion import Storing
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, staged, tensor_from
from weightedit.core.values.codes import Array, is_exact
from weightedit.core.values.reading import ReadBuffer, pieces, read_box

AT_ONCE = 1 << 15
"""Patterns that are computed at once: of more torch splits the work over threads, which wait for each other longer than
they work."""
WORTH_A_TABLE = 1 << 17
"""Values from which on a table pays."""


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """What an edit makes of each bit pattern of a dtype.

    Attributes
    ----------
    current
        The value of each pattern, `(256,)` or `(65536,)`.
    exact, stored
        What it becomes, as computed and as it reads back.
    bits
        The same as unsigned integers, to look patterns up in.
    losses
        Of `core.tabled_losses`, once they were asked for.
    """

    current: torch.Tensor
    exact: torch.Tensor
    stored: torch.Tensor
    bits: Array
    losses: dict[Storing, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.bits)

    def look_up(self, patterns: Array, out: Array | None = None) -> Array:
        """Return what is stored in place of some patterns, in their shape, as unsigned integers."""
        return looked_up(self.bits, patterns, out)


def looked_up(table: Array, patterns: Array, out: Array | None = None) -> Array:
    """Return the entry of a table for each pattern; numpy lets go of the interpreter meanwhile."""
    found: Array = np.take(table, patterns, out=out, mode="clip")  # no pattern is past the end: nothing to raise
    return found


def patterns_in(spec: TensorSpec, content: Any, box: Box, buffer: ReadBuffer) -> Array:
    """Return the bits of a piece as unsigned integers, in its shape; only good until the next call."""
    return read_box(spec, content, box, buffer).view(f"u{spec.type.itemsize}")


def parts_of(spec: TensorSpec, boxes: list[Box], nbytes: int) -> list[Box]:
    """Return the boxes cut into pieces to read, in the order of the storage."""
    return [piece for box in boxes for piece in pieces(spec, box, nbytes)]


def parts_at_once(values: torch.Tensor) -> list[torch.Tensor]:
    """Cut what there is of each pattern into parts of at most `AT_ONCE`."""
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


def table_of(plan: Plan, target: Target) -> Table | None:
    """Return the table of a target; None where its values depend on more than themselves, or are few."""
    if not _is_elementwise(plan, target):
        return None
    dtypes = (target.spec.dtype, target.result.dtype)
    found: Table | None = plan.tables.get(dtypes)
    if found is None:
        with target.lock:
            found = plan.tables[dtypes] = _made(plan, target)
    return found


def _is_elementwise(plan: Plan, target: Target) -> bool:
    operation, spec, result = plan.operation, target.spec, target.result
    alone = not (operation.inputs or operation.prepare or operation.takes_place or operation.random
                 or target.condition or target.tensors or target.lists)  # fmt: skip
    narrow = spec.encoding == "plain" and is_exact(spec.dtype) and spec.type.family not in ("bool", "opaque")
    steps = [step for step, size in zip(spec.stride, spec.shape, strict=True) if size > 1]
    return (alone and narrow and operation.locality == "elementwise" and plan.edit.device == "cpu"
            and result.shape == spec.shape and result.type.itemsize <= 8
            and steps == sorted(steps, reverse=True)  # places are told in the order of the storage
            and sum(box.numel for box in target.boxes) >= WORTH_A_TABLE)  # fmt: skip


def _made(plan: Plan, target: Target) -> Table:
    spec = target.spec
    size = spec.type.itemsize
    every = np.arange(1 << (8 * size), dtype=f"u{size}").view(numpy_dtype(spec.dtype))
    current = tensor_from(every.copy(), spec.dtype)
    computed = []
    for part in parts_at_once(tensor_from(every.copy(), spec.dtype)):
        found = plan.operation.compute(part, **plan.scalars)
        exact, stored = found if isinstance(found, tuple) else (found, None)
        exact = exact.expand(part.shape)
        computed.append((exact, staged(exact, target.result.dtype) if stored is None else stored.reshape(part.shape)))
    whole, kept = (torch.cat(parts) for parts in zip(*computed, strict=True))
    return Table(current, whole, kept, bits_of(kept))
