"""Which devices torch can compute on here."""

from __future__ import annotations


def devices() -> list[str]:
    """Return `cpu` and every CUDA device, as torch names them."""
    import torch

    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())), *_plain_cuda()]


def _plain_cuda() -> list[str]:
    import torch

    return ["cuda"] if torch.cuda.is_available() else []
