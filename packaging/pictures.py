"""Takes the pictures of resources/screenshots: the real window on the demo checkpoint, in states worth showing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from weightedit.ui.app import application, make_window
from weightedit.ui.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "resources" / "screenshots"
SIZE = (1400, 900)
WEIGHT = "model.encoder.project.weight"


class Shooting:
    """One window, driven until it rests."""

    def __init__(self, theme: str, folder: Path) -> None:
        self.app, _ = application()
        self.window = make_window(Settings(folder / "settings.ini"), SIZE, theme)
        self.window.show()
        self.rest(lambda: self.window.workbench is not None)

    def rest(self, until: Callable[[], bool] = lambda: True, seconds: float = 0.6) -> None:
        """Let the window work until `until` holds and nothing has run for a moment."""
        quiet = time.monotonic()
        while time.monotonic() - quiet < seconds:
            self.app.processEvents()
            time.sleep(0.005)
            if self.window.tasks.active or not until():
                quiet = time.monotonic()

    def control(self, kind: type[QWidget], name: str) -> Any:
        """Find a visible control by its accessible name."""
        return next(found for found in self.window.findChildren(kind)
                    if found.accessibleName() == name and found.isVisible())  # fmt: skip

    def open(self, path: Path, name: str) -> None:
        """Open a checkpoint and one tensor of it."""
        self.window.open([str(path)])
        self.rest()
        self.show(name)

    def show(self, name: str) -> None:
        """Show a tensor in a tab."""
        self.window.workbench.open_tensor(self.window.documents.all[0].document, name)
        self.rest()

    def region(self, text: str) -> None:
        """Type a region."""
        field = self.control(QLineEdit, "Region")
        field.setText(text)
        field.returnPressed.emit()
        field.editingFinished.emit()
        self.rest()

    def operation(self, name: str, **fields: str) -> None:
        """Choose an operation and fill its form."""
        self.window.workbench.choose_operation(name)
        self.rest()
        for label, text in fields.items():
            found = next((one for one in self.window.findChildren(QWidget)
                          if one.accessibleName() == label and one.isVisible()), None)  # fmt: skip
            if isinstance(found, QComboBox):
                found.setCurrentText(text)
            elif isinstance(found, QLineEdit):
                found.setText(text)
        self.rest()

    def apply(self) -> None:
        """Press Apply."""
        self.window.actions_of["apply"].trigger()
        self.rest()

    def take(self, name: str) -> None:
        """Write the picture."""
        self.rest()
        self.window.grab().save(str(PICTURES / f"{name}.png"))
        print(PICTURES / f"{name}.png")

    def close(self) -> None:
        """Close without asking."""
        self.window.tasks.shutdown()
        self.window.closing.may_close = True
        self.window.close()
        self.window.deleteLater()
        self.app.processEvents()


def take_all() -> None:
    """Take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = folder / "digits.pt"
        shutil.copy(ROOT / "resources" / "demo" / "digits.pt", demo)
        start = Shooting("light", folder)
        start.take("start-light")
        start.close()
        for theme in ("dark", "light"):
            main = Shooting(theme, folder)
            main.open(demo, WEIGHT)
            main.region("[16:48, 64:160]")
            main.operation("scale", Factor="0.25")
            main.take(f"main-{theme}")
            if theme == "light":
                main.apply()
                main.show("model.head.weight")
                main.region("[2:6, 16:64]")
                main.operation("scale", Factor="2")
                main.take("tied-light")
            else:
                main.show("model.decoder.weight")
                main.operation("cast", **{"To dtype": "float8_e4m3fn"})
                main.take("cast-dark")
                main.window.actions_of["values"].trigger()
                main.take("values-dark")
            main.close()


if __name__ == "__main__":
    sys.exit(take_all())
