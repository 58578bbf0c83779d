"""One state of one tensor, held still for readers in the background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from weightedit.core.region import Box, parse_region
from weightedit.core.slots import Slot
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    import numpy as np

    from weightedit.core.values.reading import ReadBuffer

CHUNK = 8 << 20
"""Bytes a chunk has by default."""


Chunks: TypeAlias = "Iterator[tuple[Box, np.ndarray[Any, Any]]]"


class Readable(Protocol):
    """What heatmaps, statistics, comparison and export read: a spec, and values by box."""

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        ...

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box, values) in storage order; `values` is only good until the next step."""
        ...

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return an independent array of the box's shape."""
        ...


def version_of(tensor: Any) -> int | None:
    """Return how many writes to a tensor torch has counted; None for an inference tensor, a lazy one, or None."""
    try:
        return None if tensor is None else int(tensor._version)
    except (RuntimeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class PinnedTensor:
    """A tensor's spec and content at one version; later edits make other contents and leave this one alone.

    Attributes
    ----------
    name, spec, content
        What it is called, what it is, and the bytes it lies in.
    writes
        How many writes to a live tensor torch had counted by then; None of what is not live, or not counted. Those
        through `.data`, numpy or another process are not among them.
    """

    name: str
    spec: TensorSpec
    content: ByteSource
    writes: int | None = None

    @classmethod
    def of(cls, slot: Slot) -> PinnedTensor:
        """Pin what a slot holds now."""
        described = slot.held.described
        return cls(slot.name, described.spec, described.storage.content, version_of(described.live))

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box, values) in storage order, through one reused buffer of about `nbytes`."""
        return self.chunks_of((region if isinstance(region, Box) else parse_region(region, self.spec.shape),), nbytes)

    def chunks_of(self, boxes: Iterable[Box], nbytes: int = CHUNK, buffer: ReadBuffer | None = None) -> Chunks:
        """Yield the same of several boxes, one after the other, through one buffer, which may be the caller's."""
        from weightedit.core.values.reading import ReadBuffer, pieces, read_box

        buffer = buffer or ReadBuffer()
        for box in boxes:
            for piece in pieces(self.spec, box, nbytes):
                yield piece, read_box(self.spec, self.content, piece, buffer)

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return an independent array of the box's shape."""
        from weightedit.core.values.reading import gather

        return gather(self.spec, self.content, box)


@dataclass(frozen=True, slots=True)
class PinnedRegion:
    """A box of a readable, seen as a tensor of its own."""

    whole: Readable
    box: Box

    @property
    def spec(self) -> TensorSpec:
        """A row-major tensor of the box's shape."""
        return self.whole.spec.fresh(shape=self.box.shape)

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box within the region, values)."""
        inner = region if isinstance(region, Box) else parse_region(region, self.box.shape)
        outer = self.box.within(inner)
        for piece, values in self.whole.chunks(outer, nbytes):
            yield inner.within(piece.positions_in(outer)), values

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return an independent array of the box's shape."""
        return self.whole.read(self.box.within(box))
