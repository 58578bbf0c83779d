"""What a script may hand over by mistake is named in a sentence, and is no error from somewhere inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit import CheckpointError, Document, EditRefused

CALLS: dict[str, Callable[[Any], Any]] = {
    "seed='a'": lambda doc: doc.apply("scale", "weight", factor=2, seed="a"),
    "seed=1.5": lambda doc: doc.preflight("scale", "weight", factor=2, seed=1.5),
    "nested": lambda doc: doc.apply("set", "weight", values=torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])),
    "lazy": lambda doc: doc.apply("set", "weight", values=nn.UninitializedParameter()),
    "snapshot(None)": lambda doc: doc.snapshot(None),
    "snapshot(5)": lambda doc: doc.snapshot(5),
    "restore(['a'])": lambda doc: doc.restore(["a"]),
    "drop_snapshot([])": lambda doc: doc.drop_snapshot([]),
    "go_to('a')": lambda doc: doc.go_to("a"),
    "go_to(True)": lambda doc: doc.go_to(True),
    "state_at(0.5)": lambda doc: doc.state_at(0.5),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_mistake_is_said_and_changes_nothing(call):
    module = nn.Linear(2, 2)
    before = module.weight.detach().clone()
    with weightedit.open(module) as doc:
        try:
            found = call(doc)
        except EditRefused as error:
            found = list(error.hazards)
        assert [one.level for one in found] == ["refusal"]
        assert torch.equal(module.weight, before)
        assert not len(doc.history)


class Closed(nn.Module):
    """Takes no tensor once it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.w = nn.Linear(2, 2), nn.Parameter(torch.ones(2, 2))
        self.is_made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if "is_made" in vars(self):
            raise ValueError("made already")
        super().__setattr__(name, value)


def test_an_owner_that_takes_nothing_is_named_and_all_is_put_back():
    module = Closed()
    objects = dict(module.named_parameters())
    with weightedit.open(module) as doc:
        with pytest.raises(EditRefused, match=r"w cannot be set.*made already") as caught:
            doc.apply("cast", "*", dtype="float64", accept="all")
        assert isinstance(caught.value.__cause__, ValueError)
        assert all(one is objects[name] for name, one in module.named_parameters())
        assert {info.dtype for info in doc.tensors.values()} == {torch.float32}


# ---------------------------------------------------------------- optimizers


def test_what_is_no_optimizer_or_not_of_this_module_is_said(tmp_path: Path):
    """Edits would leave the one that does train it behind."""
    module, other = nn.Linear(2, 2), nn.Linear(2, 2)
    with pytest.raises(CheckpointError, match="optimizer is a int"):
        weightedit.open(module, optimizer=5)
    with pytest.raises(CheckpointError, match="This SGD trains none of the 2 tensors of the Linear"):
        weightedit.open(module, optimizer=torch.optim.SGD(other.parameters(), 0.1))
    torch.save(module.state_dict(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt is a file"):
        weightedit.open(tmp_path / "a.pt", optimizer=torch.optim.SGD(module.parameters(), 0.1))
    with weightedit.open([module, other], optimizer=torch.optim.SGD(other.parameters(), 0.1)) as doc:
        assert doc.origin.optimizer is not None


# ---------------------------------------------------------------- tensors without dimensions


def scalars(folder: Path | None) -> Document:
    first = torch.tensor(1.0)
    tensors = {"a": first, "b": first, "alias": first.view(()), "other": torch.tensor(2.0)}
    if folder is None:
        return weightedit.open(tensors)
    torch.save(tensors, folder / "scalars.pt")
    return weightedit.open(folder / "scalars.pt")


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "file"])
def test_a_tensor_without_dimensions_is_untied_tied_and_retied(is_live, tmp_path):
    with scalars(None if is_live else tmp_path) as doc:
        for name in ("b", "alias"):
            doc.apply("untie", name)
            doc.apply("add", name, value=4)
        assert [doc.read(name).item() for name in ("a", "b", "alias", "other")] == [1, 5, 5, 2]
        doc.apply("tie", "other", to="a", accept="all")
        doc.apply("retie", ["b", "alias"], accept="all")
        doc.apply("add", "a", value=1)
        assert [doc.read(name).item() for name in ("a", "b", "alias", "other")] == [2, 5, 5, 2]
        assert doc.read("other").shape == ()
        doc.apply("cast", "b", dtype="float16", tied="untie")
        doc.go_to(0)
        assert [doc.read(name).item() for name in ("a", "b", "alias", "other")] == [1, 1, 1, 2]
        doc.go_to(len(doc.history))
        assert [doc.read(name).item() for name in ("a", "b", "alias", "other")] == [2, 5, 5, 2]


def test_a_computed_weight_without_dimensions_is_written():
    class Twice(nn.Module):
        def forward(self, half: torch.Tensor) -> torch.Tensor:
            return half * 2

        def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
            return whole / 2

    module = nn.Module()
    module.w = nn.Parameter(torch.tensor(3.0))
    nn.utils.parametrize.register_parametrization(module, "w", Twice())
    with weightedit.open(module) as doc:
        doc.apply("add", "w", value=1)
        assert module.w.item() == 4
