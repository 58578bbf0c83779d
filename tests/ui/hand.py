"""A window on objects in memory, and what a person does there by keyboard and mouse."""

from __future__ import annotations

from typing import Any

import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton

from tests.ui.conftest import wait_ready
from tests.ui.test_vision_session import CTRL, Person
from tests.ui.test_whole_job import named, visible
from weightedit.core.hazards import Hazard


class Hand(Person):
    """A person at a window that shows live objects, as `weightedit.edit` opens them."""

    def rest(self) -> None:
        """Wait until everything that was asked for is shown."""
        QTest.qWait(1)
        page, panel, window = self.window.workbench.page, self.panel, self.window
        self.qtbot.waitUntil(lambda: not panel._pause.isActive() and not window.tasks.active
                             and (page is None or not page.heatmap_pane.heatmap._settle.isActive()),
                             timeout=30_000)  # fmt: skip

    def take(self, value: Any, optimizer: Any = None) -> Hand:
        """Open an object, as a script does."""
        with self.qtbot.waitSignal(self.window.documents.added, timeout=20_000):
            self.window.documents.open_object(value, optimizer, "model")
        wait_ready(self.qtbot, self.window)
        self.window.activateWindow()
        self.qtbot.waitUntil(self.window.isActiveWindow)
        return self

    def go(self, name: str) -> None:
        """Ctrl+P, the name, Enter."""
        if self.window.workbench.current()[1] != name:
            self.go_to_tensor(name, name)

    @property
    def panel(self) -> Any:
        return self.window.workbench.edit_panel

    def fill(self, operation: str, **fields: str) -> list[Hazard]:
        """Choose an operation, paste or choose its arguments, and return the hazards on the cards."""
        combo = named(self.window, QComboBox, "Operation")
        if combo.currentText() != operation:
            combo.setFocus()
            QTest.keyClicks(combo, operation)
        if combo.currentText() != operation:
            self.choose(combo, operation)
        for label, text in fields.items():
            self.rest()
            if visible(self.window, QComboBox, label) is not None:
                self.choose(named(self.window, QComboBox, label), text)
                continue
            field = named(self.window, QLineEdit, label)
            field.setFocus()
            field.selectAll()
            QGuiApplication.clipboard().setText(text)
            QTest.keyClick(field, Qt.Key.Key_V, CTRL)
        self.rest()
        return list(self.panel.hazards.hazards)

    def kinds(self) -> set[tuple[str, str]]:
        """Kind and level of every hazard that is shown."""
        return {(hazard.kind, hazard.level) for hazard in self.panel.hazards.hazards}

    def said(self) -> str:
        """What the cards say, as one text."""
        return " ".join(hazard.message for hazard in self.panel.hazards.hazards)

    def press(self, text: str) -> None:
        """Press a link or button of the hazards, by its words."""
        links = [link for card in self.panel.hazards.cards for link in card.findChildren(QPushButton)]
        offered = {link.accessibleName(): link for link in links}  # what is shown may end in an …
        assert text in offered, list(offered)
        self.qtbot.mouseClick(offered[text], Qt.MouseButton.LeftButton)
        self.rest()

    @property
    def can_apply(self) -> bool:
        return bool(self.panel.apply_button.isEnabled())

    def apply(self) -> None:
        """Press Apply, whatever it says it costs."""
        self.qtbot.waitUntil(lambda: self.can_apply, timeout=20_000)
        done = self.document.history.position
        self.qtbot.mouseClick(self.panel.apply_button, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.document.history.position == done + 1, timeout=20_000)
        self.rest()

    def undo(self) -> None:
        """Ctrl+Z on the window."""
        self.window.workbench.page.setFocus()
        done = self.document.history.position
        QTest.keyClick(self.window, Qt.Key.Key_Z, CTRL)
        self.qtbot.waitUntil(lambda: self.document.history.position == done - 1, timeout=20_000)
        self.rest()
        QApplication.processEvents()


def text_of(tensor: torch.Tensor) -> str:
    """A tensor as a list to paste into a field."""
    return repr(tensor.tolist())
