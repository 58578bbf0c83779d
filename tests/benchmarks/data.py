"""Checkpoints for benchmarks, made once in a temporary folder and read once so that the page cache has them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Literal

Shape = tuple[int, ...]
Size = Literal["small", "full"]
_BLOCK = 32 << 20


@dataclass
class Folder:
    """Where data is made, and what was made there already.

    Attributes
    ----------
    path
        A temporary folder.
    size
        `full` is what goals are about; `small` only shows that a benchmark works.
    """

    path: Path
    size: Size
    made: dict[str, Path] = field(default_factory=dict)

    def pick(self, small: int, full: int) -> int:
        """Return one of two numbers by the size."""
        return small if self.size == "small" else full

    def once(self, name: str, make: Callable[[Path], object]) -> Path:
        """Return the file or folder of a name, made now unless another benchmark made it before."""
        if name not in self.made:
            path = self.path / name
            make(path)
            self.made[name] = path
        warm(self.made[name])
        return self.made[name]

    def drop(self, keep: Iterable[str]) -> None:
        """Remove data that no later benchmark needs."""
        for name in self.made.keys() - set(keep):
            path = self.made.pop(name)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def warm(path: Path) -> None:
    """Read files once, so that every contender finds them in the page cache."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and file.stat().st_blocks * 512 >= file.stat().st_size // 2:  # a sparse one has nothing
            buffer = bytearray(8 << 20)
            with file.open("rb", buffering=0) as handle:
                while handle.readinto(buffer):
                    pass


# ---------------------------------------------------------------- names and shapes


def llama(layers: int = 14, hidden: int = 4096, inner: int = 8448, words: int = 128_256,
          few: int = 0) -> list[tuple[str, Shape]]:  # fmt: skip
    """Return names and shapes of a Llama-shaped model: 129 tensors and 6.18 GB in bfloat16 by default.

    Keys and values have `few` columns, a quarter of the others if it is left out.
    """
    few = few or hidden // 4
    found: list[tuple[str, Shape]] = [("model.embed_tokens.weight", (words, hidden))]
    for number in range(layers):
        layer = f"model.layers.{number}."
        found += [(layer + name, shape) for name, shape in (
            ("input_layernorm.weight", (hidden,)), ("mlp.down_proj.weight", (hidden, inner)),
            ("mlp.gate_proj.weight", (inner, hidden)), ("mlp.up_proj.weight", (inner, hidden)),
            ("post_attention_layernorm.weight", (hidden,)), ("self_attn.k_proj.weight", (few, hidden)),
            ("self_attn.o_proj.weight", (hidden, hidden)), ("self_attn.q_proj.weight", (hidden, hidden)),
            ("self_attn.v_proj.weight", (few, hidden)))]  # fmt: skip
    return [*found, ("model.norm.weight", (hidden,)), ("lm_head.weight", (words, hidden))]


def experts(count: int) -> list[tuple[str, Shape]]:
    """Return names and shapes of a model of many experts, with `count` tensors of 32 bytes and 2 kB."""
    return [(f"model.layers.{number // 768}.mlp.experts.{number // 3 % 256}.{part}_proj.weight",
             (4, 4) if number % 7 else (32, 32)) for number in range(count)
            for part in (("gate", "up", "down")[number % 3],)]  # fmt: skip


# ---------------------------------------------------------------- files


def safetensors(path: Path, tensors: list[tuple[str, Shape]], *, sparse: bool = False) -> None:
    """Write bfloat16 tensors with values like those of a trained model, or with holes where the values would be."""
    records: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in tensors:
        nbytes = 2 * prod(shape)
        records[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + nbytes]}
        at += nbytes
    header = json.dumps(records, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.flush()
        if sparse:
            file.truncate(8 + len(header) + at)
            return
        _fill(file.fileno(), at)
        os.fsync(file.fileno())


def _fill(handle: int, nbytes: int) -> None:
    """Append normal numbers of standard deviation 0.02; pieces of one block, each begun at another place."""
    import numpy as np

    count = min(_BLOCK, max(nbytes, 2)) // 2
    values = np.random.default_rng(0).standard_normal(count, np.float32) * np.float32(0.02)
    block = memoryview((values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).data)
    number = 0
    while nbytes:
        start = number * 7919 * 2 % max(len(block) // 2, 1) & ~1
        nbytes -= os.write(handle, block[start : start + nbytes])
        number += 1


def shards(folder: Path, tensors: list[tuple[str, Shape]], count: int) -> None:
    """Write shards and their index, as Hugging Face names them."""
    folder.mkdir()
    step = -(-len(tensors) // count)
    weight_map: dict[str, str] = {}
    for number in range(count):
        part = tensors[number * step : (number + 1) * step]
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        safetensors(folder / name, part)
        weight_map |= {key: name for key, _ in part}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def torch_zip(path: Path, count: int) -> None:
    """Write a torch checkpoint of small tensors, each in a storage of its own."""
    import torch

    torch.save({name: torch.full(shape, 0.5) for name, shape in experts(count)}, path)


# ---------------------------------------------------------------- data that several benchmarks share


def llama_file(folder: Folder) -> Path:
    """The Llama-shaped checkpoint in one file: 6.18 GB, or 12 MB if small."""
    tensors = llama() if folder.size == "full" else llama(2, 256, 512, 8_000)
    return folder.once("llama.safetensors", lambda path: safetensors(path, tensors))


def embedding_file(folder: Folder) -> Path:
    """One bfloat16 matrix: 128256 × 4096, 1.05 GB, or 4008 × 256 if small."""
    shape = (128_256, 4096) if folder.size == "full" else (4_008, 256)
    return folder.once("embedding.safetensors", lambda path: safetensors(path, [("embedding", shape)]))
