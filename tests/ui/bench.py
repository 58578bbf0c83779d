"""A workbench on a checkpoint that torch wrote, driven by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.ui.actions import ACTIONS, Reach
from weightedit.ui.actions.needs import is_there
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.page import TensorPage
from weightedit.ui.theme import theme
from weightedit.ui.workbench import Workbench


class Bench:
    """The workbench with its document, and the things a person does."""

    def __init__(self, qtbot: QtBot, path: Path, settings: Settings | None = None) -> None:
        self.qtbot = qtbot
        self.tasks = Tasks()
        self.problems: list[tuple[str, object]] = []
        self.tasks.failed.connect(lambda name, error: self.problems.append((name, error)))
        self.tasks.faulted.connect(lambda name, error: self.problems.append((name, error)))
        self.document: Document = open_document(path)
        self.workbench = Workbench(self.tasks, settings or Settings())
        theme.dress(self.workbench)
        self.said: list[str] = []
        self.workbench.status.connect(lambda text: text and self.said.append(text))
        self.workbench.told.connect(self.said.append)
        self.workbench.resize(960, 820)
        with qtbot.waitExposed(self.workbench):
            self.workbench.show()
        self.workbench.set_document(self.document)

    @property
    def current(self) -> Any:
        """What the window would call its current document."""
        return SimpleNamespace(document=self.document)

    @property
    def page(self) -> TensorPage:
        page = self.workbench.page
        assert page is not None
        return page

    @property
    def heatmap(self) -> Any:
        return self.page.heatmap_pane.heatmap

    @property
    def panel(self) -> Any:
        return self.workbench.edit_panel

    def is_quiet(self) -> bool:
        page = self.workbench.page
        waiting = page is not None and (page.heatmap_pane.heatmap._settle.isActive()
                                        or page.values_pane.model._soon.isActive()
                                        or page.read_out._soon.isActive()
                                        or page.lookup.is_waiting or page.where.is_waiting)  # fmt: skip
        return not self.tasks.active and not waiting and not self.panel._pause.isActive()

    def wait(self) -> None:
        """Wait until everything that was asked for is shown."""
        QTest.qWait(1)
        self.qtbot.waitUntil(self.is_quiet, timeout=20_000)
        assert not self.problems, self.problems

    def open(self, name: str) -> None:
        self.workbench.open_tensor(self.document, name)
        self.wait()

    def values(self, name: str) -> torch.Tensor:
        return self.document.read(name)

    def shown(self) -> np.ndarray:
        """The values the page shows, as float64, of a slice that fits the screen."""
        reduced = self.heatmap.reduced
        assert reduced is not None
        return reduced.extreme

    # ---- what a person does

    def place(self, row: float, column: float) -> QPoint:
        """Where the middle of a cell is on the heatmap."""
        point: QPointF = self.heatmap.point_of(row + 0.5, column + 0.5)
        return point.toPoint()

    def drag(self, start: tuple[int, int], stop: tuple[int, int]) -> None:
        """Drag with the left button from one cell to another."""
        self.drag_points(self.place(*start), self.place(*stop))

    def drag_points(self, first: QPoint, last: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        target: QWidget = self.heatmap.graphics.viewport()
        QTest.mouseMove(target, first)
        QTest.mousePress(target, button, Qt.KeyboardModifier.NoModifier, first)
        middle = QPoint((first.x() + last.x()) // 2, (first.y() + last.y()) // 2)
        for point in (middle, last):
            QTest.mouseMove(target, point)
            QTest.qWait(20)
        QTest.mouseRelease(target, button, Qt.KeyboardModifier.NoModifier, last)
        self.wait()

    def click(self, row: int, column: int, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        target: QWidget = self.heatmap.graphics.viewport()
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, modifiers, self.place(row, column))
        self.wait()

    def hover(self, row: int, column: int) -> None:
        QTest.mouseMove(self.heatmap.graphics.viewport(), self.place(row, column))
        self.wait()

    def key(self, widget: QWidget, key: Qt.Key, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(widget, key, modifiers)
        self.wait()

    def type(self, widget: QWidget, text: str, enter: bool = False) -> None:
        """Replace what is in a field by typing."""
        widget.setFocus()
        if hasattr(widget, "selectAll"):
            widget.selectAll()
        QTest.keyClicks(widget, text)
        if enter:
            QTest.keyClick(widget, Qt.Key.Key_Return)
        self.wait()

    def do(self, action: str) -> None:
        """Do what an action does, as its menu entry would: nothing where what it needs is not there."""
        found = next(one for one in ACTIONS if one.id == action)
        at = Reach(self)  # type: ignore[arg-type]
        if is_there(found.needs, at):
            found.call(at)

    def press(self, button: QWidget) -> None:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait()

    def fill_form(self, operation: str, *texts: str) -> None:
        self.workbench.choose_operation(operation)
        fields = self.panel.form.fields[: len(texts)]  # those after them keep their defaults
        for field, text in zip(fields, texts, strict=True):
            if hasattr(field, "edit"):
                self.type(field.edit, text)
            else:
                field.combo.setCurrentIndex(field.combo.findText(text))
        self.wait()


@contextmanager
def bench_on(qtbot: QtBot, path: Path, tensors: Any, settings: Settings | None = None) -> Iterator[Bench]:
    """Write tensors with torch (None: the file is there already), open them, and close everything again."""
    if tensors is not None:
        torch.save(tensors, path)
    made = Bench(qtbot, path, settings)
    try:
        yield made
    finally:
        made.tasks.shutdown()
        made.workbench.forget(made.document)
        made.workbench.close()
        made.workbench.deleteLater()
        made.document.close()


