"""The finding of a checkpoint that is an adapter: what PEFT adds to the weights of a model, without the weights."""

from __future__ import annotations

import re
from collections.abc import Collection

from weightedit.core.words.labels import listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding

_PART = re.compile(r"(?:^|\.)(lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)|ia3_l|hada_w[12]_[ab]|"
                   r"lokr_w[12](?:_[ab])?|vera_lambda_[bd])(?:\.|$)")  # fmt: skip
_KINDS = {"lora": "LoRA", "ia3": "IA³", "hada": "LoHa", "lokr": "LoKr", "vera": "VeRA"}
_BASE = ".base_layer."


def adapter(model: Collection[str], found: Collection[str]) -> tuple[str, Finding] | None:
    """Return what an adapter is of in a few words, and its finding; None where it is none, or the model has one too.

    Parameters
    ----------
    model, found
        Names of the tensors of each.
    """
    parts = {name: part for name in found if (part := _PART.search(name))}
    if 2 * len(parts) <= len(found) or any(_BASE in name for name in found) or any(map(_PART.search, model)):
        return None
    kind = _KINDS[next(iter(parts.values()))[1].partition("_")[0]]
    modules = list(dict.fromkeys(name[: part.start()] for name, part in parts.items()))
    ends = {ending for name in model for ending in _endings(name.rpartition(".")[0])}
    there = sum(any(ending in ends for ending in _endings(module)) for module in modules)
    where = "all of them" if there == len(modules) else f"{there:,} of them" if there else "none of them"
    beside = len(found) - len(parts)
    said = f"The checkpoint is a {kind} adapter of {counted(len(modules), 'module')}, {where} in the model: its " \
           f"{counted(len(parts), 'tensor')}, {listed(sorted({part[1] for part in parts.values()}))}, are added to " \
           "the weights of a model, which are not in it. Check it against the model that PEFT makes " \
           "(PeftModel.from_pretrained), or the checkpoint of the base model against this one"  # fmt: skip
    said += f"; {counted(beside, 'tensor')} beside them {'is' if beside == 1 else 'are'} whole" if beside else ""
    return f"{kind} adapter of {counted(len(modules), 'module')}", Finding("adapter", "", next(iter(parts)), said)


def _endings(name: str) -> list[str]:
    """Return a dotted name and its endings of two parts or more, or the name itself."""
    parts = name.split(".")
    return [".".join(parts[place:]) for place in range(max(1, len(parts) - 1))]
