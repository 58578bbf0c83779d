"""Checkpoints of very many tensors: names that arrive while shards are opened, a flat level, filters that find none."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from shooting import Shooting

from weightedit.core.progress import Found, Progress

LAYERS, EXPERTS, FLAT = 12, 256, 200_000


def written(path: Path, names: list[str]) -> None:
    """Write bfloat16 ones of 4 × 8 under these names."""
    header = ",".join([f'"{name}":{{"dtype":"BF16","shape":[4,8],"data_offsets":[{64 * at},{64 * at + 64}]}}'
                       for at, name in enumerate(names)])  # fmt: skip
    raw = f"{{{header}}}".encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + b"\x80\x3f" * (32 * len(names)))


def experts(folder: Path) -> Path:
    """Write a mixture of experts in a shard for each layer, and its index."""
    folder.mkdir()
    where: dict[str, str] = {}
    for layer in range(LAYERS):
        names = [f"model.layers.{layer}.mlp.experts.{expert}.{part}_proj.weight" for expert in range(EXPERTS)
                 for part in ("gate", "up", "down")]  # fmt: skip
        names += [f"model.layers.{layer}.self_attn.{part}_proj.weight" for part in "qkvo"]
        file = f"model-{layer + 1:05d}-of-{LAYERS:05d}.safetensors"
        written(folder / file, names)
        where |= dict.fromkeys(names, file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return index


def many(at: Shooting, files: Path) -> None:
    """Show names while later shards are on their way, the tree after it, a flat level, and nothing found."""
    index = experts(files / f"experts-{at.theme}-{at.window.width()}")
    go, found = threading.Event(), Progress.found

    def held(progress: Progress, piece: Found) -> None:
        found(progress, piece)
        if "layers.6." in piece.names[0]:
            go.wait(60)

    Progress.found = held  # type: ignore[method-assign]
    try:
        at.window.open([str(index)])
        at.rest_for(1.5)
        at.write_now("many-arriving")
        rows = at.window.tree.arriving
        rows.setFocus()
        for _ in range(5):
            QTest.keyClick(rows, Qt.Key.Key_PageDown)
        at.rest_for(0.3)
        at.write_now("many-arriving-picked")
    finally:
        Progress.found = found  # type: ignore[method-assign]
        go.set()
    at.take("many-arrived")
    for text in ("*.experts.25*", "*.mpl.*"):
        at.window.tree.filter.setText(text)
        at.take(f"many-filter-{'none' if 'mpl' in text else 'some'}")
    at.window.tree.filter.clear()
    at.do("close-file")
    flat = files / "flat.safetensors"
    written(flat, [f"row_{number:07d}" for number in range(FLAT)])
    at.open(flat)
    at.take("many-flat")
    at.do("edit-many")
    form = at.window.workbench.batches.page.form
    form.choose("scale")
    form.fields[0].edit.setText("0.5")
    form.pattern.edit.setText("*")
    at.take("many-asked")


SCENES = {"many": many}
