"""A table read by numpy is float64, and the network for it float32."""

from torch import nn

INPUT = "float64[8,13]"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(13)
        self.fc1 = nn.Linear(13, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


def broken():
    return Net().state_dict()
