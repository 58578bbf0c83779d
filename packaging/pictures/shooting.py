"""One real window, driven until it rests, and pictures of it with whatever lies over it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# by itself the screen is smaller than the window, and menus are moved
os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={Path(__file__).with_name('screen.json')}")

from png import write_png
from PySide6.QtCore import QPoint
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QWidget

from weightedit.ui.app import application, make_window
from weightedit.ui.settings import Settings

SIZE = (1400, 900)
PATIENCE = 90.0


class Shooting:
    """A window, the things done in it, and its pictures.

    Parameters
    ----------
    theme
        `dark` or `light`.
    settings
        A file of settings, so that recent files and places of panels are the script's own.
    folder
        Where pictures go.
    size
        Of the window, in pixels.
    """

    def __init__(self, theme: str, settings: Path, folder: Path, size: tuple[int, int] = SIZE) -> None:
        os.environ["WEIGHTEDIT_STATE"] = str(settings.parent / "state")  # not the person's journals
        self.app, _ = application()
        self.theme, self.folder, self.taken = theme, folder, 0
        self.window = make_window(Settings(settings), size, theme)
        self.window.show()
        self.rest(lambda: self.window.workbench is not None)
        self.window.activateWindow()

    # ---- waiting

    def rest(self, until: Callable[[], bool] = lambda: True, seconds: float = 0.45) -> None:
        """Let the window work until `until` holds and nothing has run for a moment."""
        begun = quiet = time.monotonic()
        while time.monotonic() - quiet < seconds:
            self.app.processEvents()
            time.sleep(0.005)
            if self.window.tasks.active or not until():
                quiet = time.monotonic()
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError([task.name for task in self.window.tasks.active])

    def rest_for(self, seconds: float) -> None:
        """Let the window work for a while, whatever runs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.005)

    # ---- what a person does

    @property
    def page(self) -> Any:
        """The page that is shown."""
        return self.window.workbench.page

    def control(self, kind: type[QWidget], name: str) -> Any:
        """Find a visible control by its accessible name."""
        return next(found for found in self.window.findChildren(kind)
                    if found.accessibleName() == name and found.isVisible())  # fmt: skip

    def open(self, path: Path | str, name: str = "") -> None:
        """Open a checkpoint, and one tensor of it."""
        self.window.open([str(path)])
        self.rest()
        if name:
            self.show(name)

    def show(self, name: str) -> None:
        """Show a tensor of the current document in a tab."""
        self.window.workbench.open_tensor(self.window.current.document, name)
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
            found = next((one for one in self.window.workbench.edit_panel.findChildren(QWidget)
                          if one.accessibleName() == label and one.isVisible()), None)  # fmt: skip
            if isinstance(found, QComboBox):
                found.setCurrentText(text)
            elif isinstance(found, QLineEdit):
                found.setText(text)
                found.textEdited.emit(text)
            elif found is None:
                raise LookupError(f"{name} has no field {label}.")
        self.rest()

    def do(self, action: str) -> None:
        """Do an action of the window."""
        self.window.actions_of.run(action)
        self.rest()

    def apply(self, name: str = "", **fields: str) -> None:
        """Press Apply, after filling in a form if one is named."""
        if name:
            self.operation(name, **fields)
        before = self.window.current.document.history.position
        self.window.actions_of["apply"].trigger()
        self.rest(lambda: self.window.current.document.history.position != before)

    def key(self, target: QWidget | None, key: Any, modifiers: Any = None) -> None:
        """Press a key."""
        QTest.keyClick(target or self.window, key, *(() if modifiers is None else (modifiers,)))
        self.rest()

    # ---- pictures

    def take(self, name: str) -> None:
        """Write the picture, with dialogs and menus that lie over the window."""
        self.rest()
        self.write_now(name)

    def write_now(self, name: str) -> None:
        """Write the picture without waiting for what runs."""
        picture = self.window.grab()
        painter = QPainter(picture)
        origin = self.window.mapToGlobal(QPoint(0, 0))
        for one in QApplication.topLevelWidgets():
            if one.isVisible() and one is not self.window:
                painter.drawPixmap(one.mapToGlobal(QPoint(0, 0)) - origin, one.grab())
        painter.end()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        write_png(picture.toImage(), path)
        self.taken += 1
        print(path, flush=True)

    def take_menu(self, name: str, *titles: str) -> None:
        """Open menus of the top bar, one within the other, and take the picture."""
        menu: Any = None
        actions = self.window.top.bar.actions()
        place = QPoint()
        opened = []
        for title in titles:
            action = next(one for one in actions if one.text().replace("&", "") == title)
            if menu is None:
                rect = self.window.top.bar.actionGeometry(action)
                place = self.window.top.bar.mapToGlobal(rect.bottomLeft())
            else:
                menu.setActiveAction(action)
                place = menu.mapToGlobal(menu.actionGeometry(action).topRight())
            menu = action.menu()
            menu.popup(place)
            opened.append(menu)
            actions = menu.actions()
            self.app.processEvents()
        self.take(name)
        for one in reversed(opened):
            one.close()

    def take_popup(self, name: str, combo: QComboBox) -> None:
        """Open a combo box and take the picture."""
        combo.showPopup()
        self.take(name)
        combo.hidePopup()
        self.rest()

    def close(self) -> None:
        """Close without asking."""
        for one in QApplication.topLevelWidgets():
            if one is not self.window and one.isVisible():
                one.close()
        self.window.tasks.shutdown()
        self.window.closing.may_close = True
        self.window.close()
        self.window.deleteLater()
        self.app.processEvents()
