"""An optimizer that was not handed over would go on training a tensor that is no longer in the module: it is named."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

import weightedit
from weightedit import ConfirmationNeeded, Hazard
from weightedit.assembly import open_document
from weightedit.core.live.watching import optimizers_alive


def said(hazards: list[Hazard]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.level, one.title.split()[0], one.targets) for one in hazards if one.kind == "optimizer-detached"]


def test_bare_torch_goes_on_with_the_old_tensor_and_we_name_who_does():
    module = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with weightedit.open(module) as doc:
        old = module.weight
        assert said(doc.preflight("cast", "*", dtype="float64")) == [("warning", "SGD", ("weight", "bias"))]
        assert not said(doc.preflight("scale", "*", factor=2.0)), "a write is in the very tensor it trains"
        with pytest.raises(ConfirmationNeeded):
            doc.apply("cast", "weight", dtype="float64")
        doc.apply("cast", "weight", dtype="float64", accept={"optimizer-detached"})
        assert optimizer.param_groups[0]["params"][0] is old
        assert not said(doc.preflight("cast", "weight", dtype="float16")), "nobody trains the new one"
        assert said(doc.preflight("cast", "bias", dtype="float16")) == [("warning", "SGD", ("bias",))]


def test_no_optimizer_and_one_of_another_model_are_no_alarm():
    module, other = nn.Linear(3, 2), nn.Linear(3, 2)
    keep = torch.optim.Adam(other.parameters())
    with weightedit.open(module) as doc:
        assert not said(doc.preflight("cast", "*", dtype="float64"))
    assert keep in optimizers_alive()


def test_the_one_handed_over_follows_and_a_second_one_is_named():
    module = nn.Linear(3, 2)
    mine = torch.optim.Adam(module.parameters())
    with weightedit.open(module, optimizer=mine) as doc:
        assert not said(doc.preflight("cast", "*", dtype="float64"))
        second = torch.optim.RMSprop([module.bias])  # made after the document was opened
        assert said(doc.preflight("cast", "*", dtype="float64")) == [("warning", "RMSprop", ("bias",))]
        assert second.param_groups


def test_a_wrapper_around_the_one_handed_over_is_no_alarm():
    """As accelerate's, which is an optimizer with the groups of the one inside."""

    class Wrapper(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.Optimizer) -> None:
            self.inner, self.param_groups, self.state = inner, inner.param_groups, inner.state

    module = nn.Linear(3, 2)
    mine = torch.optim.Adam(module.parameters())
    wrapper = Wrapper(mine)
    with weightedit.open(module, optimizer=mine) as doc:
        assert not said(doc.preflight("cast", "*", dtype="float64"))
    with weightedit.open(module, optimizer=wrapper) as doc:
        assert not said(doc.preflight("cast", "*", dtype="float64"))
        doc.apply("cast", "weight", dtype="float64")
        assert mine.param_groups[0]["params"][0] is module.weight


def test_one_that_nobody_holds_any_more_is_no_alarm():
    """A scheduler and its optimizer hold each other until the collector comes."""
    module = nn.Linear(3, 2)
    gc.disable()
    try:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        with weightedit.open(module) as doc:
            assert said(doc.preflight("cast", "weight", dtype="float64"))
            del optimizer, scheduler
            gc.collect()
            assert not said(doc.preflight("cast", "weight", dtype="float64"))
            torch.optim.lr_scheduler.StepLR(torch.optim.SGD(module.parameters(), lr=0.1), 1)
            assert not said(doc.preflight("cast", "weight", dtype="float64"))
    finally:
        gc.enable()


def test_one_that_was_set_apart_from_the_collector_is_remembered():
    """The window freezes what is alive once a document is there, and frozen objects are not listed."""
    module = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with open_document(module, remembers=True) as doc:
        gc.freeze()
        try:
            assert optimizer not in optimizers_alive()
            assert said(doc.preflight("cast", "weight", dtype="float64")) == [("warning", "SGD", ("weight",))]
        finally:
            gc.unfreeze()


def test_asking_runs_no_code_of_proxies():
    class Proxy:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"{name} was asked for")

        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise AssertionError("isinstance was asked for")

    proxies = [Proxy(), Proxy()]
    assert not [one for one in optimizers_alive() if type(one) is Proxy]
    assert len(proxies) == 2


def test_a_heap_is_not_searched_where_nobody_else_holds_the_tensor(monkeypatch):
    """Which is so for most edits: a search takes a tenth of a second in a large process."""
    searched = []
    monkeypatch.setattr("weightedit.core.live.watching.optimizers_alive", lambda: searched.append(1) or [])
    module, handed = nn.Sequential(nn.Linear(3, 2), nn.LSTM(2, 2)), nn.Linear(3, 2)
    mine = torch.optim.Adam(handed.parameters())
    handed(torch.ones(1, 3)).sum().backward()
    mine.step()
    with weightedit.open(module) as doc, weightedit.open(handed, optimizer=mine) as other:
        searched.clear()
        doc.apply("cast", "0.*", dtype="float64")
        other.apply("cast", "*", dtype="float64")
        doc.apply("cast", "0.*", dtype="float32")
        other.apply("slice", "weight", region="[0:1]", accept="all")
        other.apply("scale", "weight", factor=2.0)
        other.undo()
        other.apply("flip", "weight", dims=[0])
        other.apply("cast", "weight", dtype="float16")
        assert not searched, "what history keeps is known"
        held = module[0].weight
        doc.apply("cast", "0.*", dtype="float64")
        assert searched
        assert held is not module[0].weight
