"""Scenes of an edit of many tensors: rows, what is left, what it costs, what is refused, names, and nothing yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PySide6.QtWidgets import QLineEdit
from shooting import Shooting

LAYERS = 12


def layers(path: Path) -> Path:
    """Write a transformer's feed-forward parts, with a buffer of indices, seven NaN and an adapter on a weight."""
    torch.manual_seed(1)
    state: dict[str, torch.Tensor] = {}
    for layer in range(LAYERS):
        for name, shape in (("gate_proj", (344, 128)), ("up_proj", (344, 128)), ("down_proj", (128, 344))):
            state[f"model.layers.{layer}.mlp.{name}.weight"] = torch.randn(shape) * (0.05 + 0.01 * ((layer * 7) % 5))
        if layer == 2:
            state["model.layers.2.mlp.expert_index"] = torch.arange(344)
        state[f"model.layers.{layer}.norm.weight"] = torch.rand(128) + 0.5
    state["model.layers.1.mlp.down_proj.weight"][3, :7] = torch.nan
    state["adapters.1.up"] = state["model.layers.1.mlp.up_proj.weight"]
    torch.save(state, path)
    return path


def fill(at: Shooting, pattern: str, operation: str, *texts: str) -> Any:
    """Fill the form of the batch page that is shown, and return the page once every row was worked out."""
    page = at.window.workbench.batches.page
    page.form.choose(operation)
    for field, text in zip(page.form.fields, texts, strict=False):
        control = field.focusProxy()
        if isinstance(control, QLineEdit):
            control.setText(text)
        else:
            control.setCurrentText(text)
    page.form.pattern.edit.setText(pattern)
    at.rest(lambda: not page.is_waiting and not page.run.is_running)
    return page


def batch(at: Shooting, files: Path) -> None:
    """Show an edit of many, from an empty form to what was done."""
    at.open(layers(files / "atlas-7b-sft.pt"))
    at.window.tree.filter.setText("*.mlp.*")
    at.rest()
    at.do("edit-many")
    at.take("batch-empty")
    page = fill(at, "*.mlp.*", "clamp", "-0.1", "0.1")
    page.table.setFocus()
    at.take("batch")
    page.table.selectRow(page.model.place_of("model.layers.2.mlp.expert_index"))
    at.take("batch-left-out")
    page.table.clearSelection()
    fill(at, "*", "scale", "1e39")
    page.table.clearSelection()
    at.take("batch-warnings")
    fill(at, "model.layers.2.*", "transpose")
    at.take("batch-refused")
    fill(at, r"re:model\.layers\.(\d+)\.mlp\.(.*)", "rename", r"blocks.\1.ffn.\2")
    at.take("batch-names")
    fill(at, "*.mpl.*", "clamp", "-0.1", "0.1")
    at.take("batch-nothing")
    page = fill(at, "*.mlp.*", "clamp", "-0.1", "0.1")
    at.do("apply")
    at.rest(lambda: page.applying.done is not None)
    at.take("batch-applied")
    at.window.tree.filter.setText("")
    at.rest()
    at.show("model.layers.3.norm.weight")
    at.window.tree.tree.select_group(at.window.current, "model.layers.3")
    at.rest()
    at.take_popup("batch-apply-to", at.window.workbench.edit_panel.form.target)


SCENES = {"batch": batch}
