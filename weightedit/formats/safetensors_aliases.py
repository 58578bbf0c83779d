"""Names that stand for another tensor of the same safetensors file, as `save_model` notes them in the metadata.

A safetensors file holds no two names for the same bytes. `safetensors.torch.save_model` writes one of several tied
tensors, and for each of the others a text in the metadata: its name, with the name of the one that was kept.
https://github.com/huggingface/safetensors/blob/main/bindings/python/py_src/safetensors/torch.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def aliases_in(metadata: Mapping[str, str], names: Mapping[str, object]) -> dict[str, str]:
    """Return the names that metadata gives to tensors besides their own.

    A text is such a name where its key is no tensor of the file and its value is one; `format`, under which every
    file says what it was made for, never is.
    """
    return {name: kept for name, kept in metadata.items() if name != "format" and name not in names and kept in names}


def with_aliases(held: dict[str, T], aliases: Mapping[str, str]) -> dict[str, T]:
    """Return the tensors of a file in order, each followed by the other names it has; the dict itself without any.

    These are sorted: `save_model` leaves the order of its notes to chance.
    """
    if not aliases:
        return held
    others: dict[str, list[str]] = {}
    for name, kept in sorted(aliases.items()):
        others.setdefault(kept, []).append(name)
    named: dict[str, T] = {}
    for name, tensor in held.items():
        for one in (name, *others.get(name, ())):
            named[one] = tensor
    return named


def are_known(groups: Sequence[Sequence[str]], aliases: Mapping[str, str]) -> bool:
    """Whether all names of each group stood for one tensor in the file already."""
    return all(len({aliases.get(name, name) for name in group}) == 1 for group in groups)


def renewed(metadata: Mapping[str, str], before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return metadata with the aliases there are now, in the places of those there were; stale ones go."""
    kept = {name: now.get(name, text) for name, text in metadata.items()
            if name in now or before.get(name) != text}  # fmt: skip
    return kept | dict(now)
