"""About: which versions of what are at work here, as a table that can be copied."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from weightedit import __version__
from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.errors.hooks import system_text
from weightedit.ui.widgets.pieces import label

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

PACKAGES = ("torch", "PySide6-Essentials", "pyqtgraph", "safetensors", "numpy", "ml_dtypes", "numba")


def facts(devices: list[str]) -> dict[str, str]:
    """Return what a report of a fault needs: versions, platform, devices."""
    return {**versions(), "Compiled loops": _compiled_text(), "Window system": QGuiApplication.platformName(),
            "Devices": ", ".join(devices)}  # fmt: skip


def _compiled_text() -> str:
    """Return whether compiled loops serve; nothing is loaded to know it."""
    kernels = sys.modules.get("weightedit.core.kernels")
    return "not loaded" if kernels is None else str(kernels.state_text())


@cache
def versions() -> dict[str, str]:
    """Return the versions at work here, and the platform."""
    found = {"weightedit": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package.removesuffix("-Essentials")] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package.removesuffix("-Essentials")] = "not installed"
    found["Platform"] = system_text()
    return found


class AboutPage(AsidePage):
    """The table."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("About weightedit", "A desktop editor for PyTorch weights.")
        self._window = window
        self.copy = QPushButton("Copy as text")
        self.copy.clicked.connect(self._copy)
        self.head.insertWidget(1, self.copy)
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 12, 0, 12)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self.add(self._table)
        window.ready.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        self.facts = facts(self._window.status.devices)
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(self.facts.items()):
            said = label(value)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label(name, "secondary"), row, 0)
            self._grid.addWidget(said, row, 1)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {value}" for name, value in self.facts.items()))
        self._window.status.say("Copied the versions.")
