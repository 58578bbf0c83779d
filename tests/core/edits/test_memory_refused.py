"""Memory that runs out in a search or a preview of many tensors is a refusal, and the document is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import weightedit
from weightedit.core.batches import batch, batch_tensors
from weightedit.core.errors import EditRefused
from weightedit.search import cells, find

PLACES = {
    "the search": (lambda document: list(find.find(document, "w > 2")), find, "PinnedTensor.of"),
    "the search reading": (lambda document: list(find.find(document, "w > 2")), cells, "count_cells"),
    "a preview made": (lambda document: document.preview_batch("scale", "*", factor=2.0), batch_tensors, "plan_of"),
    "a preview read": (lambda document: list(document.preview_batch("scale", "*", factor=2.0)), batch, "value_hazards"),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_a_refusal(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work, owner, name = PLACES[place]
    document = weightedit.open({"a": torch.arange(6.0), "b": torch.ones(4)})
    document.apply("scale", "a", factor=2.0)
    with monkeypatch.context() as patch:
        target: Any = owner
        for part in name.split(".")[:-1]:
            target = getattr(target, part)
        patch.setattr(target, name.split(".")[-1], out_of_memory())
        with pytest.raises(EditRefused, match=r"no memory left for (the search|a preview).*Nothing was changed"):
            work(document)
    assert document.history.position == 1
    assert document.read("a").tolist() == [0, 2, 4, 6, 8, 10]
    work(document)
    document.undo()
    assert document.read("a").tolist() == list(range(6))


@pytest.mark.parametrize("raw", [False, True])
def test_reading_says_how_much_of_what(raw: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody knows which of a thousand reads was too large, nor by how much."""
    document = weightedit.open({"a": torch.arange(6.0), "b": torch.ones(4)})
    monkeypatch.setattr("weightedit.core.values.pinned.PinnedTensor.read", out_of_memory())
    with pytest.raises(EditRefused, match=r"no memory left for reading the 16 B of b in dict\. .*Nothing was changed"):
        document.read("b", raw=raw)
    with pytest.raises(EditRefused, match="the 8 B of a in"):
        document.read("a", "[2:4]", raw=raw)


def out_of_memory() -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise MemoryError

    return call
