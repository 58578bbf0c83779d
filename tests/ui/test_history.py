"""The history panel: rows, going to a step by mouse and key, and what is shown while nothing was done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.progress import Progress
from weightedit.ui.history.history_panel import ROW


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(8)
    return {"w": torch.randn(12, 10), "v": torch.randn(5)}


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "history.pt", tensors) as made:
        made.open("w")
        yield made


def edit(bench: Bench, operation: str, value: str) -> None:
    bench.fill_form(operation, value)
    bench.do("apply")
    bench.wait()


def click(bench: Bench, row: int) -> None:
    view = bench.workbench.history.list
    place = view.visualRect(bench.workbench.history.model.index(row, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    bench.wait()


def states(bench: Bench) -> list[str]:
    return [row.state for row in bench.workbench.history.model.rows]


def test_nothing_done_yet(bench: Bench) -> None:
    history = bench.workbench.history
    assert history.pages.currentWidget() is history.empty
    assert history.empty.text() == "No edits yet. They appear here; click one to go back to it."
    assert not history.undo_button.isEnabled()
    assert not history.redo_button.isEnabled()


def test_rows_say_what_where_and_when(bench: Bench, qtmodeltester: ModelTester) -> None:
    edit(bench, "scale", "0.5")
    bench.drag((1, 1), (3, 4))
    edit(bench, "fill", "0")
    rows = bench.workbench.history.model.rows
    assert [(row.label, row.where) for row in rows] == [
        ("fill 0", "w [1:4, 1:5]"), ("scale × 0.5", "w"), ("Opened", "history.pt")]  # fmt: skip
    assert states(bench) == ["present", "done", "opened"]
    assert all(":" in row.time for row in rows)
    assert bench.workbench.history.list.visualRect(bench.workbench.history.model.index(0, 0)).height() == ROW
    qtmodeltester.check(bench.workbench.history.model)


def test_a_click_goes_there_and_back(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    edit(bench, "scale", "0.5")
    edit(bench, "add", "1")
    click(bench, 2)
    assert torch.equal(bench.values("w"), tensors["w"])
    assert states(bench) == ["preview", "undone", "undone", "present"]  # what the form says can be applied again
    assert not bench.document.is_modified
    assert not bench.workbench.tabs.strip.is_marked(0)
    click(bench, 2)
    assert torch.equal(bench.values("w"), tensors["w"] * 0.5)
    assert (bench.shown() == (tensors["w"] * 0.5).double().numpy()).all()
    click(bench, 1)
    assert torch.equal(bench.values("w"), tensors["w"] * 0.5 + 1)


def test_enter_goes_there(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    edit(bench, "scale", "0.5")
    view = bench.workbench.history.list
    view.setFocus()
    view.setCurrentIndex(bench.workbench.history.model.index(1, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)
    bench.wait()
    assert torch.equal(bench.values("w"), tensors["w"])


def test_buttons_undo_and_redo(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    edit(bench, "scale", "0.5")
    history = bench.workbench.history
    bench.press(history.undo_button)
    assert torch.equal(bench.values("w"), tensors["w"])
    assert not history.undo_button.isEnabled()
    bench.press(history.redo_button)
    assert torch.equal(bench.values("w"), tensors["w"] * 0.5)


def test_the_preview_is_a_hollow_row_that_cannot_be_gone_to(bench: Bench) -> None:
    bench.fill_form("scale", "0.5")
    row = bench.workbench.history.model.rows[0]
    assert (row.state, row.label, row.time) == ("preview", "scale × 0.5", "preview")
    click(bench, 0)
    assert bench.document.version == 0
    bench.do("leave")
    assert bench.workbench.history.pages.currentWidget() is bench.workbench.history.empty


@pytest.mark.parametrize("back", [True, False], ids=["undo", "redo"])
def test_a_long_step_is_cancelled_by_the_tasks_of_the_window(
        bench: Bench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, back: bool) -> None:  # fmt: skip
    """Comparing what is kept takes as long as it is large; meanwhile Cancel stops it and nothing moved."""
    edit(bench, "scale", "0.5")
    history = bench.workbench.history
    if not back:
        bench.press(history.undo_button)
    asking = threading.Event()

    def endless(steps: object, back: bool, progress: Progress) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            progress.ask()
            asking.set()

    before = bench.values("w")
    with monkeypatch.context() as patch:
        patch.setattr("weightedit.core.document.verify_steps", endless)
        QTest.mouseClick(history.undo_button if back else history.redo_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(asking.is_set, timeout=5000)
        (task,) = [one for one in bench.tasks.active if one.name == ("Undo" if back else "Redo")]
        task.cancel()
        bench.wait()
    assert torch.equal(bench.values("w"), before)
    assert history.undo_button.isEnabled() == back
    bench.press(history.undo_button if back else history.redo_button)
    assert not torch.equal(bench.values("w"), before)
