"""The broken file of a seed and a number: the same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzz.mutate_bytes import mutate_bytes
from tests.fuzz.mutate_json import mutate_recipe, mutate_safetensors
from tests.fuzz.mutate_pickle import mutate_pickles
from tests.fuzz.mutate_records import mutate_csv, mutate_journal, mutate_npy, mutate_tar
from tests.fuzz.mutate_zip import mutate_zip
from tests.fuzz.seeds import FORMATS, seeds

Mutate = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
_MUTATE: dict[str, Mutate] = {
    "safetensors": mutate_safetensors, "torch zip": mutate_zip, "torch legacy": mutate_pickles, "torch tar": mutate_tar,
    "npy": mutate_npy, "npz": mutate_zip, "csv": mutate_csv, "recipe": mutate_recipe, "journal": mutate_journal,
    "pickle": mutate_pickles,
}  # fmt: skip
LARGEST = 1 << 22
"""A broken file is cut at so many bytes: what only size does is tried by name, not at random."""


@dataclass(frozen=True)
class Case:
    """One broken file, or folder of them.

    Attributes
    ----------
    format
        What it was before.
    seed, number
        Make it again.
    origin
        Name of the whole file it was.
    files
        Its bytes, by file name.
    main
        The file that is opened.
    """

    format: str
    seed: int
    number: int
    origin: str
    files: dict[str, bytes]
    main: str

    @property
    def label(self) -> str:
        return f"{self.seed}:{self.number}"


def case(format: str, seed: int, number: int) -> Case:
    """Make one."""
    rng = random.Random(f"{format} {seed} {number}")
    whole = rng.choice(seeds(format))
    files = dict(whole.files)
    others = [other.data for other in seeds(format)]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        name = whole.main
        if len(files) > 1 and rng.random() < 0.4:
            name = rng.choice(sorted(files))
        files[name] = _mutate_of(format, name, whole.main)(rng, files[name], others)[:LARGEST]
    if len(files) > 1 and rng.random() < 0.05:
        del files[rng.choice([name for name in sorted(files) if name != whole.main])]
    return Case(format, seed, number, whole.name, files, whole.main)


def _mutate_of(format: str, name: str, main: str) -> Mutate:
    if format == "shards":
        return mutate_recipe if name == main else mutate_safetensors
    return _MUTATE[format] if name == main else mutate_bytes


__all__ = ["FORMATS", "Case", "case"]
