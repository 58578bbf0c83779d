"""Names that another code base of the same architecture gives: Meta's own code of Llama, and transformers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_META = (
    (re.compile(r"tok_embeddings\."), "model.embed_tokens."), (re.compile(r"output\."), "lm_head."),
    (re.compile(r"norm\."), "model.norm."),
    (re.compile(r"layers\.(\d+)\.attention\.w([qkvo])\."), r"model.layers.\1.self_attn.\2_proj."),
    (re.compile(r"layers\.(\d+)\.feed_forward\.w1\."), r"model.layers.\1.mlp.gate_proj."),
    (re.compile(r"layers\.(\d+)\.feed_forward\.w2\."), r"model.layers.\1.mlp.down_proj."),
    (re.compile(r"layers\.(\d+)\.feed_forward\.w3\."), r"model.layers.\1.mlp.up_proj."),
    (re.compile(r"layers\.(\d+)\.attention_norm\."), r"model.layers.\1.input_layernorm."),
    (re.compile(r"layers\.(\d+)\.ffn_norm\."), r"model.layers.\1.post_attention_layernorm."),
)  # fmt: skip
_SURE = re.compile(r"layers\.\d+\.(attention\.wq|feed_forward\.w3)\.weight\Z")
"""Names that are enough to know Meta's code by."""
ROTATED = (".q_proj.weight", ".k_proj.weight")
"""Matrices whose rows the two have in another order."""


def of_other_code(model: Collection[str], found: Collection[str]) -> dict[str, str]:
    """Return names of the checkpoint by those of the model, where either is Meta's and the other that of transformers.

    Parameters
    ----------
    model, found
        All names of each; a prefix that neither code base gives is not looked through.
    """
    if any(map(_SURE.match, found)):
        return {name: key for key in found if (name := _in_transformers(key)) in model and name not in found}
    if any(map(_SURE.match, model)):
        return {name: key for name in model if (key := _in_transformers(name)) in found and name not in found}
    return {}


def is_rotated(pairs: Mapping[str, str]) -> bool:
    """Whether queries or keys are among these pairs of names."""
    return any(name.endswith(ROTATED) or key.endswith(ROTATED) for name, key in pairs.items())


def _in_transformers(name: str) -> str:
    for pattern, to in _META:
        found = pattern.match(name)
        if found is not None:
            return found.expand(to) + name[found.end() :]
    return ""
