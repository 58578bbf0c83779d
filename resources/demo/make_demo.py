"""Make `digits.pt`: a small network really trained on scikit-learn's digits, then damaged in four places.

    python3 packaging/dev.py demo

The network reads 8 × 8 images of handwritten digits. A convolutional encoder gives a code of 96 numbers; `head` tells
the digit from it, and `decoder` draws the image again from the code and the embedding of the digit. The embedding is
tied: `head.weight` and `label_embedding.weight` are one Parameter. `accuracy` in the file is that of the sound
network, on the images it has not seen.

What is damaged (the optimizer's state is sound):

- `encoder.project.weight`: 7 cells are NaN, five of them in one corner (rows 40-42, columns 100-102), two apart;
- `decoder.weight`: row 27, the pixel in row 3, column 3, is 40 times too large;
- `encoder.norm2.running_var`: entry 3 is Inf;
- `encoder.conv2.weight`: filter 11 is dead, all of it 0, and so is its bias.
"""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

OUT = Path(__file__).resolve().parent / "digits.pt"
EPOCHS = 40
CODE = 96
NAN_CELLS = ((40, 100), (40, 101), (41, 100), (41, 102), (42, 101), (12, 30), (77, 211))
LOUD_ROW = 27
INFINITE_VARIANCE = 3
DEAD_FILTER = 11


class Encoder(nn.Module):
    """Turn images, `(n, 1, 8, 8)`, into codes, `(n, 96)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(16)
        self.project = nn.Linear(16 * 4 * 4, CODE)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode images."""
        features = self.norm1(self.conv1(images)).relu()
        features = functional.max_pool2d(self.norm2(self.conv2(features)).relu(), 2)
        return self.project(features.flatten(1))


class DigitNet(nn.Module):
    """Tell the digit, and draw the image again, from its code; `head` and `label_embedding` share their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.label_embedding = nn.Embedding(10, CODE)
        self.head = nn.Linear(CODE, 10)
        self.decoder = nn.Linear(CODE, 64)
        nn.init.normal_(self.label_embedding.weight, std=0.1)
        self.head.weight = self.label_embedding.weight

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the ten scores of each image, and its pixels drawn again."""
        code = self.encoder(images)
        return self.head(code), self.decoder(code.relu() + self.label_embedding(labels)).view_as(images)


def train(images: torch.Tensor, labels: torch.Tensor) -> tuple[DigitNet, torch.optim.Optimizer]:
    """Train for EPOCHS on images `(n, 1, 8, 8)` of 0 … 1 and their labels `(n,)`."""
    net = DigitNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            scores, drawn = net(images[batch], labels[batch])
            loss = functional.cross_entropy(scores, labels[batch]) + 4 * functional.mse_loss(drawn, images[batch])
            # A whole input of the projection is used or not: that is what shows as bands in its heatmap.
            loss = loss + 2e-3 * net.encoder.project.weight.norm(dim=0).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return net.eval(), optimizer


@torch.no_grad()
def measure(net: DigitNet, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Give the share of images whose digit is told."""
    return (net(images, labels)[0].argmax(1) == labels).float().mean().item()


@torch.no_grad()
def damage(net: DigitNet) -> None:
    """Break the network in the four places the module's docstring names."""
    rows, columns = torch.tensor(NAN_CELLS).T
    net.encoder.project.weight[rows, columns] = float("nan")
    net.decoder.weight[LOUD_ROW] *= 40
    net.encoder.norm2.running_var[INFINITE_VARIANCE] = float("inf")
    net.encoder.conv2.weight[DEAD_FILTER] = 0
    net.encoder.conv2.bias[DEAD_FILTER] = 0


def main() -> None:
    """Train, measure, damage and save."""
    torch.manual_seed(7)
    torch.set_num_threads(1)  # the order of sums, so the bytes, would follow the number of threads
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images))
    seen, unseen = order[:1200], order[1200:]
    net, optimizer = train(images[seen], labels[seen])
    accuracy = measure(net, images[unseen], labels[unseen])
    damage(net)
    checkpoint = {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": EPOCHS,
        "accuracy": round(accuracy, 4),
        "classes": [str(digit) for digit in digits.target_names],
    }
    torch.save(checkpoint, OUT)
    print(f"{OUT.name}: accuracy {accuracy:.4f} before the damage, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
