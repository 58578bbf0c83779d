"""Sizes that a live module keeps beside its tensors, such as `in_features`, and which edits leave them wrong."""

from __future__ import annotations

from typing import Any

from weightedit.core.hazards import Hazard
from weightedit.core.plan import Target

SIZES: dict[str, dict[str, int | None]] = {
    "Linear": {"out_features": 0, "in_features": 1},
    "Bilinear": {"out_features": 0, "in1_features": 1, "in2_features": 2},
    "Embedding": {"num_embeddings": 0, "embedding_dim": 1},
    "EmbeddingBag": {"num_embeddings": 0, "embedding_dim": 1},
    "_ConvNd": {"out_channels": 0},
    "_NormBase": {"num_features": 0},
    "GroupNorm": {"num_channels": 0},
    "PReLU": {"num_parameters": 0},
}
"""By class of torch.nn: the attribute, and the dimension of the weight whose size it is."""


def attribute_hazard(target: Target) -> Hazard | None:
    """Return the warning that a module's sizes no longer say what its weight is, or None.

    `m.weight` of another shape is accepted by `torch.nn.Linear`; `in_features` stays what it was, and what reads it
    (printing, later layers, exporters) is misled.
    """
    before, after = target.spec.shape, target.result.shape
    if before == after:
        return None
    stale = []
    for slot in target.slots:
        sizes = _sizes(slot.owner) if slot.key == "weight" else {}
        for name, dim in sizes.items():
            now = getattr(slot.owner, name, None)
            if dim is None or dim >= len(after) or now != after[dim]:
                stale.append(f"{type(slot.owner).__name__}.{name} stays {now}")
    if not stale:
        return None
    return Hazard("module-attribute", "warning", f"{target.name} will not be what its module says",
                  f"{'; '.join(stale)}. Set it in code, or build the module anew with the new size.",
                  (target.name,), len(stale))  # fmt: skip


def _sizes(owner: Any) -> dict[str, int | None]:
    for one in type(owner).__mro__:
        if one.__name__ in SIZES and one.__module__.startswith("torch.nn."):
            return SIZES[one.__name__]
    return {}
