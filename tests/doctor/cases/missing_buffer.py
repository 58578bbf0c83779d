"""Weights of several runs were averaged, and the running statistics of the batch norm left out."""

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
    return {name: tensor for name, tensor in Net().state_dict().items() if "running" not in name}
