"""An optimizer goes on after an edit as if the same surgery had been done by hand in plain torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, Hazard

Surgery = Callable[[torch.Tensor], torch.Tensor]

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "adamw-amsgrad": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, amsgrad=True),
}


class Pair(nn.Module):
    """Two linear layers whose middle can be cut: rows of one are columns of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(values.to(self.first.weight.dtype))).to(self.second.weight.dtype))


def trained(kind: str, steps: int = 3) -> tuple[Pair, torch.optim.Optimizer]:
    torch.manual_seed(3)
    net = Pair()
    optimizer = OPTIMIZERS[kind](net.parameters())
    train(net, optimizer, steps)
    return net, optimizer


def train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 2) -> list[float]:
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = net(torch.linspace(-1, 1, 20).view(5, 4) + step).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def operate(net: nn.Module, optimizer: torch.optim.Optimizer, name: str, surgery: Surgery,
            on_moments: Surgery | None = None) -> None:  # fmt: skip
    """Do by hand what people write: a new Parameter, put into param_groups, with moments taken through the same."""
    owner, _, key = name.rpartition(".")
    module = net.get_submodule(owner)
    old = getattr(module, key)
    new = nn.Parameter(surgery(old.detach().clone()).contiguous())
    setattr(module, key, new)
    for group in optimizer.param_groups:
        group["params"] = [new if one is old else one for one in group["params"]]
    state = optimizer.state.pop(old, {})
    optimizer.state[new] = {
        key: (on_moments or surgery)(value.clone()).contiguous().to(new.dtype) if key != "step" else value.clone()
        for key, value in state.items() if isinstance(value, torch.Tensor)
    }  # fmt: skip


def put_in(after: int, count: int, value: float, dim: int = 0) -> Surgery:
    def surgery(tensor: torch.Tensor) -> torch.Tensor:
        shape = list(tensor.shape)
        shape[dim] = count
        low, high = tensor.split([after, tensor.shape[dim] - after], dim)
        return torch.cat([low, torch.full(shape, value, dtype=tensor.dtype), high], dim)

    return surgery


Edits = list[tuple[str, str, dict[str, Any], Surgery, Surgery | None]]

EDITS: dict[str, Edits] = {
    "scale": [("scale", "first.weight", {"factor": 0.5}, lambda w: w * 0.5, lambda m: m)],
    "slice": [
        ("slice", "first.weight", {"region": "[1:5, :]"}, lambda w: w[1:5], None),
        ("slice", "first.bias", {"region": "[1:5]"}, lambda w: w[1:5], None),
        ("slice", "second.weight", {"region": "[:, 1:5]"}, lambda w: w[:, 1:5], None),
    ],
    "delete_rows": [
        ("delete_rows", "first.weight", {"rows": "0, 3"}, lambda w: w[[1, 2, 4, 5]], None),
        ("delete_rows", "first.bias", {"rows": "0, 3"}, lambda w: w[[1, 2, 4, 5]], None),
        ("delete_rows", "second.weight", {"rows": "0, 3", "dim": 1}, lambda w: w[:, [1, 2, 4, 5]], None),
    ],
    "insert_rows": [
        ("insert_rows", "first.weight", {"index": 2, "count": 3, "method": "constant", "value": 0.5},
         put_in(2, 3, 0.5), put_in(2, 3, 0.0)),
        ("insert_rows", "first.bias", {"index": 2, "count": 3, "method": "constant", "value": 0.25},
         put_in(2, 3, 0.25), put_in(2, 3, 0.0)),
        ("insert_rows", "second.weight", {"index": 2, "count": 3, "method": "ones", "dim": 1},
         put_in(2, 3, 1.0, dim=1), put_in(2, 3, 0.0, dim=1)),
    ],
    "pad": [
        ("pad", "first.weight", {"pad": [0, 0, 1, 2], "mode": "replicate"},
         lambda w: torch.cat([w[:1], w, w[-1:], w[-1:]]),
         lambda m: torch.cat([torch.zeros(1, 4), m, torch.zeros(2, 4)])),
        ("pad", "first.bias", {"pad": [1, 2], "value": 7},
         lambda w: torch.cat([torch.full((1,), 7.0), w, torch.full((2,), 7.0)]),
         lambda m: torch.cat([torch.zeros(1), m, torch.zeros(2)])),
        ("pad", "second.weight", {"pad": [1, 2]}, lambda w: nn.functional.pad(w, (1, 2)), None),
    ],
    "concat": [
        ("concat", "first.weight", {"tensors": [torch.ones(2, 4)]}, lambda w: torch.cat([w, torch.ones(2, 4)]),
         lambda m: torch.cat([m, torch.zeros(2, 4)])),
        ("concat", "first.bias", {"tensors": ["first.bias"]}, lambda w: torch.cat([w, w])[:8],
         lambda m: torch.cat([m, torch.zeros(6)])[:8]),
        ("slice", "first.bias", {"region": "[0:8]"}, lambda w: w, None),
        ("repeat", "second.weight", {"repeats": [1, 2]}, lambda w: w.repeat(1, 2), None),
        ("slice", "second.weight", {"region": "[:, 0:8]"}, lambda w: w[:, :8], None),
    ],
    "transpose": [
        ("transpose", "second.weight", {}, lambda w: w.T, None),
        ("reshape", "second.weight", {"shape": [3, 6]}, lambda w: w.reshape(3, 6), None),
        ("permute", "second.weight", {"dims": [1, 0]}, lambda w: w.T, None),
        ("transpose", "second.weight", {}, lambda w: w.T, None),
    ],
    "cast": [
        ("cast", "first.weight", {"dtype": "float64"}, lambda w: w.double(), None),
        ("cast", "first.bias", {"dtype": "float64"}, lambda w: w.double(), None),
    ],
    "replace": [
        ("replace", "first.weight", {"source": torch.arange(24.0).view(6, 4) / 24},
         lambda w: torch.arange(24.0).view(6, 4) / 24, lambda m: m),
    ],
    "flip": [("flip", "first.weight", {"dims": [0, 1]}, lambda w: w.flip(0, 1), None)],
    "flip part": [
        ("flip", "first.weight", {"dims": [0], "region": "[1:4, 0:2]"},
         lambda w: torch.cat([torch.cat([w[:1, :2], w[1:4, :2].flip(0), w[4:, :2]]), w[:, 2:]], 1), None),
    ],
    "permute_rows": [
        ("permute_rows", "first.weight", {"order": [5, 3, 1, 0, 2, 4]}, lambda w: w[[5, 3, 1, 0, 2, 4]], None),
        ("roll", "first.bias", {"shifts": [2], "dims": [0]}, lambda w: w.roll(2), None),
    ],
}  # fmt: skip


def state_of(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Any]]:
    for name, parameter in net.named_parameters():
        yield name, (str(parameter.dtype), tuple(parameter.shape), oracle.bits(parameter))
        for key, value in optimizer.state[parameter].items():
            yield f"{name} {key}", oracle.bits(value) if isinstance(value, torch.Tensor) else value


def known(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Every object that a person could hold on to, and every bit."""
    found: dict[str, Any] = dict(state_of(net, optimizer))
    for name, parameter in net.named_parameters():
        found[f"{name} itself"] = (id(parameter), id(parameter.grad), id(optimizer.state[parameter]))
        found[f"{name} kept"] = [(key, id(value)) for key, value in optimizer.state[parameter].items()
                                 if isinstance(value, torch.Tensor)]  # fmt: skip
    found["groups"] = [(id(group), id(group["params"]), [id(one) for one in group["params"]])
                       for group in optimizer.param_groups]  # fmt: skip
    return found


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_training_goes_on_as_after_surgery_by_hand(edits: Edits, kind: str):
    """Moments, steps and the next losses are those of plain torch, bit for bit; undo leaves a twin never edited."""
    net, optimizer = trained(kind)
    twin, other = copy.deepcopy((net, optimizer))
    before = known(net, optimizer)
    with weightedit.open(net, optimizer=optimizer) as doc:
        for operation, name, arguments, surgery, on_moments in edits:
            doc.apply(operation, name, accept="all", **arguments)
            operate(twin, other, name, surgery, on_moments)
        assert dict(state_of(net, optimizer)) == dict(state_of(twin, other))
        assert train(net, optimizer) == train(twin, other)
        assert dict(state_of(net, optimizer)) == dict(state_of(twin, other))
        doc.go_to(0, accept="all")
    if edits[0][0] not in ("scale", "flip", "permute_rows"):  # what was written in place was trained meanwhile
        touched = {name for _, name, *_ in edits}
        now = known(net, optimizer)
        assert {key: now[key] for key in now if key.split()[0] in touched and "itself" not in key} == {
            key: before[key] for key in before if key.split()[0] in touched and "itself" not in key}  # fmt: skip
        assert now["groups"] == before["groups"]


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_undo_without_training_is_as_if_nothing_was_done(edits: Edits, kind: str):
    net, optimizer = trained(kind)
    twin, other = copy.deepcopy((net, optimizer))
    before = known(net, optimizer)
    with weightedit.open(net, optimizer=optimizer) as doc:
        for operation, name, arguments, *_ in edits:
            doc.apply(operation, name, accept="all", **arguments)
        after = dict(state_of(net, optimizer))
        doc.go_to(0)
        assert known(net, optimizer) == before
        doc.go_to(len(edits))
        assert dict(state_of(net, optimizer)) == after
        doc.go_to(0)
    assert known(net, optimizer) == before
    assert train(net, optimizer) == train(twin, other)


# ---------------------------------------------------------------- what is said


def only(hazards: list[Hazard], kind: str) -> Hazard:
    found = [hazard for hazard in hazards if hazard.kind == kind]
    assert len(found) == 1, hazards
    return found[0]


def test_moments_that_follow_are_a_notice_that_offers_to_drop_them():
    net, optimizer = trained("adam")
    with weightedit.open(net, optimizer=optimizer) as doc:
        assert not [one for one in doc.preflight("scale", "*", factor=2.0) if one.kind == "optimizer-state-shape"]
        found = only(doc.preflight("cast", "*", dtype="float64"), "optimizer-state-shape")
        assert (found.level, found.count) == ("notice", 4)
        assert "exp_avg" in found.message
        assert "float64" in found.message
        doc.apply("cast", "*", dtype="float64", moments=found.alternatives[0].moments)
        assert not any(optimizer.state.get(parameter) for parameter in net.parameters())
        train(net, optimizer)
        doc.undo(accept="all")
        assert all(optimizer.state.get(parameter) for parameter in net.parameters())


def test_dropping_by_choice_is_no_warning_and_offers_to_follow():
    net, optimizer = trained("adam")
    with weightedit.open(net, optimizer=optimizer) as doc:
        kept = optimizer.state[net.first.weight]
        found = only(doc.preflight("initialize", "first.weight", method="ones", moments="drop"),
                     "optimizer-state-shape")  # fmt: skip
        assert found.level == "notice"
        assert found.alternatives[0].moments == "follow"
        doc.apply("initialize", "first.weight", method="ones", moments="drop")
        assert net.first.weight not in optimizer.state
        doc.undo()
        assert optimizer.state[net.first.weight] is kept


def test_a_replacement_of_another_shape_drops_the_state_and_asks():
    net, optimizer = trained("adam")
    with weightedit.open(net, optimizer=optimizer) as doc:
        arguments = {"source": torch.ones(6, 2)}
        assert only(doc.preflight("replace", "first.weight", **arguments), "optimizer-state-shape").level == "warning"
        with pytest.raises(ConfirmationNeeded):
            doc.apply("replace", "first.weight", **arguments)
        doc.apply("replace", "first.weight", accept="all", **arguments)
        assert net.first.weight not in optimizer.state
        assert any(net.first.weight is one for one in optimizer.param_groups[0]["params"])


def test_state_of_another_shape_than_the_weight_is_dropped_where_the_weight_moves_and_kept_where_it_does_not():
    """Adafactor keeps a factor for each row and each column: neither half a state nor an old one would do."""
    torch.manual_seed(0)
    net = Pair()
    optimizer = torch.optim.Adafactor(net.parameters())
    train(net, optimizer)
    with weightedit.open(net, optimizer=optimizer) as doc:
        for operation, arguments in (("slice", {"region": "[:, 0:2]"}), ("flip", {"dims": [0]})):
            found = only(doc.preflight(operation, "first.weight", **arguments), "optimizer-state-shape")
            assert found.level == "warning"
            assert "row_var" in found.message
        doc.apply("flip", "first.weight", dims=[0], accept={"optimizer-state-shape"})
        assert net.first.weight not in optimizer.state
        train(net, optimizer)
        doc.apply("cast", ["first.weight", "first.bias"], dtype="float64", accept="all")
        assert set(optimizer.state[net.first.weight]) >= {"row_var", "col_var", "step"}
        train(net, optimizer)


def test_the_step_of_a_single_number_is_no_moment():
    """Adam's `step` has the shape of a parameter with one number in it: it must not be cast along."""
    scale = nn.Parameter(torch.tensor(2.0))
    holder = nn.ParameterDict({"scale": scale})
    optimizer = torch.optim.Adam(holder.parameters())
    (scale * 3).backward()
    optimizer.step()
    with weightedit.open(holder, optimizer=optimizer) as doc:
        doc.apply("cast", "scale", dtype="bfloat16", accept="all")
        state = optimizer.state[holder["scale"]]
        assert state["step"].dtype == torch.float32
        assert state["exp_avg"].dtype == torch.bfloat16
        (holder["scale"] * 3).backward()
        optimizer.step()
        assert state["step"].item() == 2


def test_groups_with_their_own_learning_rates_names_and_schedulers_stay():
    torch.manual_seed(0)
    net = Pair()
    named = dict(net.named_parameters())
    optimizer = torch.optim.SGD([
        {"params": [(name, one) for name, one in named.items() if name.startswith("first")], "lr": 0.5},
        {"params": [(name, one) for name, one in named.items() if name.startswith("second")], "lr": 0.25},
    ], momentum=0.9)  # fmt: skip
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    lists = [group["params"] for group in optimizer.param_groups]
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("cast", "*.weight", dtype="float64")
        assert all(group["params"] is held for group, held in zip(optimizer.param_groups, lists, strict=True))
        assert lists[0][0] is net.first.weight
        assert lists[1][0] is net.second.weight
        assert optimizer.param_groups[0].get("param_names") == ["first.weight", "first.bias"]
        optimizer.step()
        scheduler.step()
        assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]


def test_a_tied_weight_that_is_untied_leaves_the_old_one_in_and_adds_the_new_one():
    """Both are trained from then on, each with a copy of the state of its own."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"embed": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    net["head"].weight = net["embed"].weight
    old = net["embed"].weight
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    net["head"](net["embed"](torch.arange(5))).square().sum().backward()
    optimizer.step()
    kept = optimizer.state[old]
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("replace", "head.weight", source="embed.weight", tied="untie")
        new = net["head"].weight
        assert [one is held for one, held in zip(optimizer.param_groups[0]["params"], (old, new), strict=True)] == [
            True, True]  # fmt: skip
        assert optimizer.state[old] is kept
        assert oracle.same_bits(optimizer.state[new]["exp_avg"], kept["exp_avg"])
        assert optimizer.state[new]["exp_avg"].data_ptr() != kept["exp_avg"].data_ptr()
        optimizer.zero_grad()
        net["head"](net["embed"](torch.tensor([1]))).square().sum().backward()
        optimizer.step()
        assert not torch.equal(new, old)
        doc.undo(accept="all")
        assert [one is old for one in optimizer.param_groups[0]["params"]] == [True]
        assert set(map(id, optimizer.state)) == {id(old)}
