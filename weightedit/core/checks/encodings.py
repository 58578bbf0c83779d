"""Tensors whose values torch keeps in no plain form: why an edit cannot be done to them, and what can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.words.labels import called

if TYPE_CHECKING:
    from weightedit.core.operation import Operation
    from weightedit.core.values.pinned import PinnedTensor

SENTENCES = {
    "uninitialized": "It is uninitialized until the lazy module has run once, which gives it a shape; run it first.",
    "meta": "It is on the meta device, which keeps shapes and no values; load values into it first.",
    "nested": "Its rows have different lengths; edit the rows before they are nested.",
    "conjugated": "It is a conjugated view; replace it by its values, which is what resolve_conj() gives.",
    "negated": "It is a negated view; replace it by its values, which is what resolve_neg() gives.",
}
_SPARSE = "It keeps {n:,} cells as indices and values ({encoding}); replace it by a dense tensor to edit cells."


def encoded(pinned: PinnedTensor, operation: Operation, edit: Edit, dequantizes: bool) -> Hazard:
    """Return the refusal of an edit of values that are not plain: `quantized`, or `unsupported` with its own reason.

    `dequantizes` says whether scale and zero point are known, so that a cast gives the numbers it stands for.
    """
    spec, name = pinned.spec, called(pinned.name)
    if spec.encoding == "quantized" or spec.dtype.startswith(("qint", "quint")):
        part = "a part of it" if edit.region is not None else "it"
        detail = f"copy_ into {part} would store numbers of another scale than the tensor's own. "
        if not dequantizes:
            return refusal("quantized", f"{name} is quantized, {spec.dtype}", f"{detail}Replace it whole.",
                           targets=[pinned.name])  # fmt: skip
        cast = Edit("cast", (pinned.name,), None, {"dtype": "float32"}, tied=edit.tied)
        return refusal("quantized", f"{name} is quantized, {spec.dtype}",
                       f"{detail}Dequantize it first, or replace it whole.", targets=[pinned.name],
                       alternatives=[cast], labels=["Dequantize to float32"])  # fmt: skip
    if spec.encoding.startswith("DTensor"):
        return refusal("lost-write", f"{name} is sharded: a write would not reach it",
                       f"It is a {spec.encoding}; torch writes what an index takes across shards into a temporary. "
                       "Open this rank's own part, to_local(), and edit that on every rank.",
                       targets=[pinned.name])  # fmt: skip
    if spec.encoding.startswith("sparse"):
        detail = _SPARSE.format(n=spec.numel, encoding=spec.encoding)
    elif spec.encoding in SENTENCES:
        detail = SENTENCES[spec.encoding]
    else:
        stored = spec.dtype if spec.encoding == "plain" else spec.encoding
        detail = f"It is {stored}, which torch cannot copy value by value; it is kept as it is."
    return refusal("unsupported", f"{name} cannot be edited", detail, targets=[pinned.name])


def takes_any(operation: Operation, pinned: PinnedTensor) -> bool:
    """Whether an operation can be done to what has no plain values: it reads none, and gives its place a new tensor."""
    encoding = pinned.spec.encoding
    return operation.anew and (encoding in ("quantized", "conjugated", "negated") or encoding.startswith("sparse"))


def encoded_source(pinned: PinnedTensor) -> Hazard:
    """Return the refusal of a source whose values are not plain."""
    if pinned.spec.encoding == "quantized":
        return refusal("quantized", f"{pinned.name} is quantized, {pinned.spec.dtype}",
                       "Its stored numbers have a scale of their own; cast it to float32 first.",
                       targets=[pinned.name])  # fmt: skip
    return refusal("unsupported", f"{pinned.name} is {pinned.spec.encoding}, and has no plain values",
                   "Give a tensor that torch can copy.", targets=[pinned.name])  # fmt: skip


def inference_mode(name: str, dtype: str, edit: Edit) -> Hazard:
    """Return the refusal of a write into a tensor made in inference mode; a clone of it can be written to."""
    clone = Edit("cast", (name,), None, {"dtype": dtype}, tied=edit.tied)
    return refusal("unsupported", f"{called(name)} was made in inference mode",
                   "torch forbids writes into such tensors; put a clone in its place, or replace it.", targets=[name],
                   alternatives=[clone], labels=["Put a clone in its place"])  # fmt: skip
