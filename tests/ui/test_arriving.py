"""Names of a checkpoint are listed while the rest of it is still being opened, and the tree then takes their place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file

from tests.ui.conftest import wait_ready
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Found, Progress
from weightedit.ui.files.arrivals import Arrival
from weightedit.ui.tree.arriving import ArrivingModel

LAYERS, SHARDS = 120, 3


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A checkpoint in three shards, 240 tensors of two names a layer."""
    where: dict[str, str] = {}
    for number in range(SHARDS):
        part = {f"model.layers.{layer}.{name}.weight": torch.full((layer % 5 + 1, 3), 0.5)
                for layer in range(number * 40, number * 40 + 40) for name in ("norm", "proj")}  # fmt: skip
        file = f"model-{number + 1:05d}-of-{SHARDS:05d}.safetensors"
        save_file(part, tmp_path / file)
        where |= dict.fromkeys(part, file)
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return path


class Gate:
    """Holds a worker after each piece it has found, until the test lets it go on."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.names: list[str] = []
        self.error: Exception | None = None

    def wrap(self, found: Callable[[Progress, Found], None]) -> Callable[[Progress, Found], None]:
        def held(progress: Progress, piece: Found) -> None:
            found(progress, piece)
            self.names += piece.names
            while not self.go.acquire(timeout=0.02):
                progress.ask()
            if self.error is not None:
                raise self.error

        return held


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(Progress, "found", made.wrap(Progress.found))
    yield made
    for _ in range(2 * SHARDS):
        made.go.release()


@pytest.fixture
def arriving(qtbot: QtBot, open_window: Any, gate: Gate, index: Path) -> Any:
    """A window in which the first shard has come, and no more."""
    window = open_window(real=True)
    window.open([str(index)])
    qtbot.waitUntil(lambda: window.tree.arriving.names.rowCount() == 80, timeout=10_000)
    return window


def finish(qtbot: QtBot, window: Any, gate: Gate) -> None:
    for _ in range(SHARDS):
        gate.go.release()
    wait_ready(qtbot, window)


def test_the_names_of_the_first_shard_are_listed_before_the_second_is_read(arriving, gate, qtbot):
    panel = arriving.tree
    assert panel.isVisible()
    assert panel.stack.currentWidget() is panel.arriving
    assert not arriving.documents.all
    shown = [[panel.arriving.names.index(row, column).data() for column in range(4)] for row in range(80)]
    assert [row[0] for row in shown] == gate.names
    assert shown[gate.names.index("model.layers.3.proj.weight")][1:] == ["4 × 3", "f32", "48 B"]
    assert panel.count.text() == "80 tensors so far"
    assert not panel.filter.isEnabled()


def test_a_later_shard_only_adds_rows_below(arriving, gate, qtbot):
    rows = arriving.tree.arriving.names
    resets, added = [], []
    rows.modelReset.connect(lambda: resets.append(1))
    rows.rowsInserted.connect(lambda parent, first, last: added.append((first, last)))
    QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    gate.go.release()
    qtbot.waitUntil(lambda: rows.rowCount() == 160, timeout=10_000)
    assert added == [(80, 159)]
    assert not resets
    assert rows.name(159) == gate.names[159]


def test_the_tree_takes_the_place_of_the_list_at_the_tensor_that_was_picked(arriving, gate, qtbot):
    panel = arriving.tree
    rows = panel.arriving
    rows.scrollTo(rows.names.index(57, 0))
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualRect(rows.names.index(57, 0)).center())
    name = gate.names[57]
    assert rows.picked == name
    finish(qtbot, arriving, gate)
    opened = arriving.documents.all[0]
    assert panel.stack.currentWidget() is panel.tree
    assert panel.tree.selected_tensors() == [(opened, name)]
    assert arriving.workbench.current() == (opened.document, name)
    assert panel.tree.hasFocus()
    assert panel.tree.viewport().rect().contains(panel.tree.visualRect(panel.tree.currentIndex()).center())
    assert panel.filter.isEnabled()
    assert panel.count.text() == "240 tensors"


def test_the_tree_stands_where_the_list_was_scrolled_to(arriving, gate, qtbot):
    panel = arriving.tree
    panel.arriving.verticalScrollBar().setValue(panel.arriving.verticalScrollBar().maximum())
    name = panel.arriving.top
    assert name
    finish(qtbot, arriving, gate)
    qtbot.waitUntil(lambda: panel.tree.tensor_at(panel.tree.indexAt(QPoint(5, 5))) is not None, timeout=5_000)
    assert panel.tree.tensor_at(panel.tree.indexAt(QPoint(5, 5)))[1] == name


def test_a_list_that_nobody_touched_gives_way_to_the_tree_at_its_first_tensor(arriving, gate, qtbot):
    finish(qtbot, arriving, gate)
    opened = arriving.documents.all[0]
    assert arriving.tree.tree.selected_tensors() == [(opened, opened.first_tensor())]
    assert arriving.tree.arriving.names.arrival is None


@pytest.mark.parametrize("how", ["cancelled", "an error"])
def test_nothing_is_left_of_a_file_that_does_not_open(arriving, gate, index, qtbot, how):
    if how == "cancelled":
        arriving.tasks.active[0].cancel()
    else:
        gate.error = CheckpointError("model.safetensors is cut short.", file=index)
        gate.go.release()
    qtbot.waitUntil(lambda: not arriving.documents.is_opening, timeout=10_000)
    assert arriving.tree.arriving.names.rowCount() == 0
    assert not arriving.tree.isVisible()
    assert arriving.pages.currentWidget() is arriving.start
    assert bool(arriving.errors.cards) == (how != "cancelled")


def test_a_document_that_is_open_is_not_replaced_by_names_of_another(qtbot, open_window, gate, index, tmp_path):
    torch.save({"w": torch.zeros(2, 2)}, tmp_path / "first.pt")
    window = open_window(tmp_path / "first.pt")
    window.open([str(index)])
    qtbot.waitUntil(lambda: len(gate.names) == 80, timeout=10_000)
    qtbot.waitUntil(lambda: window.documents.arrivals.shown is not None, timeout=10_000)
    assert window.tree.stack.currentWidget() is window.tree.tree
    assert window.tree.filter.isEnabled()
    finish(qtbot, window, gate)
    assert len(window.documents.all) == 2


def test_rows_of_many_pieces_are_found_by_their_place(qapp):
    """The rows of a million tensors lie in pieces of different lengths, one of them empty."""
    arrival = Arrival("many")
    sizes, number = [3, 0, 1, 500], 0
    for size in sizes:
        names = [f"t{number + at}" for at in range(size)]
        arrival.take(Found(names, ["float32"] * size, [(1,)] * size, [4] * size))
        number += size
    assert arrival.gather()
    assert not arrival.gather()
    rows = ArrivingModel()
    rows.follow(arrival)
    assert [rows.name(row) for row in range(number)] == [f"t{at}" for at in range(number)]
    assert rows.name(number) == ""
