"""Torch checkpoints with objects of every kind beside a tensor, saved by torch itself in each of its forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.corpus.case import Family, Opens, holds
from tests.corpus.honest import values

FAMILY = Family("odd objects")
WEIGHT = torch.arange(6.0).reshape(2, 3)


def add(name: str, value: Any, protocol: int, legacy: bool) -> None:
    def make(folder: Path) -> tuple[Path, Opens]:
        path = folder / "model.pt"
        torch.save({"w": WEIGHT, "x": value}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
        return path, holds({"w": WEIGHT})

    FAMILY.add(name, make)


for _i, (_name, _value) in enumerate(values().items()):
    # Each in the protocol torch writes; and, one after the other, in another one, or in the form before 1.6.
    add(_name, _value, 2, legacy=False)
    if _i % 4 == 0:
        add(f"{_name}, protocol {(3, 4, 5)[_i // 4 % 3]}", _value, (3, 4, 5)[_i // 4 % 3], legacy=False)
    elif _i % 4 == 2:
        add(f"{_name}, before 1.6", _value, 2, legacy=True)
