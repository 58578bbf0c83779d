"""Every operation through its form: typed, previewed, applied by its button, against torch, and undone bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from tests.operations.oracle import same_bits
from tests.ui.bench import Bench, bench_on

Reference = Callable[[torch.Tensor], Any]


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    w = torch.randn(6, 8)
    w[1, 2], w[4, 5] = float("nan"), float("inf")
    made = {"w": torch.randn(6, 8), "holes": w, "row": torch.linspace(-1, 1, 8), "more": torch.ones(2, 8)}
    return made | {"like": made["w"].clone(), "part": w[2:4]}


def pruned(w: torch.Tensor) -> torch.Tensor:
    flat = w.flatten().clone()
    flat[w.abs().flatten().argsort(stable=True)[:12]] = 0
    return flat.reshape(w.shape)


def rank_two(w: torch.Tensor) -> torch.Tensor:
    u, s, v = torch.linalg.svd(w.double(), full_matrices=False)
    return ((u[:, :2] * s[:2]) @ v[:2]).float()


def inserted(w: torch.Tensor) -> torch.Tensor:
    return torch.cat([w[:2], torch.full((3, 8), 0.5), w[2:]])


def uniform_within(low: float, high: float) -> Callable[[torch.Tensor], bool]:
    return lambda found: bool(((found >= low) & (found < high)).all()) and len(found.unique()) == found.numel()


CASES: dict[str, tuple[str, dict[str, str], Reference | Callable[[torch.Tensor], bool]]] = {
    "set": ("w", {"values": "0.5"}, lambda w: torch.full_like(w, 0.5)),
    "fill": ("w", {"value": "-2"}, lambda w: torch.full_like(w, -2)),
    "scale": ("w", {"factor": "3"}, lambda w: w * 3),
    "multiply": ("w", {"other": "row"}, lambda w: w * torch.linspace(-1, 1, 8)),
    "add": ("w", {"value": "row"}, lambda w: w + torch.linspace(-1, 1, 8)),
    "expression": ("w", {"formula": "w * 2 - 'row'"}, lambda w: w * 2 - torch.linspace(-1, 1, 8)),
    "clamp": ("w", {"min": "-0.5"}, lambda w: w.clamp(min=-0.5)),
    "replace_nonfinite": ("holes", {"nan": "1", "posinf": "9"}, lambda w: w.nan_to_num(1, 9)),
    "round": ("w", {"decimals": "1"}, lambda w: w.round(decimals=1)),
    "zero_small": ("w", {"threshold": "0.4"}, lambda w: torch.nn.functional.hardshrink(w, 0.4)),
    "normalize": ("w", {"per": "row", "value": "2"}, lambda w: w.norm(dim=1) * 0 + 2),
    "prune": ("w", {"amount": "0.25"}, pruned),
    "low_rank": ("w", {"rank": "2"}, rank_two),
    "initialize": ("w", {"method": "uniform", "a": "-3", "b": "-2", "seed": "7"}, uniform_within(-3, -2)),
    "flip": ("w", {"dims": "0"}, lambda w: w.flip(0)),
    "roll": ("w", {"shifts": "2", "dims": "1"}, lambda w: w.roll(2, 1)),
    "permute_rows": ("w", {"order": "5, 4, 3, 2, 1, 0"}, lambda w: w.flip(0)),
    "insert_rows": ("w", {"index": "2", "count": "3", "method": "constant", "value": "0.5"}, inserted),
    "delete_rows": ("w", {"rows": "0, 4:6"}, lambda w: w[1:4]),
    "slice": ("w", {}, lambda w: w),
    "transpose": ("w", {}, lambda w: w.T),
    "permute": ("w", {"dims": "1, 0"}, lambda w: w.T),
    "reshape": ("w", {"shape": "4, -1"}, lambda w: w.reshape(4, 12)),
    "pad": ("w", {"pad": "1, 2", "value": "7"}, lambda w: torch.nn.functional.pad(w, (1, 2), value=7)),
    "concat": ("w", {"tensors": "more, holes"},
               lambda w: torch.cat([w, torch.ones(2, 8), tensors()["holes"]])),
    "repeat": ("w", {"repeats": "2, 1"}, lambda w: w.repeat(2, 1)),
    "cast": ("w", {"dtype": "bfloat16"}, lambda w: w.bfloat16()),
    "to_device": ("w", {"device": "cpu"}, lambda w: w),
    "replace": ("w", {"source": "more"}, lambda w: torch.ones(2, 8)),
    "tie": ("w", {"to": "holes"}, lambda w: tensors()["holes"]),
    "untie": ("part", {}, lambda w: w),
    "retie": ("w", {}, lambda w: w),
    "rename": ("w", {"to": "renamed"}, lambda w: w),
    "duplicate": ("w", {"to": "copy"}, lambda w: w),
    "split": ("w", {"split_size_or_sections": "2, 4", "names": "renamed, rest"}, lambda w: w[:2]),
    "add_tensor": ("w", {"to": "copy", "shape": "2, 3", "value": "4"}, lambda w: torch.full((2, 3), 4.0)),
    "requires_grad": ("w", {"value": "True"}, lambda w: w),
    "move": ("w", {"to": "-1"}, lambda w: w),
    "delete": ("w", {}, lambda w: None),
}
RESULT = {"rename": "renamed", "duplicate": "copy", "split": "renamed", "add_tensor": "copy"}
"""Where the result stands, if not under the old name."""
SELECTED = {"retie": ("w", "like")}
"""What is selected in the tree, for operations that need several tensors."""
CLOSE = {"low_rank": 1e-5}
OF_MODULES = ("register",)
"""Operations on modules of running code, which a file has none of: test_live_window and tests/core/live have them."""
GROUPS = ("Values", "Initialize", "Shape", "Rows", "Tensor", "Sharing", "Structure")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forms") / "a.pt"


@pytest.fixture
def bench(qtbot: QtBot, path: Path) -> Iterator[Bench]:
    with bench_on(qtbot, path, tensors()) as made:
        yield made


def choose(bench: Bench, combo: QComboBox, text: str) -> None:
    """Pick a line of a list by typing its beginning."""
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(combo.count()):
        if combo.currentText() == text:
            return
        QTest.keyClick(combo, Qt.Key.Key_Down)
    raise AssertionError(f"{text} is not offered")


def fill_in(bench: Bench, operation: str, texts: dict[str, str]) -> None:
    choose(bench, bench.panel.form.operations, operation)
    for name, text in texts.items():
        field = next(one for one in bench.panel.form.fields if one.declared.name == name)
        if hasattr(field, "combo"):
            choose(bench, field.combo, text)
        else:
            field.edit.setFocus()
            field.edit.selectAll()
            QTest.keyClicks(field.edit, text)
            QTest.keyClick(field.edit, Qt.Key.Key_Escape)  # a list of completions closes
    bench.wait()


def state(bench: Bench) -> dict[str, tuple[int, torch.Tensor]]:
    return {slot.name: (id(slot), bench.values(slot.name)) for slot in bench.document.slots}


def test_every_operation_has_its_case(bench: Bench) -> None:
    wanted = {name: one.group for name, one in bench.document.operations.items() if one.subject != "value"}
    assert set(CASES) == set(wanted) - set(OF_MODULES)
    assert set(wanted.values()) == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_its_form_does_what_torch_does_and_undo_takes_it_back(bench: Bench, group: str) -> None:
    for name, operation in bench.document.operations.items():
        if operation.group == group and operation.subject != "value" and name not in OF_MODULES:
            try_form(bench, name)


def try_form(bench: Bench, operation: str) -> None:
    target, texts, reference = CASES[operation]
    bench.open(target)
    before = state(bench)
    fill_in(bench, operation, texts)
    if operation in SELECTED:
        bench.workbench.set_selected(bench.document, list(SELECTED[operation]))
        choose(bench, bench.panel.form.target, f"Selected ({len(SELECTED[operation])})")
        bench.panel.form.target.activated.emit(bench.panel.form.target.currentIndex())
        bench.wait()
    assert not any(hazard.level == "refusal" for hazard in bench.panel.hazards.hazards), bench.panel.hazards.hazards
    assert bench.panel.counts.text()
    assert bench.panel.apply_button.isEnabled(), bench.panel.apply_button.toolTip()
    bench.press(bench.panel.apply_button)
    assert bench.document.history.position == 1
    assert bench.document.history.steps[0].edit.operation == operation
    if operation == "delete":
        assert bench.document.find("w") is None
    else:
        found = bench.values(RESULT.get(operation, target))
        check_against(operation, reference, found, tensors()[target])
    bench.document.undo()
    bench.wait()
    after = state(bench)
    assert list(after) == list(before)
    assert all(after[name][0] == before[name][0] and same_bits(after[name][1], before[name][1]) for name in before)


def check_against(operation: str, reference: Any, found: torch.Tensor, original: torch.Tensor) -> None:
    if operation == "initialize":
        assert reference(found)
    elif operation == "normalize":
        assert torch.allclose(found.norm(dim=1), reference(original))
        assert torch.allclose(found / found.norm(dim=1, keepdim=True), original / original.norm(dim=1, keepdim=True))
    elif operation in CLOSE:
        assert np.allclose(found, reference(original), atol=CLOSE[operation])
    else:
        assert same_bits(found, reference(original).contiguous())


def test_only_the_arguments_that_matter_are_asked_for(bench: Bench) -> None:
    bench.open("w")
    fill_in(bench, "initialize", {"method": "normal", "std": "3"})

    def asked() -> set[str]:
        return {one.declared.name for one in bench.panel.form.fields if one.isVisible()}

    assert asked() == {"method", "mean", "std", "seed"}
    fill_in(bench, "initialize", {"method": "constant"})
    assert asked() == {"method", "value"}
    assert bench.panel.form.request().arguments["std"] == 1
    fill_in(bench, "prune", {"by": "n:m"})
    assert asked() == {"by", "n", "m"}
