"""A head came from Keras, which keeps the weight of a Dense layer as inputs × outputs."""

from torch import nn

INPUT = "float32[4,3,32,32]"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        return self.head(self.features(x))


def broken():
    state = Net().state_dict()
    return state | {"head.3.weight": state["head.3.weight"].T.contiguous()}
