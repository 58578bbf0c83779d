"""What the values of a tensor are like, in passes over pieces: range, norm, NaN and infinities."""

from __future__ import annotations

import math

import torch

from weightedit.doctor.training_step.parts import Values

PIECE = 1 << 21
"""Elements that are looked at together: what a piece needs besides, in float64, stays at some 100 MB."""
UNREADABLE = (RuntimeError, NotImplementedError, TypeError)
"""What torch raises for a tensor without numbers to look at: under `vmap`, fake, or of a dtype it cannot compare."""


def plain(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return the values of a tensor without graph, as a strided tensor; None where it has none, as on `meta`."""
    if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
        return None
    found = tensor.detach()
    if found.is_nested:
        found = found.values() if found.layout == torch.jagged else torch.cat([one.reshape(-1) for one in found])
    if found.layout != torch.strided:
        found = found.coalesce().values() if found.layout == torch.sparse_coo else found.to_dense()
    return found.dequantize() if found.is_quantized else found


def values_of(tensor: torch.Tensor) -> Values | None:
    """Return what the values of a tensor of any dtype and layout are like; None where they cannot be looked at."""
    try:
        found = plain(tensor)
        return None if found is None else _values(found)
    except UNREADABLE:
        return None


def _values(found: torch.Tensor) -> Values:
    lowest, highest, nan, inf, squares, magnitudes = math.inf, -math.inf, 0, 0, 0.0, [0.0, 0.0]
    flat = found.reshape(-1)
    for start in range(0, flat.numel(), PIECE):
        told = _tally(flat[start : start + PIECE])
        nan, inf, squares = nan + int(told[0]), inf + int(told[1]), squares + told[2]
        lowest, highest = min(lowest, told[3]), max(highest, told[4])
        magnitudes = sorted([*magnitudes, *told[5:]])[-2:]
    ranged = lowest <= highest and not found.is_complex()
    return Values(lowest if ranged else None, highest if ranged else None, nan, inf, math.sqrt(squares),
                  magnitudes[1], magnitudes[0])  # fmt: skip


def _tally(piece: torch.Tensor) -> list[float]:
    """Return counts of NaN and infinities, the sum of squares, lowest, highest, and the two largest magnitudes."""
    wide = torch.float32 if piece.device.type == "mps" else torch.float64
    if piece.is_complex():
        parts = torch.view_as_real(piece.resolve_conj()).to(wide)
        is_nan, is_finite = parts.isnan().any(-1), parts.isfinite().all(-1)
        real = magnitude = torch.where(is_finite, torch.hypot(parts[..., 0], parts[..., 1]), 0)
    else:
        real = piece.to(wide)
        is_nan, is_finite = real.isnan(), real.isfinite()
        magnitude = torch.where(is_finite, real, 0).abs()
    top = magnitude.topk(min(2, magnitude.numel())).values
    told = [is_nan.sum(), (~(is_nan | is_finite)).sum(), magnitude.square().sum(),
            torch.where(is_finite, real, math.inf).min(), torch.where(is_finite, real, -math.inf).max(),
            *top.unbind()]  # fmt: skip
    return [float(one) for one in torch.stack([one.to(wide) for one in told]).tolist()]


def bad_count(tensor: torch.Tensor) -> int:
    """Return how many NaN and infinities a tensor has; 0 where its values cannot be looked at."""
    try:
        found = plain(tensor)
        if found is None or not (found.is_floating_point() or found.is_complex()):
            return 0
        return int(not_finite(found).sum())
    except UNREADABLE:
        return 0


def not_finite(found: torch.Tensor) -> torch.Tensor:
    """Return where a strided tensor is NaN or infinite."""
    return ~_comparable(found).isfinite()


def is_all_zero(tensor: torch.Tensor) -> bool:
    """Whether a tensor has values that can be looked at, all of them 0."""
    try:
        found = plain(tensor)
        return found is not None and found.numel() > 0 and not bool(_comparable(found).any())
    except UNREADABLE:
        return False


def _comparable(found: torch.Tensor) -> torch.Tensor:
    """Return floats of one byte as float32: torch has no isfinite for them."""
    return found.to(torch.float32) if found.is_floating_point() and found.element_size() == 1 else found
