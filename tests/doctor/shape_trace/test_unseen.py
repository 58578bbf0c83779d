"""A run of which nothing was seen is not called healthy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import weightedit


@pytest.mark.parametrize("name", ["__call__", "_call_impl"])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_code_that_calls_modules_in_a_way_of_its_own_is_said_to(monkeypatch, name, device):
    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return module.forward(*args, **kwargs)

    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    monkeypatch.setattr(nn.Module, name, call)
    found = weightedit.check(net, net, torch.ones(2, 4), device=device)
    assert (found["ok"], found["trace"]) == (False, [])
    assert [(one["kind"], one["level"]) for one in found["findings"]] == [("unseen", "warning")]
    assert "no call of a module was seen" in found["findings"][0]["message"]


def test_a_model_without_modules_in_it_is_seen():
    class Plain(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    net = Plain()
    found = weightedit.check(net, net, torch.ones(2, 4))
    assert found["ok"]
    assert len(found["trace"]) == 1
