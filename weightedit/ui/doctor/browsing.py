"""Chooses the model's code by a dialog: a Python file, and a class of it, or a folder with a config.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from weightedit.doctor.bringing.code_found import CONFIG
from weightedit.doctor.bringing.names_found import names_found
from weightedit.ui.errors.errors_view import title_and_body
from weightedit.ui.files.file_dialogs import ask_model_code
from weightedit.ui.widgets.plain import plain

if TYPE_CHECKING:
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.window import MainWindow

READING = "doctor-names"
"""The group of tasks that read which classes a file has: the last one counts."""
MOST = 30


class Browsing:
    """What the button beside the model's field does."""

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room
        room.head.browse_pressed.connect(self.browse)

    def browse(self) -> None:
        """Ask for a file, and take it."""
        head = self._room.head
        if head.model.isEnabled() and (chosen := ask_model_code(head, self._window.settings)):
            self.take(Path(chosen))

    def take(self, file: Path) -> None:
        """Put a file into the field; where it has several classes, the likeliest, and offer the others."""
        if file.name == CONFIG:
            self._put(str(file.parent))
            return
        visit = self._room.visit

        def failed(error: Exception) -> None:
            self._put(f"{file}:")
            self._room.say(visit, "notice", *title_and_body(error))

        self._window.tasks.start(f"Reading {file.name}", lambda _: names_found(file),
                                 on_result=lambda names: self._offer(file, names), on_error=failed,
                                 quiet=True, group=READING)  # fmt: skip

    def _offer(self, file: Path, names: tuple[str, ...]) -> None:
        self._put(f"{file}:{names[0]}")
        if len(names) < 2:
            return
        menu = QMenu(self._room)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName("Which class makes the model")
        for name in names[:MOST]:
            action = menu.addAction(plain(name))
            action.triggered.connect(lambda _=False, name=name: self._put(f"{file}:{name}"))
        menu.setActiveAction(menu.actions()[0])
        button = self._room.head.browse
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    def _put(self, text: str) -> None:
        head = self._room.head
        head.model.setCurrentText(text)
        head.model.edit.setFocus()
