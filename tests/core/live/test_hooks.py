"""Hooks and attributes that people put on a module or a Parameter are there after a rebind, and after its undo."""

from __future__ import annotations

import torch
from torch import nn

import weightedit


def run(module: nn.Module) -> None:
    module.zero_grad()
    module(torch.ones(2, module.weight.shape[1], requires_grad=True)).sum().backward()


def test_hooks_on_the_module_are_not_touched():
    module, calls = nn.Linear(3, 2), []
    module.register_forward_hook(lambda *_: calls.append("forward"))
    module.register_forward_pre_hook(lambda *_: calls.append("before"))
    module.register_full_backward_hook(lambda *_: calls.append("backward"))
    with weightedit.open(module) as doc:
        doc.apply("slice", "weight", region="[:, 0:2]")
        run(module)
        doc.undo()
        run(module)
    assert calls == ["before", "forward", "backward"] * 2


def test_hooks_on_the_parameter_come_along_and_their_handles_still_remove_them():
    module, calls = nn.Linear(3, 2), []
    first = module.weight.register_hook(lambda grad: calls.append(("grad", tuple(grad.shape))))
    after = module.weight.register_post_accumulate_grad_hook(lambda one: calls.append(("after", one is module.weight)))
    with weightedit.open(module) as doc:
        found = [one for one in doc.preflight("slice", "weight", region="[:, 0:2]") if one.kind == "tensor-hooks"]
        assert [(one.level, one.count) for one in found] == [("notice", 2)]
        assert "test_hooks_on_the_parameter" in found[0].message
        assert not [one for one in doc.preflight("cast", "weight", dtype="float16") if one.kind == "tensor-hooks"]
        doc.apply("slice", "weight", region="[:, 0:2]")
        run(module)
        assert calls == [("grad", (2, 2)), ("after", True)]
        first.remove()
        calls.clear()
        run(module)
        assert calls == [("after", True)]
        doc.undo(accept="all")
        calls.clear()
        run(module)
        assert calls == [("after", True)]
        after.remove()
        doc.redo(accept="all")
        calls.clear()
        run(module)
        assert not calls


def test_a_hook_registered_after_the_edit_stays_when_it_is_undone():
    module, calls = nn.Linear(3, 2), []
    with weightedit.open(module) as doc:
        doc.apply("cast", "*", dtype="float64")
        module.weight.register_hook(lambda grad: calls.append(grad.dtype))
        doc.undo()
        run(module)
        assert calls == [torch.float32]


def test_an_untied_copy_has_hooks_of_its_own():
    pair, calls = nn.ModuleDict({"a": nn.Linear(2, 2, bias=False), "b": nn.Linear(2, 2, bias=False)}), []
    pair["b"].weight = pair["a"].weight
    pair["a"].weight.register_hook(lambda grad: calls.append("both"))
    with weightedit.open(pair) as doc:
        doc.apply("cast", "b.weight", dtype="float64", tied="untie")
        pair["b"].weight.register_hook(lambda grad: calls.append("one"))
        pair["a"](torch.ones(1, 2)).sum().backward()
        assert calls == ["both"]
        pair["b"](torch.ones(1, 2).double()).sum().backward()
        assert calls == ["both", "both", "one"]


def test_attributes_and_the_class_of_a_parameter_come_along():
    """As the mark that excludes a bias from weight decay, or a Parameter class of one's own."""

    class Own(nn.Parameter):
        pass

    module = nn.Linear(3, 2)
    module.weight = Own(torch.ones(2, 3))
    module.weight.no_weight_decay = True
    module.register_buffer("seen", torch.zeros(3))
    module.mask = nn.Buffer(torch.ones(3), persistent=False)
    old = module.weight
    with weightedit.open(module) as doc:
        doc.apply("cast", "*", dtype="float64")
        assert type(module.weight) is Own
        assert module.weight.no_weight_decay
        assert module.weight.requires_grad
        assert isinstance(dict(module.named_parameters())["weight"], nn.Parameter)
        assert list(module.state_dict()) == ["weight", "bias", "seen"]
        assert module.mask.dtype == torch.float64
        doc.undo()
        assert module.weight is old
