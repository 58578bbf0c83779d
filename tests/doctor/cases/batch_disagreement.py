"""The inputs of a regression come in batches of 5, their targets in batches of 10."""

from torch import nn

INPUT, TARGET, LOSS = "float32[5,13]", "float32[10,1]", "MSELoss"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)


def broken():
    return Net().state_dict()
