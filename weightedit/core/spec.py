"""What a tensor is, without its values: the description that a file's header or pickle gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from weightedit.core.dtypes import DTYPES, DType


def contiguous_stride(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the row-major stride, in elements, that torch gives a fresh tensor of `shape`."""
    stride: list[int] = []
    step = 1
    for size in reversed(shape):
        stride.append(step)
        step *= max(size, 1)
    return tuple(reversed(stride))


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, dtype and layout of one tensor over its storage.

    Parameters
    ----------
    dtype
        torch's name of the dtype, without `torch.`.
    shape, stride
        In elements, as in torch.
    offset
        Of the first element from the start of the storage, in elements.
    encoding
        How values are stored: `plain`, or a packed form that only its format can decode.
    kind
        `parameter`, `buffer` or `tensor`.
    requires_grad
        As saved.
    device
        The device tag the file carries (`cpu`, `cuda:0`), or where a live tensor is.
    """

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0
    encoding: str = "plain"
    kind: str = "tensor"
    requires_grad: bool = False
    device: str = "cpu"

    @classmethod
    def contiguous(cls, dtype: str, shape: tuple[int, ...], *, kind: str = "tensor") -> TensorSpec:
        """Describe a fresh row-major tensor."""
        return cls(dtype, shape, contiguous_stride(shape), kind=kind)

    @property
    def type(self) -> DType:
        """The facts about `dtype`."""
        return DTYPES[self.dtype]

    @property
    def numel(self) -> int:
        """How many elements the tensor has."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, without gaps: numel × itemsize."""
        return self.numel * self.type.itemsize

    @property
    def is_contiguous(self) -> bool:
        """Whether elements lie row-major without gaps, as torch counts it (axes of size 1 do not matter)."""
        expected = 1
        for size, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size == 0:
                return True
            if size != 1:
                if step != expected:
                    return False
                expected *= size
        return True

    @property
    def extent(self) -> tuple[int, int]:
        """The bytes `[start, stop)` of the storage between the first and past the last element."""
        itemsize = self.type.itemsize
        if self.numel == 0:
            return self.offset * itemsize, self.offset * itemsize
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        return self.offset * itemsize, (last + 1) * itemsize

    def fresh(self, *, dtype: str | None = None, shape: tuple[int, ...] | None = None) -> TensorSpec:
        """Describe a new row-major tensor that takes this one's place: kind, device and requires_grad stay."""
        shape = self.shape if shape is None else shape
        return replace(self, dtype=dtype or self.dtype, shape=shape, stride=contiguous_stride(shape), offset=0)
