"""What an operation may know of where it computes: the survey before it, and the place of each piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.undo.spill import Spill
from weightedit.core.values.pinned import PinnedTensor, Readable

if TYPE_CHECKING:
    import numpy as np
    import torch

Tensors = Mapping[str, Sequence[PinnedTensor]]


@dataclass(frozen=True, slots=True)
class Survey:
    """A tensor before an edit, as an operation's `prepare` reads it.

    Attributes
    ----------
    name, seed
        Of the tensor, and of the edit.
    source
        The tensor as it is.
    result
        The spec it will have; the same for a write.
    boxes
        Disjoint boxes of what the edit computes, in the tensor's indices.
    mask
        `(values, box) → bool tensor` of a condition, or None: which cells of a piece are computed.
    tensors
        Tensor arguments, readable.
    find
        Returns the tensor of a name in this document; raises `EditRefused` where there is none.
    nbytes
        Bytes to read at once.
    check
        Raises `Cancelled` when the person wants to stop; call it between pieces.
    spill
        Room for arrays too large for memory.
    """

    name: str
    seed: int
    source: PinnedTensor
    result: TensorSpec
    boxes: Sequence[Box]
    mask: Callable[[torch.Tensor, Box], torch.Tensor] | None
    tensors: Tensors
    find: Callable[[str], PinnedTensor]
    nbytes: int
    check: Callable[[], None]
    spill: Spill

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        return self.source.spec

    def chunks(self) -> Iterator[tuple[Box, torch.Tensor, torch.Tensor | None]]:
        """Yield (box, values, mask) over all that is computed; `values` as stored, good until the next step."""
        from weightedit.core.stage import tensor_from

        for box in self.boxes:
            for piece, values in self.source.chunks(box, self.nbytes):
                self.check()
                tensor = tensor_from(values, self.spec.dtype)
                yield piece, tensor, None if self.mask is None else self.mask(tensor, piece)

    def allocate(self, shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
        """Return a zeroed array, in a file of our own where it is large."""
        import math

        import numpy as np

        wanted = numpy_dtype(dtype)
        buffer = self.spill.allocate(math.prod(shape) * wanted.itemsize)
        array: np.ndarray[Any, Any] = np.frombuffer(buffer, wanted).reshape(shape)
        array[...] = np.zeros((), wanted)
        return array


@dataclass(frozen=True, slots=True)
class Place:
    """Where one piece of a result lies, for an operation whose values depend on it.

    Attributes
    ----------
    name, seed
        Of the tensor, and of the edit.
    source
        The tensor before the edit.
    spec
        Of the result; its row-major offsets key random values.
    box
        What is computed of the result: one region of a write, all of a rebind.
    piece
        The piece, in the result's indices.
    context
        What `prepare` returned.
    tensors
        Tensor arguments, readable.
    """

    name: str
    seed: int
    source: PinnedTensor
    spec: TensorSpec
    box: Box
    piece: Box
    context: Any
    tensors: Tensors

    @staticmethod
    def read(readable: Readable, box: Box) -> torch.Tensor:
        """Return an independent CPU tensor of a part of a readable, in its stored dtype."""
        from weightedit.core.stage import tensor_from

        return tensor_from(readable.read(box), readable.spec.dtype)
