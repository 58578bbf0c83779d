"""Scenes of hazards: what a refusal offers, what a warning costs, and many tensors in one edit."""

from __future__ import annotations

from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from shooting import Shooting

from weightedit.core.edit import Edit, TensorName


def stack(path: Path) -> Path:
    """Write a stack of layers with a few outliers, and tensors whose shapes nearly fit each other."""
    torch.manual_seed(7)
    tensors = {}
    for number in range(32):
        for part in ("self_attn.q_proj", "mlp.gate_proj", "mlp.down_proj"):
            weight = torch.randn(48, 64) * 0.02
            weight[number % 48, 5] = 70144.0 + number
            weight[3, number] = 1e-9
            tensors[f"model.layers.{number}.{part}.weight"] = weight
    torch.save({**tensors, "target": torch.randn(5, 20), "source": torch.randn(10, 20), "turned": torch.randn(20, 10),
                "kernel.hwio": torch.randn(3, 3, 8, 16), "kernel.oihw": torch.zeros(16, 8, 3, 3),
                "counter": torch.arange(64.0).reshape(8, 8) + 0.5}, path)  # fmt: skip
    return path


def _set_from(at: Shooting, name: str, source: str) -> None:
    at.show(name)
    at.window.workbench.edit_panel.form.take(Edit("set", (name,), None, {"values": TensorName(source)}))
    at.rest()


def hazard_cards(at: Shooting, files: Path) -> None:
    """Refusals with what fits, warnings with ways out, notices, and 96 tensors in one edit."""
    at.open(stack(files / "stack.pt"), "target")
    _set_from(at, "target", "source")
    at.take("refusal-rows")
    _set_from(at, "target", "turned")
    at.take("refusal-transpose")
    _set_from(at, "kernel.oihw", "kernel.hwio")
    at.take("refusal-permute")
    at.show("target")
    at.operation("replace", Source="source")
    at.take("notice-replace")
    at.show("model.layers.4.mlp.down_proj.weight")
    at.operation("cast", **{"To dtype": "float16"})
    at.take("warnings-ways-out")
    panel = at.window.workbench.edit_panel
    _press(at, panel, "Go to first")
    at.take("warnings-first-place")
    names = tuple(name for name in at.window.current.document.tensors if name.startswith("model."))
    panel.form.set_selected(names, len(names))
    panel.form.target.setCurrentIndex(panel.form.target.findData("several"))
    panel.form.target.activated.emit(panel.form.target.currentIndex())
    at.rest()
    at.take("many-folded")
    _press(at, panel, f"List all {len(names)}")
    at.take("many-listed")


def _press(at: Shooting, panel: object, said: str) -> None:
    link = next((one for one in panel.hazards.findChildren(QPushButton)  # type: ignore[attr-defined]
                 if one.accessibleName().startswith(said) and one.isVisible()), None)  # fmt: skip
    if link is not None:
        QTest.mouseClick(link, Qt.MouseButton.LeftButton)
        at.rest()


SCENES = {"hazard-cards": hazard_cards}
