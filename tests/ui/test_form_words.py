"""The form says what its arguments are, and keeps Apply off where nothing would change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "net.pt", {"w": torch.tensor([[0.0, 1.0], [0.0, -2.0]])}) as made:
        yield made


@pytest.mark.parametrize(("operation", "choice", "words"), [
    ("initialize", "uniform", ["Method", "Lower end", "Upper end", "Seed"]),
    ("initialize", "kaiming_normal", ["Method", "Negative slope", "Mode", "Nonlinearity", "Seed"]),
    ("prune", "n:m", ["By", "n kept", "of m"]), ("transpose", "", ["First dim", "Second dim"])])
def test_no_argument_is_called_by_a_letter(bench: Bench, operation: str, choice: str, words: list[str]) -> None:
    bench.open("w")
    form = bench.panel.form
    bench.workbench.choose_operation(operation)
    if choice:
        combo = next(made.combo for made in form.fields if hasattr(made, "combo") and made.combo.findText(choice) >= 0)
        combo.setCurrentIndex(combo.findText(choice))
    bench.wait()
    asked = [made for made in form.fields if made.isVisibleTo(form)]
    assert sorted(made.title.text() for made in asked) == sorted(words)
    for made in asked:
        assert made.focusProxy().accessibleName() == made.title.text()
        assert made.toolTip().startswith(f"{made.declared.name}: ")
        assert made.title.sizeHint().width() <= made.width(), made.title.text()


def test_apply_is_off_where_no_value_would_change(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("scale", "1")
    assert bench.panel.counts.text() == "Nothing changes: 0 of 4 values"
    assert not bench.panel.apply_button.isEnabled()
    assert bench.panel.apply_button.toolTip().startswith("Nothing changes")
    bench.page.selection.pick(range(2), range(1))
    bench.wait()
    bench.fill_form("fill", "0")
    assert not bench.panel.apply_button.isEnabled()
    bench.key(bench.panel.form.fields[0].edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    bench.panel.apply()
    bench.wait()
    assert not bench.document.is_modified
    bench.type(bench.panel.form.fields[0].edit, "3")
    assert bench.panel.apply_button.isEnabled()
    bench.press(bench.panel.apply_button)
    assert bench.values("w")[:, 0].tolist() == [3, 3]


def test_what_moves_or_marks_a_tensor_can_be_applied_without_a_changed_value(bench: Bench) -> None:
    bench.open("w")
    for operation in ("transpose", "requires_grad"):
        bench.workbench.choose_operation(operation)
        if operation == "requires_grad":
            combo = bench.panel.form.fields[0].combo
            combo.setCurrentIndex(combo.findText("True"))
        bench.wait()
        assert bench.panel.apply_button.isEnabled(), operation
