"""Models that the doctor's room is tried on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

CODE = """
import os, sys, warnings
from pathlib import Path
import torch
from torch import nn

Path(__file__).with_suffix(".ran").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.relu(self.conv1(x)).mean((2, 3)))

class Loop(Net):
    def forward(self, x):
        self.relu(x)
        while True:
            pass

class Leaves(Net):
    def forward(self, x):
        self.relu(x)
        os._exit(3)

class Talks(Net):
    def forward(self, x):
        print("the first line")
        print("the second line", file=sys.stderr)
        warnings.warn("the weights are old", stacklevel=1)
        return super().forward(x)

def half(output, target):
    return ((output - target) ** 2).mean() / 2

def slow_sgd(model):
    return torch.optim.SGD(model.parameters(), lr=1e-6)

def loader():
    pairs = [(torch.zeros(3, 8, 8), torch.zeros(2)) for _ in range(4)]
    return torch.utils.data.DataLoader(pairs, batch_size=2)
"""


def write_model(folder: Path, name: str = "net") -> Path:
    """Write the code, and a checkpoint of its class `Net` beside it."""
    path = folder / f"{name}.py"
    path.write_text(CODE, encoding="utf-8")
    torch.manual_seed(0)
    made = nn.ModuleDict({"conv1": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 2)})
    torch.save(made.state_dict(), folder / f"{name}.pt")
    return path
