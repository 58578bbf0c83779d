"""Hooks on a Parameter, and weights that are computed: what bare torch loses, and that weightedit does not."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations

import weightedit
from tests.torch_behaviour.saying import said


def test_tensor_hooks():
    """A hook is registered on a tensor, and not on its place in a module."""
    module, seen = nn.Linear(3, 2, bias=False), []
    module.weight.register_hook(lambda grad: seen.append(tuple(grad.shape)))
    module.weight = nn.Parameter(torch.ones(2, 2))
    module(torch.ones(1, 2)).sum().backward()
    assert seen == [], "torch calls the hooks of the old tensor only"
    module = nn.Linear(3, 2, bias=False)
    module.weight.register_hook(lambda grad: seen.append(tuple(grad.shape)))
    with weightedit.open(module) as doc:
        hazard = said(doc, "tensor-hooks", "notice", "slice", "weight", region="[:, 0:2]")
        assert "2 × 2 instead of 2 × 3" in hazard.message
        doc.apply("slice", "weight", region="[:, 0:2]")
        module(torch.ones(1, 2)).sum().backward()
        assert seen == [(2, 2)]


def test_parametrized():
    """torch: a write into `m.weight` is gone at the next access, silently."""
    module = parametrizations.weight_norm(nn.Linear(4, 3))
    with torch.no_grad():
        module.weight.fill_(7)
    assert not bool((module.weight == 7).any())
    with weightedit.open(module) as doc:
        said(doc, "parametrized", "notice", "fill", "weight", value=7)
        doc.apply("fill", "weight", value=7)
        torch.testing.assert_close(module.weight.detach(), torch.full((3, 4), 7.0))
