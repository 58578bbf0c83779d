"""Which tensors lie on another device and are reduced there, said without importing torch."""

from __future__ import annotations

from typing import Any

from weightedit.core.dtypes import DTYPES

FAMILIES = ("float", "int", "bool")
"""Of dtypes that torch reduces on any device; unsigned ones wider than a byte, and packed ones, it does not."""


def is_live(pinned: Any) -> bool:
    """Whether other code holds the storage of a pinned tensor, and may write into it at any moment."""
    return getattr(getattr(pinned, "content", None), "storage", None) is not None


def is_elsewhere(pinned: Any) -> bool:
    """Whether a pinned tensor is live, on another device than the CPU, and of a dtype that torch reduces there."""
    storage = getattr(getattr(pinned, "content", None), "storage", None)
    if storage is None or storage.device.type in ("cpu", "meta") or pinned.spec.encoding != "plain":
        return False
    return takes(pinned.spec.dtype)


def takes(dtype: str) -> bool:
    """Whether torch reduces values of a dtype on any device."""
    facts = DTYPES[dtype]
    if dtype in ("float4_e2m1fn_x2", "float8_e8m0fnu"):
        return False
    return facts.family in FAMILIES or dtype == "uint8"
