"""What is larger than memory and disk is refused before a value is computed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import weightedit
from weightedit import ConfirmationNeeded, EditRefused

HUGE: list[tuple[str, dict[str, Any]]] = [
    ("insert_rows", {"count": 10**12}),
    ("insert_rows", {"count": 10**12, "method": "mean"}),
    ("insert_rows", {"count": 10**18}),
    ("pad", {"pad": (0, 10**12), "mode": "constant"}),
    ("repeat", {"repeats": (10**6, 10**6)}),
    ("add_tensor", {"to": "new", "shape": (10**12, 5)}),
]


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
@pytest.mark.parametrize(("operation", "arguments"), HUGE, ids=[f"{name}-{at}" for at, (name, _) in enumerate(HUGE)])
def test_too_large_a_result_is_refused_at_once(operation: str, arguments: dict[str, Any], live: bool, tmp_path: Path):
    torch.save({"w": torch.ones(4, 5)}, tmp_path / "w.pt")
    with weightedit.open({"w": torch.ones(4, 5)} if live else tmp_path / "w.pt") as doc:
        began = time.perf_counter()
        with pytest.raises(EditRefused, match=r"There is no room for .* free|There is no room for .*torch counts"):
            doc.apply(operation, "w", **arguments)
        assert doc.preflight(operation, "w", **arguments)[0].level == "refusal"
        assert time.perf_counter() - began < 5, "minutes, before"
        assert not doc.history
        assert doc.read("w").shape == (4, 5)


def test_room_is_that_of_the_disk_of_the_spill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A result of 40 MB needs 40 MB free, and is made where there are."""
    torch.save({"w": torch.ones(4, 5)}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as doc:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=39_000_000))
        with pytest.raises(EditRefused, match=r"There is no room for 40\.0 MB. .* has 39.0 MB free"):
            doc.apply("repeat", "w", repeats=(500_000, 1))
        monkeypatch.undo()
        doc.apply("repeat", "w", repeats=(500_000, 1))
        assert doc.tensors["w"].shape == (2_000_000, 5)


@pytest.mark.parametrize(("operation", "arguments"), [
    ("delete_rows", {"rows": "0:3"}), ("slice", {"region": "[3:3, :]"}), ("pad", {"pad": (0, -2)}),
], ids=["delete_rows", "slice", "pad"])  # fmt: skip
def test_emptying_a_tensor_is_asked_about(operation: str, arguments: dict[str, Any]):
    with weightedit.open({"w": torch.ones(3, 2)}) as doc:
        with pytest.raises(ConfirmationNeeded, match="w is empty afterwards"):
            doc.apply(operation, "w", **arguments)
        doc.apply(operation, "w", accept={"emptied"}, **arguments)
        assert doc.read("w").numel() == 0


def disk_of(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


@pytest.mark.parametrize(("operation", "arguments", "needs"), [
    ("scale", {"factor": 2.0}, 40_000), ("scale", {"factor": 2.0, "region": "[:2, :]"}, 800),
    ("cast", {"dtype": "float64"}, 80_000), ("transpose", {}, 40_000), ("requires_grad", {"value": True}, 0),
], ids=["whole", "part", "cast", "transpose", "flag"])  # fmt: skip
def test_an_edit_that_cannot_be_recorded_is_refused_before_it_is_computed(operation: str, arguments: dict[str, Any],
                                                                          needs: int, tmp_path: Path,
                                                                          monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    """What undo keeps must have a place first: preflight says so, and apply refuses with the document as it was."""
    torch.save({"w": torch.ones(100, 100)}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as doc:
        doc.spill.in_memory = 0
        doc.apply("fill", "w", value=3.0, region="[0, 0]")
        if needs:
            disk_of(monkeypatch, needs - 1)
            refused = doc.preflight(operation, "w", **arguments)
            kinds = [hazard.kind for hazard in refused if hazard.level == "refusal"]
            assert kinds in (["unrecordable"], ["unsupported"])
            assert "Nothing was changed" in refused[0].detail
            with pytest.raises(EditRefused, match="There is no room"):
                doc.apply(operation, "w", **arguments)
            assert len(doc.history) == 1
            assert doc.read("w")[0, 0] == 3.0
        disk_of(monkeypatch, needs)
        doc.apply(operation, "w", **arguments)
        assert len(doc.history) == 2
        doc.go_to(0)
        assert torch.equal(doc.read("w"), torch.ones(100, 100))


def test_what_fits_into_memory_needs_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A full disk keeps nobody from typing a value."""
    torch.save({"w": torch.ones(100, 100)}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as doc:
        disk_of(monkeypatch, 0)
        doc.apply("scale", "w", factor=2.0)
        assert doc.read("w").unique().tolist() == [2.0]
        doc.undo()
        assert doc.read("w").unique().tolist() == [1.0]
