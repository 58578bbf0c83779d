"""A module in training, and all that a person could hold on to of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.operations import oracle


class Net(nn.Module):
    """An embedding tied to the head, a BatchNorm with its statistics, a layer between."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4, padding_idx=2)
        self.middle = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.project = nn.Linear(3, 4, bias=False)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.project(self.norm(self.middle(self.embed(tokens).flatten(0, 1)))))


def trained_net(kind: str) -> tuple[Net, torch.optim.Optimizer]:
    """Return a module after two steps, with parameters in two groups."""
    torch.manual_seed(1)
    net = Net()
    groups = [{"params": [*net.embed.parameters(), *net.middle.parameters()], "lr": 0.1},
              {"params": [*net.norm.parameters(), *net.project.parameters()], "lr": 0.01}]  # fmt: skip
    optimizer = {"adam": torch.optim.Adam, "adafactor": torch.optim.Adafactor,
                 "sgd": lambda given: torch.optim.SGD(given, momentum=0.9)}[kind](groups)  # fmt: skip
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.arange(6).view(3, 2)).square().sum().backward()
        optimizer.step()
    return net, optimizer


def bits(value: Any) -> Any:
    return (id(value), str(value.dtype), tuple(value.shape), oracle.bits(value)) if isinstance(value, torch.Tensor) \
        else value  # fmt: skip


def known(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Every object, bit and size of a module, and of its optimizer."""
    found: dict[str, Any] = {}
    for name, module in net.named_modules():
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers"):
                found[f"{name}.{key}"] = [(one, bits(tensor), None if tensor is None else tensor.requires_grad,
                                           None if tensor is None else id(tensor.grad))
                                          for one, tensor in value.items()]  # fmt: skip
            elif isinstance(value, int | tuple | str | None):
                found[f"{name}.{key}"] = value
    found["groups"] = [(id(group), id(group["params"]), [id(one) for one in group["params"]], group["lr"])
                       for group in optimizer.param_groups]  # fmt: skip
    found["state"] = {id(one): (id(state), {key: bits(value) for key, value in state.items()})
                      for one, state in optimizer.state.items()}  # fmt: skip
    return found
