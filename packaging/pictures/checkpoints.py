"""Checkpoints that the pictures show: a small vision model with dead filters, and one with many kinds of entries."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

DEAD = (5, 19, 42)


def vision(path: Path) -> Path:
    """Write a residual network of torchvision's names with three dead filters in its first convolution."""
    torch.manual_seed(3)
    conv = nn.Conv2d(3, 64, 7, bias=False)
    lines = torch.linspace(-1, 1, 7)
    with torch.no_grad():
        for number in range(64):  # edges of every direction, as a trained first layer has them
            angle = torch.tensor(number / 64 * torch.pi * 4)
            wave = torch.sin(3 * (lines[:, None] * torch.cos(angle) + lines * torch.sin(angle)) + number)
            bump = torch.exp(-2 * (lines[:, None] ** 2 + lines**2))
            conv.weight[number] += 0.5 * wave * bump * (1 + 0.3 * torch.randn(3, 1, 1))
        conv.weight[list(DEAD)] = 0
    state = {"conv1.weight": conv.weight.detach()}
    for number, (width, out) in enumerate(((64, 64), (64, 128)), start=1):
        for part, inside in (("0.conv1", width), ("0.conv2", out)):
            state[f"layer{number}.{part}.weight"] = nn.Conv2d(inside, out, 3, bias=False).weight.detach()
            norm = nn.BatchNorm2d(out)
            norm.running_mean += torch.randn(out) * 0.1
            state |= {f"layer{number}.{part.replace('conv', 'bn')}.{key}": value.detach().clone()
                      for key, value in norm.state_dict().items()}  # fmt: skip
    head = nn.Linear(128, 10)
    state |= {"fc.weight": head.weight.detach(), "fc.bias": head.bias.detach()}
    state["fc.weight"][2, 7], state["fc.weight"][9, 40] = 30.0, -25.0
    config = {"arch": "resnet", "num_classes": 10, "dropout": 0.1, "pretrained": True, "widths": [64, 128]}
    torch.save({"state_dict": state, "config": config, "epoch": 90}, path)
    return path


def kinds(path: Path) -> Path:
    """Write one tensor of each kind a view treats in its own way."""
    torch.manual_seed(5)
    wave = torch.arange(64)[:, None] * torch.arange(48)
    torch.save({
        "mask": torch.rand(64, 48) > 0.7, "tokens": torch.randint(0, 50_000, (64, 48)),
        "rotary": torch.polar(torch.linspace(0.1, 1, 48).expand(64, 48).clone(), wave * 0.02),
        "scalar": torch.tensor(3.5), "empty": torch.zeros(0, 16), "half": torch.randn(256, 512).half(),
        "long.path.of.modules.that.goes.on.encoder.layers.11.attention.self.query.weight": torch.randn(64, 48),
        "half_of_int8": torch.randint(-128, 127, (64, 48), dtype=torch.int8),
    }, path)  # fmt: skip
    return path
