"""What other code does between edits is noticed, and a write that does not arrive is not reported as done."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import weightedit
from weightedit import ConfirmationNeeded, Document, EditRefused

Change = Callable[[nn.Linear], None]


def step(kind: Callable[..., torch.optim.Optimizer]) -> Change:
    def change(module: nn.Linear) -> None:
        optimizer = kind(module.parameters(), lr=0.1)
        module(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
        module.zero_grad()

    return change


def by_data(module: nn.Linear) -> None:
    module.weight.data.add_(1)


def by_numpy(module: nn.Linear) -> None:
    array: np.ndarray = module.weight.detach().numpy()
    array += 1


def by_loading(module: nn.Linear) -> None:
    module.load_state_dict({"weight": torch.rand(2, 3), "bias": torch.rand(2)})


CHANGES = {"SGD": step(torch.optim.SGD), "Adam": step(torch.optim.Adam), "data": by_data, "numpy": by_numpy,
           "load_state_dict": by_loading}  # fmt: skip


def noticed(doc: Document, name: str = "weight") -> list[str]:
    return [one.level for one in doc.preflight("scale", name, factor=2.0) if one.kind == "changed-elsewhere"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_between_edits_is_a_notice_and_a_question_before_undo_and_redo(change: Change):
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    with weightedit.open(module) as doc:
        assert not noticed(doc)
        change(module)
        assert noticed(doc) == ["notice"], "since it was opened"
        doc.apply("scale", "weight", factor=2.0)
        assert not noticed(doc)
        change(module)
        assert noticed(doc) == ["notice"], "since the last edit"
        trained = module.weight.detach().clone()
        with pytest.raises(ConfirmationNeeded):
            doc.undo()
        assert torch.equal(module.weight, trained)
        doc.undo(accept={"changed-elsewhere"})
        assert not noticed(doc)
        change(module)
        with pytest.raises(ConfirmationNeeded):
            doc.redo()
        doc.redo(accept="all")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_redo_of_a_new_tensor_asks_where_the_old_one_was_trained_meanwhile(change: Change):
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    with weightedit.open(module) as doc:
        doc.apply("scale", "weight", factor=3.0)
        doc.apply("flip", "weight", dims=[0])
        doc.apply("cast", "*", dtype="float64")
        doc.go_to(0)
        doc.go_to(3)
        doc.go_to(2)
        change(module)
        with pytest.raises(ConfirmationNeeded):
            doc.redo()
        assert module.weight.dtype == torch.float32
        doc.redo(accept="all")
        assert module.weight.dtype == torch.float64


def test_what_another_edit_of_the_document_changed_is_no_news():
    module = nn.Linear(3, 2)
    with weightedit.open({"m": module, "a": module.state_dict()}) as doc:
        doc.apply("fill", "a.weight", value=1)
        assert not noticed(doc, "m.weight")
        doc.apply("cast", "m.weight", dtype="float64")
        assert not noticed(doc, "a.weight")
        doc.undo()
        assert not noticed(doc, "m.weight")


class Deaf(torch.Tensor):
    """Takes every write and keeps none, as an indexed write to a sharded tensor does."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.copy_:
            return args[0]
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_tensor_that_keeps_no_write_is_refused_by_name_and_nothing_is_recorded():
    plain, deaf = torch.ones(2, 3), torch.ones(2, 3).as_subclass(Deaf)
    deaf.copy_(torch.zeros(2, 3))
    assert plain.tolist() == deaf.tolist(), "torch says nothing"
    with weightedit.open({"a": plain, "b": deaf}) as doc:
        with pytest.raises(EditRefused) as caught:
            doc.apply("fill", "*", value=5, accept="all")
        assert [one.kind for one in caught.value.hazards] == ["lost-write"]
        assert "Deaf" in str(caught.value)
        assert bool((plain == 1).all()), "the other one has its values back"
        assert not doc.history


def test_an_owner_that_keeps_no_new_tensor_is_refused_by_name():
    class Stubborn(nn.Linear):
        def __setattr__(self, name: str, value: object) -> None:
            if name != "weight" or "weight" not in self._parameters:
                super().__setattr__(name, value)

    module = Stubborn(3, 2)
    weight = module.weight
    with weightedit.open(module) as doc:
        with pytest.raises(EditRefused) as caught:
            doc.apply("cast", "*", dtype="float64")
        assert [one.kind for one in caught.value.hazards] == ["lost-write"]
        assert module.weight is weight
        assert module.bias.dtype == doc.tensors["bias"].dtype == torch.float32
        assert doc.tensors["weight"].dtype == torch.float32
