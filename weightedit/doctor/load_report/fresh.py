"""Tensors that only the model has: what values a fresh one has, and the edits that add it."""

from __future__ import annotations

from collections.abc import Sequence

from weightedit.core.dtypes import DTYPES
from weightedit.core.edit import Edit
from weightedit.doctor.load_report.comparison import Comparison

TORCH_SLOPE = 5**0.5
"""What torch's own Linear and Conv layers give kaiming_uniform."""
STD = 0.02
"""Standard deviation with which most language models make their embeddings."""
_COUNTING = {"position_ids", "pos_ids"}
"""Buffers that count along their last dimension."""


def is_float(dtype: str) -> bool:
    """Whether values of a dtype can be drawn at random as those of a weight are."""
    facts = DTYPES.get(dtype)
    return facts is not None and facts.is_floating


def fill_of(compared: Comparison, name: str) -> int:
    """Return what a fresh vector holds: 1 for the scale of a norm and for a variance, else 0."""
    last = name.rpartition(".")[2]
    if last == "running_var":
        return 1
    return int(last in ("weight", "scale", "gamma") and "Norm" in compared.type_of(name) and
               len(compared.ours(name).shape) < 2)  # fmt: skip


def fresh_edits(compared: Comparison, names: Sequence[str]) -> list[Edit]:
    """Return the edits that add tensors of the model to the part, with values as a fresh model has them.

    Matrices are initialized as torch's layers do it, embeddings normal, position ids count; all others hold 0 or 1.
    """
    made: list[Edit] = []
    matrices: dict[str, list[str]] = {}
    for name in names:
        ours = compared.ours(name)
        there = compared.part.start + name
        given = {"to": there, "shape": ours.shape, "dtype": ours.dtype, "value": fill_of(compared, name)}
        made.append(Edit("add_tensor", (compared.part.name,), None, given))
        if name.rpartition(".")[2] in _COUNTING and ours.shape:
            made.append(Edit("expression", (there,), None, {"formula": f"index({len(ours.shape) - 1})"}))
        elif len(ours.shape) > 1 and ours.kind != "buffer" and is_float(ours.dtype):
            kind = "normal" if "Embedding" in compared.type_of(name) else "kaiming_uniform"
            matrices.setdefault(kind, []).append(there)
    for method, targets in matrices.items():
        how = {"std": STD} if method == "normal" else {"a": TORCH_SLOPE}
        made.append(Edit("initialize", tuple(targets), None, {"method": method, **how}))
    return made
