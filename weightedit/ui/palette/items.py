"""What the palette lists besides tensors: actions, operations, open documents and recent files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weightedit.core.words.visible import visible
from weightedit.ui.actions.needs import NEEDS
from weightedit.ui.asides.settings_page import SettingsPage
from weightedit.ui.palette.fuzzy import match
from weightedit.ui.preferences import SETTINGS
from weightedit.ui.settings import Settings
from weightedit.ui.shell.menu_titles import key_text

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

ICONS = {"File": "file", "Edit": "sliders", "Select": "region", "Go": "arrow-right", "View": "grid",
         "Operations": "braces", "Help": "help"}  # fmt: skip
USED, USED_KEPT = "palette/used", 40


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the palette.

    Attributes
    ----------
    key
        What its use is remembered by.
    title, detail
        What it is called, and what is said beside it in small.
    section
        The heading it stands under.
    icon
        A drawing in `resources/icons`.
    run
        What Enter does.
    keys
        Its shortcut, as this system writes it.
    off
        What it needs, where that is not there; then Enter does nothing.
    also
        Words that find it although they are not in its title.
    name
        What it is called in scripts, by which it is found as by its title; empty for most.
    places
        The letters of the title that match.
    """

    key: str
    title: str
    detail: str
    section: str
    icon: str
    run: Callable[[], None]
    keys: str = ""
    off: str = ""
    also: str = ""
    name: str = ""
    places: tuple[int, ...] = ()


class Used:
    """Which lines were used last, kept between runs.

    Parameters
    ----------
    settings
        Where they are kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            kept = json.loads(settings.text(USED) or "[]")
        except ValueError:
            kept = []
        self.keys = [key for key in kept if isinstance(key, str)] if isinstance(kept, list) else []

    def add(self, key: str) -> None:
        """Note that a line was used just now."""
        self.keys = [key, *(other for other in self.keys if other != key)][:USED_KEPT]
        self._settings.set(USED, json.dumps(self.keys))

    def rank(self, key: str) -> int:
        """Return how long ago a line was used, 0 the last; past all for one that never was."""
        return self.keys.index(key) if key in self.keys else USED_KEPT


def action_items(window: MainWindow) -> list[Item]:
    """List every action, on or off."""
    made = []
    for action in window.actions_of.declared.values():
        menu, _, rest = action.menu.partition("/")
        section = "Operations" if menu == "Operations" else "Actions"
        off = "" if window.actions_of.is_on(action.id) else NEEDS[action.needs].says
        name = action.id.removeprefix("operation:") if section == "Operations" else ""
        detail = " · ".join(part for part in (name, rest.replace("/", " › ")) if part)
        keys = key_text(action.keys[0]) if action.keys else ""
        made.append(Item(action.id, action.title.removesuffix("…"), detail, section, ICONS.get(menu, "braces"),
                         window.actions_of[action.id].trigger, keys, off,
                         f"{menu} {rest} {action.help}", name))  # fmt: skip
    return made


def document_items(window: MainWindow) -> list[Item]:
    """List the open documents."""
    made = []
    for opened in window.documents.all:
        path = opened.document.path
        name = opened.first_tensor()
        if name is not None:
            made.append(Item(f"document:{opened.title if path is None else path}", opened.title,
                             "" if path is None else visible(str(path.parent)), "Open files", "file",
                             lambda opened=opened, name=name: window.show_tensor(opened, name)))  # type: ignore[misc]  # fmt: skip
    return made


def setting_items(window: MainWindow) -> list[Item]:
    """List every row of the settings page."""

    def go_to(name: str) -> None:
        page = window.aside.open("settings")
        if isinstance(page, SettingsPage):
            page.go_to(name)

    return [Item(f"setting:{name}", title, "settings", "Settings", "settings", lambda name=name: go_to(name))  # type: ignore[misc]
            for name, title in SETTINGS]  # fmt: skip


def recent_items(window: MainWindow) -> list[Item]:
    """List the files opened lately that are not open now."""
    here = {str(opened.document.path) for opened in window.documents.all}
    there = [file for file in window.recents.files if file.path not in here and not window.recents.is_missing(file)]
    return [Item(f"recent:{file.path}", file.name, f"{file.place} · {file.size}", "Open", "history",
                 lambda file=file: window.open([file.path]))  # type: ignore[misc]
            for file in there]  # fmt: skip


def matching(items: Iterable[Item], query: str, used: Used) -> list[tuple[float, Item]]:
    """Return the items that fit a query with their scores, the best first; what was used lately is worth more."""
    found = []
    for number, item in enumerate(items):
        rank = used.rank(item.key)
        lately = (USED_KEPT - rank) / USED_KEPT * 4 - (6 if item.off else 0)
        fit, named = match(query, item.title), match(query, item.name) if item.name else None
        if fit is not None and (named is None or named.score <= fit.score):
            found.append((-(fit.score + lately), number, replace(item, places=fit.places)))
        elif named is not None:
            found.append((-(named.score + lately), number, item))
        elif len(query) > 2 and query.lower() in item.also.lower():
            found.append((50 - lately, number, item))
    return [(-score, item) for score, _, item in sorted(found, key=lambda one: one[:2])]
