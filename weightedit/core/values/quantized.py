"""The numbers that a quantized tensor stands for: (stored - zero point) × scale in float32, as torch has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from weightedit.core.region import Box
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import PinnedTensor

if TYPE_CHECKING:
    import numpy as np

STORED = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}
"""The whole numbers that a quantized dtype stores."""


class Quantizer(NamedTuple):
    """Scale and zero point: one each, or one for every index of dimension `axis`."""

    scale: np.ndarray[Any, Any]
    zero_point: np.ndarray[Any, Any]
    axis: int | None = None


class Dequantized:
    """The float32 bytes, row-major, of a quantized tensor, worked out where they are read."""

    def __init__(self, stored: TensorSpec, content: ByteSource, quantizer: Quantizer) -> None:
        self._stored = replace(stored, dtype=STORED[stored.dtype], encoding="plain")
        self._content = content
        self._quantizer = quantizer
        self.nbytes = stored.numel * 4

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on: the rows around them are read and computed."""
        view = buffer.cast("B")
        if not view.nbytes:
            return
        shape = self._stored.shape or (1,)
        row = max(1, self.nbytes // shape[0])
        first, last = offset // row, (offset + view.nbytes - 1) // row
        rows = self._rows(first, last + 1).reshape(-1).view("u1").data
        view[:] = rows[offset - first * row : offset - first * row + view.nbytes]

    def _rows(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        import numpy as np

        from weightedit.core.values.reading import gather

        spec, (scale, zero_point, axis) = self._stored, self._quantizer
        inner = tuple(range(size) for size in spec.shape[1:])
        box = Box((range(start, stop), *inner)) if spec.shape else Box(())
        whole = gather(spec, self._content, box)
        whole = whole.astype(np.int64)
        if axis is None:  # torch's kernels: in float32 for one scale, in float64 for one of each channel
            return np.ascontiguousarray((whole - zero_point).astype(np.float32) * np.float32(scale))
        if axis == 0:
            scale, zero_point = scale[start:stop], zero_point[start:stop]
        spread = [-1 if dim == axis else 1 for dim in range(len(spec.shape))]
        exact = (whole - zero_point.reshape(spread)) * scale.reshape(spread)
        return np.ascontiguousarray(exact.astype(np.float32))


def quantizer_of(live: Any) -> Quantizer | None:
    """Return the quantizer of a live tensor; None of a scheme that has no such numbers."""
    import torch

    if live.qscheme() == torch.per_tensor_affine:
        return made(live.q_scale(), live.q_zero_point())
    if live.qscheme() == torch.per_channel_affine:
        return made(live.q_per_channel_scales().tolist(), live.q_per_channel_zero_points().tolist(),
                    live.q_per_channel_axis())  # fmt: skip
    return None


def made(scale: Any, zero_point: Any, axis: int | None = None) -> Quantizer:
    """Return a quantizer of plain numbers."""
    import numpy as np

    return Quantizer(np.asarray(scale, np.float64), np.asarray(zero_point, np.int64), axis)


def dequantized(pinned: PinnedTensor, quantizer: Quantizer | None) -> PinnedTensor | None:
    """Return the numbers of a quantized tensor as a float32 tensor, read as any other; None if they are not known."""
    if quantizer is None or pinned.spec.dtype not in STORED:
        return None
    spec = replace(pinned.spec.fresh(dtype="float32"), encoding="plain")
    return PinnedTensor(pinned.name, spec, Dequantized(pinned.spec, pinned.content, quantizer))
