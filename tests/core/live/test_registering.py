"""Tensors that are plain attributes of modules: said, registered on request, and not edited where a hook makes them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import weightedit
from tests.operations import oracle
from weightedit import EditRefused
from weightedit.core.pages.as_pytorch import as_pytorch


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = 1
        self.scale = torch.ones(3)
        self.after = 2
        self.inner = nn.Linear(3, 2)
        self.inner.steps = torch.tensor([1, 2])


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
def test_registering_puts_it_into_the_state_dict_and_undo_makes_it_the_very_attribute_again(kind: str):
    module = Scaled()
    attributes, scale = list(vars(module)), module.scale
    with weightedit.open(module) as doc:
        doc.apply("register", "scale", kind=kind)
        assert "scale" in module.state_dict()
        assert "scale" not in vars(module)
        assert ("scale" in dict(module.named_parameters())) == (kind == "parameter")
        assert doc.tensors["scale"].kind == kind
        assert module.scale.data_ptr() == scale.data_ptr()
        doc.apply("scale", "scale", factor=3.0)
        assert scale.tolist() == [3, 3, 3]
        doc.apply("cast", "scale", dtype="float64")
        assert module.state_dict()["scale"].dtype == torch.float64
        doc.go_to(0)
        assert module.scale is scale
        assert list(vars(module)) == attributes
        assert list(module.state_dict()) == ["inner.weight", "inner.bias"]
        assert doc.tensors["scale"].kind == "tensor"
        doc.redo()
        assert "scale" in module.state_dict()


def test_a_buffer_need_not_be_in_the_state_dict_and_whole_numbers_do_not_train():
    module = Scaled()
    with weightedit.open(module) as doc:
        doc.apply("register", "scale", kind="buffer", persistent=False)
        assert "scale" in dict(module.named_buffers())
        assert "scale" not in module.state_dict()
        doc.apply("register", "inner.steps")
        assert isinstance(module.inner.steps, nn.Parameter)
        assert not module.inner.steps.requires_grad
        doc.undo()
        doc.undo()
        assert "scale" not in dict(module.named_buffers())


def test_code_that_is_printed_does_the_same():
    for arguments in ({"kind": "parameter"}, {"kind": "buffer", "persistent": False}):
        model, twin = Scaled(), Scaled()
        with weightedit.open(model) as doc:
            edit = doc.apply("register", ["scale", "inner.steps"], **arguments)
            doc.undo()
            code = as_pytorch(doc, edit)
            doc.redo()
        space: dict[str, Any] = {"model": twin, "torch": torch}
        exec(code, space)
        assert list(twin.state_dict()) == list(model.state_dict())
        assert {name: one.requires_grad for name, one in twin.named_parameters()} == {
            name: one.requires_grad for name, one in model.named_parameters()}  # fmt: skip


def test_what_is_registered_or_in_no_module_cannot_be():
    module = Scaled()
    with weightedit.open({"m": module, "t": torch.ones(2)}) as doc:
        for name in ("m.inner.weight", "t"):
            with pytest.raises(EditRefused, match="no plain attribute"):
                doc.apply("register", name)


def pruned() -> nn.Module:
    return prune.l1_unstructured(nn.Linear(4, 3), "weight", amount=0.5)


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize(("make", "by", "source"), [
    (lambda: nn.utils.weight_norm(nn.Linear(4, 3)), "WeightNorm", "weight_v"),
    (lambda: nn.utils.spectral_norm(nn.Linear(4, 3)), "SpectralNorm", "weight_orig"),
    (pruned, "L1Unstructured", "weight_orig"),
], ids=["weight_norm", "spectral_norm", "prune"])  # fmt: skip
def test_what_a_hook_computes_anew_at_each_forward_is_refused_with_what_it_is_computed_from(make, by, source):
    module = make()
    with torch.no_grad():
        module.weight.fill_(7)
        module.eval()(torch.ones(1, 4))
    assert not bool((module.weight == 7).all()), "torch throws the write away at the next forward"
    with weightedit.open(module) as doc:
        for operation, arguments in (("fill", {"value": 7}), ("cast", {"dtype": "float64"}), ("register", {})):
            with pytest.raises(EditRefused) as caught:
                doc.apply(operation, "weight", accept="all", **arguments)
            assert by in str(caught.value)
            assert source in str(caught.value)
        before = oracle.bits(module.weight)
        doc.apply("add", source, value=torch.arange(12.0).view(3, 4), accept="all")
        module(torch.ones(1, 4))
        assert oracle.bits(module.weight) != before
