"""A network was frozen to train a new head alone, and the head with it."""

from torch import nn

INPUT, TARGET, LOSS = "float32[4,3,32,32]", "int64[4]<5", "CrossEntropyLoss"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
                                      nn.AdaptiveAvgPool2d(1), nn.Flatten())  # fmt: skip
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.backbone(x))


def broken():
    return Net().requires_grad_(False)
