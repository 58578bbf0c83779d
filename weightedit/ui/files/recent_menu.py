"""Recent files as actions: in the menu *Open recent*, and so in the palette as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from weightedit.core.words.visible import visible
from weightedit.ui.actions.action import Action
from weightedit.ui.files.recent import RecentFile

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

MENU = "File/Open recent"
LAST = "clear-recent"
SHOWN = 10


class RecentMenu(QObject):
    """Keeps the actions in step with the list."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._made: list[str] = []
        self._soon = QTimer(self)  # not while the menu itself, whose action changed the list, is still open
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.fill)
        window.recents.changed.connect(self._soon.start)
        self._soon.start()

    def fill(self) -> None:
        """Make the actions anew, with *Clear* below them."""
        actions = self._window.actions_of
        last = actions.declared[LAST]
        for name in [*self._made, LAST]:
            actions.remove(name)
        self._made = []
        for file in self._window.recents.files[:SHOWN]:
            action = self._action(file)
            actions.add(action)
            self._made.append(action.id)
        actions.add(last)
        self._window.top.menus.fill("File")
        actions.refresh()

    def _action(self, file: RecentFile) -> Action:
        path = file.path
        title = f"{visible(file.name)} — {visible(file.folder)}"
        said = f"Open {visible(path)}, {file.size}."
        return Action(f"recent:{path}", title, lambda at: at.window.open([path]), said, (), MENU)
