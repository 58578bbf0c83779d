"""Scenes of storages that several slots share: the strip, cells that change together, ties, the choice at a paste."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from shooting import Shooting

ATTENTION = "layers.3.self_attn"


def attention(path: Path) -> Path:
    """Write layers whose attention is fused in one weight and seen in three parts, and tied embeddings."""
    torch.manual_seed(11)
    embed = torch.randn(256, 96) * 0.02
    tensors = {"embed_tokens.weight": embed}
    for number in range(5):
        fused = torch.randn(288, 96) * 0.02
        fused[number * 9 + 20] *= 8
        prefix = f"layers.{number}.self_attn"
        tensors |= {f"{prefix}.qkv_proj.weight": fused, f"{prefix}.q_proj.weight": fused[:96],
                    f"{prefix}.k_proj.weight": fused[96:192], f"{prefix}.v_proj.weight": fused[192:],
                    f"{prefix}.o_proj.weight": torch.randn(96, 96) * 0.02}  # fmt: skip
    flat = torch.randn(40_000) * 0.05
    tensors |= {"head.weight": embed, "head.turned": embed.t(), "thin": embed[:, ::4], "gaps.a": flat[2_000:9_000],
                "gaps.b": flat[12_000:30_000].view(150, 120), "gaps.none": flat[35_000:35_000]}  # fmt: skip
    torch.save(tensors, path)
    return path


def storage_strip(at: Shooting, files: Path) -> None:
    """Show a fused weight and its parts, selected cells on all of them, tied tensors, gaps."""
    at.open(attention(files / "attention.pt"), f"{ATTENTION}.q_proj.weight")
    at.take("strip")
    at.region("[20:60, 32:64]")
    at.operation("clamp", Minimum="-0.02", Maximum="0.02")
    at.take("strip-selected")
    at.show(f"{ATTENTION}.qkv_proj.weight")
    at.take("shared-cells-heatmap")
    at.do("values")
    at.take("shared-cells-values")
    at.do("heatmap")
    at.show("head.turned")
    at.window.workbench.inspector.storage.strip.setFocus(Qt.FocusReason.TabFocusReason)
    at.take("strip-tied-turned")
    at.show("gaps.b")
    at.take("strip-gaps")


def ties(at: Shooting, files: Path) -> None:
    """Show the forms of tie and untie, what does not fit, and the choice at a paste."""
    at.open(attention(files / "ties.pt"), f"{ATTENTION}.o_proj.weight")
    at.operation("tie", To=f"{ATTENTION}.q_proj.weight")
    at.take("form-tie")
    at.operation("tie", To="head.weight")
    at.take("refusal-tie")
    at.show(f"{ATTENTION}.k_proj.weight")
    at.operation("untie")
    at.take("form-untie")
    tree = at.window.tree.tree
    for name, key in ((f"{ATTENTION}.o_proj.weight", Qt.Key.Key_C), (f"{ATTENTION}.v_proj.weight", Qt.Key.Key_V)):
        tree.select(at.window.current, name)
        tree.setFocus()
        at.key(tree, key, Qt.KeyboardModifier.ControlModifier)
    at.take("paste-replace")
    at.window.files.importing.pasting.card.pick("Copy values")
    at.take("paste-copy")
    at.window.files.importing.pasting.card.pick("Tie")
    at.take("paste-tie")


def saving_ties(at: Shooting, files: Path) -> None:
    """Show what Save asks where the file's format cannot hold tensors that were tied since."""
    path = files / "net.safetensors"
    safetensors.torch.save_file({"embed.weight": torch.randn(64, 32), "head.weight": torch.randn(64, 32)}, path)
    at.open(path, "head.weight")
    at.apply("tie", To="embed.weight")
    at.do("save")
    at.take("save-what-does-not-fit")
    dialog = next(one for one in at.app.topLevelWidgets() if one.isVisible() and one is not at.window)
    sharing = dialog.findChild(QComboBox, "sharing")
    sharing.setCurrentIndex(2)
    at.take("save-with-aliases")
    dialog.close()


SCENES = {"storage-strip": storage_strip, "ties": ties, "saving-ties": saving_ties}
