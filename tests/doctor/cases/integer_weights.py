"""The weight of the head was stored as whole numbers of 1/127, and comes without that scale."""

import torch
from torch import nn

INPUT = "float32[4,3,32,32]"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(self.stem(x).mean((2, 3)))


def broken():
    state = Net().state_dict()
    return state | {"fc.weight": (state["fc.weight"] * 127).round().to(torch.int8)}
