"""Scenes of live modules: what running code knows, training seen, slots that hold other tensors, an optimizer asked."""

from __future__ import annotations

from pathlib import Path

import torch
from shooting import Shooting
from torch import nn


class Reader(nn.Module):
    """A small language model of every kind of registration there is."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, 32)
        self.lstm = nn.LSTM(32, 32)
        self.norm = nn.BatchNorm1d(32)
        self.project = nn.utils.parametrizations.weight_norm(nn.Linear(32, 32))
        self.head = nn.Linear(32, 64, bias=False)
        self.head.weight = self.embed.weight
        self.classes = nn.Linear(32, 10)
        self.register_buffer("seen", torch.zeros(64), persistent=False)
        self.temperature = torch.full((4, 4), 0.7)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the scores of tokens and of classes, summed."""
        hidden = self.project(self.norm(self.lstm(self.embed(tokens))[0].flatten(0, 1)))
        return self.head(hidden).square().mean() + self.classes(hidden).square().mean()


def live(at: Shooting, files: Path) -> None:
    """Show what is known of a module with Adam, a training step, edits the optimizer follows, other objects."""
    torch.manual_seed(11)
    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-4)

    def train() -> None:
        optimizer.zero_grad()
        net(torch.arange(64).reshape(8, 8)).backward()
        optimizer.step()

    train()
    at.window.documents.open_object(net, optimizer, "net")
    at.rest(lambda: at.window.current is not None)
    at.window.tree.tree.expandAll()
    at.show("head.weight")
    at.take("live-facts")
    train()
    at.window.live.look()
    at.rest()
    at.window.workbench.inspector.live.show_norm()
    at.rest()
    at.take("live-trained")
    at.show("classes.weight")
    at.operation("insert_rows", Count="2")
    at.take("live-optimizer-follows")
    at.show("head.weight")
    at.operation("cast", **{"To dtype": "float64"})
    at.take("live-tied-and-moments")
    at.show("temperature")
    at.operation("register")
    at.take("live-unregistered")
    at.show("norm.weight")
    at.operation("scale", Factor="2")
    at.do("apply")
    at.rest()
    train()
    at.do("undo")
    at.rest()
    at.take("live-undo-asks")
    at.window.workbench.questions.leave()
    net.classes.weight = nn.Parameter(torch.randn(12, 32))
    net.classes.scale = nn.Parameter(torch.ones(12))
    net.lstm = nn.LSTM(32, 32)
    at.window.live.look()
    at.rest()
    at.take("live-other-objects")
    at.window.live.look_again(at.window.current)
    at.rest()
    at.take("live-looked-again")


SCENES = {"live": live}
