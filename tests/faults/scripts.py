"""Random scripts of edits, undos and redos: the same for the same number, whoever runs them and however far."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from weightedit.core.document import Document

FORMATS = {"safetensors": ".safetensors", "torch zip": ".pt", "npz": ".npz", "shards": ""}
FLOATS = ("float32", "float64", "bfloat16", "float16")


def tensors() -> dict[str, torch.Tensor]:
    """Tensors of several dtypes and sizes; one is written in patches, the others whole."""
    import torch

    chance = torch.Generator().manual_seed(0)
    return {
        "a": torch.arange(24.0).view(4, 6), "b.weight": torch.randn(64, 48, generator=chance).to(torch.float16),
        "b.bias": torch.randn(64, generator=chance), "c": torch.randn(200, 300, generator=chance),
        "d": torch.arange(256).view(16, 16), "e": torch.randn(5, 7, generator=chance, dtype=torch.float64),
    }  # fmt: skip


def write(folder: Path, kind: str) -> Path:
    """Write the tensors in a format and return the path to open."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model{FORMATS[kind]}"
    given = tensors()
    if kind == "safetensors":
        save_file(given, path)
    elif kind == "torch zip":
        given["tied"] = given["c"]  # two slots, one storage
        given["view"] = given["c"][3:5]
        torch.save(given, path)
    elif kind == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in given.items()})
    else:
        import weightedit

        path.mkdir()
        save_file(given, folder / "whole.safetensors")
        with weightedit.open(folder / "whole.safetensors") as document:
            document.export(path / "model.safetensors", shard_size=100_000)
        (folder / "whole.safetensors").unlink()
    return path


Action = Callable[["Document"], None]


def script(seed: int, length: int, *, saves: bool = False) -> list[tuple[str, Action]]:
    """Return named actions on a document; one that does not fit does nothing."""
    chance = random.Random(seed)
    return [_action(chance, number, saves) for number in range(length)]


def _action(chance: random.Random, number: int, saves: bool) -> tuple[str, Action]:
    kinds = {"edit": 60, "undo": 14, "redo": 8, "group": 4, "snapshot": 2, "restore": 2, "go": 3, "taken back": 2,
             "save": 5 if saves else 0}  # fmt: skip
    kind = chance.choices(list(kinds), list(kinds.values()))[0]
    edits = [_edit(chance, number) for _ in range(3)]
    where, name = chance.random(), f"Snapshot {chance.randrange(4)}"

    def act(document: Document) -> None:
        from weightedit.core.errors import HazardError

        low = _lowest(document)
        with suppress(HazardError):
            if kind == "edit":
                edits[0](document)
            elif kind == "undo" and document.history.position > low:
                document.undo(whole=document.history.start_of(document.history.position) >= low)
            elif kind == "redo":
                document.redo()
            elif kind == "go":
                document.go_to(low + int(where * (len(document.history) - low + 1)))
            elif kind == "group":
                with document.grouped(f"Group {number}"):
                    for edit in edits:
                        edit(document)
            elif kind == "snapshot":
                if name in document.snapshots:
                    document.drop_snapshot(name)
                document.snapshot(name)
            elif kind == "restore" and _is_of_now(document, name):
                document.restore(name, accept="all")
            elif kind == "save":
                document.save()
                for kept in list(document.snapshots):  # of before the save, which no recovery can take again
                    document.drop_snapshot(kept)
            elif kind == "taken back":
                with suppress(_Enough), document.all_or_nothing():
                    for edit in edits:
                        with suppress(HazardError):
                            edit(document)
                    raise _Enough

    return kind, act


class _Enough(Exception):
    """Ends a batch, so that it is taken back."""


def _lowest(document: Document) -> int:
    """Return the position that undo stays above: what was saved and undone is not in the file any more."""
    return document.history.saved_position or 0


def _is_of_now(document: Document, name: str) -> bool:
    return name in document.snapshots


def _edit(chance: random.Random, number: int) -> Action:
    name = chance.choice(["a", "b.weight", "b.bias", "c", "d", "e", "b.*", "[ce]"])
    region = chance.choice([None, None, "[0]", "[1:3]", "[:, 2]", "[::2]", "[0:2, 1:4]", "where w > 0.5"])
    value, seed = chance.choice([0, 1, 2.5, -3, 0.25]), chance.randrange(1000)
    what, arguments = chance.choice([
        ("scale", {"factor": value}), ("add", {"value": value}), ("fill", {"value": value}), ("set", {}),
        ("clamp", {"min": -1, "max": 3}), ("cast", {"dtype": chance.choice(FLOATS)}), ("transpose", {}),
        ("flip", {"dims": [0]}), ("roll", {"shifts": 1, "dims": 0}), ("initialize", {"method": "normal"}),
        ("delete_rows", {"rows": "0:1"}), ("insert_rows", {"index": 0, "count": 1, "method": "ones"}),
        ("rename", {"to": f"{name}.{number}"}), ("replace", {}),
    ])  # fmt: skip

    def apply(document: Document) -> None:
        import torch

        given: dict[str, Any] = dict(arguments)
        found = sorted(one for one in document.tensors if one.startswith(name.strip("[].*")))
        target = name if "*" in name or "[" in name or not found else found[0]
        if what in ("set", "replace"):
            if target not in document.tensors:
                return
            shape = document.tensors[target].shape
            values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
            given["values" if what == "set" else "source"] = values
        whole = what not in ("scale", "add", "fill", "clamp")
        document.apply(what, target, region=None if whole else region, accept="all",
                       seed=seed if what == "initialize" else None, **given)  # fmt: skip

    return apply


def state_of(document: Document) -> dict[str, str]:
    """Return dtype, shape and hash of every tensor by name."""
    import torch

    found = {}
    for name, info in document.tensors.items():
        data = document.read(name, raw=True).contiguous().view(torch.uint8)
        found[name] = f"{info.dtype_name} {info.shape} {hashlib.sha256(data.numpy()).hexdigest()}"
    return found
