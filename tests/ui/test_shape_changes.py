"""Every view goes on when an edit, or taking it back, gives the tensor another shape or type, or takes it away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on

VIEWS = ["heatmap", "tiles", "values", "histogram", "profiles", "spectrum"]
EDITS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("reshape", {"shape": (12, 6)}, (12, 6)), ("reshape", {"shape": (72,)}, (72,)), ("reshape", {"shape": ()}, ()),
    ("reshape", {"shape": (2, 2, 3, 1, 6)}, (2, 2, 3, 1, 6)), ("cast", {"dtype": "float16"}, (4, 2, 3, 3)),
    ("slice", {"region": "[0:0]"}, (0, 2, 3, 3)),
]  # fmt: skip


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return {"conv": torch.randn(4, 2, 3, 3), "one": torch.randn(1, 1), "other": torch.randn(3, 2)}


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "net.pt", tensors) as made:
        yield made


def look(bench: Bench, name: str, view: str) -> None:
    bench.open(name)
    bench.page.set_view("heatmap" if view == "tiles" else view)
    if view == "tiles":
        bench.do("tiles")
    bench.wait()


def check(bench: Bench, view: str, values: torch.Tensor) -> None:
    """The page shows this tensor: its shape everywhere, and in the table its first value."""
    page = bench.page
    assert page.pinned is not None
    assert page.pinned.spec.shape == page.selection.shape == tuple(values.shape)
    assert (page.nothing is None) == bool(values.numel())
    if page.nothing is not None:
        return
    assert page.lookup.pinned is page.pinned
    if view == "values":
        model = page.values_pane.model
        assert model.size == page.selection.size
        model.data(model.index(0, 0))
        bench.wait()
        assert float(model.data(model.index(0, 0))) == pytest.approx(float(values.reshape(-1)[0]), rel=1e-3)
    elif view in ("heatmap", "tiles"):
        tiling = page.heatmap_pane.tiling
        assert tiling is None or tiling.shape == tuple(values.shape)
        assert bench.heatmap.reduced is not None
    else:
        assert page.views.analysis.pinned is page.pinned


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_follows_every_shape_there_and_back(
    bench: Bench, tensors: dict[str, torch.Tensor], view: str
) -> None:
    for operation, arguments, shape in EDITS:
        name = "one" if shape == () else "conv"
        look(bench, name, view)
        bench.page.selection.pick(range(1), range(1))
        bench.document.apply(operation, name, accept="all", **arguments)
        bench.wait()
        now = bench.values(name)
        assert tuple(now.shape) == shape
        check(bench, view, now)
        bench.document.undo()
        bench.wait()
        assert torch.equal(bench.values(name), tensors[name])
        check(bench, view, tensors[name])
        if view == "tiles" and bench.page.heatmap_pane.tiling is not None:
            bench.do("tiles")  # off again: `look` turns them on


@pytest.mark.parametrize("view", VIEWS)
def test_a_tensor_that_is_shown_can_be_deleted_and_come_back(
    bench: Bench, tensors: dict[str, torch.Tensor], view: str
) -> None:
    look(bench, "conv", view)
    bench.page.selection.pick(range(1), range(1))
    bench.document.apply("delete", "conv", accept="all")
    bench.wait()
    assert bench.workbench.page is None or bench.page.name != "conv"
    bench.document.undo()
    bench.wait()
    look(bench, "conv", "values")
    check(bench, "values", tensors["conv"])
