"""Edits of wide values in several threads: the same bytes, losses and places as in one, and torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.core.region import Box
from weightedit.core.values import passes


@pytest.fixture
def values() -> torch.Tensor:
    """Values of every size, some that overflow, vanish or are not finite, in every part."""
    generator = torch.Generator().manual_seed(4)
    found = torch.randn(700, 96, generator=generator) * 10 ** torch.randint(-12, 6, (700, 96), generator=generator)
    found.view(-1)[::997] = float("inf")
    found.view(-1)[5::1501] = float("nan")
    return found


@pytest.fixture
def threads(monkeypatch: Any) -> Any:
    """Cut tensors into parts of 16 kB, and let so many threads take them."""

    def take(count: int) -> None:
        monkeypatch.setattr(passes, "PART", 16 << 10)
        monkeypatch.setattr(passes, "most_threads", lambda: count)

    return take


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("operation", "arguments", "by_torch"), [
    ("scale", {"factor": 0.3}, lambda w: w * 0.3), ("clamp", {"min": -1.0, "max": 2.0}, lambda w: w.clamp(-1.0, 2.0)),
    ("cast", {"dtype": "float16"}, lambda w: w.half()), ("cast", {"dtype": "bfloat16"}, lambda w: w.bfloat16()),
])  # fmt: skip
def test_an_edit_in_threads_is_that_of_torch(values, threads, operation, arguments, by_torch, dtype, tmp_path):
    """What is stored has torch's bits, and what it loses, where first, does not depend on who looked."""
    values = values.to(dtype)
    save_file({"w": values}, tmp_path / "a.safetensors")
    seen = []
    for count in (1, 4):
        threads(count)
        with weightedit.open(tmp_path / "a.safetensors") as document:
            seen.append(document.preview(operation, "w", **arguments).losses["w"])
            document.apply(operation, "w", accept="all", **arguments)
            found, expected = document.read("w"), by_torch(values)
            assert found.dtype == expected.dtype
            assert torch.equal(found.view(torch.uint8), expected.view(torch.uint8))
            document.undo()
            assert torch.equal(document.read("w").view(torch.uint8), values.view(torch.uint8))
    assert seen[0] == seen[1]
    assert seen[0].total == values.numel()


def test_losses_in_threads_are_those_of_one_pass(values, threads, tmp_path):
    """Counts, cells and largest errors of parts joined in their order, against a pass that is not cut."""
    save_file({"w": values}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        whole = document.preview("cast", "w", dtype="float16").losses["w"]
    threads(4)
    with weightedit.open(tmp_path / "a.safetensors") as document:
        assert len(passes.parts_of(document.pin("w").spec, Box.whole((700, 96)))) > 8
        assert document.preview("cast", "w", dtype="float16").losses["w"] == whole
    overflow = values.isfinite() & values.half().isinf()
    assert whole.overflow.count == int(overflow.sum())
    assert [cell.index for cell in whole.overflow.cells] == list(map(tuple, overflow.nonzero().tolist()[:100]))
