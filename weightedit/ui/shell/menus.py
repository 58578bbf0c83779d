"""The menu bar's menus, and the menus within them, made from the actions that name them."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu, QMenuBar

from weightedit.ui.actions.action import Action
from weightedit.ui.actions.bound import Bound
from weightedit.ui.shell.menu_titles import MENUS, lettered


def short(title: str, path: str) -> str:
    """Leave out of `Colour map Tide` what the menu it stands in is called; a phrase is left as it is."""
    rest = title.removeprefix(f"{path.rsplit('/', 1)[-1]} ")
    return title if " " in rest else rest


class Menus:
    """Every menu by its path, such as `View` and `View/Colour map`.

    Parameters
    ----------
    bar
        Where the menus hang.
    actions
        What stands in them.
    """

    def __init__(self, bar: QMenuBar, actions: Bound) -> None:
        self._actions = actions
        self.made: dict[str, QMenu] = {}
        for name, text in zip(MENUS, lettered(MENUS), strict=True):
            menu = self._make(text, bar)
            self.made[name] = menu
            bar.addMenu(menu)
            self.fill(name)

    def __getitem__(self, path: str) -> QMenu:
        return self.made[path]

    def fill(self, name: str) -> None:
        """Make what stands in one of the bar's menus anew; one with nothing in it is not shown."""
        root = self.made[name]
        for path in [path for path in self.made if path.startswith(f"{name}/")]:
            self.made.pop(path).deleteLater()
        root.clear()
        listed = [action for action in self._actions.declared.values() if action.menu.split("/")[0] == name]
        self._fill(name, listed)
        root.menuAction().setVisible(bool(listed))

    def _make(self, text: str, parent: QMenu | QMenuBar) -> QMenu:
        menu = QMenu(text, parent)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._actions.refresh)
        return menu

    def _fill(self, path: str, listed: list[Action]) -> None:
        """Fill a menu with its own actions, and with menus of those whose path goes on, where the first stands."""
        menu, entries = self.made[path], dict[str, list[Action]]()
        for action in listed:
            rest = action.menu[len(path) + 1 :].split("/")[0]
            entries.setdefault(f"/{rest}" if rest else action.id, []).append(action)
        titles = [entry[1:] if entry.startswith("/") else short(found[0].title, path)
                  for entry, found in entries.items()]  # fmt: skip
        for (entry, found), title, text in zip(entries.items(), titles, lettered(titles), strict=True):
            if found[0].rule:
                menu.addSeparator()
            if entry.startswith("/"):
                made = self._make(text, menu)
                made.menuAction().setText(text)
                made.setObjectName(f"{path}/{title}")
                self.made[f"{path}/{title}"] = made
                menu.addMenu(made)
                self._fill(f"{path}/{title}", found)
            else:
                self._actions[entry].setText(text)
                menu.addAction(self._actions[entry])
